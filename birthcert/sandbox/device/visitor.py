"""A connection before its CONNECT is accepted, and the CONNACK that makes it a client."""

import asyncio
import hashlib
import ssl
from collections.abc import Callable

import mqtt5

from birthcert.sandbox.device import codec as codecs
from birthcert.sandbox.device.admission import Admitted, Refused, admit
from birthcert.sandbox.device.broker import SESSION_EXPIRY_MAX_SECONDS
from birthcert.sandbox.device.client import RECEIVE_MAXIMUM, TOPIC_ALIAS_MAXIMUM, Client
from birthcert.sandbox.device.codec import VERSION_5, BadPacket, Codec
from birthcert.sandbox.device.place import Place
from birthcert.sandbox.device.wire import Wire

KEEP_ALIVE_MAX_SECONDS = 1_200


class Visitor:
    """Waits for a CONNECT and has it judged; `keep` holds a task while it runs."""

    def __init__(
        self, place: Place, wire: Wire, keep: Callable[[asyncio.Task[None]], None]
    ) -> None:
        self._place, self._wire, self._keep = place, wire, keep

    def on_frame(self, frame: bytes) -> None:
        """The first packet: a CONNECT, or the end."""
        codec = codecs.codec_for(frame)
        connect = codecs.read(codec, frame)
        if not isinstance(connect, mqtt5.ConnectPacket):
            raise BadPacket("the first packet is not a CONNECT", 0x82)
        self._wire.pause()
        self._keep(self._place.loop.create_task(self._judge(codec, connect)))

    def on_bad_packet(self, error: BadPacket) -> None:
        """No MQTT that is spoken here."""
        self._place.diary.refused(client_id="", certificate_id="", reason=str(error))
        self._wire.close()

    def on_silence(self) -> None:
        """Cannot be: the keep-alive is watched from CONNACK on."""

    def on_bad_tls(self, error: ssl.SSLError) -> None:
        """No trusted certificate, no SNI, or no TLS at all."""
        reason = f"TLS: {error.reason or error}"
        self._place.diary.refused(client_id="", certificate_id="", reason=reason)

    def on_lost(self) -> None:
        """Nothing was promised yet."""

    async def _judge(self, codec: Codec, connect: mqtt5.ConnectPacket) -> None:
        try:
            admitted = await admit(self._place, self._wire.peer_certificate, connect)
        except Refused as refused:
            self._refuse(codec, connect, refused)
            return
        if not self._wire.closed:
            self._accept(codec, connect, admitted)

    def _refuse(self, codec: Codec, connect: mqtt5.ConnectPacket, refused: Refused) -> None:
        self._place.diary.refused(
            client_id=connect.client_id,
            certificate_id=hashlib.sha256(self._wire.peer_certificate).hexdigest(),
            reason=refused.reason,
        )
        if codec.version == VERSION_5 and refused.code is not None:
            self._wire.write(codec.write(mqtt5.ConnAckPacket(reason_code=refused.code)))
        self._wire.close()

    def _accept(self, codec: Codec, connect: mqtt5.ConnectPacket, admitted: Admitted) -> None:
        place, wire = self._place, self._wire
        former = place.client(admitted.client_id)
        if former is not None:
            former.taken_over()
        session, present = place.broker.open_session(
            admitted.client_id,
            clean_start=connect.clean_start,
            expiry_seconds=connect.session_expiry_interval,
        )
        client = Client(place, wire, codec, admitted, connect, session)
        place.join(client)
        wire.handler = client
        keep_alive = self._keep_alive(connect.keep_alive)
        wire.watch(keep_alive)
        client.send(_connack(connect, admitted, present=present, keep_alive=keep_alive))
        session.link = client
        session.resume()
        wire.resume()

    def _keep_alive(self, asked_seconds: int) -> int:
        if not 0 < asked_seconds <= KEEP_ALIVE_MAX_SECONDS:
            return KEEP_ALIVE_MAX_SECONDS
        return max(asked_seconds, self._place.knobs.now.keep_alive_minimum_seconds)


def _connack(
    connect: mqtt5.ConnectPacket, admitted: Admitted, *, present: bool, keep_alive: int
) -> mqtt5.ConnAckPacket:
    """What AWS IoT tells an MQTT 5 client; the 3.1.1 codec writes the first field alone."""
    return mqtt5.ConnAckPacket(
        session_present=present,
        session_expiry_interval=min(connect.session_expiry_interval, SESSION_EXPIRY_MAX_SECONDS),
        assigned_client_id=admitted.client_id if admitted.assigned else None,
        server_keep_alive=keep_alive,
        receive_max=RECEIVE_MAXIMUM,
        topic_alias_max=TOPIC_ALIAS_MAXIMUM,
        max_qos=mqtt5.QoS.AT_LEAST_ONCE,
        retain_available=True,
        max_packet_size=codecs.PACKET_MAX_BYTES,
        wildcard_subscription_available=True,
        subscription_id_available=False,
        shared_subscription_available=True,
    )
