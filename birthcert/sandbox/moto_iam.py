"""AWS's managed policies, read once: moto parses all 1,300 anew for each account."""

import copy
from collections.abc import Callable
from typing import Any, Final

import moto.iam.models as moto_iam

from birthcert.sandbox.moto_seams import Seam, check, seam

_SEAMS: Final = [
    seam(moto_iam, "IAMBackend._init_aws_policies"),
    seam(moto_iam, "AWSManagedPolicy"),
]
_read: Callable[[Any], list[Any]] = moto_iam.IAMBackend._init_aws_policies
_prototypes: dict[str, list[Any]] = {}


def seams() -> list[Seam]:
    """The internals of moto that this module stands on."""
    return list(_SEAMS)


def install() -> None:
    """Give each new account copies of the managed policies of its partition."""
    check(_SEAMS)
    moto_iam.IAMBackend._init_aws_policies = _policies


def _policies(backend: Any) -> list[Any]:
    partition = backend.region_name
    if partition not in _prototypes:
        _prototypes[partition] = _read(backend)
    return [_copy(policy, backend.account_id) for policy in _prototypes[partition]]


def _copy(policy: Any, account: str) -> Any:
    mine = copy.copy(policy)
    mine.account_id = account
    mine.versions = list(policy.versions)
    return mine
