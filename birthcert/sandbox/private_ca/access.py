"""Who else may use a CA: permissions for ACM, and the resource policy for other accounts."""

import json
from fnmatch import fnmatchcase
from typing import Any, Final

from birthcert.pki.templates import DEFAULT_TEMPLATE, template_arn
from birthcert.sandbox.errors import AwsError
from birthcert.sandbox.private_ca.authority import Authority

ACM: Final = "acm.amazonaws.com"
# What a resource policy may grant to another account.
SHARED_ACTIONS: Final = frozenset(
    {
        "DescribeCertificateAuthority",
        "GetCertificate",
        "GetCertificateAuthorityCertificate",
        "IssueCertificate",
        "ListPermissions",
        "ListTags",
    }
)


def create_permission(authority: Authority, params: dict[str, Any], now: float) -> None:
    """Let ACM use the CA; PermissionAlreadyExistsException the second time."""
    key = _permission_key(authority, params)
    if key[0] != ACM:
        raise AwsError("ValidationException", f"The only valid principal is {ACM}.")
    if key in authority.permissions:
        raise AwsError("PermissionAlreadyExistsException", f"{ACM} has permissions already.")
    authority.permissions[key] = {
        "CertificateAuthorityArn": authority.arn,
        "CreatedAt": now,
        "Principal": key[0],
        "SourceAccount": key[1],
        "Actions": params["Actions"],
    }


def delete_permission(authority: Authority, params: dict[str, Any]) -> None:
    """Take ACM's permissions away; ResourceNotFoundException where there are none."""
    if authority.permissions.pop(_permission_key(authority, params), None) is None:
        raise AwsError("ResourceNotFoundException", "There is no such permission.")


def _permission_key(authority: Authority, params: dict[str, Any]) -> tuple[str, str]:
    return params["Principal"], params.get("SourceAccount") or authority.owner


def put_policy(authority: Authority, document: str) -> None:
    """Attach a resource policy; InvalidPolicyException unless it only shares this CA."""
    for statement in _statements(document):
        _check_statement(statement, authority.arn)
    authority.policy = document


def get_policy(authority: Authority) -> str:
    """The resource policy; ResourceNotFoundException without one."""
    if authority.policy is None:
        raise AwsError("ResourceNotFoundException", f"{authority.arn} has no policy.")
    return authority.policy


def check_shared(authority: Authority, action: str, params: dict[str, Any], caller: str) -> None:
    """Whether another account may do this; AccessDeniedException unless the policy says so."""
    if not grants(authority, action, caller, params.get("TemplateArn")):
        raise AwsError(
            "AccessDeniedException",
            f"Account {caller} is not authorized to perform acm-pca:{action} on {authority.arn}: "
            "no resource-based policy allows it.",
        )


def grants(authority: Authority, action: str, account: str, template: str | None = None) -> bool:
    """Whether the resource policy lets an account do this, with this template."""
    partition = authority.arn.split(":")[1]
    asked = template or template_arn(DEFAULT_TEMPLATE, partition)
    return authority.policy is not None and any(
        account in _accounts(statement)
        and f"acm-pca:{action}" in _listed(statement["Action"])
        and _template_allowed(statement, action, asked)
        for statement in _statements(authority.policy)
    )


def _template_allowed(statement: dict[str, Any], action: str, template: str) -> bool:
    if action != "IssueCertificate":
        return True
    return all(
        any(fnmatchcase(template, pattern) for pattern in _listed(patterns))
        for keys in statement.get("Condition", {}).values()
        for key, patterns in keys.items()
        if key.lower() == "acm-pca:templatearn"
    )


def _statements(document: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(document)["Statement"]
    except (ValueError, TypeError, KeyError) as error:
        raise _invalid("it is not a JSON document with a Statement") from error
    statements = found if isinstance(found, list) else [found]
    if not statements or not all(isinstance(each, dict) for each in statements):
        raise _invalid("its Statement is empty or not a list of objects")
    return statements


def _check_statement(statement: dict[str, Any], arn: str) -> None:
    if statement.get("Effect") != "Allow":
        raise _invalid("each statement must have the effect Allow")
    if not _accounts(statement):
        raise _invalid("each statement must name an AWS account as its principal")
    if _listed(statement.get("Resource")) != [arn]:
        raise _invalid(f"each statement's resource must be {arn}")
    conditions = statement.get("Condition", {})
    if not isinstance(conditions, dict) or not all(
        isinstance(each, dict) for each in conditions.values()
    ):
        raise _invalid("a condition must hold objects")
    actions = {action.removeprefix("acm-pca:") for action in _listed(statement.get("Action"))}
    if not actions or not actions <= SHARED_ACTIONS:
        surplus = ", ".join(sorted(actions - SHARED_ACTIONS)) or "none"
        raise _invalid(f"its actions cannot be shared: {surplus}")


def _accounts(statement: dict[str, Any]) -> set[str]:
    principal = statement.get("Principal")
    named = _listed(principal.get("AWS") if isinstance(principal, dict) else None)
    return {name.split(":")[4] if name.count(":") >= 5 else name for name in named} - {"*"}


def _listed(value: Any) -> list[str]:
    """A policy's one-or-many member as a list; what is no string is left out."""
    many = value if isinstance(value, list) else [value]
    return [each for each in many if isinstance(each, str)]


def _invalid(reason: str) -> AwsError:
    return AwsError("InvalidPolicyException", f"The resource policy is invalid: {reason}.")
