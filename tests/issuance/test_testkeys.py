"""Keys for test fleets: encrypted, private from the first instant, and kept."""

import os
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from birthcert.errors import UnusableInput
from birthcert.issuance.checks import check_rows
from birthcert.issuance.devices import Device
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.issuance.testkeys import generate_device_keys, rehearse_device_keys
from birthcert.pki.certificates import public_key_sha256
from birthcert.pki.csr import read_csr
from birthcert.pki.keys import load_private_key
from birthcert.storage.local import LocalFolder

PASSPHRASE = b"correct horse"
ROWS = [
    ManifestRow(2, "a", subject={"organization": "ACME", "country": "NL"}),
    ManifestRow(3, "b"),
]


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def generate(folder, rows=ROWS, passphrase=PASSPHRASE, algorithm="EC_prime256v1"):
    keyed = generate_device_keys(rows, folder=folder, algorithm=algorithm, passphrase=passphrase)
    return list(keyed)


def test_each_device_gets_an_encrypted_key_and_a_csr_that_passes_the_checks(tmp_path):
    """openssl reads the key with the passphrase only, and the rows are devices."""
    rows = generate(tmp_path)
    checked = list(check_rows(rows, folder=LocalFolder(tmp_path), subject_mode="from-csr"))
    assert all(isinstance(each, Device) for each in checked)
    assert "O=ACME" in read_csr(rows[0].csr_pem.encode()).subject.rfc4514_string()
    key = tmp_path / "a/private.pem"
    assert key.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    for passphrase, code in ((PASSPHRASE.decode(), 0), ("wrong horse", 1)):
        command = ["openssl", "pkey", "-in", key, "-noout", "-passin", f"pass:{passphrase}"]
        assert subprocess.run(command, capture_output=True, check=False).returncode == code


def test_a_key_is_never_open_to_others_not_even_for_an_instant(tmp_path, monkeypatch):
    """The file is created with mode 0600, also where the umask would allow more."""
    created = {}
    real_open = os.open

    def watched(path, flags, mode=0o777, **rest):
        descriptor = real_open(path, flags, mode, **rest)
        if flags & os.O_CREAT and "private" in str(path):
            created[str(path)] = stat.S_IMODE(os.fstat(descriptor).st_mode)
        return descriptor

    monkeypatch.setattr(os, "open", watched)
    before = os.umask(0)
    try:
        generate(tmp_path)
    finally:
        os.umask(before)
    assert list(created.values()) == [0o600, 0o600]
    assert stat.S_IMODE((tmp_path / "a/private.pem").stat().st_mode) == 0o600
    assert names(tmp_path / "a") == ["csr.pem", "private.pem"]


def test_a_second_run_uses_the_same_keys_and_csrs(tmp_path):
    """Nothing is made again, so nothing is certified twice."""
    assert generate(tmp_path) == generate(tmp_path)


def test_two_runs_at_once_agree_on_one_key_and_one_csr(tmp_path):
    """Whoever comes second takes what the first has made."""
    rows = [ManifestRow(row, f"d{row}") for row in range(20)]
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: generate(tmp_path, rows), range(4)))
    assert results == [results[0]] * 4
    for row in results[0]:
        key = load_private_key((tmp_path / row.device_id / "private.pem").read_bytes(), PASSPHRASE)
        assert read_csr(row.csr_pem.encode()).public_key_sha256 == public_key_sha256(
            key.public_key()
        )


@pytest.mark.parametrize("left", [b"", b"damaged", None], ids=["empty", "damaged", "gone"])
def test_a_csr_that_does_not_fit_its_key_is_made_again(tmp_path, left):
    """The key stays; only the CSR is written anew."""
    generate(tmp_path)
    key = (tmp_path / "a/private.pem").read_bytes()
    csr = tmp_path / "a/csr.pem"
    csr.unlink() if left is None else csr.write_bytes(left)
    [row, _] = generate(tmp_path)
    assert read_csr(row.csr_pem.encode()).common_name == "a"
    assert (tmp_path / "a/private.pem").read_bytes() == key
    assert csr.read_text() == row.csr_pem


def test_a_csr_of_another_key_or_subject_is_made_again(tmp_path):
    """A swapped CSR is not sent to AWS, and a changed manifest gives a changed subject."""
    generate(tmp_path)
    (tmp_path / "a/csr.pem").write_bytes((tmp_path / "b/csr.pem").read_bytes())
    changed = [ROWS[0], ManifestRow(3, "b", subject={"organization": "New"})]
    first, second = generate(tmp_path, changed)
    assert read_csr(first.csr_pem.encode()).common_name == "a"
    assert "O=New" in read_csr(second.csr_pem.encode()).subject.rfc4514_string()


def test_a_key_that_does_not_open_with_the_passphrase_is_an_error(tmp_path):
    """A fleet whose keys need different passphrases is never made."""
    generate(tmp_path)
    with pytest.raises(UnusableInput, match=r"a/private.pem cannot be decrypted"):
        generate(tmp_path, passphrase=b"wrong horse")


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(ManifestRow(2, "../a"), id="a name that leaves the folder"),
        pytest.param(ManifestRow(2, ""), id="no name"),
        pytest.param(ManifestRow(2, "a", problem="the line is not CSV"), id="unreadable row"),
        pytest.param(ManifestRow(2, "a", subject={"country": "NLD"}), id="unusable subject"),
        pytest.param(ManifestRow(2, "a", csr_path="a.csr"), id="a CSR of its own"),
    ],
)
def test_a_row_that_needs_or_can_have_no_key_gets_none(tmp_path, row):
    """No file is made for it, and the checks refuse or read it."""
    [passed] = generate(tmp_path / "out", [row])
    assert passed.csr_pem == ""
    assert list(tmp_path.iterdir()) == []


def test_an_rsa_key_has_2048_bits(tmp_path):
    """The other algorithm on offer."""
    generate(tmp_path, ROWS[:1], algorithm="RSA_2048")
    key = load_private_key((tmp_path / "a/private.pem").read_bytes(), PASSPHRASE)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size == 2_048


def test_a_rehearsal_finds_the_same_refusals_and_leaves_nothing(tmp_path, monkeypatch):
    """A plan sees what the run would see, without a file or a key that stays."""
    monkeypatch.chdir(tmp_path)
    rows = [*ROWS, ManifestRow(4, "a"), ManifestRow(5, "c", subject={"country": "NLD"})]
    real = [generate(tmp_path / "out", rows), list(rehearse_device_keys(rows))]
    real, rehearsed = (
        [
            getattr(each, "reason", None)
            for each in check_rows(keyed, folder=LocalFolder(tmp_path), subject_mode="from-csr")
        ]
        for keyed in real
    )
    assert rehearsed == real
    assert rehearsed[:2] == [None, None]
    assert names(tmp_path) == ["out"]
