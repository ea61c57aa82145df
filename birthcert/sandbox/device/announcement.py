"""How a client that knows AWS's API alone learns where a place's devices connect."""

import base64
from collections.abc import Callable
from pathlib import Path

from birthcert.aws.access import DEVICE_PORT_HEADER, SERVER_CA_HEADER
from birthcert.sandbox.device.server_certificate import CA_FILE
from birthcert.sandbox.front.application import Call
from birthcert.sandbox.front.http_messages import HttpResponse
from birthcert.sandbox.state import SandboxState

Work = Callable[[Call], HttpResponse]


def announcing(work: Work, state: SandboxState, directory: Path) -> Work:
    """`work`, whose answers to DescribeEndpoint carry port and server CA in headers."""

    def announced(call: Call) -> HttpResponse:
        response = work(call)
        if call.name == "iot.DescribeEndpoint":
            _host, port = state.device_endpoint(call.account, call.scope.region)
            response.headers[DEVICE_PORT_HEADER] = str(port)
            server_ca = (directory / CA_FILE).read_bytes()
            response.headers[SERVER_CA_HEADER] = base64.b64encode(server_ca).decode()
        return response

    return announced
