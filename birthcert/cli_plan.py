"""The command that tells what others would do and cost."""

from cyclopts import App

from birthcert import console
from birthcert.console import Show
from birthcert.errors import ConfigurationError
from birthcert.flags import (
    AuthorityFlags,
    Common,
    PlannedDeviceFlags,
    PlannedReplacingFlags,
    ProvisioningFlags,
    WhereFlags,
    request_of,
)
from birthcert.models import BootstrapRequest, FleetRequest, IssueRequest, RolloverRequest
from birthcert.options.bootstrap import Authority, PlannedReplacing, Provisioning
from birthcert.options.fleet import Places
from birthcert.options.issue import PlannedDevices
from birthcert.options.where import Where


def mount(app: App) -> None:
    """Add this command to the command line."""
    app.command(plan)


def plan(
    *,
    where: WhereFlags,
    authority: AuthorityFlags = Authority(),
    provisioning: ProvisioningFlags = Provisioning(),
    replacing: PlannedReplacingFlags = PlannedReplacing(),
    devices: PlannedDeviceFlags = PlannedDevices(),
    show: Common = Show(),
) -> int:
    """What bootstrap would do and cost, or rollover (--replaces), or issue (--manifest), or fleet
    (--manifest with --place).

    Touches nothing.
    """

    def command() -> int:
        from birthcert.plan import IssuePlan, check_cost
        from birthcert.planning import plan_here
        from birthcert.screens import show_plan

        console.show_logs(Show(quiet=True, debug=show.debug))
        _check_planned(where, authority, replacing, devices)
        if devices.place:
            places = Places(where.tenant, devices.place)
            return _plan_fleet(request_of(FleetRequest, places, devices), show)
        request: BootstrapRequest | IssueRequest
        if devices.manifest is not None:
            issuing = authority.authority_arn
            request = request_of(IssueRequest, where, devices, authority_arn=issuing)
        elif replacing.replaces is not None:
            request = request_of(RolloverRequest, where, authority, provisioning, replacing)
        else:
            request = request_of(BootstrapRequest, where, authority, provisioning)
        found = plan_here(request)
        console.show_result(found, show, show_plan)
        if isinstance(found, IssuePlan):
            check_cost(found.batch, devices.max_cost)
        return console.DONE

    return console.run_command(command, debug=show.debug)


def _plan_fleet(request: FleetRequest, show: Show) -> int:
    from birthcert.fleet_plan import plan_fleet_here
    from birthcert.plan import check_cost
    from birthcert.screens import show_fleet_plan

    found = plan_fleet_here(request)
    console.show_result(found, show, show_fleet_plan)
    check_cost(found.batch, request.max_cost_usd)
    return console.DONE


def _check_planned(
    where: Where, authority: Authority, replacing: PlannedReplacing, devices: PlannedDevices
) -> None:
    if devices.manifest is None and (devices.max_cost is not None or devices.place):
        flag = "--place" if devices.place else "--max-cost"
        raise ConfigurationError(f"{flag} is for a batch", remedy="name its manifest (--manifest)")
    if devices.manifest is not None and replacing.replaces is not None:
        raise ConfigurationError(
            "a batch and a rollover are planned apart", remedy="leave --manifest or --replaces out"
        )
    if devices.place and (where.region or where.account or authority.authority_arn):
        raise ConfigurationError(
            "a batch over several places has an account, a region and a CA in each",
            remedy="name the places alone: --place [ACCOUNT/]REGION[@BLOCK], twice or more",
        )
