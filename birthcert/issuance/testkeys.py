"""Keys for test fleets, made here and written encrypted only.

A real device makes its key itself and sends a CSR. This is for a demo, a laboratory, a test.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from birthcert.errors import UnusableInput
from birthcert.files import make_folder, write_atomically, write_new
from birthcert.issuance.checks import manifest_subject
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.models import Subject
from birthcert.pki.algorithms import KeyAlgorithm, PrivateKey, generate_private_key
from birthcert.pki.certificates import public_key_sha256
from birthcert.pki.csr import build_csr, read_csr
from birthcert.pki.keys import encrypted_pem, load_private_key
from birthcert.pki.names import device_name_problem, x509_name

PRIVATE_KEY: Final = "private.pem"
CSR: Final = "csr.pem"


def generate_device_keys(
    rows: Iterable[ManifestRow], *, folder: Path, algorithm: KeyAlgorithm, passphrase: bytes
) -> Iterator[ManifestRow]:
    """The rows, each one without a CSR given that of a key of its own.

    The key goes to `DEVICE/private.pem` under `folder` (PKCS#8, encrypted, mode 0600 from its
    first instant), the CSR with the row's subject to `DEVICE/csr.pem` beside it. What an earlier
    run left is used again. A row that cannot be a device's gets neither key nor file, and the
    checks refuse it. Raises UnusableInput for a key that is there and does not open with the
    passphrase, UnwritableOutput where a file cannot be written.
    """
    keys = _KeyFolder(folder, algorithm, passphrase)
    return (_with_csr(row, keys.csr) for row in rows)


def rehearse_device_keys(rows: Iterable[ManifestRow]) -> Iterator[ManifestRow]:
    """The rows as `generate_device_keys` would pass them, by keys that are dropped at once.

    For a plan: it checks the manifest as the real run will, and leaves no file.
    """
    return (_with_csr(row, _throw_away_csr) for row in rows)


def _throw_away_csr(_device_id: str, subject: Subject) -> bytes:
    return build_csr(generate_private_key("EC_prime256v1"), subject)


def _with_csr(row: ManifestRow, make_csr: Callable[[str, Subject], bytes]) -> ManifestRow:
    if row.problem or row.csr_pem or row.csr_path or device_name_problem(row.device_id):
        return row
    try:
        subject = manifest_subject(row)
    except UnusableInput as error:
        return row._replace(problem=str(error))
    return row._replace(csr_pem=make_csr(row.device_id, subject).decode())


@dataclass(frozen=True)
class _KeyFolder:
    folder: Path
    algorithm: KeyAlgorithm
    passphrase: bytes

    def csr(self, device_id: str, subject: Subject) -> bytes:
        """A device's CSR over its key, both made where they are not there."""
        key = self._key(self.folder / device_id / PRIVATE_KEY)
        return self._csr(self.folder / device_id / CSR, key, subject)

    def _key(self, path: Path) -> PrivateKey:
        """The key that is there, else a new one; of two runs at once the first one's stays."""
        if not path.exists():
            key = generate_private_key(self.algorithm)
            make_folder(path.parent)
            if write_new(path, encrypted_pem(key, self.passphrase), mode=0o600):
                return key
        return load_private_key(_left(path), self.passphrase, name=f"the key {path}")

    def _csr(self, path: Path, key: PrivateKey, subject: Subject) -> bytes:
        """The CSR that is there if it is this key's and this subject's, else a new one."""
        csr = build_csr(key, subject)
        if write_new(path, csr):
            return csr
        if not _fits(_left(path), key, subject):
            write_atomically(path, csr)
        return _left(path)


def _left(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableInput(
            f"{path} of an earlier run cannot be read: {error.strerror or error}",
            remedy="give this user access to it",
        ) from error


def _fits(pem: bytes, key: PrivateKey, subject: Subject) -> bool:
    try:
        csr = read_csr(pem)
    except UnusableInput:
        return False
    same_key = csr.public_key_sha256 == public_key_sha256(key.public_key())
    return same_key and csr.subject == x509_name(subject)
