"""A ROOT Private CA signs the one that issues, is disabled, and enabled only to sign again."""

from typing import Any

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.generations import held_by, root_of
from birthcert.aws.hierarchy import sharing_policy
from birthcert.errors import AwsCallFailed, ConfigurationError, ResourceConflict
from birthcert.models import BootstrapRequest, CertificateAuthority, Place
from birthcert.pki.certificates import load_certificate
from birthcert.planning import plan_bootstrap
from birthcert.sandbox.server import Sandbox
from blocks.aws_account import AwsAccount
from flows.authority import certificate_authority
from flows.rollover import RolloverRequest
from tasks.caller import check_caller
from tests.authorities.conftest import Straight
from tests.conftest import REGION

ROOT_ACCOUNT = "666666666666"
FACTS: dict[str, Any] = {
    "tenant": "acme",
    "region": REGION,
    "authority": "pca-hierarchy",
    "certificate_authority": {"key_algorithm": "EC_prime256v1"},
    "pca_root": {"key_algorithm": "EC_secp384r1"},
    "canary": False,
}
REQUEST = BootstrapRequest.model_validate(FACTS)
READING = ("Describe", "Get", "List")


@pytest.fixture
def made(run: Straight, account: str) -> CertificateAuthority:
    """The issuing CA below its root, in one account."""
    return make(run, REQUEST)


def make(run: Straight, request: BootstrapRequest) -> CertificateAuthority:
    """The flow's steps for the CA."""
    place = run(check_caller, request).place
    return certificate_authority(run, request, place)  # type: ignore[arg-type]


def root_in(aws: AwsAccess, place: Place) -> dict[str, Any]:
    """AWS's description of the root, found by its tags."""
    found = root_of(held_by(aws, "acme", place))
    assert found is not None
    return found.description


def test_the_root_signs_and_is_disabled(
    made: CertificateAuthority, aws: AwsAccess, place: Place, run: Straight
) -> None:
    """The chain leads up to it, the issuing CA may have none below, and only the latter issues."""
    certificate, root = load_certificate(made.certificate_pem), load_certificate(made.chain_pem)
    certificate.verify_directly_issued_by(root)
    assert root.subject.rfc4514_string() == "CN=acme root CA"
    assert root_in(aws, place)["Status"] == "DISABLED"
    assert (made.root_arn, made.status) == (root_in(aws, place)["Arn"], "ACTIVE")
    assert [name for name, _ in run.steps] == [
        "check_caller",
        "create_root_authority",
        "create_certificate_authority",
        "get_ca_csr",
        "sign_by_root_authority",
        "install_signed_certificate",
        "disable_root_authority",
    ]


def test_a_second_run_makes_nothing_and_leaves_the_root_alone(
    made: CertificateAuthority, sandbox: Sandbox
) -> None:
    """The disabled root is not enabled for a CA that has its certificate."""
    sandbox.reset_calls()
    again = make(Straight(), REQUEST)
    assert (again.arn, again.outcome, again.root_arn) == (made.arn, "found", made.root_arn)
    changing = [name for name in sandbox.calls() if not name.split(".")[1].startswith(READING)]
    assert changing == []


def test_an_unfinished_signing_enables_the_root_once_more(
    made: CertificateAuthority, aws: AwsAccess, place: Place, sandbox: Sandbox
) -> None:
    """The CA was deleted: a new one is signed by the same root, which is disabled again."""
    arn = {"CertificateAuthorityArn": made.arn}
    aws.call("acm-pca", "UpdateCertificateAuthority", **arn, Status="DISABLED")
    aws.call("acm-pca", "DeleteCertificateAuthority", **arn)
    sandbox.reset_calls()
    again = make(Straight(), REQUEST)
    assert again.arn != made.arn
    assert (again.root_arn, again.status) == (made.root_arn, "ACTIVE")
    assert root_in(aws, place)["Status"] == "DISABLED"
    # enabled, and disabled
    assert sandbox.calls()["acm-pca.UpdateCertificateAuthority"] == {"ok": 2}


def test_a_successor_is_signed_by_the_same_root(
    made: CertificateAuthority, aws: AwsAccess, place: Place
) -> None:
    """A rollover makes a CA, and no second root."""
    facts = {**FACTS, "replaces": made.arn}
    successor = make(Straight(), RolloverRequest.model_validate(facts))
    assert successor.arn != made.arn
    assert successor.root_arn == made.root_arn
    assert len(held_by(aws, "acme", place)) == 3


@pytest.fixture
def apart(account: str, prefect: None) -> BootstrapRequest:
    """The request with the root in another account, reached by a block."""
    role = f"arn:aws:iam::{ROOT_ACCOUNT}:role/root-keeper"
    AwsAccount(region=REGION, role_arn=role).save("root-keeper", overwrite=True)
    return REQUEST.model_copy(
        update={
            "tenant": f"apart-{account}",
            "pca_root": REQUEST.pca_root.model_copy(update={"account_block": "root-keeper"}),
        }
    )


