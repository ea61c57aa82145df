"""MQTT 5 as AWS IoT speaks it, packet by packet."""

from collections.abc import Callable
from typing import Any

import mqtt5
import pytest

QOS1 = mqtt5.QoS(1)
Wait = Callable[[Callable[[], Any]], Any]


def publish(topic: str, payload: bytes = b"x", **options: Any) -> mqtt5.PublishPacket:
    """A QoS 1 PUBLISH with packet id 1, unless said otherwise."""
    return mqtt5.PublishPacket(topic, payload, **{"qos": QOS1, "packet_id": 1, **options})


def subscribe(pattern: str, **options: Any) -> mqtt5.SubscribePacket:
    """A QoS 1 SUBSCRIBE of one filter."""
    return mqtt5.SubscribePacket(1, [mqtt5.TopicFilter(pattern, **{"max_qos": QOS1, **options})])


def test_the_connack_tells_awss_limits(lab: Any) -> None:
    """Receive maximum, packet size, QoS, aliases and what is available."""
    device = lab.device("limits")
    lab.provision(device)
    _, answer = lab.connect(device, keep_alive=5, session_expiry_interval=10**9)
    assert (answer.receive_max, answer.topic_alias_max) == (100, 8)
    assert answer.max_packet_size == 149_504
    assert int(answer.max_qos) == 1
    assert answer.server_keep_alive == 30
    assert answer.session_expiry_interval == 604_800
    assert answer.retain_available
    assert not answer.subscription_id_available


def test_a_device_gets_its_own_message(lab: Any) -> None:
    """Publish, PUBACK, and the delivery under a wildcard."""
    raw = lab.online(lab.device("echo"))
    assert int(raw.ask(subscribe("acme/echo/#")).reason_codes[0]) == 1
    raw.send(publish("acme/echo/data", b"hello", content_type="text/plain"))
    kinds = {type(packet).__name__: packet for packet in (raw.receive(), raw.receive())}
    assert kinds["PubAckPacket"].packet_id == 1
    assert kinds["PublishPacket"].payload == b"hello"
    assert kinds["PublishPacket"].content_type == "text/plain"


@pytest.mark.parametrize(
    ("act", "code"),
    [
        pytest.param(lambda: publish("acme/other/data"), 0x87, id="anothers-topic"),
        pytest.param(lambda: publish("acme/wild/x", retain=True), 0x87, id="retained"),
        pytest.param(lambda: subscribe("#"), 0x87, id="everyones-filter"),
        pytest.param(lambda: publish("acme/wild/x", qos=mqtt5.QoS(2)), 0x9B, id="qos-2"),
        pytest.param(
            lambda: subscribe("acme/wild/#", max_qos=mqtt5.QoS(2)), 0x9B, id="subscribe-qos-2"
        ),
        pytest.param(lambda: publish("acme/wild/" + "/" * 8), 0x90, id="too-many-slashes"),
        pytest.param(lambda: publish("$aws/events/x"), 0x90, id="reserved-topic"),
        pytest.param(lambda: publish("acme/wild/x", bytes(131_073)), 0x95, id="payload-too-large"),
        pytest.param(lambda: publish("", topic_alias=9), 0x94, id="alias-too-high"),
        pytest.param(lambda: b"\x30\x80\x80\x80\x05", 0x95, id="ten-megabytes-announced"),
        pytest.param(lambda: b"\xf1\x00", 0x81, id="malformed"),
        pytest.param(lambda: mqtt5.ConnectPacket("wild"), 0x82, id="second-connect"),
        pytest.param(
            lambda: mqtt5.SubscribePacket(1, [mqtt5.TopicFilter("acme/wild/x")] * 9),
            0x97,
            id="nine-filters",
        ),
    ],
)
def test_a_refused_act_ends_the_connection_and_says_why(
    lab: Any, act: Callable[[], Any], code: int
) -> None:
    """DISCONNECT with the reason code, then the end; other devices stay connected."""
    bystander = lab.online(lab.device("bystander"))
    raw = lab.online(lab.device("wild"))
    answer = raw.ask(act())
    assert int(answer.reason_code) == code
    assert raw.receive() is None
    assert isinstance(bystander.ask(mqtt5.PingReqPacket()), mqtt5.PingRespPacket)


