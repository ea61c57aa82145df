"""A Private CA that is there already: adopted where it is good for devices, never altered."""

import itertools
from collections.abc import Callable, Iterator
from datetime import datetime

import pytest

from birthcert.aws import private_ca
from birthcert.aws.access import AwsAccess
from birthcert.aws.issuer import PrivateCaIssuer
from birthcert.errors import BirthcertError, ConfigurationError, ResourceGone
from birthcert.models import CertificateAuthority, IssueRequest
from birthcert.sandbox.server import Sandbox
from flows.authority import certificate_authority
from tasks.authority import find_issuing_authority
from tasks.caller import check_caller
from tests.authorities.conftest import Straight, a_root, asked, made_by_hand

_numbers = itertools.count(1)


@pytest.fixture
def adopt(run: Straight, bench: AwsAccess) -> Callable[..., CertificateAuthority]:
    """The flow's way to an existing CA, by its ARN."""

    def adopted(arn: str, **facts: object) -> CertificateAuthority:
        request = asked(authority="existing", authority_arn=arn, **facts)
        place = run(check_caller, request).place
        return certificate_authority(run, request, place)  # type: ignore[arg-type]

    return adopted


def by_hand(bench: AwsAccess, **facts: object) -> CertificateAuthority:
    """A CA with a name of its own."""
    return made_by_hand(bench, name=f"existing {next(_numbers)}", **facts)  # type: ignore[arg-type]


def state_of(bench: AwsAccess, arn: str) -> tuple[object, object]:
    """All that AWS tells of a CA: description and tags."""
    tags = bench.call("acm-pca", "ListTags", CertificateAuthorityArn=arn)["Tags"]
    return private_ca.describe(bench, arn), tags


def test_nothing_of_the_ca_is_changed(
    adopt: Callable[..., CertificateAuthority], bench: AwsAccess
) -> None:
    """Before and after, description and tags are the same."""
    arn = by_hand(bench, root=a_root()).arn
    before = state_of(bench, arn)
    adopted = adopt(arn)
    assert (adopted.arn, adopted.outcome, adopted.status) == (arn, "found", "ACTIVE")
    assert state_of(bench, arn) == before


def test_a_ca_that_is_not_active_is_refused(
    adopt: Callable[..., CertificateAuthority], bench: AwsAccess
) -> None:
    """Whoever disabled it had a reason: it is not enabled."""
    arn = by_hand(bench).arn
    bench.call(
        "acm-pca", "UpdateCertificateAuthority", CertificateAuthorityArn=arn, Status="DISABLED"
    )
    with pytest.raises(ResourceGone, match="is DISABLED, not ACTIVE"):
        adopt(arn)


def test_a_ca_that_ends_soon_is_refused(
    adopt: Callable[..., CertificateAuthority], bench: AwsAccess
) -> None:
    """The end is that of the first certificate of its chain."""
    arn = by_hand(bench, days=1).arn
    with pytest.raises(ConfigurationError, match=r"its chain ends at .* UTC.*\[8\]"):
        adopt(arn)


def test_devices_end_with_the_first_certificate_of_the_chain(
    adopt: Callable[..., CertificateAuthority], bench: AwsAccess
) -> None:
    """A CA that outlives its root, as AWS lets one be imported, issues no longer than the root."""
    short = a_root(days=20)
    adopted = adopt(by_hand(bench, root=a_root(days=100), above=short, days=50).arn)
    end = short.certificate.not_valid_after_utc
    assert PrivateCaIssuer(bench, adopted, "aws").not_after == end
    assert datetime.fromisoformat(adopted.not_after) == end


@pytest.mark.parametrize(
    ("arn", "problem"),
    [
        pytest.param("my-ca", "is not the ARN of a certificate authority", id="no ARN"),
        pytest.param(
            "arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/1",
            "in eu-west-1",
            id="another region",
        ),
    ],
)
def test_what_names_no_ca_here_is_refused(
    adopt: Callable[..., CertificateAuthority], arn: str, problem: str
) -> None:
    """The error says how the ARN must begin."""
    with pytest.raises(BirthcertError, match=problem):
        adopt(arn)


@pytest.fixture
def denied(bench: AwsAccess, sandbox: Sandbox) -> Iterator[None]:
    """Credentials that may read the CA and not issue from it."""
    before = sandbox.state.knobs.now
    rule = {"action": "acm-pca.IssueCertificate", "effect": "error", "status": 400}
    sandbox.state.knobs.update({"calls": [{**rule, "code": "AccessDeniedException"}]})
    yield
    sandbox.state.knobs.update({"calls": list(before.calls)})


def test_the_right_to_issue_is_asked_first(
    adopt: Callable[..., CertificateAuthority],
    bench: AwsAccess,
    sandbox: Sandbox,
    request: pytest.FixtureRequest,
) -> None:
    """Nothing is bought to find out, and the template that was denied is named."""
    arn = by_hand(bench).arn
    issued = sandbox.calls()["acm-pca.IssueCertificate"]["ok"]
    request.getfixturevalue("denied")
    with pytest.raises(ConfigurationError, match=r"may not issue .* EndEntityCertificate/V1"):
        adopt(arn)
    assert sandbox.calls()["acm-pca.IssueCertificate"]["ok"] == issued


def test_asking_for_the_right_buys_nothing(
    adopt: Callable[..., CertificateAuthority], bench: AwsAccess, sandbox: Sandbox
) -> None:
    """AWS refuses the CSR that is none, and that is enough of an answer."""
    arn = by_hand(bench).arn
    before = sandbox.calls()["acm-pca.IssueCertificate"]["ok"]
    adopt(arn)
    after = sandbox.calls()["acm-pca.IssueCertificate"]
    assert (after["ok"], after["MalformedCSRException"] > 0) == (before, True)


def test_a_batch_of_a_short_lived_ca_is_refused_by_its_validity(
    run: Straight, bench: AwsAccess
) -> None:
    """3,640 days are a device's default, and 7 the most that this CA gives [11]."""
    arn = by_hand(bench, usage_mode="SHORT_LIVED_CERTIFICATE").arn
    facts = {"tenant": "acme", "authority_arn": arn, "manifest": "m.csv", "out": "out"}
    request = IssueRequest.model_validate(facts)
    place = run(check_caller, request).place
    with pytest.raises(ConfigurationError, match=r"7 days at most, and the batch asks for 3640"):
        run(find_issuing_authority, request, place)
    week = request.model_copy(update={"validity_days": 7})
    assert run(find_issuing_authority, week, place).usage_mode == "SHORT_LIVED_CERTIFICATE"
