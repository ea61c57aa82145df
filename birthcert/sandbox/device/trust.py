"""Whom a listener trusts in the TLS handshake: the CA certificates registered in its place."""

import ssl

from birthcert.sandbox.device.server_certificate import HOST, ServerIdentity
from birthcert.sandbox.iot.registry import IotRegistry

ALPN_PROTOCOLS = ["x-amzn-mqtt-ca", "mqtt"]


class Trust:
    """The TLS context of one place, renewed when a CA certificate came or went.

    CAs of any status are trusted here, so that devices which are registered go on working under
    an INACTIVE one (aws-semantics rule 25); new devices are refused at CONNECT. `context` is
    what the listener starts with.
    """

    def __init__(self, identity: ServerIdentity, registry: IotRegistry) -> None:
        self._identity, self._registry = identity, registry
        self._trusted: dict[str, str] = {}
        self._current = self._build({})
        self.context = self._build({})
        self.context.sni_callback = self._on_server_name

    def _on_server_name(
        self, connection: ssl.SSLSocket | ssl.SSLObject, name: str | None, _: ssl.SSLContext
    ) -> int | None:
        if name is None or name.lower() != HOST:
            return ssl.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
        trusted = {ca.certificate_id: ca.pem for ca in self._registry.registered_cas()}
        if trusted.keys() != self._trusted.keys():
            self._current, self._trusted = self._build(trusted), trusted
        connection.context = self._current
        return None

    def _build(self, trusted: dict[str, str]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        # a registered intermediate is an anchor of its own
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        # a resumed session would not show its certificate again
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
        context.set_alpn_protocols(ALPN_PROTOCOLS)
        self._identity.load_into(context)
        if trusted:
            context.load_verify_locations(cadata="\n".join(trusted.values()))
        return context
