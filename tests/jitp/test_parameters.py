"""What a template asks of a device's certificate."""

import pytest

from birthcert.jitp.template import (
    missing_parameters,
    parameter_values,
    parameters_of,
    render_template,
    resolve,
)
from birthcert.models import Subject
from birthcert.pki.names import x509_name

SERIAL = "AWS::IoT::Certificate::SerialNumber"
NAME = "AWS::IoT::Certificate::CommonName"
BODY = render_template(thing_type="Pump", policy_name="p", attributes={"serial": SERIAL})


def test_a_template_tells_what_the_subject_must_have() -> None:
    """All declared parameters but the certificate's own id."""
    assert parameters_of(BODY) == {NAME, SERIAL}


@pytest.mark.parametrize(
    ("subject", "missing"),
    [
        pytest.param(Subject(), [NAME, SERIAL], id="no subject, as in the recipe"),
        pytest.param(Subject(common_name="pump-1"), [SERIAL], id="one of two"),
        pytest.param(Subject(common_name="pump-1", serial_number="7"), [], id="all"),
    ],
)
def test_what_a_subject_lacks_is_named(subject: Subject, missing: list[str]) -> None:
    """Provisioning fails for each of them, so they are told beforehand."""
    assert missing_parameters(BODY, x509_name(subject)) == missing


def test_a_parameter_aws_does_not_have_is_always_missing(recipe_template: str) -> None:
    """The recipe's OrganizationName is in no certificate, whatever its subject."""
    name = x509_name(Subject(common_name="pump-1", organization="ACME"))
    assert missing_parameters(recipe_template, name) == ["AWS::IoT::Certificate::OrganizationName"]


def test_values_come_from_subject_and_id() -> None:
    """Each parameter has the subject's value; the id is the certificate's."""
    subject = Subject(
        common_name="pump-1", country="DE", state="Bavaria", organization="ACME", locality="Munich"
    )
    assert parameter_values(x509_name(subject), "ab12") == {
        NAME: "pump-1",
        "AWS::IoT::Certificate::Country": "DE",
        "AWS::IoT::Certificate::StateName": "Bavaria",
        "AWS::IoT::Certificate::Organization": "ACME",
        "AWS::IoT::Certificate::Id": "ab12",
    }


def test_references_and_joins_are_filled_in() -> None:
    """Throughout objects and lists; other text stays."""
    part = {"a": {"Ref": NAME}, "b": ["x", {"Fn::Join": ["-", ["t", {"Ref": NAME}]]}], "c": "Ref"}
    assert resolve(part, {NAME: "pump-1"}) == {"a": "pump-1", "b": ["x", "t-pump-1"], "c": "Ref"}


def test_a_value_that_is_not_there_is_an_error() -> None:
    """A reference without a value names itself."""
    with pytest.raises(KeyError, match="SerialNumber"):
        resolve({"Ref": SERIAL}, {NAME: "pump-1"})


@pytest.mark.parametrize(
    ("body", "what"),
    [
        pytest.param("{", "not JSON", id="not JSON"),
        pytest.param('{"Parameters": []}', "must be a JSON object", id="a list"),
    ],
)
def test_a_body_that_cannot_be_read_is_an_error(body: str, what: str) -> None:
    """The caller checks the template before it asks what it wants."""
    with pytest.raises(ValueError, match=what):
        parameters_of(body)
