"""Tags of a certificate authority."""

from typing import Any, Final

from birthcert.sandbox.errors import AwsError

MAX_TAGS: Final = 50


def checked(tags: list[dict[str, str]] | None) -> dict[str, str]:
    """Tags of a request by key; InvalidTagException for a key twice or with AWS's prefix."""
    found: dict[str, str] = {}
    for tag in tags or []:
        key = tag["Key"]
        if key in found:
            raise AwsError("InvalidTagException", f"The tag key {key} is given twice.")
        if key.lower().startswith("aws:"):
            raise AwsError("InvalidTagException", f"The tag key {key} begins with aws:.")
        found[key] = tag.get("Value", "")
    return found


def added(before: dict[str, str], tags: list[dict[str, str]]) -> dict[str, str]:
    """The tags after adding; TooManyTagsException for more than 50."""
    after = {**before, **checked(tags)}
    if len(after) > MAX_TAGS:
        raise AwsError("TooManyTagsException", f"A CA can have at most {MAX_TAGS} tags.")
    return after


def removed(before: dict[str, str], tags: list[dict[str, Any]]) -> dict[str, str]:
    """The tags after removing: by key, or by key and value where a value is given."""
    doomed = {
        tag["Key"] for tag in tags if "Value" not in tag or before.get(tag["Key"]) == tag["Value"]
    }
    return {key: value for key, value in before.items() if key not in doomed}


def listed(tags: dict[str, str], keys: list[str]) -> list[dict[str, str]]:
    """Some of the tags in AWS's form."""
    return [{"Key": key, "Value": tags[key]} for key in keys]
