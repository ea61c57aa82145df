"""Offline Root: the key of a root of one's own above Private CA, and what opens it."""

from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from birthcert.errors import ConfigurationError
from birthcert.pki.roots import Root, load_root_certificate
from birthcert.roots import RootFiles, open_root_files, read_file


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
        'root = OfflineRoot.load("acme").get_root()\n'
        "```"
    )

    certificate_file: str = Field(
        title="Certificate file", description="PEM file with the root's self-signed certificate."
    )
    key_file: str = Field(
        title="Key file",
        description="PEM file with the root's private key, encrypted: PKCS#8 or openssl's "
        "traditional format.",
    )
    passphrase: SecretStr = Field(
        title="Passphrase", description="What the key file is encrypted with."
    )

    def get_certificate_pem(self) -> bytes:
        """The root's certificate; UnusableInput where the file cannot be used."""
        pem = read_file(Path(self.certificate_file))
        load_root_certificate(pem, now=datetime.now(UTC), name=self.certificate_file)
        return pem

    def get_root(self) -> Root:
        """The root, opened; UnusableInput for files of no use, an expired root or a weak one."""
        files = RootFiles(Path(self.key_file), Path(self.certificate_file))
        passphrase = self.passphrase.get_secret_value().encode()
        return open_root_files(files, passphrase, now=datetime.now(UTC))


def load_offline_root(name: str) -> OfflineRoot:
    """The Offline Root block of this name; ConfigurationError where Prefect has none."""
    try:
        return cast("OfflineRoot", OfflineRoot.load(name))
    except ValueError as error:
        raise ConfigurationError(
            f"there is no Offline Root block {name!r}: {error}",
            remedy="make it in Prefect's UI after: birthcert blocks register",
        ) from error
