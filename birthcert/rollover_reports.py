"""The report of a rollover, as a model and as a page of Prefect's UI. Pure."""

from birthcert.errors import BirthcertError
from birthcert.models import (
    CanaryReport,
    CertificateAuthority,
    OldRegistrationReport,
    OldRegistrationState,
    Place,
    ReadyPlace,
    RolloverReport,
    RolloverRequest,
    Step,
)
from birthcert.reports import cell, columns_markdown, places_markdown, steps_markdown


def rollover_report(
    request: RolloverRequest,
    place: Place,
    successor: CertificateAuthority,
    ready: ReadyPlace,
    *,
    moved: bool,
    canary: CanaryReport | None,
    steps: list[Step],
) -> RolloverReport:
    """The facts of a rollover in the run's own place; the caller adds those of the others."""
    return RolloverReport(
        tenant=request.tenant,
        account=place.account,
        region=place.region,
        partition=place.partition,
        sandbox=place.sandbox,
        replaced_arn=request.replaces,
        authority_arn=successor.arn,
        authority_certificate_pem=successor.certificate_pem,
        authority_not_after=successor.not_after,
        moved=moved,
        registration=ready.registration.ids,
        canary=canary,
        steps=steps,
        seconds=0.0,
    )


def old_registration_report(
    place: Place, state: OldRegistrationState | BirthcertError
) -> OldRegistrationReport:
    """What became of the old registration in a place."""
    report = OldRegistrationReport(account=place.account, region=place.region)
    if isinstance(state, BirthcertError):
        return report.model_copy(update={"problem": str(state)})
    facts = {"status": state.status, "active_certificates": state.active_certificates}
    return report.model_copy(update=facts)


def rollover_markdown(report: RolloverReport) -> str:
    """The report as a page of Prefect's UI."""
    sandbox = [f"> **Local sandbox {report.sandbox}, not AWS.**", ""] if report.sandbox else []
    issuing = report.authority_arn if report.moved else report.replaced_arn
    lines = [f"# Rollover of {report.tenant} in {report.region}", "", *sandbox]
    facts = {
        "Issues now": issuing,
        "Old": report.replaced_arn,
        "Successor": report.authority_arn,
        "Successor valid until": report.authority_not_after,
    }
    lines += columns_markdown(list(facts.items()))
    lines += places_markdown(report.places)
    if report.old_registrations:
        lines += [
            "",
            "## Old registrations",
            "",
            "| account | region | status | ACTIVE devices | |",
        ]
        lines += ["|---|---|---|---|---|"]
    for old in report.old_registrations:
        told = (old.account, old.region, old.status, old.active_certificates, old.problem)
        lines.append(f"| {' | '.join(cell(str(each)) for each in told)} |")
    return "\n".join([*lines, *steps_markdown(report.steps)])
