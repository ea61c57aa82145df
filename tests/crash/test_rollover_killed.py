"""A rollover that is killed around the calls that change something, and the next that finishes."""

from typing import Any

import pytest
from crash_books import assert_no_open_key, inventory
from crash_lab import BOOTSTRAP, KILLED, Desk, Lab, Run

SUCCESSOR_MADE = "acm-pca.CreateCertificateAuthority"
ISSUING_MOVED = "acm-pca.TagCertificateAuthority"
# (moment, call, the how-maniest of its kind in a rollover)
POINTS = [
    ("before", SUCCESSOR_MADE, 1),
    ("after", SUCCESSOR_MADE, 1),
    ("after", "acm-pca.ImportCertificateAuthorityCertificate", 1),
    ("after", "iot.RegisterCACertificate", 1),
    ("before", ISSUING_MOVED, 1),
    ("after", ISSUING_MOVED, 1),
    ("after", ISSUING_MOVED, 2),
    ("before", "iot.DeleteCACertificate", 1),
    ("after", "iot.DeleteCACertificate", 1),
]


def rollover(desk: Desk, replaced: str, **how: Any) -> Run:
    """Replace the CA, and delete its registration: no device hangs on it."""
    request = {**BOOTSTRAP, "replaces": replaced, "old_registration": "delete"}
    return desk.run("rollover", request, **how)


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> dict[str, Any]:
    """What an account holds after a rollover that nothing disturbed."""
    desk = lab.desk()
    with lab.knobs(ca_creation_seconds=0, issuance_seconds=[0, 0], iam_delay_seconds=0):
        run = rollover(desk, desk.bootstrap().report["authority_arn"])
    assert (run.code, run.error) == (0, "")
    held = inventory(desk)
    assert len(held["authorities"]) == 2
    assert len(held["registrations"]) == 1
    return held


@pytest.mark.parametrize(
    ("moment", "call", "nth"), [pytest.param(*each, id="-".join(map(str, each))) for each in POINTS]
)
@pytest.mark.usefixtures("at_once")
def test_killed_rollover_is_finished_by_the_next(
    desk: Desk, undisturbed: dict[str, Any], moment: str, call: str, nth: int
) -> None:
    """At every moment one CA issues; in the end the books are those of an undisturbed run."""
    replaced = desk.bootstrap().report["authority_arn"]
    plan = {"moment": moment, "action": call, "nth": nth}
    assert rollover(desk, replaced, kill=plan).code == KILLED
    moved = (call, moment, nth) in MOVED or call.startswith("iot.Delete")
    assert (issuing(desk) == replaced) is not moved
    run = rollover(desk, replaced)
    assert (run.code, run.error) == (0, "")
    assert issuing(desk) == run.report["authority_arn"] != replaced
    assert inventory(desk) == undisturbed
    assert_no_open_key(desk.folder)


MOVED = {(ISSUING_MOVED, "after", 1), (ISSUING_MOVED, "after", 2)}


def issuing(desk: Desk) -> str:
    """The ARN of the one CA that would issue now, by the tags that AWS has."""
    from birthcert.aws.generations import Held, issuing_of

    pca = desk.client("acm-pca")
    listed = pca.list_certificate_authorities()["CertificateAuthorities"]
    held = [
        Held(each, {tag["Key"]: tag["Value"] for tag in tags["Tags"]})
        for each in listed
        for tags in [pca.list_tags(CertificateAuthorityArn=each["Arn"])]
    ]
    found = issuing_of(held)
    assert found is not None
    return found.arn
