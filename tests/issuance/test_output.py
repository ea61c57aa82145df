"""The output folder: certificates, chains and the report, whole or not at all."""

import csv
import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from birthcert.errors import ConfigurationError
from birthcert.files import UnwritableOutput
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.output import REPORT_COLUMNS, prepare_output, write_report
from birthcert.pki.certificates import load_certificate, serial_hex
from birthcert.pki.csr import read_csr
from birthcert.storage.local import LocalFolder

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certify(common_name: str, public_key, issuer: str, issuer_key, *, ca: bool) -> str:
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(issuer))
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + datetime.timedelta(days=36_500))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .sign(issuer_key, hashes.SHA256())
    )
    # Private CA's PEM has no newline at its end
    return certificate.public_bytes(serialization.Encoding.PEM).decode().rstrip()


@pytest.fixture(scope="module")
def keys() -> dict[str, ec.EllipticCurvePrivateKey]:
    return {each: ec.generate_private_key(ec.SECP256R1()) for each in ("root", "sub", "a", "other")}


@pytest.fixture(scope="module")
def device(keys, csr_for) -> Device:
    return Device(row=2, device_id="a", csr=read_csr(csr_for("a", keys["a"])))


@pytest.fixture(scope="module")
def pems(keys) -> dict[str, str]:
    public = {each: key.public_key() for each, key in keys.items()}
    return {
        "root": certify("root", public["root"], "root", keys["root"], ca=True),
        "sub": certify("sub", public["sub"], "root", keys["root"], ca=True),
        "a": certify("a", public["a"], "sub", keys["sub"], ca=False),
        "a of root": certify("a", public["a"], "root", keys["root"], ca=False),
        "other": certify("a", public["other"], "sub", keys["sub"], ca=False),
    }


def openssl_accepts(folder, root_pem: str) -> bool:
    (folder / "root.pem").write_text(root_pem)
    command = ["openssl", "verify", "-CAfile", folder / "root.pem"]
    command += ["-untrusted", folder / "a/chain.pem", folder / "a/certificate.pem"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("leaf", "issuers", "presented"),
    [
        pytest.param("a of root", ["root"], ["a of root", "root"], id="issued by a root"),
        pytest.param("a", ["sub", "root"], ["a", "sub"], id="issued by a subordinate"),
    ],
)
def test_a_device_gets_its_certificate_and_the_chain_it_presents(
    tmp_path, device, pems, leaf, issuers, presented
):
    """chain.pem is the device's certificate and then the registered CA's; openssl agrees."""
    chain = "\n".join(pems[each] for each in issuers)
    path = prepare_output(str(tmp_path)).deliver(device, pems[leaf], chain)
    assert path == str(tmp_path / "a/certificate.pem")
    assert (tmp_path / "a/certificate.pem").read_text() == pems[leaf] + "\n"
    chain_text = "".join(pems[each] + "\n" for each in presented)
    assert (tmp_path / "a/chain.pem").read_text() == chain_text
    assert names(tmp_path / "a") == ["certificate.pem", "chain.pem"]
    assert openssl_accepts(tmp_path, pems["root"])


@pytest.mark.parametrize(
    ("certificate", "chain_of"),
    [
        pytest.param(None, None, id="nothing there"),
        pytest.param("other", "other", id="of another key"),
        pytest.param("a of root", "a of root", id="an earlier certificate of the key"),
        pytest.param("a", "a of root", id="chain of an earlier certificate"),
        pytest.param("a", "", id="empty chain"),
        pytest.param("a", None, id="no chain"),
    ],
)
def test_a_certificate_counts_as_delivered_only_with_both_files_of_its_own(
    tmp_path, device, pems, certificate, chain_of
):
    """What is absent, cut short or of something else is to be written again."""
    folder = prepare_output(str(tmp_path))
    serial = serial_hex(load_certificate(pems["a"]))
    folder.deliver(device, pems["a"], pems["sub"])
    assert folder.find_delivered(device, serial) == str(tmp_path / "a/certificate.pem")
    for file, content in (("certificate.pem", certificate), ("chain.pem", chain_of)):
        path = tmp_path / "a" / file
        path.unlink() if content is None else path.write_text(pems.get(content, ""))
    assert folder.find_delivered(device, serial) is None


