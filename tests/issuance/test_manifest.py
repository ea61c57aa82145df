"""Reading manifests, good and bad."""

import gzip
import json
import os
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from birthcert.errors import BirthcertError, ConfigurationError, UnusableInput
from birthcert.issuance.manifest import count_rows, read_manifest
from birthcert.issuance.manifest_lines import LINE_MAX_BYTES
from birthcert.issuance.manifest_rows import ManifestRow
from birthcert.pki.names import device_name_problem

FLEET = Path(__file__).parents[2] / "examples" / "fleet" / "manifest.csv"


def problems(path: str) -> list[tuple[int, str]]:
    return [(row.row, row.problem) for row in read_manifest(path) if row.problem]


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"device_id,csr\na,csr/a.csr\nb,csr/b.csr\n", id="plain"),
        pytest.param(b"device_id,csr\na,csr/a.csr\nb,csr/b.csr", id="no newline at the end"),
        pytest.param(b"\xef\xbb\xbfdevice_id,csr\na,csr/a.csr\nb,csr/b.csr\n", id="BOM"),
        pytest.param(b"device_id,csr\r\na,csr/a.csr\r\nb,csr/b.csr\r\n", id="CRLF"),
        pytest.param(b'"device_id", csr\n"a", csr/a.csr \nb,"csr/b.csr"\n', id="quotes and blanks"),
        pytest.param(b"csr,device_id\ncsr/a.csr,a\ncsr/b.csr,b\n", id="columns the other way"),
    ],
)
@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["as it is", "gzipped"])
def test_a_csv_manifest_reads_the_same_however_it_is_written(manifest, content, compress):
    """Encoding marks, line ends, quotes, column order and gzip do not change the rows."""
    rows = list(read_manifest(manifest(compress(content))))
    assert rows == [
        ManifestRow(2, "a", csr_path="csr/a.csr"),
        ManifestRow(3, "b", csr_path="csr/b.csr"),
    ]


def test_a_jsonl_manifest_gives_inline_csrs_and_paths(manifest):
    """A JSON line holds the CSR or its path, and further subject fields."""
    lines = [
        {"device_id": "a", "csr": "-----BEGIN\nx"},
        {"device_id": "b", "csr_path": "b.csr", "organization": "Zürich AG", "country": ""},
    ]
    path = manifest([json.dumps(line) for line in lines], "fleet.data")
    assert list(read_manifest(path)) == [
        ManifestRow(1, "a", csr_pem="-----BEGIN\nx"),
        ManifestRow(2, "b", csr_path="b.csr", subject={"organization": "Zürich AG"}),
    ]


def test_row_numbers_are_the_lines_an_editor_shows(manifest):
    """Blank lines are no rows but count as lines."""
    path = manifest(["device_id,csr", "", "a,a.csr", "   ", "b,b.csr"])
    assert [row.row for row in read_manifest(path)] == [3, 5]
    assert count_rows(path) == 2


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"", "is empty", id="no byte"),
        pytest.param(b"\n \n", "is empty", id="blank lines only"),
        pytest.param(b"device_id,csr\n", "no devices", id="header only"),
        pytest.param(gzip.compress(b""), "is empty", id="empty gzip"),
        pytest.param(b"id,csr\na,b\n", "does not name device_id", id="wrong name"),
        pytest.param(b"a,a.csr\nb,b.csr\n", "does not name device_id and csr", id="no header"),
        pytest.param(b"device_id;csr\na;b\n", "separated by commas", id="semicolons"),
        pytest.param(b"device_id,csr,organisation\na,b,c\n", "'organisation'", id="misspelt"),
        pytest.param(b"device_id,csr,csr\na,b,c\n", "a column twice", id="twice"),
        pytest.param(b"device_id,csr\ra,b\r", "carriage return", id="old Mac line ends"),
        pytest.param(b"device_id,csr" + b"x" * LINE_MAX_BYTES, "longer than", id="endless header"),
        pytest.param(b'[{"device_id": "a"}]', "a JSON array", id="JSON array"),
        pytest.param("device_id,csr\na,b\n".encode("utf-16"), r"row 1 .*UTF-16", id="UTF-16"),
        pytest.param("device_id,csr\n".encode("utf-16-le"), "UTF-16", id="UTF-16 without mark"),
        pytest.param("device_id,csr\n".encode("utf-32"), "UTF-16", id="UTF-32"),
        pytest.param(b"device_id,csr\xff\na,b\n", "not UTF-8 at byte 14", id="Latin-1 header"),
    ],
)
def test_a_manifest_of_no_use_is_refused_at_the_call(manifest, content, says):
    """What spoils the whole manifest is one error before any row, with exit code 2."""
    with pytest.raises(UnusableInput, match=says) as caught:
        read_manifest(manifest(content))
    assert caught.value.exit_code == 2
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("path", "says"),
    [
        pytest.param("nowhere.csv", "No such file", id="missing"),
        pytest.param(".", "Is a directory", id="folder"),
        pytest.param("manifest.csv/x", "Not a directory", id="below a file"),
    ],
)
def test_a_path_that_is_no_file_is_refused(manifest, path, says):
    """The error says what the operating system says of the path."""
    folder = Path(manifest("device_id,csr\na,b\n")).parent
    with pytest.raises(UnusableInput, match=says):
        read_manifest(str(folder / path))


