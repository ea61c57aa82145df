"""Real clients, unchanged, against the endpoint; and a real broker against a device's chain."""

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mqtt5
import paho.mqtt.client as paho
import pytest
from awscrt import mqtt as awscrt_mqtt
from awscrt import mqtt5 as awscrt_mqtt5
from awsiot import mqtt5_client_builder, mqtt_connection_builder
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

TIMEOUT_SECONDS = 15
needs_mosquitto = pytest.mark.skipif(
    not (shutil.which("mosquitto") and shutil.which("mosquitto_pub")),
    reason="MOSQUITTO IS NOT INSTALLED: apt install mosquitto mosquitto-clients "
    "to have the endpoint judged by a TLS stack and an MQTT client that no one here wrote",
)


def tls_options(lab: Any, device: Any) -> dict[str, Any]:
    """What both of AWS's builders take; key and chain stay in memory."""
    return {
        "endpoint": "localhost",
        "port": lab.port,
        "cert_bytes": device.chain_pem,
        "pri_key_bytes": device.key_pem,
        "ca_filepath": lab.server_ca,
        "client_id": device.name,
    }


def test_awss_mqtt_5_client_is_provisioned_and_gets_its_own_message(lab: Any) -> None:
    """The first attempt fails, its own reconnect succeeds, then publish and receive."""
    device = lab.device("crt5")
    connected, received = threading.Event(), threading.Event()
    failures: list[Any] = []
    client = mqtt5_client_builder.mtls_from_bytes(
        **tls_options(lab, device),
        min_reconnect_delay_ms=100,
        on_lifecycle_connection_success=lambda _: connected.set(),
        on_lifecycle_connection_failure=failures.append,
        on_publish_received=lambda _: received.set(),
    )
    client.start()
    assert connected.wait(TIMEOUT_SECONDS)
    assert len(failures) == 1
    subscription = awscrt_mqtt5.Subscription("acme/crt5/#", awscrt_mqtt5.QoS.AT_LEAST_ONCE)
    client.subscribe(awscrt_mqtt5.SubscribePacket([subscription])).result(TIMEOUT_SECONDS)
    packet = awscrt_mqtt5.PublishPacket(
        topic="acme/crt5/x", payload=b"hello", qos=awscrt_mqtt5.QoS.AT_LEAST_ONCE
    )
    done = client.publish(packet).result(TIMEOUT_SECONDS)
    assert done.puback.reason_code == awscrt_mqtt5.PubackReasonCode.SUCCESS
    assert received.wait(TIMEOUT_SECONDS)
    client.stop()
    assert lab.status(device) == "ACTIVE"


def test_awss_mqtt_3_client_gets_its_own_message(lab: Any) -> None:
    """MQTT 3.1.1 over the same SDK."""
    device = lab.device("crt3")
    lab.provision(device)
    received = threading.Event()
    client = mqtt_connection_builder.mtls_from_bytes(**tls_options(lab, device), clean_session=True)
    client.connect().result(TIMEOUT_SECONDS)
    future, _ = client.subscribe(
        "acme/crt3/#", awscrt_mqtt.QoS.AT_LEAST_ONCE, lambda **_: received.set()
    )
    assert future.result(TIMEOUT_SECONDS)["qos"] == awscrt_mqtt.QoS.AT_LEAST_ONCE
    future, _ = client.publish("acme/crt3/x", b"hello", awscrt_mqtt.QoS.AT_LEAST_ONCE)
    future.result(TIMEOUT_SECONDS)
    assert received.wait(TIMEOUT_SECONDS)
    client.disconnect().result(TIMEOUT_SECONDS)


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(MQTTProtocolVersion.MQTTv311, id="mqtt-3.1.1"),
        pytest.param(MQTTProtocolVersion.MQTTv5, id="mqtt-5"),
    ],
)
def test_paho_is_provisioned_and_gets_its_own_message(
    lab: Any, version: MQTTProtocolVersion
) -> None:
    """Its loop reconnects by itself after the first connection is dropped."""
    device = lab.device(f"paho-{int(version)}")
    topic, received = f"acme/{device.name}/x", threading.Event()
    client = paho.Client(CallbackAPIVersion.VERSION2, client_id=device.name, protocol=version)
    client.tls_set(lab.server_ca, device.chain_file, device.key_file)
    client.reconnect_delay_set(min_delay=1, max_delay=1)
    client.on_connect = lambda *_: client.subscribe(topic, qos=1)
    client.on_subscribe = lambda *_: client.publish(topic, b"hello", qos=1)
    client.on_message = lambda *_: received.set()
    client.connect("localhost", lab.port)
    client.loop_start()
    assert received.wait(TIMEOUT_SECONDS)
    client.disconnect()
    client.loop_stop()
    assert lab.status(device) == "ACTIVE"


