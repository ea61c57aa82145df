"""Credentials of an assumed role that end: when the role was asked for, or earlier by a knob."""

from typing import Any, Final

import moto.sts.models as moto_sts

from birthcert.sandbox.front.credentials import EXPIRES_AT
from birthcert.sandbox.moto_seams import Seam, check, seam
from birthcert.sandbox.state import SandboxState

_SEAMS: Final = [
    seam(moto_sts, "STSBackend.assume_role"),
    seam(moto_sts, "AssumedRole"),
]
_assume: Final = moto_sts.STSBackend.assume_role


def seams() -> list[Seam]:
    """The internals of moto that this module stands on."""
    return list(_SEAMS)


def install(state: SandboxState) -> None:
    """Write on each key of an assumed role when it ends; STS's answer says the same."""
    check(_SEAMS)

    def assume_role(self: Any, *, duration: int, **options: Any) -> Any:
        limit = state.knobs.now.session_token_seconds
        seconds = duration if limit is None else min(duration, limit)
        role = _assume(self, duration=seconds, **options)
        setattr(role.access_key, EXPIRES_AT, state.clock() + seconds)
        return role

    moto_sts.STSBackend.assume_role = assume_role
