"""What `birthcert sandbox serve` and `sandbox env` do."""

import json
import shlex
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from birthcert.errors import ConfigurationError
from birthcert.sandbox.description import FILE_NAME
from birthcert.sandbox.knobs import Knobs
from birthcert.sandbox.server import serve
from birthcert.sandbox.state import DEFAULT_ACCOUNT, DEFAULT_REGION

QUOTAS: Final = ("off", "aws")


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
    """Lines for a POSIX shell: exports of a running sandbox's environment."""
    try:
        facts = json.loads((directory / FILE_NAME).read_text())
    except (OSError, json.JSONDecodeError) as error:
        raise ConfigurationError(
            f"no sandbox in {directory}: {error}",
            remedy=f"start one: birthcert sandbox serve --dir {directory}",
        ) from None
    unset = [f"unset {name}" for name in facts["unset"]]
    exports = [f"export {name}={shlex.quote(str(v))}" for name, v in facts["environment"].items()]
    return "\n".join(unset + exports)
