"""CAs and devices: keys and certificates, in memory and as files."""

import datetime
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from birthcert.pki.certificates import certificate_id


@dataclass
class Authority:
    """A CA with its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


def name_of(**attributes: str) -> x509.Name:
    """A subject from attribute names in lower case."""
    oids = {"common_name": NameOID.COMMON_NAME, "organization": NameOID.ORGANIZATION_NAME}
    return x509.Name([x509.NameAttribute(oids[key], value) for key, value in attributes.items()])


def signed(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: Authority | None,
    extensions: list[tuple[x509.ExtensionType, bool]],
    *,
    starts_in_days: float = -1,
    ends_in_days: float = 30,
) -> x509.Certificate:
    """A certificate; self-signed without a signer."""
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(
        subject_name=subject,
        issuer_name=signer.certificate.subject if signer else subject,
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=now + datetime.timedelta(days=starts_in_days),
        not_valid_after=now + datetime.timedelta(days=ends_in_days),
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(signer.key if signer else key, hashes.SHA256())


def new_authority(common_name: str = "acme device CA") -> Authority:
    """A self-signed CA."""
    key = ec.generate_private_key(ec.SECP256R1())
    constraints: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
    ]
    return Authority(signed(name_of(common_name=common_name), key, None, constraints), key)


@dataclass
class Device:
    """A device's certificate and key, in memory and as files for clients that want those."""

    name: str
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    authority: Authority
    folder: Path

    @property
    def certificate_id(self) -> str:
        return certificate_id(self.certificate)

    @property
    def chain_pem(self) -> bytes:
        leaf = self.certificate.public_bytes(serialization.Encoding.PEM)
        return leaf + self.authority.pem.encode()

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )

    @property
    def chain_file(self) -> str:
        return self._file("chain.pem", self.chain_pem)

    @property
    def key_file(self) -> str:
        return self._file("key.pem", self.key_pem)

    def _file(self, kind: str, data: bytes) -> str:
        path = self.folder / f"{self.certificate_id[:16]}-{kind}"
        if not path.exists():
            path.write_bytes(data)
        return str(path)
