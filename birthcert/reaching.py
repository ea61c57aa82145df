"""Which device endpoint is meant, and by whose AWS credentials more can be asked."""

import logging
from dataclasses import dataclass
from pathlib import Path

from birthcert.aws.access import AwsAccess
from birthcert.aws.caller import check_caller, resolve_region
from birthcert.aws.provisioning import describe_endpoint
from birthcert.device.identity import read_file
from birthcert.device.target import DEFAULT_PORT, Target, parse_endpoint
from birthcert.errors import BirthcertError, ConfigurationError, UnusableInput, WrongAccount
from birthcert.models import Endpoint, Place, WhereRequest
from birthcert.pki.certificates import load_certificate, split_pem
from birthcert.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Operator:
    """AWS with credentials that work, and the place they act in."""

    aws: AwsAccess
    place: Place


def find_operator(
    request: WhereRequest, settings: Settings, *, needed_for: str = ""
) -> Operator | None:
    """The operator of this machine's credentials; None where there are none that work.

    Where they are `needed_for` something, ConfigurationError instead. WrongAccount in any case.
    """
    try:
        aws = AwsAccess(resolve_region(request), retry_seconds=settings.retry_seconds)
        return Operator(aws, check_caller(aws, request).place)
    except WrongAccount:
        raise
    except ConfigurationError as error:
        if needed_for:
            raise ConfigurationError(f"{error.what} ({needed_for})", remedy=error.remedy) from error
        log.warning("AWS itself cannot be asked: %s", error.what)
        return None


@dataclass(frozen=True)
class GivenTarget:
    """What a user and the settings say of the device endpoint; None: left to AWS IoT."""

    host: str | None
    port: int | None
    server_ca: bytes | None


def given_target(
    settings: Settings,
    *,
    endpoint: str | None = None,
    port: int | None = None,
    server_ca: Path | None = None,
) -> GivenTarget:
    """The endpoint as given, flags before settings; touches nothing.

    Raises ConfigurationError for an endpoint or port that is none, UnusableInput for a server CA
    that cannot be read.
    """
    host, host_port = parse_endpoint(endpoint) if endpoint else (None, None)
    ca_file = server_ca or settings.server_ca
    return GivenTarget(
        host=host,
        port=_checked_port(port) or host_port or settings.device_port,
        server_ca=_server_ca(ca_file) if ca_file else None,
    )


def resolve_target(operator: Operator | None, given: GivenTarget) -> Target:
    """The device endpoint: what was given, then what AWS IoT says [31]."""
    described = _described(operator, optional=given.host is not None)
    if given.host is not None and (described is None or described.address != given.host):
        described = Endpoint(arn="", address=given.host)
    if described is None:
        raise ConfigurationError("no endpoint", remedy="give one: --endpoint HOST[:PORT]")
    return target_of(described, given)


def target_of(endpoint: Endpoint, given: GivenTarget) -> Target:
    """The target of an endpoint, with the given port and server CA before its own."""
    return Target(
        host=endpoint.address,
        port=given.port or endpoint.port or DEFAULT_PORT,
        server_ca=given.server_ca or endpoint.server_ca.encode() or None,
    )


def _described(operator: Operator | None, *, optional: bool) -> Endpoint | None:
    if operator is None:
        return None
    try:
        return describe_endpoint(operator.aws)
    except BirthcertError:
        if optional:
            return None
        raise


def _checked_port(port: int | None) -> int | None:
    if port is not None and not 1 <= port <= 65_535:
        raise ConfigurationError(f"{port} is no port", remedy="give 1 to 65535, such as 8883")
    return port


def _server_ca(path: Path) -> bytes:
    pem = read_file(path, "the server CA")
    blocks = split_pem(pem.decode(errors="replace"))
    if not blocks:
        raise UnusableInput(
            f"the server CA {path} holds no certificate in PEM form",
            remedy="give the CA of the endpoint's certificate, such as AmazonRootCA1.pem",
        )
    for number, block in enumerate(blocks, start=1):
        load_certificate(block, name=f"certificate {number} of {path}")
    return "".join(blocks).encode()
