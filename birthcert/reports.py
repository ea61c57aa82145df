"""Reports made from facts: the JSON of the command line and the markdown of Prefect's UI. Pure."""

from collections.abc import Sequence

from birthcert.errors import BirthcertError
from birthcert.issuance.progress import BatchProgress
from birthcert.models import (
    BootstrapReport,
    BootstrapRequest,
    CertificateAuthority,
    CheckedPlace,
    FleetReport,
    IssueReport,
    Place,
    PlaceReport,
    ReadyPlace,
    Step,
)
from birthcert.plan import IssuePlan, batch_facts


def page_key(kind: str, tenant: str, place: Place) -> str:
    """The key of an artifact in Prefect: one page of its kind for a tenant in a place."""
    return f"{kind}-{tenant}-{place.account}-{place.region}"


def bootstrap_report(
    *,
    request: BootstrapRequest,
    place: Place,
    authority: CertificateAuthority,
    ready: ReadyPlace,
    places: list[PlaceReport],
    steps: list[Step],
    seconds: float,
) -> BootstrapReport:
    """The facts of a finished bootstrap in one model."""
    registration = ready.registration
    return BootstrapReport(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        partition=place.partition,
        sandbox=place.sandbox,
        authority_arn=authority.arn,
        authority_certificate_pem=authority.certificate_pem,
        authority_not_after=authority.not_after,
        root_authority_arn=authority.root_arn,
        registration=registration.ids,
        registration_mode=registration.mode,
        verification_certificate_arn=registration.verification_certificate_arn,
        role_arn=ready.role.arn,
        policy_name=ready.policy.name,
        policy_arn=ready.policy.arn,
        thing_type=request.thing_type,
        template_body=ready.template.body,
        endpoint=ready.endpoint.address,
        steps=steps,
        seconds=seconds,
        places=places,
    )


def place_report(
    checked: CheckedPlace,
    made: ReadyPlace | BirthcertError,
    failed_step: str,
    steps: Sequence[Step],
    seconds: float,
) -> PlaceReport:
    """What came of a further place: what it has now, or why it is not ready."""
    report = PlaceReport(
        account=checked.place.account if checked.place else checked.request.account or "",
        region=checked.request.region or "",
        ready=False,
        steps=list(steps),
        seconds=seconds,
    )
    if isinstance(made, BirthcertError):
        step = failed_step or "check_further_places"
        return report.model_copy(update={"failed_step": step, "problem": str(made)})
    return report.model_copy(
        update={
            "ready": True,
            "registration": made.registration.ids,
            "role_arn": made.role.arn,
            "policy_arn": made.policy.arn,
            "endpoint": made.endpoint.address,
        }
    )


def bootstrap_markdown(report: BootstrapReport) -> str:
    """The report as a page of Prefect's UI."""
    above = report.root_authority_arn
    root = {"Root, disabled; it bills on": above} if above else {}
    facts = {
        "Tenant": report.tenant,
        "Account": report.account,
        "Region": report.region,
        "Certificate authority": report.authority_arn,
        "Valid until": report.authority_not_after,
        **root,
        "CA registration": report.registration["certificate_arn"],
        "Registration mode": report.registration_mode,
        "Provisioning role": report.role_arn,
        "Device policy": report.policy_arn,
        "Thing type": report.thing_type,
        "Device endpoint": report.endpoint,
    }
    sandbox = [f"> **Local sandbox {report.sandbox}, not AWS.**", ""] if report.sandbox else []
    lines = [f"# Bootstrap of {report.tenant} in {report.region}", "", *sandbox]
    lines += columns_markdown(list(facts.items()))
    lines += [*steps_markdown(report.steps), *places_markdown(report.places)]
    lines += ["", "## Provisioning template", "", "```json", report.template_body, "```", ""]
    lines += ["## CA certificate", "", "```", report.authority_certificate_pem.strip(), "```"]
    return "\n".join(lines)


