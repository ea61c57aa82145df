"""What makes a row of a manifest a device, and what gets it refused."""

import hashlib
import json
import os
import random
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from birthcert import limits
from birthcert.issuance.checks import check_rows
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.duplicates import FirstRows
from birthcert.issuance.manifest import read_manifest
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.jitp.template import render_template
from birthcert.models import Subject
from birthcert.pki.csr import build_csr
from birthcert.storage.local import LocalFolder

PEM = serialization.Encoding.PEM


def check(
    *rows: ManifestRow, folder: Path = Path(), mode: str = "from-csr", template: str | None = None
) -> list[Device | DeviceOutcome]:
    return list(
        check_rows(
            rows,
            folder=LocalFolder(folder),
            subject_mode=mode,
            provisioning_template=template,
        )
    )


def reason(checked: Device | DeviceOutcome) -> str:
    assert isinstance(checked, DeviceOutcome)
    assert checked.outcome == "refused"
    return checked.reason


@pytest.fixture(scope="module")
def key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def small_rsa_csr() -> bytes:
    small = rsa.generate_private_key(65537, 1024)
    return build_csr(small, Subject(common_name="a"))


def test_a_good_row_is_a_device_with_its_csr(tmp_path, csr_for):
    """A CSR file beside the manifest, or below it, is read."""
    (tmp_path / "csr").mkdir()
    (tmp_path / "csr/a.csr").write_bytes(csr_for("a"))
    [device] = check(ManifestRow(7, "a", csr_path="csr/../csr/a.csr"), folder=tmp_path)
    assert isinstance(device, Device)
    assert (device.row, device.device_id, device.csr.common_name) == (7, "a", "a")
    assert device.subject is None


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("", "has no CSR", id="no path"),
        pytest.param("nowhere.csr", "no CSR file 'nowhere.csr'", id="missing"),
        pytest.param("x" * 300, "File name too long", id="too long"),
        pytest.param("folder", "is no file", id="folder"),
        pytest.param("pipe", "is no file", id="pipe"),
        pytest.param("../outside.csr", "leads out of", id="dots"),
        pytest.param("folder/../../outside.csr", "leads out of", id="dots below"),
        pytest.param("link.csr", "leads out of", id="symbolic link"),
        pytest.param("up/outside.csr", "leads out of", id="below a symbolic link"),
        pytest.param("/etc/hostname", "is absolute", id="absolute"),
        pytest.param("a\0.csr", "NUL", id="NUL"),
    ],
)
def test_a_csr_path_reads_plain_files_in_the_manifests_folder_only(tmp_path, csr_for, path, says):
    """No manifest makes this machine read a file elsewhere, or hang."""
    folder = tmp_path / "fleet"
    (folder / "folder").mkdir(parents=True)
    os.mkfifo(folder / "pipe")
    outside = tmp_path / "outside.csr"
    outside.write_bytes(csr_for("a"))
    (folder / "link.csr").symlink_to(outside)
    (folder / "up").symlink_to(tmp_path)
    [refused] = check(ManifestRow(2, "a", csr_path=path), folder=folder)
    assert says in reason(refused)


def test_a_symbolic_link_within_the_folder_is_followed(tmp_path, csr_for):
    """Links that stay inside are the user's own affair, also when the folder itself is one."""
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet/a.csr").write_bytes(csr_for("a"))
    (tmp_path / "fleet/link.csr").symlink_to("a.csr")
    (tmp_path / "here").symlink_to("fleet")
    [device] = check(ManifestRow(2, "a", csr_path="link.csr"), folder=tmp_path / "here")
    assert isinstance(device, Device)


