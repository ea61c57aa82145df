"""What may be done with a registered CA certificate: update, list, tag, delete."""

import pytest
from botocore.exceptions import ClientError


def test_update_sets_what_is_given_and_leaves_the_rest(bench, iot, make_issuer):
    """UpdateCACertificate changes status, auto-registration and configuration one by one."""
    identity = bench.register(iot, make_issuer())
    config = bench.config()
    iot.update_ca_certificate(certificateId=identity, newStatus="ACTIVE")
    iot.update_ca_certificate(certificateId=identity, newAutoRegistrationStatus="ENABLE")
    iot.update_ca_certificate(certificateId=identity, registrationConfig=config)
    answer = iot.describe_ca_certificate(certificateId=identity)
    described = answer["certificateDescription"]
    assert (described["status"], described["autoRegistrationStatus"]) == ("ACTIVE", "ENABLE")
    assert described["customerVersion"] == 4
    assert answer["registrationConfig"] == config


def test_remove_auto_registration_takes_the_configuration_away(bench, iot, make_issuer, refusal):
    """`removeAutoRegistration` drops the template, and excludes giving one."""
    identity = bench.register(iot, make_issuer(), registrationConfig=bench.config())
    answer = refusal(
        iot.update_ca_certificate,
        certificateId=identity,
        removeAutoRegistration=True,
        registrationConfig=bench.config(),
    )
    assert answer["code"] == "InvalidRequestException"
    iot.update_ca_certificate(certificateId=identity, removeAutoRegistration=True)
    assert "registrationConfig" not in iot.describe_ca_certificate(certificateId=identity)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"newStatus": "REGISTER_INACTIVE"}, id="status"),
        pytest.param({"newAutoRegistrationStatus": "ON"}, id="auto-registration"),
        pytest.param({"newStatus": "ACTIVE", "registrationConfig": {}}, id="empty-config"),
    ],
)
def test_refused_update_changes_nothing(bench, iot, make_issuer, refusal, changes):
    """A wrong value is an InvalidRequestException, and the CA stays as it was."""
    identity = bench.register(iot, make_issuer())
    before = iot.describe_ca_certificate(certificateId=identity)["certificateDescription"]
    answer = refusal(iot.update_ca_certificate, certificateId=identity, **changes)
    assert (answer["code"], answer["status"]) == ("InvalidRequestException", 400)
    after = iot.describe_ca_certificate(certificateId=identity)["certificateDescription"]
    assert after == before


def test_unknown_ca_is_not_found(iot, refusal):
    """Describe, update and delete of an id that is not there are 404."""
    for call in (
        iot.describe_ca_certificate,
        iot.update_ca_certificate,
        iot.delete_ca_certificate,
    ):
        assert refusal(call, certificateId="a" * 64)["status"] == 404


def test_active_ca_is_not_deleted(bench, iot, make_issuer, refusal):
    """DeleteCACertificate is a 406 while ACTIVE, and makes room once INACTIVE."""
    issuer = make_issuer()
    identity = bench.register(iot, issuer, setAsActive=True)
    answer = refusal(iot.delete_ca_certificate, certificateId=identity)
    assert (answer["code"], answer["status"]) == ("CertificateStateException", 406)
    iot.update_ca_certificate(certificateId=identity, newStatus="INACTIVE")
    iot.delete_ca_certificate(certificateId=identity)
    assert iot.list_ca_certificates()["certificates"] == []
    assert bench.register(iot, issuer) == identity


def test_cas_are_listed_in_pages_newest_first(bench, iot, make_issuer):
    """Pages follow one another whole, newest first unless ascending, through boto3's paginator."""
    made = [bench.register(iot, make_issuer(f"CA {number}")) for number in range(7)]
    pages = list(
        iot.get_paginator("list_ca_certificates").paginate(PaginationConfig={"PageSize": 3})
    )
    listed = [entry["certificateId"] for page in pages for entry in page["certificates"]]
    assert [len(page["certificates"]) for page in pages] == [3, 3, 1]
    assert listed == made[::-1]
    ascending = iot.list_ca_certificates(ascendingOrder=True)["certificates"]
    assert [entry["certificateId"] for entry in ascending] == made


