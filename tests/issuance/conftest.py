"""CSRs and manifests for the tests of what goes in and comes out of a batch."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from birthcert.models import Subject
from birthcert.pki.csr import build_csr

CsrFor = Callable[..., bytes]


@pytest.fixture(scope="session")
def csr_for() -> CsrFor:
    """A CSR for a device, over the given key or a fresh P-256 one."""

    def build(device_id: str, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        key = key or ec.generate_private_key(ec.SECP256R1())
        return build_csr(key, Subject(common_name=device_id))

    return build


@pytest.fixture
def manifest(tmp_path: Path) -> Callable[..., str]:
    """Write a manifest's bytes or lines to a file and return its path."""

    def write(content: bytes | str | list[str], name: str = "manifest.csv") -> str:
        text = "\n".join(content) + "\n" if isinstance(content, list) else content
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write