def test_root_and_issuing_ca_live_in_different_accounts(
    apart: BootstrapRequest, aws: AwsAccess, account: str
) -> None:
    """The issuing CA's account asks for its certificate itself, by the root's resource policy."""
    made = make(Straight(), apart)
    root = AwsAccount.load("root-keeper").get_access()
    assert f":{account}:" in made.arn
    assert f":{ROOT_ACCOUNT}:" in made.root_arn
    described = root.call(
        "acm-pca", "DescribeCertificateAuthority", CertificateAuthorityArn=made.root_arn
    )
    assert described["CertificateAuthority"]["Status"] == "DISABLED"
    assert aws.call("acm-pca", "ListCertificateAuthorities")["CertificateAuthorities"] != []
    again = make(Straight(), apart)
    assert (again.arn, again.outcome) == (made.arn, "found")


def test_the_issuing_account_gets_no_other_certificate_of_the_root(
    apart: BootstrapRequest, aws: AwsAccess
) -> None:
    """The policy names one template: no device, and no CA that may have CAs below it."""
    made = make(Straight(), apart)
    root = AwsAccount.load("root-keeper").get_access()
    arn = {"CertificateAuthorityArn": made.root_arn}
    root.call("acm-pca", "UpdateCertificateAuthority", **arn, Status="ACTIVE")
    csr = aws.call("acm-pca", "GetCertificateAuthorityCsr", CertificateAuthorityArn=made.arn)
    for template in ("EndEntityCertificate", "SubordinateCACertificate_PathLen1"):
        with pytest.raises(AwsCallFailed, match="AccessDenied"):
            aws.call(
                "acm-pca",
                "IssueCertificate",
                **arn,
                Csr=csr["Csr"].encode(),
                SigningAlgorithm="SHA384WITHECDSA",
                TemplateArn=f"arn:aws:acm-pca:::template/{template}/V1",
                Validity={"Type": "DAYS", "Value": 1},
            )


def test_someone_elses_policy_on_the_root_is_not_replaced(
    apart: BootstrapRequest, aws: AwsAccess, account: str
) -> None:
    """The error says what to do; nothing of it is changed."""
    made = make(Straight(), apart)
    root = AwsAccount.load("root-keeper").get_access()
    policy = sharing_policy(made.root_arn, account, "SubordinateCACertificate_PathLen2/V1")
    for statement in policy["Statement"]:
        statement["Sid"] = "TheirOwn"
    root.call("acm-pca", "PutPolicy", ResourceArn=made.root_arn, Policy=dumped(policy))
    arn = {"CertificateAuthorityArn": made.arn}
    aws.call("acm-pca", "UpdateCertificateAuthority", **arn, Status="DISABLED")
    aws.call("acm-pca", "DeleteCertificateAuthority", **arn)
    with pytest.raises(ResourceConflict, match="someone else's"):
        make(Straight(), apart)


def dumped(policy: dict[str, Any]) -> str:
    """JSON."""
    import json

    return json.dumps(policy)


def test_the_plan_says_that_the_root_bills_on(aws: AwsAccess, place: Place, run: Straight) -> None:
    """Two CAs to pay for before anything is there, none afterwards; the chain has both ends."""
    plan = plan_bootstrap(aws, REQUEST, place)
    assert plan.usd_a_month == 800
    assert any("bills on" in line for line in plan.advice)
    assert [step.step for step in plan.steps][:5] == [
        "create_root_authority",
        "create_certificate_authority",
        "sign_by_root_authority",
        "install_signed_certificate",
        "disable_root_authority",
    ]
    assert len(plan.chain) == 2
    make(run, REQUEST)
    after = plan_bootstrap(aws, REQUEST, place)
    assert after.usd_a_month == 0
    assert {step.action for step in after.steps[:5]} == {"keep"}


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        pytest.param(
            {"certificate_authority": {"path_length": 4}}, r"0 to 3 \[7\]", id="path too long"
        ),
        pytest.param(
            {"pca_root": {"validity_days": 3650}}, r"outlives its root.*\[8\]", id="outlives root"
        ),
        pytest.param({"authority": "pca-root"}, "pca-hierarchy", id="root of no hierarchy"),
    ],
)
def test_impossible_hierarchies_are_refused_first(
    run: Straight, account: str, sandbox: Sandbox, facts: dict[str, Any], expected: str
) -> None:
    """No CA is bought."""
    sandbox.reset_calls()
    with pytest.raises(ConfigurationError, match=expected):
        make(run, BootstrapRequest.model_validate({**FACTS, **facts}))
    assert "acm-pca.CreateCertificateAuthority" not in sandbox.calls()
