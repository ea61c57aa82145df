"""The human text of the commands' results."""

import csv
from collections.abc import Sequence
from pathlib import Path

from birthcert import console
from birthcert.connecting import ConnectReport
from birthcert.durations import duration
from birthcert.fleet_plan import FleetPlan
from birthcert.models import BootstrapReport, FleetReport, IssueReport, RolloverReport, Step
from birthcert.plan import IssuePlan, batch_facts
from birthcert.planning import BootstrapPlan

DEMO_COLUMNS = [
    "device",
    "outcome",
    "serial number",
    "valid until",
    "openssl",
    "thing",
    "status",
    "published",
]


def show_bootstrap(report: BootstrapReport) -> None:
    """What exists now, and how each step came about."""
    _show_sandbox(report.sandbox)
    _show_steps(report.steps)
    above = report.root_authority_arn
    root = {"root, disabled; it bills on": above} if above else {}
    console.print_facts(
        f"{report.tenant} is ready in {report.region} of {report.account}",
        {
            "certificate authority": report.authority_arn,
            **root,
            "valid until": report.authority_not_after,
            "registration": report.registration["certificate_arn"],
            "role": report.role_arn,
            "device policy": report.policy_name,
            "thing type": report.thing_type,
            "device endpoint": report.endpoint,
        },
    )
    _show_places(report)


def show_rollover(report: RolloverReport) -> None:
    """Which CA issues now, and what became of the old one."""
    _show_sandbox(report.sandbox)
    _show_steps(report.steps)
    issuing = "the successor issues now" if report.moved else "the OLD CA STILL ISSUES"
    console.print_facts(
        f"{report.tenant} in {report.region} of {report.account}: {issuing}",
        {
            "successor": report.authority_arn,
            "valid until": report.authority_not_after,
            "registration": report.registration["certificate_arn"],
            "old": f"{report.replaced_arn}, billed until it is deleted",
        },
    )
    for old in report.old_registrations:
        where = f"old registration in {old.region} of {old.account}"
        told = f"{old.status}, {old.active_certificates} device certificates ACTIVE"
        console.out.print(f"  {where}: {old.problem or told}", markup=False)
    _show_places(report)


def _show_sandbox(name: str | None) -> None:
    if name:
        console.out.print(f"[yellow]local sandbox {name}, not AWS[/]")


def _show_steps(steps: Sequence[Step]) -> None:
    console.print_rows(
        ["step", "outcome", "seconds", "ARN"],
        [[s.name, s.outcome, f"{s.seconds:.2f}", s.arn] for s in steps],
    )
    console.out.print()


def _show_places(report: BootstrapReport | RolloverReport) -> None:
    if not report.places:
        return
    console.out.print()
    console.print_rows(
        ["further place", "account", ""],
        [[place.region, place.account, place.told()] for place in report.places],
    )
    if report.exit_code():
        console.out.print("run the same command again: it goes on with the places that failed")


def show_issue(report: IssueReport) -> None:
    """A batch's counts and where its files are."""
    rate = f"{report.certificates_per_second:.1f} certificates a second"
    rate += f" of {limit:g}" if (limit := report.rate_limit_per_second) else ""
    rate += f", {report.throttled} calls throttled" if report.throttled else ""
    _show_counts(report, rate)


def show_fleet(report: FleetReport) -> None:
    """A fleet's counts, and what came of each place."""
    console.print_rows(
        ["account", "region", "devices", ""],
        [[each.account, each.region, str(each.devices), each.told()] for each in report.places],
    )
    _show_counts(report, f"{report.certificates_per_second:.1f} certificates a second")


def _show_counts(report: IssueReport | FleetReport, rate: str) -> None:
    console.print_facts(
        f"{report.tenant}: {report.issued + report.existing} of {report.requested} devices "
        "have certificates",
        {
            "issued": report.issued,
            "existing": report.existing,
            "refused": report.refused,
            "failed": report.failed,
            "rate": rate,
            "certificates": report.out,
            "report": report.report,
        },
    )