def test_connecting_under_anothers_name_is_refused(lab: Any) -> None:
    """CONNACK not authorized."""
    device = lab.device("honest")
    lab.provision(device)
    _, answer = lab.connect(device, client_id="someone-else")
    assert int(answer.reason_code) == 0x87


def test_a_second_connection_takes_over(lab: Any) -> None:
    """The first is told and closed, the second works."""
    device = lab.device("twin")
    first, second = lab.online(device), lab.online(device)
    assert int(first.receive().reason_code) == 0x8E
    assert first.receive() is None
    assert isinstance(second.ask(mqtt5.PingReqPacket()), mqtt5.PingRespPacket)


def test_a_kept_session_gets_what_came_meanwhile(lab: Any, wait: Wait) -> None:
    """QoS 1 waits, QoS 0 does not; what was not acknowledged comes again as a duplicate."""
    device = lab.device("sleeper")
    raw = lab.online(device, session_expiry_interval=600)
    raw.ask(subscribe("acme/sleeper/in"))
    raw.close()
    wait(lambda: lab.online_link("sleeper") is None)
    lab.broadcast("acme/sleeper/in", b"kept", qos=1)
    lab.broadcast("acme/sleeper/in", b"lost", qos=0)
    raw, answer = lab.connect(device, clean_start=False, session_expiry_interval=600)
    assert answer.session_present
    message = raw.receive()
    assert (message.payload, message.duplicate) == (b"kept", False)
    raw.close()
    raw, _ = lab.connect(device, clean_start=False, session_expiry_interval=600)
    again = raw.receive()
    assert (again.payload, again.duplicate) == (b"kept", True)
    raw.send(mqtt5.PubAckPacket(again.packet_id))
    assert isinstance(raw.ask(mqtt5.PingReqPacket()), mqtt5.PingRespPacket)


def test_a_clean_start_forgets_the_session(lab: Any) -> None:
    """Session present is false, the subscription is gone."""
    device = lab.device("forgetful")
    lab.online(device, session_expiry_interval=600).ask(subscribe("acme/forgetful/in"))
    _, answer = lab.connect(device)
    assert not answer.session_present
    lab.broadcast("acme/forgetful/in", b"x", qos=1)
    assert lab.place().broker.session("forgetful").subscriptions == {}


def test_the_clients_receive_maximum_is_kept(lab: Any) -> None:
    """The third message waits for an acknowledgement."""
    raw = lab.online(lab.device("slow"), receive_max=2)
    raw.ask(subscribe("acme/slow/in"))
    for number in range(3):
        lab.broadcast("acme/slow/in", b"%d" % number, qos=1)
    first, second = raw.receive(), raw.receive()
    assert [first.payload, second.payload] == [b"0", b"1"]
    assert isinstance(raw.ask(mqtt5.PingReqPacket()), mqtt5.PingRespPacket)
    assert raw.ask(mqtt5.PubAckPacket(first.packet_id)).payload == b"2"


def test_retained_messages_reach_later_subscribers(lab: Any) -> None:
    """With the retain flag; an empty one deletes it."""
    lab.broadcast("acme/keeper/state", b"on", qos=1, retain=True)
    raw = lab.online(lab.device("keeper"))
    raw.ask(subscribe("acme/keeper/+"))
    message = raw.receive()
    assert (message.payload, message.retain) == (b"on", True)
    lab.broadcast("acme/keeper/state", b"", retain=True)
    assert raw.receive().payload == b""
    raw.ask(mqtt5.UnsubscribePacket(2, ["acme/keeper/+"]))
    raw.ask(subscribe("acme/keeper/+"))
    assert isinstance(raw.ask(mqtt5.PingReqPacket()), mqtt5.PingRespPacket)


