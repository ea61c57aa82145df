"""Manifests in S3: as those of this machine, within the manifest's own prefix."""

import gzip
from collections.abc import Iterator

import pytest

from birthcert.aws.access import AwsAccess
from birthcert.aws.bucket import PIECE_BYTES, Bucket
from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.issuance.batch import checked_rows
from birthcert.issuance.devices import Device, DeviceOutcome
from birthcert.issuance.manifest import count_rows, read_manifest
from birthcert.models import IssueRequest
from birthcert.storage.stores import Storage

MANIFEST = "s3://fleets/acme/manifest.csv"


@pytest.fixture
def storage(aws: AwsAccess, bucket: Bucket) -> Storage:
    return Storage(aws)


def checked(storage: Storage, manifest: str = MANIFEST) -> list[Device | DeviceOutcome]:
    request = IssueRequest(tenant="acme", manifest=manifest, out="out")
    return list(checked_rows(request, storage=storage))


@pytest.mark.parametrize("compress", [lambda data: data, gzip.compress], ids=["plain", "gzip"])
def test_csrs_are_read_beside_the_manifest_and_below_it(storage, bucket, csr_for, compress):
    """The column csr is relative to the manifest's prefix, gzipped or not."""
    bucket.put("acme/a.csr", csr_for("a"))
    bucket.put("acme/csr/b.csr", csr_for("b"))
    bucket.put("acme/manifest.csv", compress(b"device_id,csr\na,a.csr\nb,csr/../csr/b.csr\n"))
    devices = checked(storage)
    assert [device.device_id for device in devices if isinstance(device, Device)] == ["a", "b"]
    assert count_rows(MANIFEST, storage=storage) == 2


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("../acme-evil/x.csr", "leads out", id="a sibling prefix"),
        pytest.param("csr/../../globex/x.csr", "leads out", id="above by a detour"),
        pytest.param("/globex/x.csr", "is absolute", id="absolute"),
        pytest.param("s3://fleets/globex/x.csr", "there is no CSR file", id="an address"),
        pytest.param("none.csr", "there is no CSR file", id="missing"),
    ],
)
def test_a_row_cannot_lead_out_of_the_manifests_prefix(storage, bucket, csr_for, path, says):
    """Whoever writes a manifest reads nothing of others with it: the row is refused."""
    for key in ("acme-evil/x.csr", "globex/x.csr"):
        bucket.put(key, csr_for("x"))
    bucket.put("acme/manifest.csv", f"device_id,csr\nx,{path}\n".encode())
    [refused] = checked(storage)
    assert isinstance(refused, DeviceOutcome)
    assert says in refused.reason


def test_a_manifest_that_is_overwritten_while_it_is_read_is_refused(storage, bucket):
    """The rows read until then are of one version, and the error names the row."""
    row = b"unit," + b"u" * 1_000 + b".csr\n"
    rows = b"device_id,csr\n" + row * (2 * PIECE_BYTES // len(row))
    folder = storage.folder("s3://fleets/acme")
    folder.write("manifest.csv", rows)
    drawn: Iterator[object] = read_manifest(MANIFEST, storage=storage)
    next(drawn)
    folder.write("manifest.csv", rows + b"one,more.csr\n")
    with pytest.raises(UnusableInput, match=r"changed while it was read \(row \d{4,5}\)"):
        list(drawn)


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        pytest.param("s3://fleets/acme/none.csv", "no such object", id="no object"),
        pytest.param("s3://nobodys/manifest.csv", "NoSuchBucket", id="no bucket"),
        pytest.param("s3://fleets/acme/empty.csv", "is empty", id="empty"),
        pytest.param("s3://fleets/acme/cut.csv", "damaged gzip", id="gzip cut short"),
    ],
)
def test_an_object_of_no_use_is_said_in_one_line(storage, bucket, manifest, says):
    """The error is as that of a file, and names the address."""
    bucket.put("acme/empty.csv", b"")
    bucket.put("acme/cut.csv", gzip.compress(b"device_id,csr\n" + b"a,b\n" * 9)[:-9])
    with pytest.raises(UnusableInput, match=says) as caught:
        list(read_manifest(manifest, storage=storage))
    assert manifest in str(caught.value)
    assert "\n" not in str(caught.value)


def test_private_keys_are_not_made_in_s3(storage, bucket):
    """Generated keys stay on this machine: refused before anything is read or written."""
    bucket.put("acme/manifest.csv", b"device_id\na\n")
    request = IssueRequest(
        tenant="acme", manifest=MANIFEST, out="s3://fleets/out", generate_keys="EC_prime256v1"
    )
    with pytest.raises(ConfigurationError, match="of this machine alone"):
        checked_rows(request, storage=storage)