@pytest.mark.parametrize(
    ("device_id", "says"),
    [
        pytest.param("", "no name", id="empty"),
        pytest.param("d" * 65, "65 characters", id="longer than a CommonName"),
        pytest.param("..", "only letters", id="dots"),
        pytest.param("a/b", "only letters", id="slash"),
        pytest.param("a b", "only letters", id="blank"),
        pytest.param("gerät", "only letters", id="umlaut"),
        pytest.param("=1+1", "only letters", id="formula"),
    ],
)
def test_a_device_id_must_do_as_common_name_thing_and_folder(csr_for, device_id, says):
    """A name that AWS IoT or the file system would take otherwise is refused."""
    [refused] = check(ManifestRow(2, device_id, csr_pem=csr_for("a").decode()))
    assert says in reason(refused)


def test_a_csr_of_no_use_is_refused_with_its_own_reason(tmp_path, csr_for, small_rsa_csr):
    """Each kind of bad CSR says what is wrong with it, and what to do."""
    good = csr_for("a")
    broken = bytearray(x509.load_pem_x509_csr(good).public_bytes(serialization.Encoding.DER))
    broken[-1] ^= 1
    wrong_signature = x509.load_der_x509_csr(bytes(broken)).public_bytes(PEM)
    p521 = build_csr(ec.generate_private_key(ec.SECP521R1()), Subject(common_name="a"))
    for pem, says in (
        (b"hello", "not in PEM form"),
        (good + good, "2 PEM blocks"),
        (b" " * limits.CSR_MAX_BYTES + good, "over AWS's 32768"),
        (wrong_signature, "signature is wrong"),
        (small_rsa_csr, "1024 bits"),
        (p521, "curve secp521r1"),
    ):
        (tmp_path / "a.csr").write_bytes(pem)
        [refused] = check(ManifestRow(2, "a", csr_path="a.csr"), folder=tmp_path)
        assert says in reason(refused)
        assert ";" in reason(refused)


def test_from_csr_a_csr_for_another_device_is_refused(csr_for, key):
    """One factory cannot have another's devices certified, nor a CSR without a name."""
    nameless = build_csr(key, Subject(organization="ACME"))
    other, none = check(
        ManifestRow(2, "a", csr_pem=csr_for("b").decode()),
        ManifestRow(3, "c", csr_pem=nameless.decode()),
    )
    assert "CommonName 'b' is not the device id 'a'" in reason(other)
    assert "no CommonName" in reason(none)


def test_from_manifest_the_columns_make_the_subject_of_a_nameless_csr(key):
    """The CSR's own subject does not matter, and the device id is the CommonName."""
    [device] = check(
        ManifestRow(
            2,
            "a",
            csr_pem=build_csr(key, Subject()).decode(),
            subject={"organization": "ACME", "country": "NL", "state": "Zuid-Holland"},
        ),
        mode="from-manifest",
    )
    assert isinstance(device, Device)
    assert device.subject == {
        "CommonName": "a",
        "Organization": "ACME",
        "Country": "NL",
        "State": "Zuid-Holland",
    }


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        pytest.param("organization", "x" * 65, "organization cannot be used", id="too long"),
        pytest.param("country", "NLD", "country cannot be used", id="three letters"),
        pytest.param("serial_number", "1_2", "serial_number cannot be used", id="alphabet"),
        pytest.param("common_name", "b", "common_name 'b' is not", id="another name"),
        pytest.param("state", "a\nb", "control character", id="line break"),
    ],
)
def test_from_manifest_a_column_of_no_use_is_refused(csr_for, column, value, says):
    """What ASN1Subject would not take is named by its column."""
    row = ManifestRow(2, "a", csr_pem=csr_for("a").decode(), subject={column: value})
    [refused] = check(row, mode="from-manifest")
    assert says in reason(refused)


def test_of_two_rows_with_one_id_the_later_is_refused(csr_for):
    """The refusal names the row that had the id first, even when that one was refused too."""
    first, second = check(
        ManifestRow(2, "a", csr_pem="no CSR"), ManifestRow(9, "a", csr_pem=csr_for("a").decode())
    )
    assert "not in PEM form" in reason(first)
    assert reason(second) == "the device_id is that of row 2 already"


