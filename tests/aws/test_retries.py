"""Which answers of AWS are tried again."""

import random

import pytest

from birthcert.aws.retries import JUST_IMPORTED, delay_seconds, patience_for

DEFAULT = 120.0


@pytest.mark.parametrize(
    ("action", "code", "message", "status", "expected"),
    [
        pytest.param("iot.CreatePolicy", "ThrottlingException", "", 400, DEFAULT, id="throttled"),
        pytest.param("iot.CreatePolicy", "Strange", "", 503, DEFAULT, id="unavailable"),
        pytest.param(
            "acm-pca.IssueCertificate", "LimitExceededException", "", 400, 0, id="a hard quota"
        ),
        pytest.param(
            "acm-pca.IssueCertificate", "ThrottlingException", "", 400, 60.0, id="within the token"
        ),
        pytest.param(
            "acm-pca.IssueCertificate", "InvalidStateException", "", 400, 0, id="CA is disabled"
        ),
        pytest.param(
            "acm-pca.GetCertificateAuthorityCsr",
            "RequestInProgressException",
            "",
            400,
            180,
            id="CSR",
        ),
        pytest.param(
            "iot.UpdateCACertificate",
            "InvalidRequestException",
            "The provisioning role cannot be assumed by AWS IoT",
            400,
            90,
            id="IAM is eventually consistent",
        ),
        pytest.param(
            "iot.UpdateCACertificate",
            "InvalidRequestException",
            "Bad template",
            400,
            0,
            id="refused",
        ),
        pytest.param("iot.CreatePolicy", "AccessDeniedException", "", 403, 0, id="denied"),
    ],
)
def test_only_what_passes_by_itself_is_tried_again(
    action: str, code: str, message: str, status: int, expected: float
) -> None:
    """Each error has its own patience, and refusals have none."""
    assert patience_for(action, code, message, status, DEFAULT) == expected


def test_a_ca_imported_a_moment_ago_is_waited_for() -> None:
    """InvalidState passes by itself only just after the import."""
    patience = patience_for(
        "acm-pca.IssueCertificate", "InvalidStateException", "", 400, DEFAULT, JUST_IMPORTED
    )
    assert patience == 60


def test_the_delay_grows_and_is_jittered_from_zero() -> None:
    """Full jitter: anything between nothing and the exponential bound, which has a cap."""
    draw = random.Random(1)
    early = [delay_seconds(1, draw) for _ in range(200)]
    late = [delay_seconds(20, draw) for _ in range(200)]
    assert max(early) <= 0.2
    assert min(late) < 0.5 < max(late) <= 5.0
