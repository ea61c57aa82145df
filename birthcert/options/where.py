"""Which tenant and place: the flags of nearly all commands."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Where:
    """Which tenant, in which account and region."""

    tenant: str
    """Whose devices: lower-case letters, digits and hyphens."""
    account: str | None = None
    """The account that must be reached; the credentials' own where not given."""
    region: str | None = None
    """AWS region; the credentials' own where not given."""
    partition: str | None = None
    """aws, aws-cn or aws-us-gov; the region's own where not given."""

    def request_facts(self) -> dict[str, Any]:
        """The fields of WhereRequest."""
        return {
            "tenant": self.tenant,
            "account": self.account,
            "region": self.region,
            "partition": self.partition or self._partition(),
        }

    def _partition(self) -> str:
        from birthcert.aws.caller import default_region, partition_of

        region = self.region or default_region()
        return partition_of(region) if region else "aws"