def test_of_two_rows_with_one_public_key_the_later_is_refused(csr_for, key):
    """Two devices never share a key, though their CSRs differ."""
    first, second = check(
        ManifestRow(2, "a", csr_pem=csr_for("a", key).decode()),
        ManifestRow(3, "b", csr_pem=csr_for("b", key).decode()),
    )
    assert isinstance(first, Device)
    assert reason(second) == "the public key is that of row 2 already"


def test_a_row_that_names_anothers_csr_does_not_cost_the_other_its_certificate(csr_for, key):
    """A refused row does not claim the key of the CSR that it names by mistake."""
    pem = csr_for("b", key).decode()
    first, second = check(ManifestRow(2, "a", csr_pem=pem), ManifestRow(3, "b", csr_pem=pem))
    assert "is not the device id" in reason(first)
    assert isinstance(second, Device)


def test_a_subject_without_what_the_provisioning_template_needs_is_refused(csr_for):
    """A device that AWS IoT would leave in PENDING_ACTIVATION is found before it is paid for."""
    body = json.loads(render_template(thing_type="UnifiedAgent", policy_name="acme-device"))
    body["Parameters"]["AWS::IoT::Certificate::Country"] = {"Type": "String"}
    pem = csr_for("a").decode()
    template = json.dumps(body)
    [refused] = check(ManifestRow(2, "a", csr_pem=pem), template=template)
    assert "the subject lacks Country" in reason(refused)
    row = ManifestRow(2, "a", csr_pem=pem, subject={"country": "NL"})
    [device] = check(row, mode="from-manifest", template=template)
    assert isinstance(device, Device)


def test_a_thousand_rows_with_three_bad_ones_give_997_devices_in_order(manifest, key):
    """The bad rows are refused where they stand and the others go on."""
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(1_000)]
    lines = [
        {"device_id": f"d{i:04}", "csr": build_csr(k, Subject(common_name=f"d{i:04}")).decode()}
        for i, k in enumerate(keys)
    ]
    bad = sorted(random.Random(3).sample(range(1_000), 3))
    for i in bad:
        lines[i]["csr"] = "-----BEGIN CERTIFICATE REQUEST-----"
    rows = read_manifest(manifest([json.dumps(line) for line in lines]))
    checked = check(*rows)
    assert [each.row for each in checked] == list(range(1, 1_001))
    assert [i for i, each in enumerate(checked) if isinstance(each, DeviceOutcome)] == bad


def test_first_rows_finds_each_value_again_and_no_other():
    """Names and keys are told apart, and 20,000 values do not mix."""
    first_rows = FirstRows()
    assert all(first_rows.of_name(str(row), row) is None for row in range(20_000))
    assert first_rows.of_key(hashlib.sha256(b"77").hexdigest(), 5) is None
    assert first_rows.of_key(hashlib.sha256(b"77").hexdigest(), 6) == 5
    assert first_rows.of_name("77", 30_000) == 77
    assert first_rows.of_name("20000", 30_001) is None


def test_first_rows_is_not_misled_by_the_end_of_one_value_and_the_start_of_the_next():
    """A hash that is found across two neighbours on a shelf is not a value that was seen."""
    first_rows = FirstRows()
    digest = hashlib.blake2b(b"wanted", digest_size=10).digest()
    shelf = first_rows._shelves[int.from_bytes(digest[:2], "big")]
    shelf += bytes(5) + digest[2:] + bytes(11)
    assert first_rows.of_name("wanted", 9) is None
    assert first_rows.of_name("wanted", 10) == 9


def test_the_self_made_csr_of_a_stranger_with_two_common_names_is_refused(key):
    """A second CommonName cannot slip another device's name in."""
    names = [x509.NameAttribute(NameOID.COMMON_NAME, name) for name in ("a", "b")]
    builder = x509.CertificateSigningRequestBuilder(subject_name=x509.Name(names))
    pem = builder.sign(key, hashes.SHA256()).public_bytes(PEM).decode()
    [refused] = check(ManifestRow(2, "a", csr_pem=pem))
    assert "2 CommonNames" in reason(refused)
