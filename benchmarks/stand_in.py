"""A stand-in for the AWS client, in this process: it answers at once and signs nothing.

It knows the certificates of `fleet` beforehand, so what is measured beside it is the engine.
"""

import base64
import os
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import fleet

AUTHORITY_ARN = "arn:aws:acm-pca:eu-west-1:123456789012:certificate-authority/benchmark"
# makes the numbers of certificates as random as AWS's are, and finds them again
_SPREAD = 0x9E3779B97F4A7C15F39CC0605CEDC835
_GATHER = pow(_SPREAD, -1, 1 << 128)
_NAME = len(fleet.device_id(0))


class StandIn:
    """Answers IssueCertificate and GetCertificate; `calls` counts them."""

    def __init__(self, certificates: Path) -> None:
        self._file = os.open(certificates, os.O_RDONLY)
        self._chain = fleet.authority_pem()
        self._lock = threading.Lock()
        self.calls: Counter[str] = Counter()

    def client(self, _service: str, **_options: Any) -> "StandIn":
        """As boto3.Session.client, of which this is the whole service."""
        return self

    def issue_certificate(self, *, Csr: bytes, **_request: Any) -> dict[str, Any]:  # noqa: N803
        self._count("IssueCertificate")
        der = base64.b64decode(Csr[36:-34])
        start = der.index(b"device-")
        number = int(der[start + 7 : start + _NAME])
        spread = number * _SPREAD % (1 << 128)
        return {"CertificateArn": f"{AUTHORITY_ARN}/certificate/{spread:032x}"}

    def get_certificate(self, *, CertificateArn: str, **_request: Any) -> dict[str, Any]:  # noqa: N803
        self._count("GetCertificate")
        number = int(CertificateArn.rpartition("/")[2], 16) * _GATHER % (1 << 128)
        record = os.pread(self._file, fleet.RECORD_BYTES, (number - 1) * fleet.RECORD_BYTES)
        der = record[2 : 2 + int.from_bytes(record[:2], "big")]
        return {"Certificate": fleet.pem("CERTIFICATE", der), "CertificateChain": self._chain}

    def _count(self, action: str) -> None:
        with self._lock:
            self.calls[action] += 1
