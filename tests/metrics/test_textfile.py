"""The file that all processes of a machine add their counts to."""

import re
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from birthcert.logs import Work, working_on
from birthcert.metrics.meters import Meters
from birthcert.metrics.textfile import Textfile

PLACE = "aws:123456789012:eu-west-1"
ISSUED = f'birthcert_devices_total{{outcome="issued",place="{PLACE}",tenant="acme"}}'
Counted = Callable[[str], float]


@pytest.fixture
def counted(tmp_path: Path) -> Counted:
    """The value of a sample in the file."""

    def value(sample: str) -> float:
        text = (tmp_path / "birthcert.prom").read_text()
        return float(re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]

    return value


def process(folder: Path) -> tuple[Meters, Textfile]:
    """What a process has of its own."""
    meters = Meters()
    return meters, Textfile(folder, meters.registry)


def test_counts_outlive_the_process(tmp_path: Path, counted: Counted) -> None:
    """A second process adds to what the first one counted."""
    for devices in (3, 4):
        meters, file = process(tmp_path)
        for _ in range(devices):
            meters.device("acme", PLACE, "issued")
        file.add()
        file.add()
    assert counted(ISSUED) == 7


def test_what_a_process_counts_later_is_added_once(tmp_path: Path, counted: Counted) -> None:
    """Each time only what is new since the last time."""
    (first, file), (second, other) = process(tmp_path), process(tmp_path)
    for _ in range(3):
        first.device("acme", PLACE, "issued")
        second.device("acme", PLACE, "issued")
        file.add()
        other.add()
    assert counted(ISSUED) == 6


def test_many_at_once_lose_nothing(tmp_path: Path, counted: Counted) -> None:
    """The lock holds from reading to replacing."""

    def work() -> None:
        meters, file = process(tmp_path)
        for _ in range(10):
            meters.device("acme", PLACE, "issued")
            file.add()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted(ISSUED) == 40


def test_a_histogram_is_summed(tmp_path: Path, counted: Counted) -> None:
    """Buckets, count and sum of all processes."""
    labels = f'action="IssueCertificate",outcome="ok",place="{PLACE}",service="acm-pca"'
    for seconds in (0.02, 3.0):
        meters, file = process(tmp_path)
        with working_on(Work("acme", PLACE, "issue_chunk")):
            meters.call("acm-pca", "IssueCertificate", "ok", seconds)
        file.add()
    le = 'action="IssueCertificate",le="{}",outcome="ok",place="' + PLACE + '",service="acm-pca"'
    assert counted(f"birthcert_aws_call_seconds_count{{{labels}}}") == 2
    assert counted(f"birthcert_aws_call_seconds_sum{{{labels}}}") == pytest.approx(3.02)
    assert counted(f"birthcert_aws_call_seconds_bucket{{{le.format('0.1')}}}") == 1
    assert counted(f"birthcert_aws_call_seconds_bucket{{{le.format('+Inf')}}}") == 2


def test_quotas_are_those_that_aws_was_asked_for(tmp_path: Path, counted: Counted) -> None:
    """A call that is made in number has the quota of its place, another one AWS's default."""
    meters, file = process(tmp_path)
    with working_on(Work("acme", PLACE, "issue_chunk")):
        meters.quota(PLACE, "acm-pca.IssueCertificate", 100)
        meters.call("acm-pca", "IssueCertificate", "ok", 0.1)
        meters.call("acm-pca", "DescribeCertificateAuthority", "ok", 0.1)
    file.add()
    for action, limit in (("IssueCertificate", 100), ("DescribeCertificateAuthority", 20)):
        labels = f'action="{action}",place="{PLACE}",service="acm-pca"'
        assert counted(f"birthcert_aws_quota_per_second{{{labels}}}") == limit


def test_an_old_value_does_not_come_back(tmp_path: Path, counted: Counted) -> None:
    """A process that goes on counting leaves a gauge that another one has set since."""
    (first, file), (second, other) = process(tmp_path), process(tmp_path)
    for meters, owner, year in ((first, file, 2030), (second, other, 2040)):
        meters.authority("acme", PLACE, datetime(year, 1, 1, tzinfo=UTC))
        owner.add()
    first.device("acme", PLACE, "issued")
    file.add()
    gauge = f'birthcert_authority_not_after_timestamp_seconds{{place="{PLACE}",tenant="acme"}}'
    assert counted(gauge) == datetime(2040, 1, 1, tzinfo=UTC).timestamp()


def test_a_damaged_file_is_begun_anew(
    tmp_path: Path, counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    """What someone else wrote there is said and replaced."""
    (tmp_path / "birthcert.prom").write_text('birthcert_devices_total{tenant="acme 3\n')
    meters, file = process(tmp_path)
    meters.device("acme", PLACE, "issued")
    file.add()
    assert counted(ISSUED) == 1
    assert "was damaged" in caplog.text


def test_a_metric_of_an_older_release_is_dropped(tmp_path: Path) -> None:
    """Only what this release counts stays in the file."""
    (tmp_path / "birthcert.prom").write_text("birthcert_old_total 3\n")
    meters, file = process(tmp_path)
    meters.device("acme", PLACE, "issued")
    file.add()
    assert "birthcert_old" not in (tmp_path / "birthcert.prom").read_text()


def test_a_folder_that_fails_stops_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is said once, and what was counted meanwhile is added when it works again."""
    (tmp_path / "folder").write_text("in the way")
    meters = Meters()
    file = Textfile(tmp_path / "folder", meters.registry)
    for _ in range(2):
        meters.device("acme", PLACE, "issued")
        file.add()
    assert caplog.text.count("metrics cannot be written") == 1
    (tmp_path / "folder").unlink()
    file.add()
    assert f"{ISSUED} 2.0" in (tmp_path / "folder" / "birthcert.prom").read_text()


def test_the_end_of_a_process_writes_the_rest(tmp_path: Path, counted: Counted) -> None:
    """Also one that ends by an error; without birthcert's other imports, to be quick."""
    program = (
        "from pathlib import Path; from birthcert.metrics.meters import Meters;"
        "from birthcert.metrics.textfile import Textfile;"
        f"meters = Meters(); Textfile(Path({str(tmp_path)!r}), meters.registry).keep();"
        f"meters.device('acme', {PLACE!r}, 'issued'); raise SystemExit(3)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 3
    assert counted(ISSUED) == 1


def test_node_exporter_may_read_it(tmp_path: Path) -> None:
    """It runs as another user."""
    meters, file = process(tmp_path)
    meters.device("acme", PLACE, "issued")
    file.add()
    assert file.path.stat().st_mode & 0o444 == 0o444
    assert [each.name for each in tmp_path.glob("*.prom")] == ["birthcert.prom"]
