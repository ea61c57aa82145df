"""The written recipe's provisioning template, as its author prints it."""

import pytest

_POLICY = (
    r"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":"
    r"[\"iot:Subscribe\",\"iot:Connect\",\"iot:Publish\",\"iot:UpdateThingShadow\","
    r"\"iot:CreateTopicRule\"],\"Resource\":[\"*\"]}]}"
)
RECIPE_TEMPLATE = (
    '{"Parameters":{"AWS::IoT::Certificate::CommonName":{"Type":"String"},'
    '"AWS::IoT::Certificate::OrganizationName":{"Type":"String"},'
    '"AWS::IoT::Certificate::Id":{"Type":"String"}},"Resources":{"thing":{'
    '"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Ref":'
    '"AWS::IoT::Certificate::CommonName"},"ThingTypeName":"UnifiedAgent"},'
    '"OverrideSettings":{"AttributePayload":"MERGE","ThingTypeName":"REPLACE",'
    '"ThingGroups":"DO_NOTHING"}},"certificate":{"Type":"AWS::IoT::Certificate",'
    '"Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"},'
    '"OverrideSettings":{"Status":"DO_NOTHING"}},"policy":{"Type":"AWS::IoT::Policy",'
    '"Properties":{"PolicyDocument":"' + _POLICY + '"}}}}'
)


@pytest.fixture(scope="session")
def recipe_template() -> str:
    """The recipe's template body."""
    return RECIPE_TEMPLATE
