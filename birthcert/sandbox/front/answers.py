"""Answers in the shape that each of AWS's protocols has for them."""

import json
import re
from typing import Any, Final
from xml.sax.saxutils import escape

from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.front.http_messages import HttpResponse

_XML_CODE: Final = re.compile(rb"<Code>([^<]+)</Code>")
_XML_ID: Final = re.compile(rb"<RequestId>[^<]*</RequestId>")
_IDS: Final = frozenset({"x-amzn-requestid", "x-amz-request-id", "x-amz-id-2"})
_XML_NAMESPACES: Final = {
    "iam": "https://iam.amazonaws.com/doc/2010-05-08/",
    "sts": "https://sts.amazonaws.com/doc/2011-06-15/",
}
_JSON_TYPES: Final = {"json": "application/x-amz-json-1.1", "rest-json": "application/json"}


def json_answer(result: dict[str, Any]) -> HttpResponse:
    """A JSON-protocol action's result."""
    return HttpResponse(200, json.dumps(result).encode(), {"Content-Type": _JSON_TYPES["json"]})


def error_answer(error: AwsError, protocol: str, service: str = "") -> HttpResponse:
    """An error in the shape of a protocol: json, rest-json, query or rest-xml."""
    if protocol in _JSON_TYPES:
        return _json_error(error, protocol)
    return _xml_error(error, protocol, service)


def with_request_id(response: HttpResponse, protocol: str, request_id: str) -> HttpResponse:
    """The answer with its request id where the protocol has it, in the place of any other.

    Headers always, S3's under names of its own; bodies of the query protocol and of XML errors.
    """
    own = {name: value for name, value in response.headers.items() if name.lower() not in _IDS}
    if protocol == "rest-xml":
        ids = {"x-amz-request-id": request_id, "x-amz-id-2": f"sandbox/{request_id}"}
    else:
        ids = {"x-amzn-RequestId": request_id}
    body = response.body
    if protocol == "query" or (protocol == "rest-xml" and response.status >= 400):
        body = _XML_ID.sub(f"<RequestId>{request_id}</RequestId>".encode(), body)
    return HttpResponse(response.status, body, own | ids)


def _json_error(error: AwsError, protocol: str) -> HttpResponse:
    body = {"message": error.message, **error.extra}
    headers = {"Content-Type": _JSON_TYPES[protocol]}
    if protocol == "json":
        body = {"__type": error.code, **body}
    else:
        headers["x-amzn-ErrorType"] = error.code
    return HttpResponse(error.status, json.dumps(body).encode(), headers)


def _xml_error(error: AwsError, protocol: str, service: str) -> HttpResponse:
    code, message = escape(error.code), escape(error.message)
    if protocol == "rest-xml":
        text = (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>'
            f"<Message>{message}</Message><RequestId></RequestId></Error>"
        )
    else:
        fault = "Sender" if error.status < 500 else "Receiver"
        namespace = _XML_NAMESPACES.get(service, "")
        text = (
            f'<ErrorResponse xmlns="{namespace}"><Error><Type>{fault}</Type><Code>{code}</Code>'
            f"<Message>{message}</Message></Error><RequestId></RequestId>"
            "</ErrorResponse>"
        )
    return HttpResponse(error.status, text.encode(), {"Content-Type": "text/xml"})


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
