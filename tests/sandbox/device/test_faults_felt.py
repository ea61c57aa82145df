"""The knobs and quotas, as a device feels them; and peers that behave badly."""

import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import mqtt5
import pytest

Knobs = Callable[..., None]
PING = mqtt5.PingReqPacket()


def test_the_nth_connection_is_dropped(lab: Any, knobs: Knobs) -> None:
    """The second of three, and no other."""
    device = lab.device("nth")
    lab.provision(device)
    knobs(drop_connection_nth=2)
    answers = [lab.connect(device)[1] is not None for _ in range(3)]
    assert answers == [True, False, True]


def test_provisioning_can_be_slow(lab: Any, knobs: Knobs) -> None:
    """Meanwhile the certificate is PENDING_ACTIVATION and a second attempt is refused."""
    knobs(provisioning_seconds=3_600)
    device = lab.device("slow-to-provision")
    first = lab.tls(device)
    first.sendall(mqtt5.ConnectPacket(device.name, clean_start=True).write())
    assert lab.wait(lambda: lab.status(device)) == "PENDING_ACTIVATION"
    _, answer = lab.connect(device)
    assert int(answer.reason_code) == 0x87


def test_a_role_that_cannot_be_assumed_fails_the_provisioning(lab: Any, knobs: Knobs) -> None:
    """The reason is AWS's."""
    knobs(role_not_assumable_seconds=3_600, iam_delay_seconds=0)
    device = lab.device("no-role")
    lab.provision(device)
    assert lab.status(device) == "PENDING_ACTIVATION"
    assert "cannot be assumed" in lab.endpoint.failures()[-1]["reason"]


def test_a_frozen_endpoint_answers_when_it_thaws(lab: Any, knobs: Knobs) -> None:
    """Nothing is lost."""
    raw = lab.online(lab.device("frozen"))
    knobs(freeze_devices=True)
    raw.send(PING)
    raw.socket.settimeout(0.2)
    with pytest.raises(TimeoutError):
        raw.socket.recv(1)
    knobs(freeze_devices=False)
    raw.socket.settimeout(10)
    assert isinstance(raw.receive(), mqtt5.PingRespPacket)


def test_a_slow_network_keeps_the_order(lab: Any, knobs: Knobs) -> None:
    """Every packet arrives, in order, late."""
    raw = lab.online(lab.device("slow-net"))
    knobs(network_delay_seconds=0.05)
    for packet_id in range(1, 6):
        raw.send(mqtt5.PublishPacket("acme/slow-net/x", b"", qos=mqtt5.QoS(1), packet_id=packet_id))
    assert [raw.receive().packet_id for _ in range(5)] == [1, 2, 3, 4, 5]


def test_the_quota_of_connects_per_client_id_is_enforced_when_asked_for(
    make_lab: Callable[..., Any],
) -> None:
    """One a second; the clock is the sandbox's own."""
    now = [time.time()]
    lab = make_lab(quotas=True, clock=lambda: now[0])
    device = lab.device("eager")
    lab.provision(device)
    assert int(lab.connect(device)[1].reason_code) == 0x97
    now[0] += 1
    assert int(lab.connect(device)[1].reason_code) == 0


def test_the_quota_of_first_registrations_is_enforced_when_asked_for(
    make_lab: Callable[..., Any],
) -> None:
    """The sixteenth new device within a second is turned away and not registered."""
    now = time.time()
    lab = make_lab(quotas=True, clock=lambda: now)
    devices = [lab.device(f"burst-{number}") for number in range(16)]
    answers = [lab.connect(device)[1] for device in devices]
    assert [answer is None for answer in answers] == [True] * 15 + [False]
    assert lab.status(devices[-1]) == ""
    assert lab.refusal_of("15 registrations a second")


@pytest.mark.parametrize(
    "noise",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="http-without-tls"),
        pytest.param(b"\x16\x03\x01\x00\x05hello", id="broken-client-hello"),
        pytest.param(b"", id="half-open"),
    ],
)
def test_noise_before_tls_harms_no_one(lab: Any, noise: bytes) -> None:
    """The next device connects as if nothing had been."""
    plain = socket.create_connection(("127.0.0.1", lab.port), 10)
    plain.sendall(noise)
    raw = lab.online(lab.device("undisturbed"))
    assert isinstance(raw.ask(PING), mqtt5.PingRespPacket)
    plain.close()


def test_ten_megabytes_end_that_connection_and_no_other(lab: Any) -> None:
    """The flood is cut off while a bystander goes on."""
    bystander, flooder = lab.online(lab.device("calm")), lab.online(lab.device("flood"))
    packet = mqtt5.PublishPacket("acme/flood/x", bytes(10_000_000)).write()
    with pytest.raises(OSError, match=r"(?i)pipe|reset|closed|eof|protocol"):
        flooder.socket.sendall(packet)
    assert isinstance(bystander.ask(PING), mqtt5.PingRespPacket)
    assert lab.refusal_of("the limit is 149504")


def test_a_packet_in_single_bytes_is_still_a_packet(lab: Any) -> None:
    """A slow writer gets its answer."""
    raw = lab.online(lab.device("byte-by-byte"))
    for byte in mqtt5.PublishPacket(
        "acme/byte-by-byte/x", b"", qos=mqtt5.QoS(1), packet_id=9
    ).write():
        raw.send(bytes([byte]))
    assert raw.receive().packet_id == 9


def test_stopping_closes_every_connection_and_ends_the_thread(make_lab: Callable[..., Any]) -> None:
    """Nothing is left running."""
    before = [one.name for one in threading.enumerate()].count("device-endpoint")
    lab = make_lab()
    raw = lab.online(lab.device("last"))
    port = lab.port
    lab.endpoint.stop()
    assert raw.receive() is None
    assert socket.socket().connect_ex(("127.0.0.1", port)) != 0
    threads = [one.name for one in threading.enumerate()]
    assert threads.count("device-endpoint") == before
