"""A bootstrap below a ROOT Private CA, killed around its calls, and the next that finishes it."""

from typing import Any

import pytest
from crash_books import inventory
from crash_lab import BOOTSTRAP, KILLED, Desk, Lab, Run

CREATE = "acm-pca.CreateCertificateAuthority"
IMPORT = "acm-pca.ImportCertificateAuthorityCertificate"
# (moment, call, the how-maniest of its kind)
POINTS = [
    ("after", CREATE, 1),
    ("after", IMPORT, 1),
    ("after", CREATE, 2),
    ("after", "acm-pca.IssueCertificate", 2),
    ("before", IMPORT, 2),
    ("after", IMPORT, 2),
    ("before", "acm-pca.UpdateCertificateAuthority", 1),
    ("after", "acm-pca.UpdateCertificateAuthority", 1),
]


def bootstrap(desk: Desk, **how: Any) -> Run:
    """A root, and the CA below it."""
    root = {"key_algorithm": "EC_prime256v1"}
    request = {**BOOTSTRAP, "authority": "pca-hierarchy", "pca_root": root}
    return desk.run("bootstrap", request, **how)


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> dict[str, Any]:
    """What an account holds after a run that nothing disturbed: the root is DISABLED."""
    desk = lab.desk()
    with lab.knobs(ca_creation_seconds=0, issuance_seconds=[0, 0], iam_delay_seconds=0):
        run = bootstrap(desk)
    assert (run.code, run.error) == (0, "")
    held = inventory(desk)
    assert [each[:2] for each in held["authorities"]] == [
        ("ACTIVE", "SUBORDINATE"),
        ("DISABLED", "ROOT"),
    ]
    return held


@pytest.mark.parametrize(
    ("moment", "call", "nth"), [pytest.param(*each, id="-".join(map(str, each))) for each in POINTS]
)
@pytest.mark.usefixtures("at_once")
def test_killed_bootstrap_is_finished_by_the_next(
    desk: Desk, undisturbed: dict[str, Any], moment: str, call: str, nth: int
) -> None:
    """One root, one CA below it, nothing signed twice, and the root is disabled in the end."""
    plan = {"moment": moment, "action": call, "nth": nth}
    assert bootstrap(desk, kill=plan).code == KILLED
    run = bootstrap(desk)
    assert (run.code, run.error) == (0, "")
    assert inventory(desk) == undisturbed