def show_plan(plan: BootstrapPlan | IssuePlan) -> None:
    """What would be done and what it costs."""
    _show_sandbox(plan.sandbox)
    if isinstance(plan, BootstrapPlan):
        rows = [[s.step, s.action, s.what, f"{s.usd:.2f}" if s.usd else ""] for s in plan.steps]
        columns = ["step", "would", "what", "USD"]
        if any(step.place for step in plan.steps):
            columns.append("further place")
            rows = [[*row, step.place] for row, step in zip(rows, plan.steps, strict=True)]
        console.print_rows(columns, rows)
        console.out.print(
            f"\n{plan.usd_a_month:.2f} USD more a month and {plan.usd_now:.2f} USD once "
            f"(prices of {plan.prices_as_of}); nothing was touched"
        )
        _show_chain(plan)
        return
    above = f"{plan.authority_arn}, {plan.days_left} days left"
    _show_batch_plan(plan, {"certificate authority": above})


def show_fleet_plan(plan: FleetPlan) -> None:
    """What each place would do, and all of it together."""
    _show_sandbox(plan.sandbox)
    console.print_rows(
        ["account", "region", "devices", "would certify", "USD at most", "time"],
        [
            [
                each.account,
                each.region,
                str(each.rows),
                str(each.batch.certificates),
                f"{each.batch.price_usd:,.2f}",
                duration(each.batch.seconds),
            ]
            for each in plan.places
        ],
    )
    _show_batch_plan(plan, {})


def _show_batch_plan(plan: IssuePlan | FleetPlan, above: dict[str, str]) -> None:
    console.print_facts(
        f"{plan.batch.certificates} of {plan.rows} devices of {plan.tenant} would be certified",
        {
            **above,
            **batch_facts(plan.batch),
            "existing": plan.existing,
            "refused": plan.refused,
        },
    )
    for line in (*plan.batch.problems, *plan.refusals):
        console.out.print(f"  {line}", markup=False)


def _show_chain(plan: BootstrapPlan) -> None:
    for link in plan.chain:
        known = "would end" if link.is_planned else "ends"
        console.out.print(f"{link.name} {known} {link.not_after:%Y-%m-%d}", markup=False)
    if plan.first_end:
        end = f"{plan.first_end:%Y-%m-%d %H:%M} UTC"
        console.out.print(f"no device's certificate can outlive {end}")
    for line in plan.advice:
        console.out.print(f"  {line}", markup=False)


def show_demo(
    *,
    directory: Path,
    bootstrapped: BootstrapReport,
    issued: IssueReport,
    verified: dict[str, bool],
    connected: list[ConnectReport],
    ui: str,
    seconds: float,
) -> None:
    """What exists now, where the files lie, how long it took, and the UI's address."""
    console.print_rows(DEMO_COLUMNS, _device_rows(issued, verified, connected))
    for problem in (problem for report in connected for problem in report.problems):
        console.out.print(f"  {problem}", markup=False)
    console.out.print()
    show_bootstrap(bootstrapped)
    console.out.print()
    console.print_facts(
        f"{issued.issued} of {issued.requested} devices certified, "
        f"{sum(verified.values())} verified by openssl, "
        f"{sum(report.published for report in connected)} provisioned and publishing, "
        f"in {seconds:.1f} s",
        {
            "certificates": issued.out,
            "report": issued.report,
            "reports as JSON": f"{directory}/bootstrap.json, issue.json, connect.jsonl",
            "sandbox": f"{directory}/sandbox.json",
            "Prefect's UI": f"{ui} (make demo KEEP=1 leaves it up)",
        },
    )


def _device_rows(
    issued: IssueReport, verified: dict[str, bool], connected: list[ConnectReport]
) -> list[list[str]]:
    things = {report.thing_name: report for report in connected}
    with Path(issued.report).open(newline="") as stream:
        return [
            [
                row["device_id"],
                row["outcome"],
                row["serial_number"][:23] + "...",
                row["not_after"][:10],
                "OK" if verified.get(row["device_id"]) else "FAILED",
                *_thing_cells(things.get(row["device_id"])),
            ]
            for row in csv.DictReader(stream)
        ]


def _thing_cells(report: ConnectReport | None) -> list[str]:
    if report is None:
        return ["", "", "no"]
    thing = report.thing_name if report.connected else ""
    return [thing, report.certificate_status, "yes" if report.published else "no"]