def test_the_output_folder_is_made_with_its_first_file(tmp_path):
    """A folder that is not there yet is no error, and the trial write does not make it."""
    output = prepare_output(str(tmp_path / "build/fleet"))
    assert output.report == str(tmp_path / "build/fleet/report.csv")
    assert names(tmp_path) == []
    write_report(output.folder, [])
    assert names(tmp_path / "build/fleet") == ["report.csv"]


@pytest.mark.parametrize(
    ("out", "says"),
    [
        pytest.param("file", "Not a directory", id="a file"),
        pytest.param("file/below", "Not a directory", id="below a file"),
        pytest.param("x" * 300, "File name too long", id="too long a name"),
        pytest.param("nowhere", "No such file", id="a link that leads nowhere"),
        pytest.param("taken", "where the report belongs", id="a folder named report.csv"),
    ],
)
def test_an_output_folder_of_no_use_is_refused_before_anything_happens(tmp_path, out, says):
    """The error has exit code 2 and says that nothing was touched."""
    (tmp_path / "file").touch()
    (tmp_path / "nowhere").symlink_to(tmp_path / "gone")
    (tmp_path / "taken/report.csv").mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=says) as caught:
        prepare_output(str(tmp_path / out))
    assert "nothing was touched" in caught.value.remedy
    assert caught.value.exit_code == 2


def test_an_output_of_an_unknown_kind_is_refused():
    """An address that is neither a path nor in S3 is no folder's name."""
    with pytest.raises(ConfigurationError, match="neither a path nor"):
        prepare_output("gs://bucket/fleet")


def test_the_report_has_a_row_a_device_and_counts_the_outcomes(tmp_path):
    """Columns as promised; a reason names the manifest's row; any text survives the CSV."""
    odd = 'line\nbreak, "quote" and \ud800'
    outcomes = [
        DeviceOutcome("a", 2, "issued", "0a:1b", "arn:1", "2036-01-01T00:00:00Z", "a/c.pem"),
        DeviceOutcome("b", 3, "existing", "0c", "arn:2", "2036-01-01T00:00:00Z", "b/c.pem"),
        DeviceOutcome(odd, 4, "refused", reason="the device_id is odd"),
    ]
    counts = write_report(LocalFolder(tmp_path), iter(outcomes))
    assert counts == {"issued": 1, "existing": 1, "refused": 1}
    with (tmp_path / "report.csv").open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    assert tuple(header) == REPORT_COLUMNS
    assert rows[0] == ["a", "issued", "0a:1b", "arn:1", "2036-01-01T00:00:00Z", "a/c.pem", ""]
    assert rows[2][0] == 'line\nbreak, "quote" and \\ud800'
    assert rows[2][-1] == "row 4: the device_id is odd"


def test_a_report_that_ends_early_leaves_the_one_before(tmp_path):
    """A run that dies while it reports does not leave half a report."""
    report = tmp_path / "report.csv"
    write_report(LocalFolder(tmp_path), [DeviceOutcome("a", 2, "issued")])
    before = report.read_bytes()

    def dying():
        yield DeviceOutcome("b", 2, "issued")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_report(LocalFolder(tmp_path), dying())
    assert report.read_bytes() == before
    assert names(tmp_path) == ["report.csv"]


def test_a_device_folder_that_cannot_be_made_is_an_error_that_says_how_to_go_on(
    tmp_path, device, pems
):
    """A file in the place of a device's folder fails that delivery with its path."""
    (tmp_path / "a").touch()
    with pytest.raises(UnwritableOutput, match=r"/a could not be written: .*it goes on"):
        prepare_output(str(tmp_path)).deliver(device, pems["a"], pems["sub"])