@needs_mosquitto
def test_mosquitto_pub_publishes_a_message_file(lab: Any, tmp_path: Path) -> None:
    """The last command of the written recipe, with another client."""
    device = lab.device("mosquitto-pub")
    lab.provision(device)
    witness = lab.spy("acme/mosquitto-pub/FOO")
    message = tmp_path / "foo.txt"
    message.write_text("from a file")
    command = [
        "mosquitto_pub", "-h", "localhost", "-p", str(lab.port), "-V", "mqttv311", "-q", "1",
        "--cafile", lab.server_ca, "--cert", device.chain_file, "--key", device.key_file,
        "-i", device.name, "-t", "acme/mosquitto-pub/FOO", "-f", str(message),
    ]  # fmt: skip
    subprocess.run(command, check=True, timeout=TIMEOUT_SECONDS)
    assert witness(1)[0].payload == b"from a file"


@pytest.fixture
def mosquitto(lab: Any, tmp_path: Path, wait: Callable[..., Any]) -> Iterator[int]:
    """A real broker that trusts the device CA and wants a certificate; its port."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = lab.device("localhost")
    (tmp_path / "ca.pem").write_text(lab.authority.pem)
    (tmp_path / "server.pem").write_bytes(server.chain_pem)
    (tmp_path / "server.key").write_bytes(server.key_pem)
    # run by root, mosquitto becomes another user before it reads its files
    for path in [tmp_path, *tmp_path.parents[:3]]:
        path.chmod(path.stat().st_mode | 0o055)
    (tmp_path / "mosquitto.conf").write_text(
        f"listener {port} 127.0.0.1\nrequire_certificate true\nuse_subject_as_username true\n"
        f"cafile {tmp_path}/ca.pem\ncertfile {tmp_path}/server.pem\n"
        f"keyfile {tmp_path}/server.key\nallow_anonymous true\n"
    )
    broker = subprocess.Popen(["mosquitto", "-c", str(tmp_path / "mosquitto.conf")])
    wait(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0)
    yield port
    broker.terminate()
    broker.wait(TIMEOUT_SECONDS)


def mosquittos_answer(port: int, device: Any) -> int | None:
    """The return code of a real broker's CONNACK to a device, None where it hung up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(device.chain_file, device.key_file)
    plain = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
    with context.wrap_socket(plain) as tls:
        try:
            tls.sendall(mqtt5.ConnectPacket(device.name, clean_start=True).write())
            answer = tls.recv(1024)
        except (ssl.SSLError, ConnectionError):
            return None
    return int(mqtt5.read(memoryview(answer))[0].reason_code) if answer else None


@needs_mosquitto
def test_a_real_broker_accepts_a_devices_chain_and_no_other(
    lab: Any, mosquitto: int, another_authority: Callable[[str], Any]
) -> None:
    """A second opinion from a TLS stack that is not ours."""
    assert mosquittos_answer(mosquitto, lab.device("second-opinion")) == 0
    stranger = lab.device("stranger", another_authority("unknown to mosquitto"))
    assert mosquittos_answer(mosquitto, stranger) is None
