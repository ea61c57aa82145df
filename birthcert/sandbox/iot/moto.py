"""Hangs AWS IoT's rules into moto: its front door stays, what it answers is ours.

moto's own thing groups, jobs, shadows and search go on working on our things.
"""

import json
from collections.abc import Callable
from typing import Any, Final

import moto.core.responses as moto_core
import moto.iot.models as moto_models
import moto.iot.responses as moto_responses
from moto.core.responses import ActionResult
from moto.core.utils import camelcase_to_underscores
from moto.utilities.utils import get_partition

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.iot.answers import invalid_request
from birthcert.sandbox.iot.ca_certificates import RegisteredCa
from birthcert.sandbox.iot.moto_things import MirroredThings
from birthcert.sandbox.iot.registry import IotRegistry
from birthcert.sandbox.iot.roles import IAM_SEAMS, find_role, remember_trust_changes
from birthcert.sandbox.moto_seams import Seam, check, seam
from birthcert.sandbox.state import SandboxState

_ERROR_HEADERS: Final = {"Content-Type": "application/json"}

# Looked at before anything is set, since a method that was set is there for sure.
_SEAMS: Final = [
    *(
        seam(moto_responses, f"IoTResponse.{name}")
        for name in (
            "dispatch",
            "call_action",
            "register_ca_certificate",
            "update_ca_certificate",
            "describe_certificate",
            "create_thing",
            "create_policy",
            "attach_policy",
            "describe_endpoint",
        )
    ),
    *(
        seam(moto_models, name)
        for name in (
            "IoTBackend.describe_thing",
            "IoTBackend.add_thing_to_thing_group",
            "IoTBackend.search_index",
            "FakeThing.to_dict",
            "FakeThingType.to_dict",
        )
    ),
    *(
        seam(moto_core, f"BaseResponse.{name}")
        for name in ("setup_class", "parse_parameters", "serialized", "get_current_account")
    ),
    *IAM_SEAMS,
]


def seams() -> list[Seam]:
    """The internals of moto that this module stands on."""
    return list(_SEAMS)


class _Installation:
    """The IoT registries of one sandbox, made as they are first asked for."""

    def __init__(self, state: SandboxState) -> None:
        self.state = state
        self.places: dict[tuple[str, str], IotRegistry] = {}
        self.mirrors: dict[tuple[str, str], MirroredThings] = {}

    def registry(self, account: str, region: str) -> IotRegistry:
        with self.state.lock:
            if (account, region) not in self.places:
                made = self._made(account, region)
                self.places[account, region] = made
                self.mirrors[account, region] = MirroredThings(made)
            return self.places[account, region]

    def mirror(self, account: str, region: str) -> MirroredThings:
        self.registry(account, region)
        return self.mirrors[account, region]

    def all(self) -> list[IotRegistry]:
        with self.state.lock:
            return list(self.places.values())

    def _made(self, account: str, region: str) -> IotRegistry:
        def elsewhere(identity: str) -> RegisteredCa | None:
            others = (
                registry
                for (holder, where), registry in list(self.places.items())
                if where == region and holder != account
            )
            found = (registry.ca_in_default_mode(identity) for registry in others)
            return next((ca for ca in found if ca), None)

        return IotRegistry(
            self.state,
            partition=get_partition(region),
            region=region,
            account=account,
            find_role=find_role,
            elsewhere=elsewhere,
        )


_installed: _Installation | None = None


def install(state: SandboxState) -> None:
    """Answer AWS IoT's registry calls in this process by the rules, with empty books.

    RuntimeError where moto's internals are not as expected: it names the seam that moved.
    """
    global _installed
    check(seams())
    _installed = _Installation(state)
    remember_trust_changes(state.clock)
    for action in registry_of(state.account, state.region).actions:
        method = camelcase_to_underscores(action)
        setattr(moto_responses.IoTResponse, method, _method(action))
    # its constructor and reset assign to the property, which takes no notice
    moto_models.IoTBackend.things = property(_things, lambda _backend, _given: None)
    moto_models.IoTBackend.describe_thing = _describe_thing


def registry_of(account: str, region: str) -> IotRegistry:
    """The IoT registry of an account and region; RuntimeError before `install`."""
    return _current().registry(account, region)


def all_registries() -> list[IotRegistry]:
    """Every IoT registry that was asked for so far."""
    return _current().all()


def _current() -> _Installation:
    if _installed is None:
        raise RuntimeError("AWS IoT is not installed in moto; call install(state) first")
    return _installed


def _things(backend: Any) -> MirroredThings:
    return _current().mirror(backend.account_id, backend.region_name)


def _describe_thing(backend: Any, thing_name: str) -> Any:
    return _things(backend).named(thing_name)


def _method(action: str) -> Callable[[Any], Any]:
    def answer(response: Any) -> Any:
        try:
            registry = registry_of(response.current_account, response.region)
            return ActionResult(registry.handle(action, _params(response)))
        except AwsError as error:
            body = {"message": error.message, **error.extra}
            headers = {**_ERROR_HEADERS, "x-amzn-ErrorType": error.code, "status": error.status}
            return json.dumps(body), headers

    return answer


def _params(response: Any) -> dict[str, Any]:
    """The request's members from URI, query string, headers and body, by AWS's model."""
    try:
        response.parse_parameters(response.normalized_request)
    except (AttributeError, TypeError, ValueError) as error:
        raise invalid_request("The request body is not what the operation takes") from error
    return {name: value for name, value in response.params.items() if value is not None}
