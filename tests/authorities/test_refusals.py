"""A root or a signed certificate of no use: one clear error each, and nothing is made."""

import itertools
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from birthcert.aws.access import AwsAccess
from birthcert.errors import UnusableInput
from birthcert.models import BootstrapRequest, CaCsr, Subject
from birthcert.pki.certificates import certificate_pem
from birthcert.pki.csr import build_csr, read_csr
from birthcert.pki.keys import encrypted_pem
from birthcert.pki.roots import Root, sign_subordinate
from birthcert.roots import RootFiles
from flows.authority import certificate_authority
from tasks.authority import create_certificate_authority
from tasks.caller import check_caller
from tasks.roots import get_ca_csr
from tests.authorities.conftest import PASSPHRASE, Straight, a_root, asked, key_of

LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
READING = ("Describe", "Get", "List", "AssumeRole")
_numbers = itertools.count(1)


@pytest.fixture
def tenant(bench: AwsAccess) -> str:
    """A tenant of the test's own."""
    return f"refused-{next(_numbers)}"


@pytest.fixture
def made(bench: AwsAccess, counted: Callable[[], dict[str, int]]) -> Callable[[], list[str]]:
    """The calls since the test began that did more than read."""
    return lambda: [n for n in counted() if not n.split(".")[1].startswith(READING)]


def on_disk(folder: Path, root: Root) -> RootFiles:
    """The root in two files, as `birthcert root create` leaves it but for scrypt."""
    files = RootFiles(folder / "ca.key.pem", folder / "ca.cert.pem")
    files.key.write_bytes(encrypted_pem(root.key, PASSPHRASE.encode()))
    files.certificate.write_text(certificate_pem(root.certificate))
    return files


def wrong_passphrase(folder: Path) -> RootFiles:
    files = on_disk(folder, a_root())
    files.key.write_bytes(encrypted_pem(key_of("EC_prime256v1"), b"another passphrase"))
    return files


def wrong_passphrase_of_openssl(folder: Path) -> RootFiles:
    """The recipe's own traditional PEM."""
    files = on_disk(folder, a_root())
    command = "openssl genrsa -aes256 -traditional -passout pass:other -out ca.key.pem 2048"
    subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return files


def key_of_another(folder: Path) -> RootFiles:
    files = on_disk(folder, a_root())
    files.key.write_bytes(encrypted_pem(key_of("EC_secp384r1"), PASSPHRASE.encode()))
    return files


def key_in_the_clear(folder: Path) -> RootFiles:
    files = on_disk(folder, a_root())
    pem = key_of("EC_prime256v1").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    files.key.write_bytes(pem)
    return files


def expired(folder: Path) -> RootFiles:
    return on_disk(folder, a_root(days=30, now=LONG_AGO))


def ends_before_its_ca(folder: Path) -> RootFiles:
    return on_disk(folder, a_root(days=3_000))


def not_a_ca(folder: Path) -> RootFiles:
    return by_openssl(folder, "-sha256", "-addext", "basicConstraints=critical,CA:FALSE")


def by_sha1(folder: Path) -> RootFiles:
    return by_openssl(folder, "-sha1", "-addext", "basicConstraints=critical,CA:TRUE")


def by_openssl(folder: Path, *options: str) -> RootFiles:
    """A self-signed certificate by openssl, with no extension but those given."""
    (folder / "bare.cnf").write_text("[req]\ndistinguished_name=dn\n[dn]\n")
    files = on_disk(folder, a_root())
    command = "openssl req -new -x509 -config bare.cnf -days 9999 -key ca.key.pem -subj /CN=r"
    words = [*command.split(), "-passin", f"pass:{PASSPHRASE}", "-out", "ca.cert.pem", *options]
    subprocess.run(words, cwd=folder, check=True, capture_output=True)
    return files


def below_another(folder: Path) -> RootFiles:
    root = a_root(key_of("EC_secp384r1"))
    csr = read_csr(build_csr(key_of("EC_prime256v1"), Subject(common_name="no root")))
    return on_disk(folder, Root(sub_ca(root, csr), key_of("EC_prime256v1")))


def may_have_no_ca_below(folder: Path) -> RootFiles:
    return on_disk(folder, a_root(path_length=0))


def sub_ca(root: Root, csr: object, *, path_length: int = 0, days: int = 365) -> x509.Certificate:
    """What a root's owner signs."""
    return sign_subordinate(
        root,
        csr,  # type: ignore[arg-type]
        path_length=path_length,
        validity_days=days,
        now=datetime.now(UTC),
        serial_number=x509.random_serial_number(),
    )


