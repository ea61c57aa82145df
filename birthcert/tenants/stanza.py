"""A tenant's lines in prefect.yaml: read, and written without losing a comment."""

import io
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.mergevalue import MergeValue
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from birthcert.errors import ConfigurationError, UnusableInput
from birthcert.files import write_atomically
from birthcert.models import WhereRequest
from birthcert.tenants.events import resource_of
from birthcert.walls import ACCOUNT_TAG, TENANT_TAG

JOBS: Final = ("bootstrap", "inbox", "issue", "canary", "reconcile")
# the work pool of prefect.yaml
POOL: Final = "birthcert"
COMMON_TAG: Final = "birthcert"
ARRIVED: Final = "manifest_arrived"


def read_tenants(path: Path) -> list[WhereRequest]:
    """The tenants of a prefect.yaml, in its order; UnusableInput for what is none of ours."""
    tenants = _definitions(path, _load(path))["tenants"]
    try:
        return [WhereRequest.model_validate(dict(facts)) for facts in tenants.values()]
    except (ValidationError, TypeError, ValueError) as error:
        raise UnusableInput(
            f"{path} has a tenant that cannot be: {' '.join(str(error).split())}",
            remedy="correct it under definitions, tenants",
        ) from error


def add_tenant(path: Path, place: WhereRequest) -> None:
    """Write the definition and the deployments of a tenant; what is there keeps its form.

    Raises ConfigurationError for a tenant that is there already, UnusableInput for a file
    without this project's definitions, UnwritableOutput.
    """
    document = _load(path)
    definitions = _definitions(path, document)
    if place.tenant in definitions["tenants"]:
        raise ConfigurationError(
            f"tenant {place.tenant} is in {path} already",
            remedy="edit its lines there, then: prefect --no-prompt deploy --all",
        )
    facts = _facts(place)
    definitions["tenants"][place.tenant] = facts
    deployments = [_deployment(definitions, job, facts) for job in JOBS]
    document["deployments"].extend(deployments)
    stream = io.StringIO()
    _yaml().dump(document, stream)
    write_atomically(path, stream.getvalue().encode())


def _facts(place: WhereRequest) -> CommentedMap:
    facts = CommentedMap(place.model_dump(exclude_defaults=True))
    facts["account"] = DoubleQuotedScalarString(facts["account"])
    facts.yaml_set_anchor(f"tenant_{place.tenant.replace('-', '_')}", always_dump=True)
    return facts


def _deployment(definitions: Any, job: str, facts: CommentedMap) -> CommentedMap:
    tenant, account = facts["tenant"], facts["account"]
    deployment = _merged(definitions[job])
    deployment["name"] = f"{job}-{tenant}"
    tags = (COMMON_TAG, f"{TENANT_TAG}{tenant}", f"{ACCOUNT_TAG}{account}")
    deployment["tags"] = _flow(CommentedSeq(map(DoubleQuotedScalarString, tags)))
    request = _flow(_merged(facts))
    if job == "inbox":
        request["inbox"], request["out"] = f"tenants/{tenant}/inbox", f"tenants/{tenant}/out"
        match = _flow(CommentedMap({"prefect.resource.id": resource_of(tenant)}))
        trigger = _flow(_merged(definitions[ARRIVED]))
        trigger["match"] = match
        deployment["triggers"] = CommentedSeq([trigger])
    elif job == "reconcile":
        request["bucket"] = f"{tenant}-birthcert-audit"
    deployment["parameters"] = CommentedMap({"request": request})
    return deployment


def _merged(shared: CommentedMap) -> CommentedMap:
    """A mapping that begins with `<<: *shared`."""
    merge = MergeValue()
    merge.append(shared)
    merge.merge_pos = 0
    mapping = CommentedMap()
    mapping.add_yaml_merge(merge)
    return mapping


def _flow(node: Any) -> Any:
    node.fa.set_flow_style()
    return node


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4_096
    return yaml


def _load(path: Path) -> Any:
    try:
        return _yaml().load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read: {error.strerror or error}",
            remedy="run this in the project's folder, or name the file (--file)",
        ) from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise UnusableInput(
            f"{path} is not YAML: {' '.join(str(error).split())}", remedy="correct it"
        ) from error


def _definitions(path: Path, document: Any) -> Any:
    """The shared definitions, which every tenant's deployments begin with."""
    definitions = document.get("definitions") if isinstance(document, dict) else None
    missing = [name for name in (*JOBS, ARRIVED, "tenants") if name not in (definitions or {})]
    if missing or not isinstance(document.get("deployments"), list):
        raise UnusableInput(
            f"{path} has no definitions of {', '.join(missing) or 'deployments'}",
            remedy="begin with the project's own prefect.yaml",
        )
    return definitions
