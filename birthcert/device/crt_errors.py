"""The SDK's errors as ours."""

from typing import Any, Final

from birthcert.device.refusals import Kind, NotConnected
from birthcert.device.target import Target

_KINDS: Final[dict[str, Kind]] = {
    "AWS_ERROR_MQTT_UNEXPECTED_HANGUP": "dropped",
    "AWS_IO_SOCKET_CLOSED": "dropped",
    "AWS_IO_TLS_ERROR_READ_FAILURE": "handshake",  # with TLS 1.3 the alert comes afterwards
    "AWS_IO_TLS_ERROR_NEGOTIATION_FAILURE": "handshake",
    "AWS_IO_TLS_ERROR_ALERT_RECEIVED": "handshake",
    "AWS_IO_DNS_QUERY_FAILED": "unresolvable",
    "AWS_IO_DNS_INVALID_NAME": "unresolvable",
    "AWS_IO_DNS_NO_ADDRESS_FOR_HOST": "unresolvable",
    "AWS_IO_SOCKET_TIMEOUT": "silent",
    "AWS_IO_TLS_NEGOTIATION_TIMEOUT": "silent",
    "AWS_ERROR_MQTT_TIMEOUT": "silent",
    "AWS_ERROR_MQTT5_CONNACK_TIMEOUT": "silent",
}
_TOLD: Final[dict[Kind, tuple[str, str]]] = {
    "dropped": ("hung up without a word", ""),
    "handshake": (
        "ended the TLS handshake",
        "it takes certificates of CAs that are registered with it, and none that has expired",
    ),
    "unresolvable": ("does not resolve", "check its spelling and this machine's DNS"),
    "silent": ("did not answer", "check the network between here and the endpoint"),
}


def not_connected(error: Any, target: Target) -> NotConnected:
    """Why a try to connect failed, from an AwsCrtError."""
    name = str(getattr(error, "name", "") or error)
    kind = _KINDS.get(name, "unreachable")
    told, remedy = _TOLD.get(
        kind, (f"cannot be reached ({name})", "check the port and the firewall")
    )
    return NotConnected(kind, f"the endpoint {target} {told}", remedy=remedy)


def refused_by_code(reason: str, told: str | None) -> NotConnected:
    """The error of a CONNACK with a reason code, which MQTT 5 alone has."""
    return NotConnected("refused", f"the endpoint refused the connection: {told or reason}")
