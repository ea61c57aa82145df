"""A request's way through the sandbox: who calls what, faults, quota, validation, the work."""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front import credentials
from birthcert.sandbox.front.answers import error_answer, error_code, with_request_id
from birthcert.sandbox.front.calls import DROPPED, Calls
from birthcert.sandbox.front.credentials import AccessKeys, Scope
from birthcert.sandbox.front.faults import Effects, Faults
from birthcert.sandbox.front.http_messages import HttpRequest, HttpResponse
from birthcert.sandbox.front.parameters import parameters_of
from birthcert.sandbox.front.quotas import Quotas
from birthcert.sandbox.front.services import UNKNOWN_ACTION, Service, is_offered, service_named
from birthcert.sandbox.front.validation import VALIDATED_SERVICES, validate
from birthcert.sandbox.pages import PREFIX, Pages
from birthcert.sandbox.state import SandboxState

_UNSIGNED_ACTIONS: Final = ("AssumeRoleWithWebIdentity", "AssumeRoleWithSAML")
_log = logging.getLogger("birthcert.sandbox")


@dataclass
class Call:
    """One call of an AWS action; `account` and `params` are filled in on the way."""

    request: HttpRequest
    scope: Scope
    service: Service
    action: str
    labels: dict[str, str]
    account: str = ""
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """`service.Action`, as the pages and the knobs have it."""
        return f"{self.service.name}.{self.action}"


@dataclass
class SandboxApplication:
    """Everything that answers HTTP; `work` does what a call that was let through asks for."""

    state: SandboxState
    pages: Pages
    calls: Calls
    keys: AccessKeys
    faults: Faults
    quotas: Quotas
    work: Callable[[Call], HttpResponse]
    stopping: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: HttpRequest) -> HttpResponse | None:
        """The answer to a request, or None where the connection is to be dropped."""
        if (request.path + "/").startswith(PREFIX):
            return self.pages.answer(request)
        started, request_id = time.perf_counter(), str(uuid.uuid4())
        try:
            call = _recognise(request)
        except AwsError as error:
            outcome, name, protocol = error.code, "unknown.Unknown", _guessed_protocol(request)
            response: HttpResponse | None = error_answer(error, protocol)
        else:
            name, protocol = call.name, call.service.protocol
            response, outcome = self._answer(call)
        self.calls.count(name, outcome)
        milliseconds = (time.perf_counter() - started) * 1e3
        _log.info("%s %s %.1f ms request %s", name, outcome, milliseconds, request_id)
        return response and with_request_id(response, protocol, request_id)

    def _answer(self, call: Call) -> tuple[HttpResponse | None, str]:
        effects = self.faults.effects_on(call.name)
        self._wait(self.state.knobs.now.network_delay_seconds + effects.wait_seconds)
        if effects.drop or effects.freeze:
            return None, DROPPED
        response = self._respond(call, effects)
        return None if effects.lose_answer else response, error_code(response)

    def _wait(self, seconds: float) -> None:
        if seconds > 0:
            self.stopping.wait(seconds)

    def _respond(self, call: Call, effects: Effects) -> HttpResponse:
        protocol, service = call.service.protocol, call.service.name
        try:
            self._admit(call)
            if effects.error is not None:
                raise effects.error
            self._check(call)
            return self.work(call)
        except AwsError as error:
            return error_answer(error, protocol, service)
        except NotImplementedError as error:
            message = f"The birthcert sandbox does not offer {call.name}: {error}"
            return error_answer(AwsError("NotImplemented", message, status=501), protocol, service)
        except Exception:  # noqa: BLE001 - the outermost edge: the trace goes to the log
            _log.exception("%s failed inside the sandbox", call.name)
            message = "The sandbox itself failed: its log (sandbox.log) has the trace."
            return error_answer(AwsError("InternalFailure", message, status=500), protocol, service)

    def _admit(self, call: Call) -> None:
        """Who calls, and from the right place; in AWS's order, before anything is parsed."""
        if call.action in _UNSIGNED_ACTIONS and not call.scope.access_key:
            call.account = self.state.account
            return
        protocol = call.service.protocol
        credentials.partition_of(call.scope.region, protocol)
        call.account = self.keys.account_of(call.scope, protocol)
        if not is_offered(call.service.name, call.scope.region):
            message = f"{call.service.name} is not offered in region {call.scope.region}."
            raise credentials.refusal("region", protocol, message)

    def _check(self, call: Call) -> None:
        service = call.service
        if call.action == UNKNOWN_ACTION and service.name in VALIDATED_SERVICES:
            raise _unknown_action(call)
        self.quotas.take(call.account, call.scope.region, service.name, call.action)
        if service.name in VALIDATED_SERVICES:
            call.params = parameters_of(service, call.action, call.request, call.labels)
            validate(service.name, call.action, call.params)


def _recognise(request: HttpRequest) -> Call:
    scope = credentials.scope_of(request)
    if scope is None:
        scope = Scope("", "us-east-1", "sts")
        action = service_named("sts").action_of(request)[0]
        if action not in _UNSIGNED_ACTIONS:
            protocol = _guessed_protocol(request)
            raise credentials.refusal("missing", protocol, "Missing Authentication Token")
    service = service_named(scope.service)
    action, labels = service.action_of(request)
    return Call(request, scope, service, action, labels)


def _guessed_protocol(request: HttpRequest) -> str:
    if "x-amz-target" in request.headers:
        return "json"
    if request.content_type == "application/x-www-form-urlencoded" or "Action" in request.query:
        return "query"
    return "rest-json"


def _unknown_action(call: Call) -> AwsError:
    if call.service.protocol == "query":
        message = "Could not find the operation that the request asks for."
        return AwsError("InvalidAction", message)
    status = 400 if call.service.protocol == "json" else 404
    message = f"{call.service.name} has no such operation."
    return AwsError("UnknownOperationException", message, status=status)
