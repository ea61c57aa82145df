"""Answers in the shape that each of AWS's protocols has for them."""

import json
import re
import uuid
from typing import Any, Final
from xml.sax.saxutils import escape

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.http_messages import HttpResponse

_XML_CODE: Final = re.compile(rb"<Code>([^<]+)</Code>")
_XML_NAMESPACES: Final = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_JSON_TYPES: Final = {"json": "application/x-amz-json-1.1", "rest-json": "application/json"}


def json_answer(result: dict[str, Any]) -> HttpResponse:
    """A JSON-protocol action's result."""
    headers = {"Content-Type": _JSON_TYPES["json"], "x-amzn-RequestId": str(uuid.uuid4())}
    return HttpResponse(200, json.dumps(result).encode(), headers)


def error_answer(error: AwsError, protocol: str, service: str = "") -> HttpResponse:
    """An error in the shape of a protocol: json, rest-json, query or rest-xml."""
    request_id = str(uuid.uuid4())
    if protocol in _JSON_TYPES:
        return _json_error(error, protocol, request_id)
    return _xml_error(error, protocol, service, request_id)


def _json_error(error: AwsError, protocol: str, request_id: str) -> HttpResponse:
    body = {"message": error.message, **error.extra}
    headers = {"Content-Type": _JSON_TYPES[protocol], "x-amzn-RequestId": request_id}
    if protocol == "json":
        body = {"__type": error.code, **body}
    else:
        headers["x-amzn-ErrorType"] = error.code
    return HttpResponse(error.status, json.dumps(body).encode(), headers)


def _xml_error(error: AwsError, protocol: str, service: str, request_id: str) -> HttpResponse:
    code, message = escape(error.code), escape(error.message)
    if protocol == "rest-xml":
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>{message}</Message><RequestId>{request_id}</RequestId></Error>"
        )
    else:
        fault = "Sender" if error.status < 500 else "Receiver"
        namespace = _XML_NAMESPACES.get(service, "")
        text = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId>{request_id}</RequestId>"
            "</ErrorResponse>"
        )
    headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
    return HttpResponse(error.status, text.encode(), headers)


def error_code(response: HttpResponse) -> str:
    """The error code that an answer carries, `ok` for one that is no error."""
    if response.status < 400:
        return "ok"
    named = {name.lower(): value for name, value in response.headers.items()}.get(
        "x-amzn-errortype", ""
    )
    if named:
        return named.partition(":")[0]
    if match := _XML_CODE.search(response.body):
        return match[1].decode("utf-8", "replace")
    return _json_code(response)


def _json_code(response: HttpResponse) -> str:
    try:
        body = json.loads(response.body)
    except ValueError:
        body = {}
    code = body.get("__type") if isinstance(body, dict) else None
    return str(code).rpartition("#")[2] if code else str(response.status)
