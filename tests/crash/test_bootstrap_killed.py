"""A bootstrap that is killed around its calls to AWS, and the next one that finishes it."""

import random
from typing import Any

import pytest
from crash_books import assert_no_open_key, inventory
from crash_lab import KILLED, RANG, Desk, Lab

CALLS = [
    "sts.GetCallerIdentity",
    "acm-pca.ListCertificateAuthorities",
    "acm-pca.CreateCertificateAuthority",
    "acm-pca.DescribeCertificateAuthority",
    "acm-pca.DescribeCertificateAuthority",
    "acm-pca.GetCertificateAuthorityCsr",
    "acm-pca.DescribeCertificateAuthority",
    "acm-pca.GetCertificateAuthorityCsr",
    "service-quotas.GetServiceQuota",
    "acm-pca.IssueCertificate",
    "service-quotas.GetServiceQuota",
    "acm-pca.GetCertificate",
    "acm-pca.ImportCertificateAuthorityCertificate",
    "acm-pca.DescribeCertificateAuthority",
    "acm-pca.DescribeCertificateAuthority",
    "acm-pca.GetCertificateAuthorityCertificate",
    "iot.GetRegistrationCode",
    "iot.DescribeCACertificate",
    "acm-pca.IssueCertificate",
    "acm-pca.GetCertificate",
    "iot.DescribeCACertificate",
    "iot.RegisterCACertificate",
    "iot.DescribeThingType",
    "iot.CreateThingType",
    "iot.GetPolicy",
    "iot.CreatePolicy",
    "iam.GetRole",
    "iam.CreateRole",
    "iam.GetRole",
    "iam.ListAttachedRolePolicies",
    "iam.AttachRolePolicy",
    "iot.DescribeCACertificate",
    "iot.UpdateCACertificate",
    "acm-pca.DescribeCertificateAuthority",
    "acm-pca.GetCertificateAuthorityCertificate",
    "iot.DescribeThingType",
    "iot.GetPolicy",
    "iam.GetRole",
    "iot.DescribeCACertificate",
    "iot.DescribeEndpoint",
]
LOOKS = ("Get", "List", "Describe")


def boundaries() -> list[Any]:
    """After every answer, and before every request that changes something.

    Before a request that only looks, nothing has changed since the answer before it.
    """
    points = []
    for nth, call in enumerate(CALLS, start=1):
        changes = not call.partition(".")[2].startswith(LOOKS)
        for moment in ("before", "after") if changes or nth == 1 else ("after",):
            plan = {"moment": moment, "nth": nth}
            points.append(pytest.param(plan, id=f"{moment}-{nth}-{call.partition('.')[2]}"))
    return points


@pytest.fixture(scope="module")
def undisturbed(lab: Lab) -> dict[str, Any]:
    """What an account holds after a run that nothing disturbed."""
    desk = lab.desk()
    with lab.knobs(ca_creation_seconds=0, issuance_seconds=[0, 0], iam_delay_seconds=0):
        run = desk.bootstrap()
    assert run.calls == CALLS, "the flow's calls changed: correct the list above"
    return inventory(desk)


@pytest.mark.parametrize("plan", boundaries())
@pytest.mark.usefixtures("at_once")
def test_killed_bootstrap_is_finished_by_the_next(
    desk: Desk, undisturbed: dict[str, Any], plan: dict[str, Any]
) -> None:
    """Whatever call it died at, the same command ends with what an undisturbed run makes."""
    assert desk.bootstrap(kill=plan).code == KILLED
    run = desk.bootstrap()
    assert (run.code, run.error) == (0, "")
    assert inventory(desk) == undisturbed
    assert_no_open_key(desk.folder)


@pytest.mark.parametrize("seed", range(3))
def test_bootstrap_killed_again_and_again_ends_well(
    desk: Desk, undisturbed: dict[str, Any], seed: int
) -> None:
    """Deaths at any instants, with an AWS that takes its time, end in the same books."""
    draw = random.Random(seed)
    deaths = [desk.bootstrap(kill={"seconds": draw.uniform(0.05, 1.2)}).code for _ in range(3)]
    assert set(deaths) <= {RANG, 0}
    run = desk.bootstrap()
    assert (run.code, run.error) == (0, "")
    assert inventory(desk) == undisturbed
