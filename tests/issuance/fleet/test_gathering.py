"""The reports of places, added up to one of the whole manifest."""

from collections.abc import Callable
from pathlib import Path

from fleet_lab import HERE, THERE, refusals, request_for, spread

from birthcert.issuance.devices import DeviceOutcome
from birthcert.issuance.gathering import gather
from birthcert.issuance.output import write_report
from birthcert.models import FleetParts, FleetPlaceReport, IssueReport
from birthcert.storage.local import LocalFolder
from birthcert.storage.stores import LOCAL


def report_of(parts: FleetParts, number: int, outcomes: list[DeviceOutcome]) -> FleetPlaceReport:
    """What the batch of a place leaves: report.csv and its own report."""
    part = parts.parts[number]
    out = Path(part.request.out)
    counts = write_report(LocalFolder(out), outcomes)
    names = ("issued", "existing", "refused", "failed")
    batch = IssueReport(
        tenant="acme",
        account=part.place.account,
        region=part.place.region,
        authority_arn="arn",
        requested=counts.total(),
        **{name: counts[name] for name in names},  # type: ignore[literal-required]
        seconds=1,
        certificates_per_second=1,
        throttled=3,
        report="",
        out=str(out),
    )
    return FleetPlaceReport(
        account=part.place.account, region=part.place.region, devices=part.devices, batch=batch
    )


def test_the_report_has_every_row_in_the_manifests_order(
    rows: Callable[..., str], tmp_path: Path
) -> None:
    """From each place and from none; a place that failed has all its devices failed."""
    named = zip("abcdef", [HERE, THERE, HERE, "nowhere", THERE, HERE], strict=True)
    manifest = rows(*({"device_id": name, "place": place} for name, place in named))
    request = request_for(tmp_path, manifest, HERE, THERE)
    parts = spread(request)
    done = [
        DeviceOutcome("a", 1, "issued", serial_number="0a"),
        DeviceOutcome("c", 3, "failed", reason="AWS said no"),
        DeviceOutcome("f", 6, "existing"),
    ]
    lost = FleetPlaceReport(account="111111111111", region="us-east-1", devices=2, problem="gone")
    report = gather(
        request, parts.parts, [report_of(parts, 0, done), lost], storage=LOCAL, seconds=2
    )
    told = refusals(request, "report.csv")
    assert list(told) == list("abcdef")
    assert told["b"] == f"row 2: {THERE}: gone"
    assert told["c"] == "row 3: AWS said no"
    assert told["d"].startswith("row 4: the place 'nowhere'")
    counts = (report.requested, report.issued, report.existing, report.refused, report.failed)
    assert counts == (6, 1, 1, 1, 3)
    assert (report.exit_code(), report.throttled, report.certificates_per_second) == (3, 3, 0.5)
    summary = (Path(request.out) / "summary.json").read_text()
    assert report == type(report).model_validate_json(summary)
