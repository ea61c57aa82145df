"""Addresses in S3: one reading, or none."""

import pytest

from birthcert.errors import ConfigurationError
from birthcert.storage.address import S3Address, below, parse_s3, split_object


def test_an_address_is_a_bucket_and_a_key() -> None:
    """A slash at the end makes no difference; the prefix of a folder ends with one."""
    address = parse_s3("s3://fleets/tenants/acme/")
    assert address == parse_s3("s3://fleets/tenants/acme") == S3Address("fleets", "tenants/acme")
    assert address.prefix == "tenants/acme/"
    assert str(address) == "s3://fleets/tenants/acme"
    assert parse_s3("s3://fleets").prefix == ""
    assert split_object("s3://fleets/a/b.csv") == ("s3://fleets/a", "b.csv")


@pytest.mark.parametrize(
    "location",
    [
        pytest.param("s3://", id="nothing"),
        pytest.param("s3:///key", id="no bucket"),
        pytest.param("s3://Fleets/a", id="a bucket in capitals"),
        pytest.param("s3://fleets/acme/../globex", id="dots"),
        pytest.param("s3://fleets/./acme", id="a dot"),
        pytest.param("s3://fleets//acme", id="an empty part"),
        pytest.param("s3://fleets/acme//", id="an empty part at the end"),
        pytest.param("s3://fleets/a\nb", id="a line break"),
        pytest.param("s3://fleets/" + "é" * 600, id="too long in UTF-8"),
    ],
)
def test_an_address_with_more_than_one_reading_is_refused(location: str) -> None:
    """What could name another folder to another tool names none."""
    with pytest.raises(ConfigurationError, match="cannot be used as an address"):
        parse_s3(location)


def test_an_object_needs_a_key() -> None:
    """A bucket or a folder is no file."""
    for location in ("s3://fleets", "s3://fleets/folder/"):
        with pytest.raises(ConfigurationError, match="names no object"):
            split_object(location)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        pytest.param("csr/../a.csr", "a.csr", id="inside by dots"),
        pytest.param("../a.csr", None, id="above"),
        pytest.param("csr/../../a.csr", None, id="above by a detour"),
        pytest.param("/a.csr", None, id="absolute"),
        pytest.param("//a.csr", None, id="two slashes"),
        pytest.param("..", None, id="the folder above"),
        pytest.param("", None, id="empty"),
    ],
)
def test_a_name_stays_below_its_folder(name: str, found: str | None) -> None:
    """Dots are followed, and may not lead out."""
    assert below(name) == found
