"""Permissions, resource policies, tags and pages."""

import json

import pytest

from birthcert.sandbox.errors import AwsError

OTHER = "210987654321"


def permission(arn, **changes):
    """Parameters of CreatePermission."""
    return {
        "CertificateAuthorityArn": arn,
        "Principal": "acm.amazonaws.com",
        "Actions": ["IssueCertificate", "GetCertificate", "ListPermissions"],
        **changes,
    }


def policy(arn, **changes):
    """A resource policy that lets the other account issue device certificates."""
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": OTHER},
        "Action": ["acm-pca:IssueCertificate", "acm-pca:DescribeCertificateAuthority"],
        "Resource": arn,
        "Condition": {"StringLike": {"acm-pca:TemplateArn": "*template/EndEntityC*/V1"}},
        **changes,
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def test_permissions_are_granted_once_and_taken_away(bench, root):
    """A permission is listed, refused the second time, and gone after deletion."""
    bench.call("CreatePermission", **permission(root))
    listed = bench.call("ListPermissions", CertificateAuthorityArn=root)["Permissions"]
    again = bench.refusal("CreatePermission", **permission(root))
    without_actions = permission(root)
    del without_actions["Actions"]
    bench.call("DeletePermission", **without_actions)
    assert [(each["Principal"], each["SourceAccount"]) for each in listed] == [
        ("acm.amazonaws.com", "123456789012")
    ]
    assert again.code == "PermissionAlreadyExistsException"
    assert bench.refusal("DeletePermission", **without_actions).code == "ResourceNotFoundException"


def test_permissions_are_for_acm(bench, root):
    """Another principal is ValidationException."""
    refusal = bench.refusal("CreatePermission", **permission(root, Principal="x.amazonaws.com"))
    assert refusal.code == "ValidationException"


def test_policy_comes_and_goes(bench, root):
    """Deleting without a policy succeeds, reading without one does not."""
    bench.call("DeletePolicy", ResourceArn=root)
    assert bench.refusal("GetPolicy", ResourceArn=root).code == "ResourceNotFoundException"
    bench.call("PutPolicy", ResourceArn=root, Policy=policy(root))
    assert bench.call("GetPolicy", ResourceArn=root) == {"Policy": policy(root)}
    bench.call("DeletePolicy", ResourceArn=root)
    assert bench.refusal("GetPolicy", ResourceArn=root).code == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(lambda arn: "{", id="not JSON"),
        pytest.param(lambda arn: "[]", id="no object"),
        pytest.param(lambda arn: '{"Statement": []}', id="no statement"),
        pytest.param(lambda arn: policy(arn, Effect="Deny"), id="deny"),
        pytest.param(lambda arn: policy(arn, Principal="*"), id="everyone"),
        pytest.param(lambda arn: policy(arn, Resource="*"), id="every CA"),
        pytest.param(lambda arn: policy(arn, Principal={"AWS": [7]}), id="no account"),
        pytest.param(lambda arn: policy(arn, Action=[7]), id="no action"),
        pytest.param(lambda arn: policy(arn, Condition=["x"]), id="no condition"),
        pytest.param(
            lambda arn: policy(arn, Action="acm-pca:DeleteCertificateAuthority"), id="deletion"
        ),
    ],
)
def test_policy_only_shares_this_authority(bench, root, document):
    """A policy that does anything else is InvalidPolicyException."""
    refusal = bench.refusal("PutPolicy", ResourceArn=root, Policy=document(root))
    assert refusal.code == "InvalidPolicyException"


def test_another_account_needs_the_policy(bench, root):
    """A call from elsewhere is denied unless the policy grants it, template by template."""
    device = bench.issue_params(root, bench.csr())
    authority = bench.issue_params(root, bench.csr(), "SubordinateCACertificate_PathLen0")

    def code(action, params):
        try:
            bench.pca.handle(action, params, caller=OTHER)
        except AwsError as error:
            return error.code
        return "done"

    assert code("IssueCertificate", device) == "AccessDeniedException"
    bench.call("PutPolicy", ResourceArn=root, Policy=policy(root))
    assert code("IssueCertificate", device) == "done"
    assert code("IssueCertificate", authority) == "AccessDeniedException"
    assert code("DeleteCertificateAuthority", {"CertificateAuthorityArn": root}) == (
        "AccessDeniedException"
    )


