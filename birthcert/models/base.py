"""What every model is, and the place a run acts in."""

import re
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

Partition = Literal["aws", "aws-cn", "aws-us-gov"]
Outcome = Literal["created", "found", "cached"]
RegistrationMode = Literal["DEFAULT", "SNI_ONLY"]
TENANT_PATTERN = r"^[a-z][a-z0-9-]{0,31}$"
TAG_TENANT = "birthcert:tenant"
TAG_PLACE = "birthcert:place"
_KEY: Final = re.compile(
    r"(?P<account>\d{12})-(?P<region>[a-z0-9-]+?)(?:-sandbox-(?P<sandbox>.+))?"
)


def _in_order(schema: dict[str, Any]) -> None:
    """Number the fields: Prefect's form shows them so, and Postgres keeps no order of its own."""
    for position, field in enumerate(schema.get("properties", {}).values()):
        field["position"] = position


class Facts(BaseModel):
    """Base of every model here; its fields stand in a form in the order in which they are given."""

    model_config = ConfigDict(frozen=True, extra="forbid", json_schema_extra=_in_order)


class Place(Facts):
    """Where a run acts: one account in one region; `sandbox` names the local stand-in, if any."""

    partition: Partition
    account: str
    region: str
    sandbox: str | None = None

    @property
    def name(self) -> str:
        """`aws:123456789012:eu-west-1`: the value of the tag `birthcert:place`."""
        return f"{self.partition}:{self.account}:{self.region}"

    @property
    def key(self) -> str:
        """A file-name-safe key; a sandbox's books never mix with those of real AWS."""
        key = f"{self.partition}-{self.account}-{self.region}"
        return f"{key}-sandbox-{self.sandbox}" if self.sandbox else key

    def name_of_neighbour(self, key: str) -> str | None:
        """`123456789012/eu-west-1` for the key of a place in the same partition of the same cloud.

        None for one in another partition, or of a sandbox that this place is not in.
        """
        found = _KEY.fullmatch(key.removeprefix(f"{self.partition}-"))
        if found is None or found["sandbox"] != self.sandbox:
            return None
        return f"{found['account']}/{found['region']}"
