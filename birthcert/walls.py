"""The walls between tenants: the one place that says what a tenant's run must not touch.

A deployment's tags `tenant:NAME` and `account:NUMBER` pin its runs: Prefect gives them to each
run, and no form can take them off. A tag with several accounts (`account:NUMBER,NUMBER`) allows
each; of several tags every one must allow what is asked for. Pure but for following symbolic links.
"""

import os
from collections.abc import Collection, Mapping
from typing import Final

from birthcert.errors import ConfigurationError
from birthcert.storage.address import is_s3, parse_s3

TENANT_TAG: Final = "tenant:"
ACCOUNT_TAG: Final = "account:"


class TenantWall(ConfigurationError):
    """A run was about to touch what is another tenant's; nothing was touched."""


def check_tenant(tenant: str, run_tags: Collection[str]) -> None:
    """The tenant asked for is the one that the run's tags name; without such a tag, any."""
    _check_pin(TENANT_TAG, tenant, run_tags)


def check_account(account: str, run_tags: Collection[str]) -> None:
    """The account that was reached is the one that the run's tags name; without one, any."""
    _check_pin(ACCOUNT_TAG, account, run_tags)


def check_locations(tenant: str, locations: Mapping[str, str], roots: Collection[str]) -> None:
    """Each location lies in the tenant's folder of a root (`ROOT/TENANT/...`); no roots: anywhere.

    `locations` are paths and s3:// addresses by the name of their parameter; links are followed.
    """
    if not roots:
        return
    homes = [_resolved(root) + "/" + tenant + "/" for root in roots]
    for name, location in locations.items():
        if not _is_in(location, homes):
            raise TenantWall(
                f"{name} {location} is not in the folder of tenant {tenant}",
                remedy=f"nothing was touched: name one in {' or '.join(homes)}",
                tenant=tenant,
                location=location,
            )


def check_authority(
    tenant: str, arn: str, *, tagged: str | None, recorded: Collection[str] = ()
) -> None:
    """The CA is not another tenant's, by its tag or by the ledger; one that nobody has may be used.

    `tagged`: the value of its tag `birthcert:tenant`; `recorded`: the tenants under whose names
    the ledger knows it.
    """
    owners = {tagged} if tagged else set(recorded)
    if owners and tenant not in owners:
        raise TenantWall(
            f"certificate authority {arn} belongs to tenant {', '.join(sorted(owners))}, "
            f"not to {tenant}",
            remedy="nothing was touched: leave the authority's ARN empty to take the tenant's own",
            tenant=tenant,
            arn=arn,
        )


def _check_pin(prefix: str, value: str, run_tags: Collection[str]) -> None:
    pins = {tag.removeprefix(prefix) for tag in run_tags if tag.startswith(prefix)}
    if any(value not in pin.split(",") for pin in pins):
        raise TenantWall(
            f"this deployment is for {prefix}{', '.join(sorted(pins))}, and the run for "
            f"{prefix}{value}",
            remedy="nothing was touched: run the other's deployment",
            pinned=sorted(pins),
            value=value,
        )


def _is_in(location: str, homes: Collection[str]) -> bool:
    """Also false for an address in S3 that has more than one reading, as one with dots has."""
    try:
        resolved = _resolved(location) + "/"
    except ConfigurationError:
        return False
    return any(resolved.startswith(home) for home in homes)


def _resolved(location: str) -> str:
    if is_s3(location):
        # refused where it has more than one reading: S3 itself takes ".." for mere letters
        return str(parse_s3(location))
    return os.path.realpath(location)
