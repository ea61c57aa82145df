"""Tokens, waiting, fetching, revoking and the books [rules 5, 6, 13, 17]."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from birthcert.pki.certificates import public_key_sha256

DAY = 86_400


def serial_of(arn):
    """A certificate's serial number in hex, as its ARN tells it."""
    return arn.rpartition("/")[2]


def get(arn, certificate_arn):
    """Parameters of GetCertificate."""
    return {"CertificateAuthorityArn": arn, "CertificateArn": certificate_arn}


def revocation(arn, serial):
    """Parameters of RevokeCertificate."""
    return {
        "CertificateAuthorityArn": arn,
        "CertificateSerial": serial,
        "RevocationReason": "KEY_COMPROMISE",
    }


def test_a_token_issues_one_certificate(bench, root):
    """The same token within five minutes gives the same ARN, whatever else is asked."""
    first = bench.issue(root, bench.csr("a"), IdempotencyToken="t")
    bench.now += 299
    assert bench.issue(root, bench.csr("b"), IdempotencyToken="t") == first
    assert len(bench.pca.books()["certificates"]) == 2  # the root's own and this one


def test_a_token_expires_after_five_minutes(bench, root):
    """After five minutes the same token buys a second certificate."""
    first = bench.issue(root, bench.csr(), IdempotencyToken="t")
    bench.now += 300
    assert bench.issue(root, bench.csr(), IdempotencyToken="t") != first


def test_tokens_differ(bench, root):
    """Another token, or none, asks for another certificate."""
    arns = {bench.issue(root, bench.csr(), IdempotencyToken=token) for token in "ab"}
    arns |= {bench.issue(root, bench.csr()) for _ in range(2)}
    assert len(arns) == 4


def test_a_token_creates_one_authority(bench):
    """The same token within five minutes makes one CA, later a second one."""
    first = bench.create(IdempotencyToken="t", wait=299)
    assert bench.create(IdempotencyToken="t", wait=1) == first
    assert bench.create(IdempotencyToken="t") != first


def test_a_token_used_at_the_same_time_issues_once(bench, root):
    """Eight threads with one token get one ARN."""
    csr = bench.csr()
    with ThreadPoolExecutor(8) as pool:
        issue = [pool.submit(bench.issue, root, csr, IdempotencyToken="t") for _ in range(8)]
        arns = {each.result() for each in issue}
    assert len(arns) == 1
    assert len(bench.pca.books()["certificates"]) == 2


def test_a_certificate_takes_its_time(bench, root):
    """Until it is issued, GetCertificate is RequestInProgressException."""
    arn = bench.issue(root, bench.csr())
    assert bench.refusal("GetCertificate", **get(root, arn)).code == "RequestInProgressException"
    bench.now += 2
    assert "Certificate" in bench.call("GetCertificate", **get(root, arn))


def test_polls_that_must_wait_are_counted(bench, root):
    """With the knob at two, the third GetCertificate succeeds."""
    bench.state.knobs.update({"request_in_progress_polls": 2, "issuance_seconds": (0, 0)})
    arn = bench.issue(root, bench.csr())
    codes = [bench.refusal("GetCertificate", **get(root, arn)).code for _ in range(2)]
    assert codes == ["RequestInProgressException"] * 2
    assert "Certificate" in bench.call("GetCertificate", **get(root, arn))


@pytest.mark.parametrize(
    ("make", "code"),
    [
        pytest.param(lambda root: "nonsense", "InvalidArnException", id="no ARN"),
        pytest.param(lambda root: root, "InvalidArnException", id="the CA's ARN"),
        pytest.param(
            lambda root: f"{root}/certificate/{'0' * 32}", "ResourceNotFoundException", id="unknown"
        ),
        pytest.param(
            lambda root: f"{root[:-1]}{'0' if root[-1] != '0' else '1'}/certificate/{'0' * 32}",
            "ResourceNotFoundException",
            id="another CA's",
        ),
    ],
)
def test_certificate_arns_are_checked(bench, root, make, code):
    """A malformed ARN is told from one that this CA did not issue."""
    assert bench.refusal("GetCertificate", **get(root, make(root))).code == code


