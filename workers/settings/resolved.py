"""`Settings`: all groups in one frozen value, resolved once at the start of a command."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import SettingsError
from workers.settings import groups
from workers.settings.api import Api
from workers.settings.archive import Archive
from workers.settings.archiver import Archiver
from workers.settings.canary import Canary
from workers.settings.console import Console
from workers.settings.environment import ENV_PREFIX, config_file, variable
from workers.settings.fetch import Fetch
from workers.settings.mistakes import reason
from workers.settings.reviews import Reviews
from workers.settings.store import Store

POLL_MARGIN = 5.0
"""Seconds that a worker needs to come back to its polls, after it has waited for all that it may wait for: a commit
takes up to two, and joining the group up to one."""


class Settings(
    # Of several bases pydantic takes the last one's fields first: read from below, this is the order that people see.
    groups.Log,
    groups.Service,
    Console,
    Api,
    Canary,
    Store,
    Archiver,
    groups.Brake,
    Reviews,
    Archive,
    Fetch,
    groups.State,
    groups.Policies,
    groups.Images,
    groups.Encoder,
    groups.Model,
    groups.Redis,
    groups.Consumer,
    groups.Topics,
    groups.Kafka,
    BaseSettings,
):
    """Each setting is given by a flag, an environment variable or the config file, and the first of these counts."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    @model_validator(mode="after")
    def _polls_before_the_group_goes_on(self) -> Self:
        """What a worker waits for without polling must end before the group takes it for dead."""
        least = {
            "session_timeout": self.session_timeout,
            "revocation_timeout": self.revocation_timeout + POLL_MARGIN,
            "drain_timeout": self.drain_timeout + POLL_MARGIN,
        }
        name, seconds = max(least.items(), key=lambda each: each[1])
        if self.max_poll_interval < seconds:
            raise PydanticCustomError(
                "polls_too_late",
                "max_poll_interval: must be at least {seconds} with a {name} of {value}, got {got}",
                {
                    "seconds": f"{seconds:g}",
                    "name": name,
                    "value": f"{getattr(self, name):g}",
                    "got": f"{self.max_poll_interval:g}",
                },
            )
        return self

    @model_validator(mode="after")
    def _topics_differ(self) -> Self:
        """One that is read and written at once never ends: each dead letter in it becomes another, larger one."""
        known: dict[str, str] = {}
        for name in groups.Topics.model_fields:
            topic = self.audited_on if name == "audit_topic" else getattr(self, name)
            if topic and (other := known.setdefault(topic, name)) != name:
                raise PydanticCustomError(
                    "same_topic",
                    "{other} and {name} must differ, got {topic} for both",
                    {"other": other, "name": name, "topic": repr(topic)},
                )
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the config file that the flag or the environment names."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


GROUPS = {
    group.__name__.lower(): tuple(group.model_fields)
    for group in reversed(Settings.__bases__)
    if issubclass(group, BaseModel) and group is not BaseSettings
}
"""The names of the settings by group, in the order that people see."""


def load_settings(flags: dict[str, Any], config: Path | None = None) -> Settings:
    """Resolve the settings. `flags` holds what was given on the command line. Raises `SettingsError`."""
    path = config or config_file()
    if path is not None and not path.is_file():
        raise SettingsError(f"no config file at {path}; give one with --config or {variable('config')}")

    class Resolved(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return Resolved(**flags)
    except ValidationError as error:
        reasons = (reason(dict(each), Settings.model_fields, flags, path) for each in error.errors())
        raise SettingsError("; ".join(reasons)) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text; a config file is TOML, 'setting = value' a line") from error
    except ValueError as error:  # TOML that does not parse
        raise SettingsError(f"{path}: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
