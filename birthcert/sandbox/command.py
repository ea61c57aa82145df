"""What `birthcert sandbox serve` and `sandbox env` do."""

import json
import shlex
import urllib.request
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from birthcert.errors import ConfigurationError
from birthcert.sandbox.description import FILE_NAME
from birthcert.sandbox.knobs import Knobs
from birthcert.sandbox.pages import PREFIX
from birthcert.sandbox.server import serve
from birthcert.sandbox.state import DEFAULT_ACCOUNT, DEFAULT_REGION

QUOTAS: Final = ("off", "aws")
ANSWER_SECONDS: Final = 5.0


def serve_sandbox(
    directory: Path,
    port: int,
    mqtt_port: int,
    *,
    quotas: str,
    account: str | None,
    region: str | None,
    knobs: list[str],
) -> int:
    """Serve until SIGINT or SIGTERM; ConfigurationError for a wrong option."""
    if quotas not in QUOTAS:
        raise ConfigurationError(f"--quotas {quotas}", remedy=f"choose one of {', '.join(QUOTAS)}")
    for number in (port, mqtt_port):
        if not 0 <= number <= 65_535:
            raise ConfigurationError(f"{number} is no port", remedy="choose 0 to 65535")
    serve(
        directory.absolute(),
        port=port,
        mqtt_port=mqtt_port,
        quotas=quotas == "aws",
        account=account or DEFAULT_ACCOUNT,
        region=region or DEFAULT_REGION,
        knobs=parse_knobs(knobs),
    )
    return 0


def parse_knobs(settings: list[str]) -> Knobs:
    """Knobs from NAME=JSON settings; ConfigurationError names the one that is wrong."""
    facts = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        try:
            facts[name] = json.loads(value)
        except json.JSONDecodeError:
            separator = ""
        if not separator:
            raise ConfigurationError(
                f"knob {setting!r} is not NAME=JSON", remedy="such as iam_delay_seconds=20"
            )
    try:
        return Knobs.model_validate(facts)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        name = ".".join(str(part) for part in problem["loc"])
        raise ConfigurationError(
            f"knob {name}: {problem['msg']}", remedy="docs/sandbox.md lists the knobs"
        ) from None


def shell_exports(directory: Path) -> str:
    """Lines for a POSIX shell: exports of a running sandbox's environment.

    ConfigurationError where there is none, or where it has ended.
    """
    try:
        facts = json.loads((directory / FILE_NAME).read_text())
        unset = [f"unset {name}" for name in facts["unset"]]
        environment, runs = facts["environment"].items(), _runs(facts)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _none_in(directory, f"no sandbox in {directory}: {error}") from None
    if not runs:
        raise _none_in(directory, f"the sandbox in {directory} has ended")
    exports = [f"export {name}={shlex.quote(str(value))}" for name, value in environment]
    return "\n".join(unset + exports)


def _none_in(directory: Path, what: str) -> ConfigurationError:
    remedy = f"start one: birthcert sandbox serve --dir {directory}"
    return ConfigurationError(what, remedy=remedy)


def _runs(facts: dict[str, Any]) -> bool:
    """Whether this very sandbox answers at its address; no proxy stands between."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    address, instance = facts["endpoint_url"], facts["instance"]
    try:
        with opener.open(f"{address}{PREFIX}", timeout=ANSWER_SECONDS) as answer:
            return bool(json.load(answer).get("instance") == instance)
    except (OSError, ValueError, AttributeError):
        return False