@pytest.mark.parametrize("colons", [False, True])
def test_revoking_twice_is_said(bench, root, colons):
    """A serial number is hex with or without colons; the second time is already processed."""
    arn = bench.issue(root, bench.csr())
    bench.now += 2
    serial = serial_of(arn)
    written = bytes.fromhex(serial).hex(":").upper() if colons else serial
    bench.call("RevokeCertificate", **revocation(root, written))
    again = bench.refusal("RevokeCertificate", **revocation(root, written))
    assert again.code == "RequestAlreadyProcessedException"


def test_revoked_and_expired_certificates_can_be_fetched(bench, root):
    """GetCertificate goes on working."""
    arn = bench.issue(root, bench.csr(), "EndEntityCertificate", 1)
    before = bench.fetched(root, arn)
    bench.call("RevokeCertificate", **revocation(root, serial_of(arn)))
    bench.now += 2 * DAY
    assert bench.call("GetCertificate", **get(root, arn)) == before


@pytest.mark.parametrize(
    ("serial", "code"),
    [
        pytest.param("01:02:03", "ResourceNotFoundException", id="unknown"),
        pytest.param("xyz", "InvalidRequestException", id="not hex"),
    ],
)
def test_serial_numbers_are_checked(bench, root, serial, code):
    """An unknown serial number is told from one that is none."""
    assert bench.refusal("RevokeCertificate", **revocation(root, serial)).code == code


def test_a_root_does_not_revoke_itself(bench):
    """The root's self-signed certificate is not revocable."""
    arn = bench.create()
    own = bench.issue(arn, bench.csr_of(arn), "RootCACertificate")
    bench.install(arn, bench.fetched(arn, own)["Certificate"])
    refusal = bench.refusal("RevokeCertificate", **revocation(arn, serial_of(own)))
    assert refusal.code == "InvalidRequestException"


def test_a_roots_own_certificate_has_no_chain(bench):
    """GetCertificate of a root's own certificate comes without CertificateChain."""
    arn = bench.create()
    own = bench.issue(arn, bench.csr_of(arn), "RootCACertificate")
    assert list(bench.fetched(arn, own)) == ["Certificate"]


def test_chain_goes_up_to_the_root(bench, root):
    """Below two CAs the chain is issuer, then root."""
    middle = bench.subordinate(root, "SubordinateCACertificate_PathLen1")
    low = bench.subordinate(middle, "SubordinateCACertificate_PathLen0", 100)
    leaf = bench.fetched(low, bench.issue(low, bench.csr()))
    path = [
        x509.load_pem_x509_certificate(leaf["Certificate"].encode()),
        *x509.load_pem_x509_certificates(leaf["CertificateChain"].encode()),
    ]
    for lower, upper in zip(path, [*path[1:], path[-1]], strict=True):
        lower.verify_directly_issued_by(upper)
    assert len(path) == 4


def test_the_books_show_authorities_and_certificates(bench):
    """The sandbox's own page has all facts of both."""
    root = bench.root(Tags=[{"Key": "OWNER", "Value": "me"}])
    key = ec.generate_private_key(ec.SECP256R1())
    arn = bench.issue(root, bench.csr("device-5", key=key), "EndEntityClientAuthCertificate")
    bench.now += 2
    bench.call("RevokeCertificate", **revocation(root, serial_of(arn)))
    books = bench.pca.books()
    assert books["authorities"] == [
        {
            "arn": root,
            "status": "ACTIVE",
            "type": "ROOT",
            "subject": "CN=ROOT CA,O=Acme",
            "key_algorithm": "EC_prime256v1",
            "tags": {"OWNER": "me"},
            "created_at": "2030-01-31T12:00:00+00:00",
        }
    ]
    assert books["certificates"][1] == {
        "authority_arn": root,
        "certificate_arn": arn,
        "serial_number": bytes.fromhex(serial_of(arn)).hex(":"),
        "subject": "CN=device-5",
        "public_key_sha256": public_key_sha256(key.public_key()),
        "revoked": True,
        "template": "EndEntityClientAuthCertificate",
    }
