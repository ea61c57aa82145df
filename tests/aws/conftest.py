"""The CA that steps work on."""

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.models import CertificateAuthority, Place
from tests.aws.steps import make_authority


@pytest.fixture
def ready(aws: AwsAccess, place: Place) -> CertificateAuthority:
    """The tenant's CA, ACTIVE."""
    return make_authority(aws, place)