def columns_markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of aligned text, which a narrow page scrolls; a table with ARNs runs over its edge."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    padded = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return ["```", *padded, "```"]


def steps_markdown(steps: Sequence[Step]) -> list[str]:
    """The lines of the steps with their ARNs."""
    rows = [(step.name, step.outcome, f"{step.seconds:.2f} s", step.arn) for step in steps]
    return ["", "## Steps", "", *columns_markdown(rows)]


def places_markdown(places: Sequence[PlaceReport]) -> list[str]:
    """The lines of a table of further places; none where there are none."""
    if not places:
        return []
    lines = ["", "## Further places", "", "| account | region | |", "|---|---|---|"]
    return lines + [f"| {each.account} | {each.region} | {cell(each.told())} |" for each in places]


def issue_markdown(report: IssueReport, refusals: list[tuple[str, str]]) -> str:
    """A batch's counts and its first refusals as a page of Prefect's UI."""
    lines = [
        f"# Batch of {report.tenant} in {report.region}",
        *_counts_markdown(report),
        "",
        f"{report.certificates_per_second:.1f} certificates a second, {report.throttled} throttled "
        f"calls, {report.seconds:.1f} s. The report:",
        "",
        *columns_markdown([(report.report,)]),
    ]
    if report.quota_use:
        lines += ["", "| quota | calls | a second at most | used |", "|---|---|---|---|"]
        lines += [
            f"| {each.action} | {each.calls} | {each.limit_per_second:g} ({each.source}) "
            f"| {each.use:.1%} |"
            for each in report.quota_use
        ]
    if refusals:
        lines += ["", "| device | why it has no certificate |", "|---|---|"]
        lines += [f"| {cell(device)} | {cell(reason)} |" for device, reason in refusals]
    return "\n".join(lines)


def _counts_markdown(report: IssueReport | FleetReport) -> list[str]:
    """The lines of a table of what became of the devices."""
    names = ("requested", "issued", "existing", "refused", "failed")
    return [
        "",
        "| devices | |",
        "|---|---|",
        *(f"| {name} | {getattr(report, name)} |" for name in names),
    ]


def fleet_markdown(report: FleetReport) -> str:
    """A batch over several places, as a page of Prefect's UI."""
    lines = [
        f"# Fleet of {report.tenant}",
        *_counts_markdown(report),
        "",
        f"{report.certificates_per_second:.1f} certificates a second, {report.seconds:.1f} s. "
        f"Report: `{report.report}`",
        "",
        "| account | region | devices | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {each.account} | {each.region} | {each.devices} | {cell(each.told())} |"
        for each in report.places
    ]
    return "\n".join(lines)


def progress_markdown(progress: BatchProgress) -> str:
    """How far a batch is, as the text beside the bar in Prefect's UI."""
    lines = [progress.line(), "", "| devices | |", "|---|---|"]
    for name in ("issued", "existing", "refused", "failed"):
        lines.append(f"| {name} | {getattr(progress, name):,} |")
    return "\n".join(lines)


def approval_markdown(manifest: str, plan: IssuePlan) -> str:
    """What someone must know who is asked to approve a batch."""
    facts = {
        "certificates to buy": f"**{plan.batch.certificates:,}**",
        **batch_facts(plan.batch),
        "devices in the manifest": f"{plan.rows:,}: {plan.existing:,} have a certificate, "
        f"{plan.refused:,} are refused",
        "manifest": f"`{manifest}`",
        "tenant": f"{plan.tenant}, account {plan.account}, {plan.region}",
        "certificate authority": f"`{plan.authority_arn}`, {plan.days_left} days left",
    }
    lines = ["## Buy these certificates?", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {cell(value)} |" for name, value in facts.items()]
    lines += [f"- {problem}" for problem in ("", *plan.batch.problems) if problem]
    return "\n".join(lines)


def cell(text: str) -> str:
    """Text as a cell of a table in markdown."""
    return text.replace("|", "\\|").replace("\n", " ")
