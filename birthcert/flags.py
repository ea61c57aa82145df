"""Groups of flags, as a command's help shows them."""

from typing import Annotated, Any, Protocol, TypeVar

from cyclopts import Group, Parameter

from birthcert.console import Show, usage_errors
from birthcert.models import TenantRequest
from birthcert.options.bootstrap import Authority, PlannedReplacing, Provisioning, Replacing
from birthcert.options.connect import Connecting
from birthcert.options.fleet import Places
from birthcert.options.issue import Devices, FleetDevices, PlannedDevices
from birthcert.options.reconcile import Reconciling
from birthcert.options.root import NewRoot, Signing
from birthcert.options.where import Where

Common = Annotated[Show, Parameter(name="*", group=Group("Output", sort_key=9))]
WhereFlags = Annotated[Where, Parameter(name="*", group=Group("Where", sort_key=1))]
AuthorityFlags = Annotated[
    Authority, Parameter(name="*", group=Group("Certificate authority", sort_key=2))
]
ProvisioningFlags = Annotated[
    Provisioning, Parameter(name="*", group=Group("Provisioning", sort_key=3))
]
ReplacingFlags = Annotated[Replacing, Parameter(name="*", group=Group("Rollover", sort_key=2))]
PlannedReplacingFlags = Annotated[
    PlannedReplacing, Parameter(name="*", group=Group("Rollover", sort_key=4))
]
DeviceFlags = Annotated[Devices, Parameter(name="*", group=Group("Devices", sort_key=2))]
PlacesFlags = Annotated[Places, Parameter(name="*", group=Group("Where", sort_key=1))]
FleetDeviceFlags = Annotated[FleetDevices, Parameter(name="*", group=Group("Devices", sort_key=2))]
ConnectingFlags = Annotated[Connecting, Parameter(name="*", group=Group("Device", sort_key=2))]
ReconcilingFlags = Annotated[Reconciling, Parameter(name="*", group=Group("Audit", sort_key=2))]
PlannedDeviceFlags = Annotated[
    PlannedDevices, Parameter(name="*", group=Group("Devices", sort_key=5))
]
NewRootFlags = Annotated[NewRoot, Parameter(name="*", group=Group("Root", sort_key=1))]
SigningFlags = Annotated[Signing, Parameter(name="*", group=Group("Signature", sort_key=1))]
Request = TypeVar("Request", bound=TenantRequest)


class Flags(Protocol):
    """A group of flags."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of a request that they become."""


def request_of(kind: type[Request], *groups: Flags, **more: Any) -> Request:
    """The request that groups of flags make; ConfigurationError for what it does not take."""
    with usage_errors():
        facts: dict[str, Any] = {}
        for group in groups:
            facts |= group.request_facts()
        return kind.model_validate(facts | more)
