"""How fast the sandbox's device endpoint provisions and carries messages.

    python benchmarks/devices.py [--seconds 60] [--fleet 200] [--connections 500]

Prints one JSON document: provisioning in milliseconds (of the sandbox's own time, from the
registration to ACTIVE, and as the device sees it, from CONNECT to the drop); seconds until a
fleet is provisioned and has published; and whether connections that stay up lose QoS 1 messages.
The endpoint runs in this process, the devices in another one.
"""

import argparse
import datetime
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from device_load import Device, Target, run_devices, summary

from birthcert.jitp.policy import least_privilege_policy
from birthcert.jitp.role import trust_policy
from birthcert.jitp.template import render_template
from birthcert.sandbox.device import DeviceEndpoint, start
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.role import Role
from birthcert.sandbox.knobs import KnobBox, Knobs
from birthcert.sandbox.state import SandboxState

ROLE = "arn:aws:iam::123456789012:role/benchmark-provisioning"


def certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
) -> x509.Certificate:
    """A CA's certificate where name and issuer are the same, else a device's."""
    now = datetime.datetime.now(datetime.UTC)
    subject, signer = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each)]) for each in (name, issuer)
    )
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )


class World:
    """An endpoint with a registered CA, and a factory for its devices."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._ca = certificate("benchmark CA", self._key, "benchmark CA", self._key)
        state = SandboxState(knobs=KnobBox(Knobs(iam_delay_seconds=0)))
        self.registry = IotRegistry(
            state, partition="aws", region=state.region, account=state.account, find_role=role
        )
        self.milliseconds: list[float] = []
        self._registered: dict[str, float] = {}
        self.registry.subscribe(self._note)
        self._register(state)
        self.endpoint: DeviceEndpoint = start(state, folder, registries=lambda *_: self.registry)
        port = self.endpoint.address(state.account, state.region)[1]
        self.target = Target(port, str(self.endpoint.server_ca))

    def _register(self, state: SandboxState) -> None:
        self.registry.handle("CreateThingType", {"thingTypeName": "UnifiedAgent"})
        document = least_privilege_policy("aws", state.region, state.account, "acme")
        self.registry.create_policy("acme-device", document)
        body = render_template(thing_type="UnifiedAgent", policy_name="acme-device")
        request = {
            "caCertificate": self._ca.public_bytes(serialization.Encoding.PEM).decode(),
            "certificateMode": "SNI_ONLY",
            "setAsActive": True,
            "allowAutoRegistration": True,
            "registrationConfig": {"templateBody": body, "roleArn": ROLE},
        }
        self.registry.handle("RegisterCACertificate", request)

    def _note(self, identity: str) -> None:
        now = time.perf_counter()
        found = self.registry.certificate(identity)
        if found is None:
            return
        if found.status == "ACTIVE" and identity in self._registered:
            self.milliseconds.append((now - self._registered.pop(identity)) * 1000)
        elif found.status != "ACTIVE":
            self._registered.setdefault(identity, now)

    def devices(self, prefix: str, count: int) -> list[Device]:
        """Fresh devices with their files."""
        return [self._device(f"{prefix}-{number}") for number in range(count)]

    def _device(self, name: str) -> Device:
        key = ec.generate_private_key(ec.SECP256R1())
        leaf = certificate(name, key, "benchmark CA", self._key)
        path = self._folder / f"{name}.pem"
        path.touch(mode=0o600)
        path.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + leaf.public_bytes(serialization.Encoding.PEM)
            + self._ca.public_bytes(serialization.Encoding.PEM)
        )
        return Device(name, str(path))


def role(arn: str) -> Role:
    """A role that may provision, trusted as AWS wants it."""
    everything = '{"Statement": [{"Effect": "Allow", "Action": "iot:*", "Resource": "*"}]}'
    return Role(arn, trust_policy("aws", "123456789012", ["eu-west-1"]), 0.0, (everything,))


def main() -> None:
    """Run both loads and print what was measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--fleet", type=int, default=200)
    parser.add_argument("--connections", type=int, default=500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        spawn = multiprocessing.get_context("spawn")
        results: multiprocessing.Queue[dict[str, object]] = spawn.Queue()
        fleet = world.devices("fleet", options.fleet)
        steady = world.devices("steady", options.connections)
        devices = spawn.Process(
            target=run_devices, args=(world.target, fleet, steady, options.seconds, results)
        )
        devices.start()
        measured = results.get()
        devices.join()
        world.endpoint.stop()
    print(json.dumps({"provisioning_ms": summary(world.milliseconds), **measured}, indent=2))


if __name__ == "__main__":
    main()
