"""What a device cannot connect with: each is one line that says which and what to do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from birthcert import limits
from birthcert.connecting import ConnectReport, ConnectRequest, connect_here
from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.pki.algorithms import generate_private_key
from birthcert.pki.keys import encrypted_pem


@pytest.fixture(autouse=True)
def no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing answers here: what is refused is refused before anyone is asked."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("BIRTHCERT_RETRY_SECONDS", "0")
    monkeypatch.delenv("BIRTHCERT_KEY_PASSPHRASE", raising=False)
    monkeypatch.chdir(tmp_path)


def connect(device: Any, **facts: Any) -> ConnectReport:
    """`birthcert connect` for a device's files."""
    request = {"tenant": "acme", "certificate": device.chain, "key": device.key, **facts}
    return connect_here(ConnectRequest.model_validate(request))


@pytest.mark.parametrize(
    ("facts", "part"),
    [
        pytest.param({"topic": "a/+/b", "message": "x"}, "wildcard", id="topic with a wildcard"),
        pytest.param({"topic": "x" * 257, "message": "x"}, "256", id="topic too long"),
        pytest.param({"topic": "/" * 8, "message": "x"}, "8 slashes", id="topic too deep"),
        pytest.param({"subscribe": "a/#/b"}, "last level", id="filter with # inside"),
        pytest.param({"topic": "a/b"}, "go together", id="topic without a message"),
        pytest.param({"message": "x"}, "go together", id="message without a topic"),
        pytest.param(
            {"topic": "a", "message": "x" * (limits.MQTT_PAYLOAD_MAX_BYTES + 1)},
            "131073 bytes",
            id="message over 128 KB",
        ),
        pytest.param({"topic": "a", "message_file": "gone.txt"}, "gone.txt", id="message missing"),
        pytest.param({"endpoint": "127.0.0.1"}, "SNI", id="an address for a name"),
        pytest.param({"endpoint": "host:99999"}, "no port", id="port out of range"),
        pytest.param({"port": 0}, "no port", id="port flag out of range"),
        pytest.param({"server_ca": "gone.pem"}, "gone.pem", id="server CA missing"),
        pytest.param({"thing_name": "a b"}, "'a b'", id="thing name outside the alphabet"),
    ],
)
def test_wrong_usage_is_found_before_anything_is_touched(
    paper_device: Any, tmp_path: Path, facts: dict[str, Any], part: str
) -> None:
    """Each is one error of exit code 2 that names the fact."""
    text = facts.pop("message", None)
    if text is not None:
        facts["message_file"] = tmp_path / "message"
        facts["message_file"].write_text(text)
    with pytest.raises((ConfigurationError, UnusableInput), match=part) as raised:
        connect(paper_device, **facts)
    assert raised.value.exit_code == 2


def _foreign_key(device: Any, _ca: Any) -> None:
    device.key.write_bytes(encrypted_pem(generate_private_key("EC_prime256v1"), b"open sesame"))


def _bare(device: Any, _ca: Any) -> None:
    device.chain.write_bytes(device.certificate.read_bytes())
    device.certificate.unlink()


def _upside_down(device: Any, ca: Any) -> None:
    device.chain.write_text(ca.pem + device.certificate.read_text())


def _expired(device: Any, ca: Any) -> None:
    ca.device(device.folder, days=-1)


def _cut_short(device: Any, _ca: Any) -> None:
    device.chain.write_text(device.chain.read_text()[:-40])


@pytest.mark.parametrize(
    ("spoil", "part"),
    [
        pytest.param(_foreign_key, "does not belong to the certificate", id="another's key"),
        pytest.param(_bare, "without its CA's", id="certificate without its chain"),
        pytest.param(_upside_down, "wrong order: it should be CN=paper-1", id="wrong order"),
        pytest.param(_expired, "CN=paper-1 expired at", id="expired"),
        pytest.param(_cut_short, "cut short", id="cut short"),
        pytest.param(lambda d, _: d.chain.write_text(""), "no certificate", id="empty file"),
        pytest.param(lambda d, _: d.chain.unlink(), "cannot be read", id="certificate missing"),
        pytest.param(lambda d, _: d.key.unlink(), "private key .* cannot be read", id="no key"),
        pytest.param(
            lambda d, _: d.key.write_bytes(d.certificate.read_bytes()),
            "is not a private key",
            id="a certificate for a key",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_named(
    paper_device: Any,
    paper_ca: Any,
    spoil: Callable[[Any, Any], None],
    part: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One error of exit code 2 with a remedy, and no line end in it."""
    monkeypatch.setenv("BIRTHCERT_KEY_PASSPHRASE", "open sesame")
    spoil(paper_device, paper_ca)
    with pytest.raises(UnusableInput, match=part) as raised:
        connect(paper_device)
    assert raised.value.exit_code == 2
    assert raised.value.remedy
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("passphrase", "part"),
    [
        pytest.param("wrong passphrase", "cannot be decrypted", id="wrong"),
        pytest.param(None, "BIRTHCERT_KEY_PASSPHRASE", id="none given"),
    ],
)
def test_an_encrypted_key_wants_its_passphrase(
    paper_device: Any, monkeypatch: pytest.MonkeyPatch, passphrase: str | None, part: str
) -> None:
    """A wrong or missing one is said, with where it comes from."""
    paper_device.key.write_bytes(encrypted_pem(generate_private_key("EC_prime256v1"), b"right one"))
    if passphrase is not None:
        monkeypatch.setenv("BIRTHCERT_KEY_PASSPHRASE", passphrase)
    with pytest.raises((ConfigurationError, UnusableInput), match=re.escape(part)) as raised:
        connect(paper_device)
    assert raised.value.exit_code == 2


def test_the_key_is_in_no_text(paper_device: Any) -> None:
    """An identity can be logged: its key is not in its repr."""
    identity = paper_device.identity
    assert "PRIVATE" not in repr(identity)
    assert "key=" not in repr(identity)
