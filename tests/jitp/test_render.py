"""The just-in-time provisioning template, rendered."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from birthcert.jitp.parameters import SUBJECT_PARAMETERS
from birthcert.jitp.template import render_template, template_problems

OURS: dict[str, Any] = json.loads(render_template(thing_type="Pump", policy_name="acme-device"))
COMMON_NAME = {"Ref": "AWS::IoT::Certificate::CommonName"}


def test_our_template_is_the_recipes_put_right() -> None:
    """Named by CommonName, with type and overrides as in the recipe, policy by name."""
    assert OURS == {
        "Parameters": {
            "AWS::IoT::Certificate::CommonName": {"Type": "String"},
            "AWS::IoT::Certificate::Id": {"Type": "String"},
        },
        "Resources": {
            "thing": {
                "Type": "AWS::IoT::Thing",
                "Properties": {"ThingName": COMMON_NAME, "ThingTypeName": "Pump"},
                "OverrideSettings": {
                    "AttributePayload": "MERGE",
                    "ThingTypeName": "REPLACE",
                    "ThingGroups": "DO_NOTHING",
                },
            },
            "certificate": {
                "Type": "AWS::IoT::Certificate",
                "Properties": {
                    "CertificateId": {"Ref": "AWS::IoT::Certificate::Id"},
                    "Status": "ACTIVE",
                },
            },
            "policy": {
                "Type": "AWS::IoT::Policy",
                "Properties": {"PolicyName": "acme-device"},
            },
        },
    }


thing_names = st.from_regex(r"[a-zA-Z0-9:_-]{1,128}", fullmatch=True)
policy_names = st.from_regex(r"[A-Za-z0-9_+=,.@-]{1,128}", fullmatch=True)
attributes = st.dictionaries(
    st.text("abc", min_size=1, max_size=20),
    st.one_of(st.text(max_size=40), st.sampled_from(sorted(SUBJECT_PARAMETERS))),
)


@given(thing_names, policy_names, attributes)
def test_what_is_rendered_is_never_refused(
    thing_type: str, policy_name: str, payload: dict[str, str]
) -> None:
    """Any good names make a template that AWS takes, and the same bytes each time."""
    arguments = {"thing_type": thing_type, "policy_name": policy_name, "attributes": payload}
    body = render_template(**arguments)  # type: ignore[arg-type]
    assert template_problems(body) == []
    assert render_template(**arguments) == body  # type: ignore[arg-type]


def test_an_attribute_may_come_from_the_subject() -> None:
    """A subject parameter as an attribute's value is declared and referred to."""
    serial = "AWS::IoT::Certificate::SerialNumber"
    body = render_template(
        thing_type="Pump", policy_name="p", attributes={"serial": serial, "maker": "ACME"}
    )
    template = json.loads(body)
    assert serial in template["Parameters"]
    payload = template["Resources"]["thing"]["Properties"]["AttributePayload"]
    assert payload == {"serial": {"Ref": serial}, "maker": "ACME"}
