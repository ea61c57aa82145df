"""What may be installed as a CA's certificate [rules 3, 4]."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

CA = (x509.BasicConstraints(True, None), True)


def name(common_name):
    """A name of a CommonName alone."""
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])


class Offline:
    """A CA of one's own, outside AWS."""

    def __init__(self, bench, common_name="offline root"):
        self.key, self.name = ec.generate_private_key(ec.SECP256R1()), name(common_name)
        self.now = datetime.fromtimestamp(bench.now, UTC)
        self.certificate = self.sign(self.key.public_key(), self.name)

    def sign(self, key, subject, extensions=(CA,), days=1000):
        """A PEM certificate over the key."""
        builder = (
            x509.CertificateBuilder(self.name, subject, key, x509.random_serial_number())
            .not_valid_before(self.now - timedelta(days=2))
            .not_valid_after(self.now + timedelta(days=days))
        )
        for value, critical in extensions:
            builder = builder.add_extension(value, critical)
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()

    def child(self, extensions=(CA,)):
        """A CA of one's own below this one."""
        below = Offline.__new__(Offline)
        below.key, below.name = ec.generate_private_key(ec.SECP256R1()), name("offline child")
        below.now = self.now
        below.certificate = self.sign(below.key.public_key(), below.name, extensions)
        return below


@pytest.fixture
def offline(bench):
    return Offline(bench)


@pytest.fixture
def pending(bench):
    """A SUBORDINATE that awaits its certificate."""
    return bench.create("SUBORDINATE")


def key_of(bench, arn):
    """The public key of a Private CA, from its CSR."""
    return x509.load_pem_x509_csr(bench.csr_of(arn)).public_key()


def refusal(bench, arn, certificate, chain=""):
    """The code of a refused import."""
    return bench.refusal(
        "ImportCertificateAuthorityCertificate",
        CertificateAuthorityArn=arn,
        **bench.import_params(certificate, chain),
    ).code


def test_an_offline_root_above_private_ca(bench, offline, pending):
    """A SUBORDINATE signed by a root of one's own becomes ACTIVE and its chain ends there."""
    certificate = offline.sign(key_of(bench, pending), name("SUBORDINATE CA"))
    bench.install(pending, certificate, offline.certificate)
    leaf = bench.fetched(pending, bench.issue(pending, bench.csr()))
    assert bench.status(pending) == "ACTIVE"
    assert leaf["CertificateChain"] == certificate.strip() + "\n" + offline.certificate.strip()


def test_texts_end_without_a_newline(bench, root):
    """As in AWS a certificate's text has no newline at its end: mind it when joining."""
    leaf = bench.fetched(root, bench.issue(root, bench.csr()))
    own = bench.call("GetCertificateAuthorityCertificate", CertificateAuthorityArn=root)
    assert own == {"Certificate": leaf["CertificateChain"]}
    assert {text[-5:] for text in leaf.values()} == {"-----"}


def test_describe_tells_of_the_installed_certificate(bench, offline, pending):
    """Serial number and validity in Describe are the certificate's."""
    certificate = offline.sign(key_of(bench, pending), name("SUBORDINATE CA"))
    bench.install(pending, certificate, offline.certificate)
    parsed, described = (
        x509.load_pem_x509_certificate(certificate.encode()),
        bench.describe(pending),
    )
    assert described["Serial"] == str(parsed.serial_number)
    assert described["NotAfter"] == parsed.not_valid_after_utc.timestamp()


def test_a_foreign_key_cannot_be_imported(bench, offline):
    """An openssl-like self-signed root over another key is refused."""
    assert refusal(bench, bench.create(), offline.certificate) == "MalformedCertificateException"


def test_a_root_takes_no_chain(bench, offline):
    """A chain beside a root's certificate is surplus."""
    arn = bench.create()
    own = bench.fetched(arn, bench.issue(arn, bench.csr_of(arn), "RootCACertificate"))
    code = refusal(bench, arn, own["Certificate"], offline.certificate)
    assert code == "InvalidRequestException"


def test_a_root_must_be_self_signed(bench, offline):
    """A certificate that another CA signed cannot be a ROOT's."""
    arn = bench.create()
    certificate = offline.sign(key_of(bench, arn), name("ROOT CA"))
    assert refusal(bench, arn, certificate) == "InvalidRequestException"


def test_a_subordinate_needs_its_chain(bench, offline, pending):
    """Without the chain a SUBORDINATE's certificate is refused."""
    certificate = offline.sign(key_of(bench, pending), name("SUBORDINATE CA"))
    assert refusal(bench, pending, certificate) == "InvalidRequestException"