def test_default_page_holds_25(bench, make_issuer):
    """Without a page size a page has 25 entries and a marker to the rest."""
    for number in range(26):
        bench.registry.handle(
            "RegisterCACertificate",
            {"caCertificate": make_issuer(f"CA {number}").pem, "certificateMode": "SNI_ONLY"},
        )
    page = bench.registry.handle("ListCACertificates", {})
    assert len(page["certificates"]) == 25
    rest = bench.registry.handle("ListCACertificates", {"marker": page["nextMarker"]})
    assert len(rest["certificates"]) == 1
    assert "nextMarker" not in rest


def test_pages_do_not_shift_when_entries_are_deleted_between_them(bench, iot, make_issuer):
    """A teardown that deletes page by page sees every entry once."""
    made = {bench.register(iot, make_issuer(f"CA {number}")) for number in range(5)}
    seen, marker = set(), {}
    while marker is not None:
        page = iot.list_ca_certificates(pageSize=2, **marker)
        for entry in page["certificates"]:
            seen.add(entry["certificateId"])
            iot.delete_ca_certificate(certificateId=entry["certificateId"])
        marker = {"marker": page["nextMarker"]} if "nextMarker" in page else None
    assert seen == made


def test_wrong_marker_is_refused(iot, refusal):
    """A marker that is none of ours is an InvalidRequestException."""
    assert refusal(iot.list_ca_certificates, marker="bm9uZQ==")["code"] == "InvalidRequestException"


def test_template_name_filters_the_list(bench, iot, make_issuer):
    """No CA is listed by the name of a template that it does not have."""
    bench.register(iot, make_issuer(), registrationConfig=bench.config())
    assert iot.list_ca_certificates(templateName="other")["certificates"] == []


def test_tags_of_a_ca_certificate(bench, iot, make_issuer, refusal):
    """Tags come with the registration, are added, overwritten and taken away."""
    identity = bench.register(iot, make_issuer(), tags=[{"Key": "OWNER", "Value": "acme"}])
    arn = f"arn:aws:iot:eu-west-1:123456789012:cacert/{identity}"
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "birthcert:tenant", "Value": "acme"}])
    iot.tag_resource(resourceArn=arn, tags=[{"Key": "OWNER", "Value": "other"}])
    tags = {tag["Key"]: tag["Value"] for tag in iot.list_tags_for_resource(resourceArn=arn)["tags"]}
    assert tags == {"OWNER": "other", "birthcert:tenant": "acme"}
    iot.untag_resource(resourceArn=arn, tagKeys=["OWNER", "absent"])
    left = iot.list_tags_for_resource(resourceArn=arn)["tags"]
    assert left == [{"Key": "birthcert:tenant", "Value": "acme"}]
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(iot.tag_resource, resourceArn=arn, tags=many)["status"] == 410
    assert iot.list_tags_for_resource(resourceArn=arn)["tags"] == left


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        pytest.param("cacert/" + "a" * 64, "ResourceNotFoundException", id="absent"),
        pytest.param("thing/x", "InvalidRequestException", id="untaggable"),
    ],
)
def test_tags_of_what_has_none(iot, refusal, arn, code):
    """An absent resource is a 404, one that cannot be tagged a 400."""
    resource = f"arn:aws:iot:eu-west-1:123456789012:{arn}"
    assert refusal(iot.list_tags_for_resource, resourceArn=resource)["code"] == code


@pytest.mark.parametrize(
    "tags",
    [
        pytest.param([{"Key": "aws:x", "Value": "1"}], id="reserved"),
        pytest.param([{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}], id="twice"),
        pytest.param([{"Key": "a;b", "Value": "1"}], id="alphabet"),
    ],
)
def test_wrong_tags_are_refused(bench, iot, make_issuer, tags):
    """Reserved, doubled and odd keys are an InvalidRequestException at registration."""
    with pytest.raises(ClientError, match="InvalidRequestException"):
        bench.register(iot, make_issuer(), tags=tags)