def test_an_address_of_an_unknown_kind_is_refused_with_advice():
    """A manifest is a local file or an object in S3."""
    with pytest.raises(ConfigurationError, match="s3://bucket"):
        read_manifest("gs://bucket/manifest.csv")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(b"x" * 10_000_000, "longer than 131,072 bytes", id="10 MB line"),
        pytest.param(b"b,b.csr,more", "3 fields, the header 2", id="a field too many"),
        pytest.param(b"b", "1 fields, the header 2", id="a field missing"),
        pytest.param(b'b,"b.csr', "not CSV", id="open quote"),
        pytest.param(b"b,b\xff.csr", "not UTF-8 at byte 4", id="Latin-1"),
        pytest.param(b"b,\0.csr", "NUL byte", id="NUL"),
    ],
)
def test_a_bad_line_costs_its_own_row_only(manifest, line, says):
    """The rows before and after a line that cannot be read are there, and it is named."""
    path = manifest(b"device_id,csr\na,a.csr\n" + line + b"\nc,c.csr\n")
    rows = list(read_manifest(path))
    assert [(row.row, bool(row.problem)) for row in rows] == [(2, False), (3, True), (4, False)]
    assert says in rows[1].problem


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param("{", "not JSON", id="cut short"),
        pytest.param('"b"', "not a JSON object", id="a string"),
        pytest.param("[" * 100_000, "not JSON", id="deeply nested"),
        pytest.param('{"device_id": ' + "9" * 5_000 + "}", "not JSON", id="endless number"),
        pytest.param('{"device_id": 7, "csr": "x"}', "device_id is not text", id="number"),
        pytest.param('{"device_id": "b", "organisation": "x"}', "'organisation'", id="misspelt"),
        pytest.param('{"device_id": "b", "csr": "x", "csr_path": "y"}', "both", id="two CSRs"),
    ],
)
def test_a_bad_json_line_costs_its_own_row_only(manifest, line, says):
    """A line that is no device is named, and the next one is read."""
    good = '{"device_id": "a", "csr": "x"}'
    [(row, problem)] = problems(manifest([good, line, good]))
    assert row == 2
    assert says in problem


def test_a_gzip_file_cut_short_is_an_error_that_names_the_row(manifest):
    """The rows up to the damage come, then the error says after which."""
    text = "device_id,csr\n" + "".join(f"d{i},{os.urandom(20).hex()}.csr\n" for i in range(5_000))
    rows = read_manifest(manifest(gzip.compress(text.encode())[:-30_000]))
    seen: list[int] = []
    with pytest.raises(UnusableInput, match="damaged gzip file after row") as caught:
        seen.extend(row.row for row in rows)
    assert len(seen) > 1_000
    assert caught.value.facts["row"] == seen[-1]


def test_a_manifest_that_changes_while_it_is_read_is_an_error(manifest):
    """Rows of two versions are never taken for one manifest."""
    path = manifest(["device_id,csr", "a,a.csr", "b,b.csr"])
    rows = read_manifest(path)
    next(rows)
    with Path(path).open("a") as stream:
        stream.write("c,c.csr\n")
    with pytest.raises(UnusableInput, match="changed while it was read"):
        list(rows)


def test_the_csr_column_may_be_absent_where_keys_are_made(manifest):
    """A fleet whose keys are generated needs no CSRs."""
    path = manifest(["device_id,country", "a,NL"])
    [row] = read_manifest(path, csr_required=False)
    assert row == ManifestRow(2, "a", subject={"country": "NL"})


def test_memory_does_not_grow_with_the_manifest(manifest):
    """5,000 rows of 1 kB are read within 1 MB."""
    line = json.dumps({"device_id": "a", "csr": "x" * 1_000})
    path = manifest(gzip.compress("".join(f"{line}\n" for _ in range(5_000)).encode()))
    tracemalloc.start()
    count = count_rows(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 5_000
    assert peak < 1_000_000


@given(content=st.binary(max_size=300), header=st.sampled_from([b"", b"device_id,csr\n", b"{"]))
def test_no_bytes_make_a_manifest_fail_otherwise_than_by_an_error_of_ours(
    tmp_path_factory, content, header
):
    """Whatever the file holds, reading gives rows or one clear error."""
    path = tmp_path_factory.getbasetemp() / "any"
    path.write_bytes(header + content)
    remedy, numbers = "", []
    try:
        numbers = [row.row for row in read_manifest(str(path))]
    except BirthcertError as error:
        remedy = error.remedy
    assert bool(numbers) != bool(remedy)
    assert numbers == sorted(set(numbers))


def test_the_example_fleet_has_25_devices():
    """The manifest that the demo certifies is in order."""
    rows = list(read_manifest(str(FLEET), csr_required=False))
    assert len({row.device_id for row in rows}) == 25
    assert [(row.problem, device_name_problem(row.device_id)) for row in rows] == [("", None)] * 25
