"""The AWS services as botocore's models describe them: which action a request asks for."""

import functools
from dataclasses import dataclass
from typing import Any, Final

import botocore.exceptions
import botocore.session

from birthcert.sandbox.front.http_messages import HttpRequest
from birthcert.sandbox.front.rest_routes import RestRoutes

PARTITIONS: Final = ("aws", "aws-cn", "aws-us-gov")
UNKNOWN_ACTION: Final = "Unknown"
# the name in a credential scope -> botocore's, where they differ
_NAMES: Final = {
    "servicequotas": "service-quotas",
    "iotdata": "iot-data",
    "tagging": "resourcegroupstaggingapi",
    "monitoring": "cloudwatch",
    "email": "ses",
}


@dataclass(frozen=True)
class Service:
    """One service: `protocol` is json, rest-json, rest-xml or query; unknown ones have no model."""

    name: str
    protocol: str
    model: Any = None
    routes: RestRoutes | None = None

    def action_of(self, request: HttpRequest) -> tuple[str, dict[str, str]]:
        """The action's name and, for REST, the path's labels; `Unknown` where there is none."""
        if self.routes is not None:
            return self.routes.match(request) or (UNKNOWN_ACTION, {})
        action = _rpc_action(request)
        known = self.model is None or action in self.model.operation_names
        return (action if action and known else UNKNOWN_ACTION), {}


def _rpc_action(request: HttpRequest) -> str:
    target = request.headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    return form_values(request).get("Action", "")


def form_values(request: HttpRequest) -> dict[str, str]:
    """The flat parameters of a query-protocol request: from its form body, else its query."""
    if request.content_type == "application/x-www-form-urlencoded" and request.body:
        text = request.body.decode("utf-8", "replace")
        form = HttpRequest("POST", "/", text, {})
        return {name: values[0] for name, values in form.query_values.items()}
    return {name: values[0] for name, values in request.query_values.items()}


@functools.cache
def _session() -> Any:
    return botocore.session.Session()


@functools.cache
def service_named(signing_name: str) -> Service:
    """The service that a credential scope names."""
    name = _NAMES.get(signing_name, signing_name)
    try:
        model = _session().get_service_model(name)
    except botocore.exceptions.UnknownServiceError:
        return Service(name, "json")
    protocol = model.resolved_protocol
    routes = RestRoutes(model) if protocol.startswith("rest-") else None
    return Service(name, "query" if protocol == "ec2" else protocol, model, routes)


@functools.cache
def region_partitions() -> dict[str, str]:
    """Every region that exists, and the partition it is in."""
    return {
        region: partition
        for partition in PARTITIONS
        for service in ("acm-pca", "iot", "ec2", "s3")
        for region in _session().get_available_regions(service, partition)
        if not region.endswith("-global") and "fips" not in region
    }


@functools.cache
def is_offered(service: str, region: str) -> bool:
    """Whether a service exists in a region; global services and unknown ones do everywhere."""
    partition = region_partitions()[region]
    regions = _session().get_available_regions(service, partition)
    return not regions or region in regions
