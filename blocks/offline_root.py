"""Offline Root: the key of a root of one's own above Private CA, and what opens it."""

from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from birthcert.errors import UnusableInput
from birthcert.pki.algorithms import PrivateKey
from birthcert.pki.certificates import load_certificate, public_key_sha256
from birthcert.pki.keys import load_private_key


class OfflineRoot(Block):
    """An offline root: files with its certificate and encrypted key, and the passphrase."""

    _block_type_name = "Offline Root"
    _block_type_slug = "birthcert-offline-root"
    _description = (
        "A root CA of your own: where its certificate and its encrypted key lie on the workers, "
        "and the passphrase that opens the key. The key itself is never in Prefect's database."
    )
    _code_example = (
        "```python\n"
        "from blocks.offline_root import OfflineRoot\n\n"
        'key = OfflineRoot.load("acme").get_key()\n'
        "```"
    )

    certificate_file: str = Field(
        title="Certificate file", description="PEM file with the root's self-signed certificate."
    )
    key_file: str = Field(
        title="Key file", description="PEM file with the root's private key, encrypted PKCS#8."
    )
    passphrase: SecretStr = Field(
        title="Passphrase", description="What the key file is encrypted with."
    )

    def get_certificate_pem(self) -> bytes:
        """The root's certificate; UnusableInput where the file cannot be used."""
        pem = _read(self.certificate_file)
        load_certificate(pem, name=self.certificate_file)
        return pem

    def get_key(self) -> PrivateKey:
        """The root's key, which must be encrypted and be the certificate's; UnusableInput else."""
        pem = _read(self.key_file)
        if b"ENCRYPTED" not in pem:
            raise UnusableInput(
                f"{self.key_file} is not encrypted", remedy="encrypt it: openssl pkcs8 -topk8"
            )
        passphrase = self.passphrase.get_secret_value().encode()
        key = load_private_key(pem, passphrase, name=self.key_file)
        certificate = load_certificate(self.get_certificate_pem())
        if public_key_sha256(key.public_key()) != public_key_sha256(certificate.public_key()):
            raise UnusableInput(
                f"{self.key_file} is not the key of {self.certificate_file}",
                remedy="name the two files of one root",
            )
        return key


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise UnusableInput(
            f"{path} cannot be read: {error.strerror or error}",
            remedy="put it on each worker, readable for the worker's user alone",
        ) from error
