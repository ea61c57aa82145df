"""The sandbox's IAM, as AWS IoT sees it: the one place that looks into moto's IAM for it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

import moto.iam.models as moto_iam
from moto.iam.models import IAMBackend, iam_backends

from birthcert.sandbox.iot.role import Role
from birthcert.sandbox.moto_seams import seam

TRUST_WRITERS: Final = ("create_role", "update_assume_role_policy")
IAM_SEAMS: Final = [
    seam(moto_iam, "iam_backends"),
    seam(moto_iam, "IAMBackend.get_role"),
    *(seam(moto_iam, f"IAMBackend.{name}") for name in TRUST_WRITERS),
]
# as moto has them, so that a second installation does not wrap the first
_ORIGINALS: Final[dict[str, Any]] = {
    name: getattr(IAMBackend, name, None) for name in TRUST_WRITERS
}
_CHANGED_AT: Final = "birthcert_trust_changed_at"


def find_role(arn: str) -> Role | None:
    """The role of an ARN `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`, or None."""
    parts = arn.split(":", 5)
    if len(parts) != 6 or parts[2] != "iam" or not parts[5].startswith("role/"):
        return None
    partition, account = parts[1], parts[4]
    if account not in iam_backends or partition not in iam_backends[account]:
        return None
    for role in list(iam_backends[account][partition].roles.values()):
        if role.arn == arn:
            return _described(role)
    return None


def _described(role: Any) -> Role:
    managed = [
        version.document
        for policy in role.managed_policies.values()
        for version in policy.versions
        if version.version_id == policy.default_version_id
    ]
    return Role(
        arn=role.arn,
        trust=role.assume_role_policy_document,
        trust_changed_at=getattr(role, _CHANGED_AT, 0.0),
        permissions=(*role.policies.values(), *managed),
    )


def remember_trust_changes(clock: Callable[[], float]) -> None:
    """Have moto's IAM note when a role's trust was written: IAM is eventually consistent [28]."""
    for name, original in _ORIGINALS.items():
        setattr(IAMBackend, name, _stamping(original, clock))


def _stamping(original: Callable[..., Any], clock: Callable[[], float]) -> Callable[..., Any]:
    @wraps(original)
    def write(backend: Any, *args: Any, **kwargs: Any) -> Any:
        answer = original(backend, *args, **kwargs)
        name = kwargs["role_name"] if "role_name" in kwargs else args[0]
        setattr(backend.get_role(name), _CHANGED_AT, clock())
        return answer

    return write
