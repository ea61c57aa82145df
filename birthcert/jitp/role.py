"""The role that AWS IoT provisions under: who may assume it, and what hangs on it [rule 27]."""

import re
from typing import Any, Final

from birthcert.jitp.documents import Json, as_list, canonical, parse_object

SERVICE_PRINCIPAL: Final = "iot.amazonaws.com"
ASSUME_ROLE: Final = "sts:AssumeRole"
SOURCE_ACCOUNT: Final = "aws:SourceAccount"
SOURCE_ARN: Final = "aws:SourceArn"
_ARN_FIELDS: Final = 5  # arn to account: which resource AWS IoT names is not documented
_OPERATORS: Final = {
    "StringEquals": False,
    "StringLike": True,
    "ArnEquals": True,
    "ArnLike": True,
}


def managed_policy_arn(partition: str) -> str:
    """The ARN of AWSIoTThingsRegistration, without which provisioning fails [27]."""
    return f"arn:{partition}:iam::aws:policy/service-role/AWSIoTThingsRegistration"


def source_arn(partition: str, account: str, region: str) -> str:
    """The pattern of aws:SourceArn for AWS IoT in one account and region."""
    return f"arn:{partition}:iot:{region}:{account}:*"


def trust_policy(partition: str, account: str, region_names: list[str]) -> str:
    """A trust policy for AWS IoT of this account in these regions, and for no one else's [27].

    ValueError without a region.
    """
    if not region_names:
        raise ValueError("a trust policy needs at least one region")
    arns = [source_arn(partition, account, region) for region in sorted(set(region_names))]
    return canonical({"Version": "2012-10-17", "Statement": [_statement(account, arns)]})


def trust_problems(document: Json | str, *, partition: str, account: str, region: str) -> list[str]:
    """Why AWS IoT of this account and region cannot assume a role, as sentences; none if it can.

    `document` is the trust policy as IAM's GetRole returns it, or its JSON text.
    """
    policy = parse_object(document, "the trust policy") if isinstance(document, str) else document
    if isinstance(policy, str):
        return [policy]
    context = {SOURCE_ACCOUNT: account, SOURCE_ARN: source_arn(partition, account, region)}
    about_iot = _about_iot(policy)
    if any(each.get("Effect") == "Deny" and not _unmet(each, context) for each in about_iot):
        return [f"the trust policy denies {SERVICE_PRINCIPAL} to assume the role"]
    allowing = [each for each in about_iot if each.get("Effect") == "Allow"]
    if not allowing:
        return [f"the trust policy does not let {SERVICE_PRINCIPAL} assume the role"]
    unmet = [_unmet(each, context) for each in allowing]
    return [] if not all(unmet) else [problem for problems in unmet for problem in problems]


def trusts_iot(document: Json) -> bool:
    """Whether AWS IoT may assume the role at all, on whatever condition."""
    return any(each.get("Effect") == "Allow" for each in _about_iot(document))


def trust_weaknesses(document: Json | str) -> list[str]:
    """What lets AWS IoT assume the role on behalf of others' accounts (confused deputy) [27]."""
    policy = parse_object(document, "the trust policy") if isinstance(document, str) else document
    if isinstance(policy, str):
        return [policy]
    return [
        f"the trust policy lets {SERVICE_PRINCIPAL} assume the role without a condition on "
        f"{SOURCE_ACCOUNT} or {SOURCE_ARN}"
        for each in _about_iot(policy)
        if each.get("Effect") == "Allow"
        if not {SOURCE_ACCOUNT.lower(), SOURCE_ARN.lower()} & _condition_keys(each)
    ]


def extend_trust(document: Json | str, *, partition: str, account: str, region: str) -> str:
    """The trust policy with this region let in: our own statement widened, others left alone.

    Where none is ours, it is added. A document that trusts the region already comes back as it
    was. ValueError for what is no JSON object.
    """
    policy = parse_object(document, "the trust policy") if isinstance(document, str) else document
    if isinstance(policy, str):
        raise ValueError(policy)
    if not trust_problems(policy, partition=partition, account=account, region=region):
        return canonical(policy)
    arn = source_arn(partition, account, region)
    statements = as_list(policy.get("Statement", []))
    widened = [_widened(each, account, arn) for each in statements]
    if widened == statements:
        widened = [*statements, _statement(account, [arn])]
    return canonical({**policy, "Statement": widened})