@pytest.mark.parametrize(
    ("spoiled", "problem"),
    [
        pytest.param(wrong_passphrase, "cannot be decrypted with this passphrase", id="passphrase"),
        pytest.param(wrong_passphrase_of_openssl, "cannot be decrypted", id="openssl's key"),
        pytest.param(key_of_another, "is not the key of", id="another root's key"),
        pytest.param(key_in_the_clear, "is not encrypted", id="key in the clear"),
        pytest.param(expired, "it expired at 2001-01-31", id="expired"),
        pytest.param(ends_before_its_ca, r"would outlive its root.*\[8\]", id="ends too soon"),
        pytest.param(not_a_ca, r"not a CA's.*\[3\]", id="not a CA"),
        pytest.param(by_sha1, r"signed with SHA1.*\[24\]", id="SHA-1"),
        pytest.param(below_another, "it is not self-signed", id="a subordinate"),
        pytest.param(may_have_no_ca_below, r"path length is 0.*\[7\]", id="path length"),
    ],
)
def test_a_root_of_no_use_is_refused_before_a_ca_is_bought(
    spoiled: Callable[[Path], RootFiles],
    problem: str,
    tmp_path: Path,
    run: Straight,
    tenant: str,
    made: Callable[[], list[str]],
) -> None:
    """The error names the file or the rule, never the passphrase; AWS was asked to make nothing."""
    files = spoiled(tmp_path)
    request = offline(tenant, certificate_file=str(files.certificate), key_file=str(files.key))
    place = run(check_caller, request).place
    with pytest.raises(UnusableInput, match=problem) as refused:
        certificate_authority(run, request, place)  # type: ignore[arg-type]
    assert PASSPHRASE not in str(refused.value)
    assert made() == []


def offline(tenant: str, path_length: int = 0, **root: str) -> BootstrapRequest:
    """A request for a CA below a root."""
    return asked(
        tenant=tenant,
        authority="offline-root",
        offline_root=root,
        certificate_authority={"path_length": path_length},
    )


@dataclass(frozen=True)
class Ceremony:
    """The first half of a ceremony: a CA that waits, and the root that is to sign it."""

    request: BootstrapRequest
    csr: CaCsr
    root: Root


@pytest.fixture
def ceremony(bench: AwsAccess, run: Straight, tenant: str, tmp_path: Path) -> Ceremony:
    """A CA of path length 1 that waits for its root, whose certificate is known."""
    root = a_root(key_of("EC_secp384r1"))
    files = on_disk(tmp_path, root)
    request = offline(tenant, path_length=1, certificate_file=str(files.certificate))
    place = run(check_caller, request).place
    authority = run(create_certificate_authority, request, place)
    return Ceremony(request, run(get_ca_csr, request, place, authority), root)


def altered(it: Ceremony) -> str:
    """The CSR was swapped for another with the same name on its way to the root."""
    subject = read_csr(it.csr.csr_pem.encode()).common_name or ""
    other = read_csr(build_csr(key_of("RSA_2048"), Subject(common_name=subject)))
    return certificate_pem(sub_ca(it.root, other, path_length=1))


def another_roots(it: Ceremony) -> str:
    other = a_root()
    csr = read_csr(it.csr.csr_pem.encode())
    signed = sub_ca(other, csr, path_length=1)
    return certificate_pem(signed) + certificate_pem(other.certificate)


def path_too_short(it: Ceremony) -> str:
    csr = read_csr(it.csr.csr_pem.encode())
    return certificate_pem(sub_ca(it.root, csr, path_length=0))


def the_roots_own(it: Ceremony) -> str:
    return certificate_pem(it.root.certificate)


def cut_short(it: Ceremony) -> str:
    return certificate_pem(sub_ca(it.root, read_csr(it.csr.csr_pem.encode()), path_length=1))[:300]


@pytest.mark.parametrize(
    ("bring", "problem"),
    [
        pytest.param(altered, "another key than this CA's CSR", id="CSR altered on its way"),
        pytest.param(another_roots, "is from another root, CN=someone's root", id="another root"),
        pytest.param(path_too_short, r"path length of 0, and 1 was asked for \[7\]", id="path"),
        pytest.param(the_roots_own, "another key than this CA's CSR", id="the root's own"),
        pytest.param(cut_short, "has no certificate in PEM form", id="cut short"),
    ],
)
def test_a_certificate_of_no_use_is_not_imported(
    bring: Callable[[Ceremony], str],
    problem: str,
    run: Straight,
    ceremony: Ceremony,
    bench: AwsAccess,
    made: Callable[[], list[str]],
) -> None:
    """The CA goes on waiting, and the right certificate is taken afterwards."""
    place = run(check_caller, ceremony.request).place
    with pytest.raises(UnusableInput, match=problem):
        certificate_authority(run, brought(ceremony, bring(ceremony)), place)  # type: ignore[arg-type]
    assert made() == []
    right = sub_ca(ceremony.root, read_csr(ceremony.csr.csr_pem.encode()), path_length=1)
    authority = certificate_authority(run, brought(ceremony, certificate_pem(right)), place)  # type: ignore[arg-type]
    assert authority.status == "ACTIVE"
    assert authority.certificate_pem.split() == certificate_pem(right).split()


def test_a_ca_that_has_its_certificate_needs_its_root_no_more(
    run: Straight, bench: AwsAccess, tenant: str, tmp_path: Path, made: Callable[[], list[str]]
) -> None:
    """The same bootstrap goes through years later, with the root back in its safe."""
    files = on_disk(tmp_path, a_root())
    request = offline(tenant, certificate_file=str(files.certificate), key_file=str(files.key))
    place = run(check_caller, request).place
    first = certificate_authority(run, request, place)  # type: ignore[arg-type]
    files.key.unlink()
    files.certificate.unlink()
    before = made()
    again = certificate_authority(run, request, place)  # type: ignore[arg-type]
    assert (again.arn, again.outcome, made()) == (first.arn, "found", before)


def brought(ceremony: Ceremony, pem: str) -> BootstrapRequest:
    """The request of the second half."""
    root = ceremony.request.offline_root.model_copy(update={"ca_certificate": pem})
    return ceremony.request.model_copy(update={"offline_root": root})
