"""Which of a tenant's CAs issues: the generations of its rollovers, told by tags.

The tag `birthcert:authority` says what a CA is: `issuing` (also where there is none), `successor`
that is being made ready, `retired`, or the `root` above one. Of several that issue, the highest
generation does, so the one call that tags a successor moves issuing over, and a crash around it
leaves exactly one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from birthcert.aws.access import AwsAccess
from birthcert.aws.private_ca import SERVICE
from birthcert.errors import ConfigurationError, ResourceConflict
from birthcert.models import TAG_PLACE, TAG_TENANT, BootstrapRequest, Place

GONE: Final = frozenset({"DELETED", "FAILED"})
TAG_PART: Final = "birthcert:authority"
TAG_GENERATION: Final = "birthcert:generation"
TAG_REPLACES: Final = "birthcert:replaces"
ISSUING, SUCCESSOR, RETIRED, ROOT = "issuing", "successor", "retired", "root"


@dataclass(frozen=True)
class Held:
    """A CA of the tenant's and its tags."""

    description: dict[str, Any] = field(repr=False)
    tags: dict[str, str]

    @property
    def arn(self) -> str:
        """Its ARN."""
        arn: str = self.description["Arn"]
        return arn

    @property
    def part(self) -> str:
        """What it is: ISSUING, SUCCESSOR, RETIRED or ROOT."""
        return self.tags.get(TAG_PART, ISSUING)

    @property
    def generation(self) -> int:
        """1 for the tenant's first, one more for each successor."""
        number = self.tags.get(TAG_GENERATION, "1")
        return int(number) if number.isdecimal() else 1

    @property
    def replaces(self) -> str | None:
        """The ARN of the CA that it succeeds."""
        return self.tags.get(TAG_REPLACES)


def held_by(aws: AwsAccess, tenant: str, place: Place) -> list[Held]:
    """The tenant's CAs in this place, by the two tags; DELETED and FAILED ones left out."""
    wanted = {TAG_TENANT: tenant, TAG_PLACE: place.name}
    described = aws.pages(
        SERVICE, "ListCertificateAuthorities", "CertificateAuthorities", ResourceOwner="SELF"
    )
    held = [
        Held(each, tags_of(aws, each["Arn"])) for each in described if each["Status"] not in GONE
    ]
    return [each for each in held if wanted.items() <= each.tags.items()]


def issuing_of(held: Sequence[Held]) -> Held | None:
    """The one that issues to devices; ResourceConflict where two claim it, None without any."""
    issuing = [each for each in held if each.part == ISSUING]
    newest = max((each.generation for each in issuing), default=0)
    return _only([each for each in issuing if each.generation == newest])


def root_of(held: Sequence[Held]) -> Held | None:
    """The ROOT CA above the tenant's; ResourceConflict where there are two, None without any."""
    return _only([each for each in held if each.part == ROOT])


def asked_for(held: Sequence[Held], request: BootstrapRequest) -> Held | None:
    """The one that the request is about: the issuing one, or in a rollover the successor."""
    replaced = request.replaced_arn()
    if replaced is None:
        return issuing_of(held)
    return _only([each for each in held if each.replaces == replaced])


def replaced_of(held: Sequence[Held], arn: str) -> Held:
    """The CA that a rollover replaces; ConfigurationError where it is not there to be replaced.

    It issues now, or its successor is there and was not replaced itself.
    """
    old = next((each for each in held if each.arn == arn), None)
    issuing = issuing_of(held)
    if old is None:
        is_now = f"it is {issuing.arn}" if issuing else "the tenant has none"
        raise ConfigurationError(
            f"{arn} is none of the tenant's certificate authorities here",
            remedy=f"nothing was touched: name the one that issues now; {is_now}",
        )
    has_successor = any(each.replaces == arn and each.part != RETIRED for each in held)
    if old != issuing and not has_successor:
        raise ConfigurationError(
            f"{arn} does not issue to the tenant's devices",
            remedy=f"nothing was touched: name the one that does, "
            f"{issuing.arn if issuing else 'after a bootstrap'}",
        )
    return old


def tags_for(held: Sequence[Held], request: BootstrapRequest, place: Place) -> dict[str, str]:
    """The tags of the CA that the request makes; a successor's say whose."""
    replaced, tags = request.replaced_arn(), request.all_tags(place)
    if replaced is None:
        return tags
    generation = replaced_of(held, replaced).generation + 1
    return tags | {
        TAG_PART: SUCCESSOR,
        TAG_GENERATION: str(generation),
        TAG_REPLACES: replaced,
    }


def set_part(aws: AwsAccess, arn: str, part: str) -> bool:
    """Tag the CA as ISSUING or RETIRED; whether it was not so before."""
    if tags_of(aws, arn).get(TAG_PART) == part:
        return False
    tags = [{"Key": TAG_PART, "Value": part}]
    aws.call(SERVICE, "TagCertificateAuthority", CertificateAuthorityArn=arn, Tags=tags)
    return True


def tags_of(aws: AwsAccess, arn: str) -> dict[str, str]:
    """All tags of a CA."""
    tags = aws.pages(SERVICE, "ListTags", "Tags", CertificateAuthorityArn=arn)
    return {tag["Key"]: tag.get("Value", "") for tag in tags}


def _only(found: Sequence[Held]) -> Held | None:
    if len(found) > 1:
        tenant, place = (found[0].tags[tag] for tag in (TAG_TENANT, TAG_PLACE))
        raise ResourceConflict(
            f"{len(found)} certificate authorities carry the tags of {tenant} in {place}: "
            + ", ".join(each.arn for each in found),
            remedy="each costs money every month: untag or delete all but the one to use",
        )
    return found[0] if found else None