def _statement(account: str, source_arns: list[str]) -> Json:
    return {
        "Effect": "Allow",
        "Principal": {"Service": SERVICE_PRINCIPAL},
        "Action": ASSUME_ROLE,
        "Condition": {
            "StringEquals": {SOURCE_ACCOUNT: account},
            "ArnLike": {SOURCE_ARN: source_arns},
        },
    }


def _widened(statement: Any, account: str, arn: str) -> Any:
    """Our own statement with one more source ARN; any other as it is."""
    arns = _source_arns(statement)
    if not arns or _plain(statement) != _plain(_statement(account, arns)):
        return statement
    return {**statement, "Condition": _statement(account, sorted({*arns, arn}))["Condition"]}


def _source_arns(statement: Any) -> list[str]:
    try:
        return as_list(statement["Condition"]["ArnLike"][SOURCE_ARN])
    except (KeyError, TypeError):
        return []


def _plain(value: Any) -> Any:
    """A statement for comparing: without its Sid, and one string the same as a list of one."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name != "Sid"}
    return sorted(str(each) for each in as_list(value))


def _about_iot(policy: Json) -> list[Json]:
    """The statements, Allow or Deny, on AWS IoT's assuming the role."""
    statements = as_list(policy.get("Statement", []))
    return [each for each in statements if isinstance(each, dict) and _is_about_iot(each)]


def _is_about_iot(statement: Json) -> bool:
    principal = statement.get("Principal")
    services = principal.get("Service", []) if isinstance(principal, dict) else principal
    trusted = {SERVICE_PRINCIPAL, "*"} & {str(each) for each in as_list(services)}
    actions = [str(each) for each in as_list(statement.get("Action", []))]
    return bool(trusted) and any(_glob(each.lower(), ASSUME_ROLE.lower()) for each in actions)


def _tests(statement: Json) -> list[tuple[str, str, list[str]]]:
    """A statement's conditions as (operator, key, values)."""
    condition = statement.get("Condition", {})
    return [
        (operator, key, [str(value) for value in as_list(values)])
        for operator, keys in (condition.items() if isinstance(condition, dict) else ())
        if isinstance(keys, dict)
        for key, values in keys.items()
    ]


def _condition_keys(statement: Json) -> set[str]:
    return {key.lower() for _, key, _ in _tests(statement)}


def _unmet(statement: Json, context: dict[str, str]) -> list[str]:
    known = {key.lower(): (key, value) for key, value in context.items()}
    problems = []
    for operator, key, values in _tests(statement):
        bare = operator.removesuffix("IfExists")
        if key.lower() not in known and bare != operator:
            continue
        if key.lower() not in known or bare not in _OPERATORS:
            problems.append(
                f"the trust policy's condition {operator} on {key} is not met by AWS IoT"
            )
            continue
        name, value = known[key.lower()]
        if not any(_matches(bare, name, each, value) for each in values):
            problems.append(
                f"the trust policy wants {name} to be {' or '.join(values)}, but it is {value}"
            )
    return problems


def _matches(operator: str, key: str, pattern: str, value: str) -> bool:
    like = _OPERATORS[operator]
    if not like and "*" in pattern:
        return False
    if key != SOURCE_ARN:
        return _glob(pattern, value) if like else pattern == value
    fields = pattern.split(":", _ARN_FIELDS)
    if len(fields) <= _ARN_FIELDS:
        return operator == "StringLike" and _glob(pattern, value)
    pairs = zip(fields[:_ARN_FIELDS], value.split(":", _ARN_FIELDS)[:_ARN_FIELDS], strict=True)
    return all(_glob(field, wanted) for field, wanted in pairs)


def _glob(pattern: str, value: str) -> bool:
    """IAM's wildcards: `*` for any characters and `?` for one."""
    escaped = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(escaped, value) is not None