@pytest.mark.parametrize(
    ("extensions", "days"),
    [
        pytest.param((), 10, id="no BasicConstraints"),
        pytest.param(((x509.BasicConstraints(True, None), False),), 10, id="not critical"),
        pytest.param(((x509.BasicConstraints(False, None), True),), 10, id="not a CA"),
        pytest.param((CA,), -1, id="expired"),
        pytest.param((CA, (x509.PolicyConstraints(0, None), True)), 10, id="policy constraints"),
        pytest.param(
            (CA, (x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0"), True)),
            10,
            id="unknown critical",
        ),
    ],
)
def test_unfit_certificates_are_malformed(bench, offline, pending, extensions, days):
    """BasicConstraints must be critical and CA:TRUE, other critical extensions of AWS's list."""
    certificate = offline.sign(key_of(bench, pending), name("SUB"), extensions, days)
    code = refusal(bench, pending, certificate, offline.certificate)
    assert code == "MalformedCertificateException"


def test_allowed_critical_extensions_pass(bench, offline, pending):
    """Critical name constraints and an extension that is not critical are imported."""
    constraints = x509.NameConstraints([x509.DNSName("acme.example")], None)
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3"), b"\5\0")
    extensions = (CA, (constraints, True), (unknown, False))
    certificate = offline.sign(key_of(bench, pending), name("SUB"), extensions)
    bench.install(pending, certificate, offline.certificate)
    assert bench.status(pending) == "ACTIVE"


def test_garbage_is_malformed(bench, pending):
    """Text without a certificate, with two, or with one of no known version is refused."""
    other = Offline(bench).certificate
    der = x509.load_pem_x509_certificate(other.encode()).public_bytes(Encoding.DER)
    version_33 = der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x20")
    odd = ssl.DER_cert_to_PEM_cert(version_33)
    codes = {refusal(bench, pending, text) for text in ("hello", other + other, odd)}
    assert codes == {"MalformedCertificateException"}


def test_chain_is_in_order_and_complete(bench, offline, pending):
    """Each certificate signs the one before, the root is last, and nothing else is there."""
    child = offline.child()
    certificate = child.sign(key_of(bench, pending), name("SUB"))
    wrong = {
        "reversed": offline.certificate + child.certificate,
        "without its root": child.certificate,
        "surplus": child.certificate + offline.certificate + Offline(bench, "x").certificate,
        "with itself": certificate + child.certificate + offline.certificate,
    }
    codes = {fault: refusal(bench, pending, certificate, chain) for fault, chain in wrong.items()}
    assert codes == dict.fromkeys(wrong, "CertificateMismatchException")
    bench.install(pending, certificate, child.certificate + offline.certificate)
    assert bench.status(pending) == "ACTIVE"


def test_path_length_of_the_chain_is_kept(bench, offline, pending):
    """Below a CA of path length 0 there is no CA."""
    child = offline.child(((x509.BasicConstraints(True, 0), True),))
    certificate = child.sign(key_of(bench, pending), name("SUB"))
    code = refusal(bench, pending, certificate, child.certificate + offline.certificate)
    assert code == "CertificateMismatchException"


def test_path_length_of_the_chain_limits_what_is_issued(bench, offline, pending):
    """A CA without a path length of its own obeys that of the CA above it."""
    child = offline.child(((x509.BasicConstraints(True, 1), True),))
    certificate = child.sign(key_of(bench, pending), name("SUB"))
    bench.install(pending, certificate, child.certificate + offline.certificate)
    params = bench.issue_params(pending, bench.csr(), "SubordinateCACertificate_PathLen0")
    assert bench.refusal("IssueCertificate", **params).code == "InvalidArgsException"


def test_authority_key_identifier_is_the_imported_one(bench, offline, pending):
    """Certificates point at the subject key identifier that the CA certificate has."""
    chosen = x509.SubjectKeyIdentifier(b"chosen elsewhere")
    certificate = offline.sign(key_of(bench, pending), name("SUB"), (CA, (chosen, False)))
    bench.install(pending, certificate, offline.certificate)
    extensions = bench.issued(pending, bench.csr()).extensions
    found = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    assert found.key_identifier == b"chosen elsewhere"


@pytest.mark.parametrize("state", ["CREATING", "DELETED"])
def test_import_needs_an_authority_that_is_there(bench, offline, state):
    """While CREATING and once DELETED nothing can be imported."""
    arn = bench.create(wait=0 if state == "CREATING" else 10)
    if state == "DELETED":
        bench.call("DeleteCertificateAuthority", CertificateAuthorityArn=arn)
    assert refusal(bench, arn, offline.certificate) == "InvalidStateException"


def test_blobs_must_be_base64(bench, root):
    """A blob that is not base64 is SerializationException."""
    params = bench.issue_params(root, bench.csr()) | {"Csr": "not base64!"}
    assert bench.refusal("IssueCertificate", **params).code == "SerializationException"
