"""The work behind a call that was let through: Private CA by its own rules, the rest by moto.

Importing this module imports moto: `environment.prepare_moto` comes first.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any
from urllib.parse import unquote_to_bytes

from moto.core.base_backend import BackendDict
from moto.core.model_instances import reset_model_data
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from birthcert.sandbox import moto_iam, moto_service_quotas, moto_sts
from birthcert.sandbox.front.answers import json_answer
from birthcert.sandbox.front.application import Call
from birthcert.sandbox.front.http_messages import HttpRequest, HttpResponse
from birthcert.sandbox.front.quotas import Quotas
from birthcert.sandbox.iot import moto as moto_iot
from birthcert.sandbox.private_ca import moto as moto_private_ca
from birthcert.sandbox.state import SandboxState

_KINDS = ("authorities", "certificates", "registrations", "things", "device_certificates")
_moto = DomainDispatcherApplication(create_backend_app)


def begin(state: SandboxState, quotas: Quotas) -> None:
    """Empty all of moto's accounts and hang the sandbox's corrections in."""
    BackendDict.reset()
    reset_model_data()
    moto_iam.install()
    moto_sts.install(state)
    moto_private_ca.install(state)
    moto_iot.install(state)
    moto_service_quotas.install(quotas)


def work(call: Call) -> HttpResponse:
    """Do what the call asks for; AwsError as the service refuses."""
    if call.service.name == "acm-pca":
        # moto's dispatch costs some milliseconds a call: too slow for a batch
        place = {"account": call.account, "region": call.scope.region}
        return json_answer(moto_private_ca.handle(call.action, call.params, **place))
    return _by_moto(call)


def books() -> dict[str, list[dict[str, Any]]]:
    """What all accounts and regions hold, by kind."""
    merged: dict[str, list[dict[str, Any]]] = {kind: [] for kind in _KINDS}
    books = [authorities.books() for authorities in moto_private_ca.all_private_cas()]
    books += [registry.books() for registry in moto_iot.all_registries()]
    for kind, entries in (entry for book in books for entry in book.items()):
        merged[kind].extend(entries)
    return merged


def _by_moto(call: Call) -> HttpResponse:
    status_line: list[str] = []
    headers: list[tuple[str, str]] = []

    def start_response(
        status: str, given: list[tuple[str, str]], _exc_info: Any = None
    ) -> Callable[[bytes], object]:
        status_line.append(status)
        headers.extend(given)
        return lambda _data: None

    chunks: Iterable[bytes] = _moto(_environ(call), start_response)
    body = b"".join(chunks)
    return HttpResponse(int(status_line[-1].split()[0]), body, dict(headers))


def _environ(call: Call) -> dict[str, Any]:
    request = call.request
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": _raw_uri(request),
        "REQUEST_URI": _raw_uri(request),
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in request.headers.items():
        environ["HTTP_" + name.upper().replace("-", "_")] = value
    if "content-type" in request.headers:
        environ["CONTENT_TYPE"] = environ.pop("HTTP_CONTENT_TYPE")
    for name in ("HTTP_CONTENT_LENGTH", "HTTP_TRANSFER_ENCODING", "HTTP_EXPECT"):
        environ.pop(name, None)
    # moto guesses the account from the key and would take a region from the user agent
    environ["HTTP_X_MOTO_ACCOUNT_ID"] = call.account
    environ["HTTP_USER_AGENT"] = "birthcert-sandbox"
    return environ


def _raw_uri(request: HttpRequest) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path
