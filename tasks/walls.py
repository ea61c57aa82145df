"""The tenant walls as every run meets them: in its first step, whatever a form was filled with."""

from typing import Final

from prefect.runtime import flow_run

from birthcert import walls
from birthcert.aws.authority import tenant_of
from birthcert.models import BootstrapRequest, Place, TenantRequest, WhereRequest
from birthcert.settings import load_settings
from tasks.access import aws_in, ledger

LOCATIONS: Final = ("inbox", "manifest", "out")
ROOT_FILES: Final = ("certificate_file", "key_file", "passphrase_file")


def check_request(request: TenantRequest) -> None:
    """Tenant and locations of the request, before AWS is asked anything; raises TenantWall."""
    walls.check_tenant(request.tenant, flow_run.tags)
    locations = {name: getattr(request, name) for name in LOCATIONS if hasattr(request, name)}
    if isinstance(request, BootstrapRequest):
        files = {name: getattr(request.offline_root, name) for name in ROOT_FILES}
        locations |= {f"offline_root.{name}": file for name, file in files.items() if file}
    walls.check_locations(request.tenant, locations, load_settings().tenant_roots)


def check_pin(place: Place) -> None:
    """The account that was reached is the one that the run is pinned to; raises TenantWall."""
    walls.check_account(place.account, flow_run.tags)


def check_reach(request: WhereRequest, place: Place) -> None:
    """The account that was reached, and the CA that the request names; raises TenantWall."""
    check_pin(place)
    arn = getattr(request, "authority_arn", None)
    if arn:
        recorded = [known.tenant for known in ledger().authorities() if known.arn == arn]
        aws = aws_in(place.region, request.account_block)
        walls.check_authority(request.tenant, arn, tagged=tenant_of(aws, arn), recorded=recorded)
