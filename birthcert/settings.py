"""Settings: environment `BIRTHCERT_*`, then `birthcert.toml` in the working folder, then defaults.

AWS itself is reached by the standard boto3 chain alone (profiles, SSO, `AWS_ENDPOINT_URL`, ...).
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from birthcert.errors import ConfigurationError


class Settings(BaseSettings):
    """What an operator sets once for a machine, not per run."""

    model_config = SettingsConfigDict(
        env_prefix="BIRTHCERT_", toml_file="birthcert.toml", extra="forbid", frozen=True
    )

    state_folder: Path = Field(
        default_factory=lambda: Path.home() / ".local" / "state" / "birthcert",
        description="Ledger and persisted results; trusted storage.",
    )
    ledger_url: str | None = Field(
        default=None, description="SQLAlchemy URL. Empty: SQLite under the state folder."
    )
    device_port: Annotated[int, Field(ge=1, le=65_535)] | None = Field(
        default=None, description="Port of the device endpoint, such as 443. Empty: 8883."
    )
    server_ca: Path | None = Field(
        default=None,
        description="PEM file with the CA of the device endpoint's certificate. "
        "Empty: the system's trust store, which must have AmazonRootCA1.",
    )
    connect_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    read_timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 30.0
    retry_seconds: Annotated[float, Field(ge=0, le=3_600)] = Field(
        default=120.0, description="How long a call that AWS throttles or drops is tried again."
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="How a command's log lines on stderr look."
    )

    metrics_folder: Path | None = Field(
        default=None,
        description="Folder of node_exporter's textfile collector, for birthcert.prom. "
        "Empty: nothing is counted.",
    )

    tenant_roots: tuple[str, ...] = Field(
        default=(),
        description="Folders and s3:// prefixes with a folder for each tenant: a run's inbox and "
        "output must lie in its tenant's. Empty: anywhere.",
    )

    approval_above_devices: Annotated[int, Field(ge=0)] | None = Field(
        default=None,
        description="A batch that buys more certificates than this waits for approval in "
        "Prefect's UI. Empty: none does.",
    )

    @property
    def results_folder(self) -> Path:
        """Where Prefect keeps the steps' results unless told otherwise."""
        return self.state_folder / "results"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then birthcert.toml."""
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls))


def load_settings() -> Settings:
    """The settings in force; ConfigurationError names the variable or key that is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise ConfigurationError(
            f"setting {_first_problem(error)}",
            remedy="correct the environment's BIRTHCERT_* or birthcert.toml",
        ) from None
    except ValueError as error:  # tomllib's and pydantic-settings' own
        raise ConfigurationError(
            f"birthcert.toml cannot be read: {error}", remedy="correct the file"
        ) from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_input=False, include_url=False)[0]
    name = ".".join(str(part) for part in problem["loc"])
    return f"{name}: {problem['msg']}"
