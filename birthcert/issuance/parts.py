"""A part of a bundle as bytes: gzipped lines of JSON, a device each, whole or recognisably not.

Pure and heavy: made for the helper process.
"""

import gzip
import hashlib
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from birthcert.issuance.received import Examined, Received, UnexpectedCertificate, examine
from birthcert.pki.certificates import join_pem, split_pem

# certificates hardly compress: what a higher level saves is not worth its time
_LEVEL: Final = 1


@dataclass(frozen=True)
class Fresh:
    """A certificate that AWS has just given, on its way into a part."""

    received: Received
    certificate_arn: str


class PartFacts(NamedTuple):
    """What the index says of a part."""

    devices: int
    first_device_id: str
    last_device_id: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Packed:
    """A part's bytes, lines and facts; what became of each fresh certificate, in their order."""

    data: bytes
    lines: list[bytes]
    facts: PartFacts
    examined: list[Examined | UnexpectedCertificate]


def facts_of(data: bytes, lines: Sequence[bytes]) -> PartFacts:
    """The facts of a part that has these lines."""
    first, last = (device_of(lines[at]) if lines else "" for at in (0, -1))
    return PartFacts(len(lines), first, last, len(data), hashlib.sha256(data).hexdigest())


def holding(data: bytes, wanted: Sequence[tuple[str, str]]) -> PartFacts | None:
    """The facts of a part that has these certificates (device id, serial number) in this order
    and nothing else; None for any other part."""
    lines = unpack(data)
    if lines is None or len(lines) != len(wanted):
        return None
    for line, (device_id, serial_number) in zip(lines, wanted, strict=True):
        if not line.startswith(line_start(device_id, serial_number)):
            return None
    return facts_of(data, lines)


def pack(lines: Sequence[bytes | Fresh]) -> Packed:
    """A part of the lines in this order: those of an earlier part, and fresh certificates.

    A fresh certificate that is not what was asked for is left out.
    """
    examined = [_examined(each) for each in lines if isinstance(each, Fresh)]
    results = iter(examined)
    packed = []
    for each in lines:
        if isinstance(each, bytes):
            packed.append(each)
        elif isinstance(result := next(results), Examined):
            packed.append(_line(each, result))
    data = gzip.compress(b"".join(line + b"\n" for line in packed), _LEVEL, mtime=0)
    return Packed(data, packed, facts_of(data, packed), examined)


def unpack(data: bytes) -> list[bytes] | None:
    """The lines of a part; None for one that is cut short or damaged."""
    try:
        content = gzip.decompress(data)
    except (EOFError, OSError, zlib.error):
        return None
    if content and not content.endswith(b"\n"):
        return None
    return content.split(b"\n")[:-1]


def device_of(line: bytes) -> str:
    """Whose line it is, without parsing it: its name's letters are as they are in JSON."""
    return line.split(b'"', 4)[3].decode()


def line_start(device_id: str, serial_number: str) -> bytes:
    """How the line of this certificate begins: it need not be parsed to be recognised."""
    # as `_line` has it: neither has a letter that JSON would write otherwise
    return f'{{"device_id": "{device_id}", "serial_number": "{serial_number}", '.encode()


def _examined(fresh: Fresh) -> Examined | UnexpectedCertificate:
    try:
        return examine(fresh.received)
    except UnexpectedCertificate as error:
        return error


def _line(fresh: Fresh, examined: Examined) -> bytes:
    """What the `files` layout has in a device's folder and in the report, in one line."""
    received = fresh.received
    certificate = join_pem(received.certificate_pem)
    facts = {
        "device_id": received.device_id,
        "serial_number": examined.serial_number,
        "certificate_arn": fresh.certificate_arn,
        "not_after": examined.not_after.isoformat(),
        "certificate": certificate,
        # the device presents its own, then the issuer's [17, 31]
        "chain": certificate + _issuer(received.chain_pem),
    }
    return json.dumps(facts).encode()


# the same chain comes with every device of a batch
@lru_cache(maxsize=8)
def _issuer(chain_pem: str) -> str:
    return "".join(split_pem(chain_pem)[:1])
