"""The flags of fleet, beside those of issue."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Places:
    """Which tenant, in which places."""

    tenant: str
    """Whose devices: lower-case letters, digits and hyphens."""
    place: list[str]
    """Where the tenant has a CA, [ACCOUNT/]REGION[@BLOCK] (an AWS Account block); twice or more."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of FleetRequest."""
        from birthcert.aws.caller import partition_of

        places = [_place(text) for text in self.place]
        region = next((each["region"] for each in places if each["region"]), None)
        partition = partition_of(region) if region else "aws"
        return {"tenant": self.tenant, "places": places, "partition": partition}


def _place(text: str) -> dict[str, str | None]:
    account, separator, rest = text.rpartition("/")
    region, _, block = rest.partition("@")
    facts: dict[str, str | None] = {"region": region or None, "account_block": block or None}
    return facts | ({"account": account} if separator else {})