def test_a_will_is_published_when_the_device_drops_and_not_when_it_leaves(lab: Any) -> None:
    """DISCONNECT deletes it."""
    will = mqtt5.Will("acme/mortal/will", payload=b"gone", qos=QOS1)
    witness = lab.spy("acme/mortal/will")
    device = lab.device("mortal")
    polite = lab.online(device, will=will)
    polite.send(mqtt5.DisconnectPacket())
    assert polite.receive() is None
    lab.online(device, will=will).close()
    assert [message.payload for message in witness(1)] == [b"gone"]


def test_a_will_on_anothers_topic_is_refused(lab: Any) -> None:
    """Its policy is judged at CONNECT."""
    device = lab.device("meddler")
    lab.provision(device)
    _, answer = lab.connect(device, will=mqtt5.Will("acme/other/will", payload=b""))
    assert int(answer.reason_code) == 0x87


def test_a_topic_alias_stands_for_its_topic(lab: Any) -> None:
    """Set once, used without the name."""
    raw = lab.online(lab.device("alias"))
    witness = lab.spy("acme/alias/+")
    raw.ask(publish("acme/alias/x", b"1", topic_alias=3))
    raw.ask(publish("", b"2", topic_alias=3))
    assert [message.topic for message in witness(2)] == ["acme/alias/x"] * 2


def test_shared_subscriptions_take_turns(lab: Any) -> None:
    """Each message reaches one member of the group."""
    members = [lab.spy("$share/team/acme/shared/in", name=f"member-{n}") for n in range(2)]
    for _ in range(4):
        lab.broadcast("acme/shared/in", b"x", qos=1)
    assert [len(member(2)) for member in members] == [2, 2]


@pytest.mark.parametrize("status", ["INACTIVE", "REVOKED"])
def test_a_certificate_that_is_switched_off_cuts_its_connection(lab: Any, status: str) -> None:
    """The connected device is dropped, and its next CONNECT refused."""
    device = lab.device(f"switched-{status}")
    raw = lab.online(device)
    lab.registry.handle(
        "UpdateCertificate", {"certificateId": device.certificate_id, "newStatus": status}
    )
    assert int(raw.receive().reason_code) == 0x98
    assert raw.receive() is None
    assert int(lab.connect(device)[1].reason_code) == 0x87
    assert lab.refusal_of(f"the certificate is {status}")


def test_a_detached_policy_counts_from_the_next_act_on(lab: Any) -> None:
    """The connection stays, the publish does not pass."""
    device = lab.device("stripped")
    raw = lab.online(device)
    assert raw.ask(publish("acme/stripped/x")).packet_id == 1
    arn = lab.registry.certificate(device.certificate_id).arn
    lab.registry.handle("DetachPolicy", {"policyName": "acme-device", "target": arn})
    assert int(raw.ask(publish("acme/stripped/x")).reason_code) == 0x87


def test_a_silent_device_is_cut_off(lab: Any, knobs: Callable[..., None]) -> None:
    """After one and a half times the keep-alive."""
    knobs(keep_alive_minimum_seconds=1)
    raw = lab.online(lab.device("silent"), keep_alive=1)
    assert int(raw.receive().reason_code) == 0x8D
    assert raw.receive() is None


def test_a_device_that_reads_nothing_is_cut_off_alone(lab: Any) -> None:
    """Megabytes waiting for it do not hold up the others."""
    device, other = lab.device("deaf"), lab.online(lab.device("hearing"))
    deaf = lab.online(device)
    deaf.ask(subscribe("acme/deaf/in", max_qos=mqtt5.QoS(0)))
    for _ in range(120):
        lab.broadcast("acme/deaf/in", bytes(131_000))
    assert isinstance(other.ask(mqtt5.PingReqPacket()), mqtt5.PingRespPacket)
    assert lab.online_link("deaf") is None