def test_shared_authorities_are_listed_for_the_other_account(bench, root, another_account):
    """ResourceOwner OTHER_ACCOUNTS lists what others share, SELF does not."""
    other = another_account(OTHER)
    other.pca.neighbours = lambda: [bench.pca, other.pca]
    bench.call("PutPolicy", ResourceArn=root, Policy=policy(root))
    shared = other.call("ListCertificateAuthorities", ResourceOwner="OTHER_ACCOUNTS")
    own = other.call("ListCertificateAuthorities", ResourceOwner="SELF")
    assert [each["Arn"] for each in shared["CertificateAuthorities"]] == [root]
    assert own["CertificateAuthorities"] == []


def tags(*pairs):
    """Tags in AWS's form."""
    return [{"Key": key, "Value": value} for key, value in pairs]


def listed_tags(bench, arn):
    """Tags of a CA by key."""
    found = bench.call("ListTags", CertificateAuthorityArn=arn)["Tags"]
    return {each["Key"]: each["Value"] for each in found}


def test_tags_are_set_changed_and_removed(bench):
    """Untag removes by key, or by key and value where a value is given."""
    arn = bench.create(Tags=tags(("a", "1"), ("b", "2")))
    bench.call("TagCertificateAuthority", CertificateAuthorityArn=arn, Tags=tags(("b", "3")))
    assert listed_tags(bench, arn) == {"a": "1", "b": "3"}
    doomed = [{"Key": "a"}, {"Key": "b", "Value": "2"}]
    bench.call("UntagCertificateAuthority", CertificateAuthorityArn=arn, Tags=doomed)
    assert listed_tags(bench, arn) == {"b": "3"}


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        pytest.param(tags(("a", "1"), ("a", "2")), "InvalidTagException", id="twice"),
        pytest.param(tags(("aws:x", "1")), "InvalidTagException", id="AWS's prefix"),
        pytest.param(
            tags(*((f"k{n}", "") for n in range(50))), "TooManyTagsException", id="51 in all"
        ),
    ],
)
def test_tags_are_checked(bench, asked, code):
    """A key twice, AWS's own prefix and more than fifty tags are refused."""
    arn = bench.create(Tags=tags(("first", "")))
    refusal = bench.refusal("TagCertificateAuthority", CertificateAuthorityArn=arn, Tags=asked)
    assert refusal.code == code
    assert listed_tags(bench, arn) == {"first": ""}


def test_tags_come_in_pages(bench):
    """MaxResults cuts the list, NextToken goes on, and the last page has no token."""
    arn = bench.create(Tags=tags(*((f"k{n}", "") for n in range(5))))
    found, params = [], {"CertificateAuthorityArn": arn, "MaxResults": 2}
    sizes = []
    while True:
        answer = bench.call("ListTags", **params)
        sizes.append(len(answer["Tags"]))
        found += [each["Key"] for each in answer["Tags"]]
        if "NextToken" not in answer:
            break
        params["NextToken"] = answer["NextToken"]
    assert sizes == [2, 2, 1]
    assert found == [f"k{n}" for n in range(5)]


def test_authorities_come_a_hundred_at_a_time(bench):
    """MaxResults of a thousand gives a hundred; those made meanwhile come at the end."""
    for _ in range(101):
        bench.create(wait=0)
    first = bench.call("ListCertificateAuthorities", MaxResults=1000)
    bench.create(wait=0)
    rest = bench.call("ListCertificateAuthorities", NextToken=first["NextToken"])
    assert len(first["CertificateAuthorities"]) == 100
    assert len(rest["CertificateAuthorities"]) == 2
    assert "NextToken" not in rest


def test_a_made_up_token_is_refused(bench, root):
    """A NextToken that was not given out is InvalidNextTokenException."""
    for token in ("!", "bm9wZQ=="):
        refusal = bench.refusal("ListCertificateAuthorities", NextToken=token)
        assert refusal.code == "InvalidNextTokenException"
