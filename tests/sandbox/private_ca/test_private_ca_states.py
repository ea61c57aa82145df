"""The states of a certificate authority and which call each allows [rules 1, 2, 15]."""

import pytest

DAY = 86_400
STATES = ["CREATING", "PENDING_CERTIFICATE", "ACTIVE", "DISABLED", "EXPIRED", "FAILED", "DELETED"]


def authority_in(bench, state):
    """A root in the given state."""
    if state == "FAILED":
        bench.state.knobs.update({"ca_creation_failure": "REQUEST_TIMED_OUT"})
    if state in ("CREATING", "PENDING_CERTIFICATE", "FAILED"):
        return bench.create(wait=0 if state == "CREATING" else 10)
    arn = bench.root(days=40)
    if state in ("DISABLED", "DELETED"):
        bench.disable(arn)
    if state == "DELETED":
        bench.call("DeleteCertificateAuthority", CertificateAuthorityArn=arn)
    if state == "EXPIRED":
        bench.now += 41 * DAY
    return arn


@pytest.mark.parametrize("state", STATES)
def test_describe_tells_the_state(bench, state):
    """Describe names each of the seven states."""
    assert bench.status(authority_in(bench, state)) == state


@pytest.mark.parametrize("state", [s for s in STATES if s != "ACTIVE"])
def test_only_an_active_authority_issues(bench, state):
    """Outside ACTIVE a device's CSR gets InvalidStateException."""
    arn = authority_in(bench, state)
    refusal = bench.refusal("IssueCertificate", **bench.issue_params(arn, bench.csr()))
    assert refusal.code == "InvalidStateException"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        pytest.param("CREATING", "RequestInProgressException", id="creating"),
        pytest.param("FAILED", "InvalidStateException", id="failed"),
        pytest.param("DELETED", "InvalidStateException", id="deleted"),
    ],
)
def test_no_csr_yet_or_no_more(bench, state, code):
    """The CSR is in progress while CREATING, and refused in FAILED and DELETED."""
    arn = authority_in(bench, state)
    assert bench.refusal("GetCertificateAuthorityCsr", CertificateAuthorityArn=arn).code == code


@pytest.mark.parametrize("state", ["CREATING", "PENDING_CERTIFICATE", "FAILED", "DELETED"])
def test_no_certificate_before_it_is_installed(bench, state):
    """The CA certificate can be had once it was imported, until the CA is deleted."""
    arn = authority_in(bench, state)
    refusal = bench.refusal("GetCertificateAuthorityCertificate", CertificateAuthorityArn=arn)
    assert refusal.code == "InvalidStateException"


@pytest.mark.parametrize("state", [s for s in STATES if s not in ("ACTIVE", "DISABLED")])
def test_update_needs_active_or_disabled(bench, state):
    """Update in another state is InvalidStateException."""
    arn = authority_in(bench, state)
    refusal = bench.refusal(
        "UpdateCertificateAuthority", CertificateAuthorityArn=arn, Status="ACTIVE"
    )
    assert refusal.code == "InvalidStateException"


@pytest.mark.parametrize("status", ["CREATING", "DELETED", "PENDING_CERTIFICATE"])
def test_update_sets_active_or_disabled_only(bench, root, status):
    """Another status is InvalidArgsException."""
    refusal = bench.refusal(
        "UpdateCertificateAuthority", CertificateAuthorityArn=root, Status=status
    )
    assert refusal.code == "InvalidArgsException"


def test_disabled_and_active_again(bench, root):
    """A CA that was disabled and enabled issues as before."""
    bench.disable(root)
    bench.call("UpdateCertificateAuthority", CertificateAuthorityArn=root, Status="ACTIVE")
    assert bench.issued(root, bench.csr()).subject.rfc4514_string() == "CN=device-1"


def test_failure_has_a_reason(bench):
    """Describe of a FAILED CA says why."""
    arn = authority_in(bench, "FAILED")
    assert bench.describe(arn)["FailureReason"] == "REQUEST_TIMED_OUT"


def test_expired_authority_recovers_by_import(bench):
    """A new certificate brings an expired CA back to the state from before."""
    arn = bench.root(days=40)
    renewal = bench.fetched(arn, bench.issue(arn, bench.csr_of(arn), "RootCACertificate", 400))
    bench.disable(arn)
    bench.now += 41 * DAY
    assert bench.status(arn) == "EXPIRED"
    bench.install(arn, renewal["Certificate"])
    assert bench.status(arn) == "DISABLED"


@pytest.mark.parametrize("state", ["ACTIVE", "DELETED"])
def test_delete_refuses(bench, state):
    """An ACTIVE CA must be disabled before it is deleted, a deleted one stays so."""
    arn = authority_in(bench, state)
    refusal = bench.refusal("DeleteCertificateAuthority", CertificateAuthorityArn=arn)
    assert refusal.code == "InvalidStateException"


@pytest.mark.parametrize("state", ["PENDING_CERTIFICATE", "DISABLED", "EXPIRED"])
def test_restore_gives_the_state_from_before(bench, state):
    """Restored within its window, a CA is what it was."""
    arn = authority_in(bench, state)
    bench.call(
        "DeleteCertificateAuthority", CertificateAuthorityArn=arn, PermanentDeletionTimeInDays=7
    )
    assert bench.describe(arn)["RestorableUntil"] == bench.now + 7 * DAY
    bench.now += 6 * DAY
    bench.call("RestoreCertificateAuthority", CertificateAuthorityArn=arn)
    assert bench.status(arn) == state
    assert "RestorableUntil" not in bench.describe(arn)


@pytest.mark.parametrize("state", ["CREATING", "FAILED"])
def test_no_restore_of_what_was_never_created(bench, state):
    """A CA deleted in CREATING or FAILED cannot be restored."""
    arn = authority_in(bench, state)
    bench.call("DeleteCertificateAuthority", CertificateAuthorityArn=arn)
    assert "RestorableUntil" not in bench.describe(arn)
    refusal = bench.refusal("RestoreCertificateAuthority", CertificateAuthorityArn=arn)
    assert refusal.code == "InvalidStateException"


def test_restore_needs_a_deleted_authority(bench, root):
    """Restoring an ACTIVE CA is InvalidStateException."""
    refusal = bench.refusal("RestoreCertificateAuthority", CertificateAuthorityArn=root)
    assert refusal.code == "InvalidStateException"


def test_gone_for_good_after_thirty_days(bench):
    """After the default window nothing is left: unknown, and not listed."""
    arn = authority_in(bench, "DELETED")
    bench.now += 30 * DAY
    listed = bench.call("ListCertificateAuthorities")["CertificateAuthorities"]
    refusal = bench.refusal("DescribeCertificateAuthority", CertificateAuthorityArn=arn)
    assert refusal.code == "ResourceNotFoundException"
    assert listed == []


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        pytest.param("nonsense", "InvalidArnException", id="no ARN"),
        pytest.param(
            "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/one",
            "InvalidArnException",
            id="no UUID",
        ),
        pytest.param(
            "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/"
            "00000000-0000-0000-0000-000000000000",
            "ResourceNotFoundException",
            id="unknown",
        ),
    ],
)
def test_arns_are_checked(bench, arn, code):
    """A malformed ARN is told from one of nothing."""
    assert bench.refusal("DescribeCertificateAuthority", CertificateAuthorityArn=arn).code == code


def test_unknown_operation(bench):
    """An operation that AWS does not have is refused, not crashed on."""
    assert bench.refusal("ListCertificates").code == "UnknownOperationException"
