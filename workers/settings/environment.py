"""The environment: read here, and by pydantic for `Settings`, and nowhere else."""

from __future__ import annotations

import os
import site
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import BaseSettings

ENV_PREFIX = "SLUICE_"
HOME = Path(__file__).resolve().parents[2]
"""Where our packages lie side by side, in a checkout and in an installation alike."""


def variable(setting: str) -> str:
    """The environment variable that gives a setting."""
    return ENV_PREFIX + setting.upper()


def given_variables() -> list[str]:
    """The variables of the environment that are named like settings, known or not."""
    return sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX))


def config_file() -> Path | None:
    """The config file that the environment names."""
    named = os.environ.get(variable("config"))
    return Path(named) if named else None


def state_folder() -> Path | None:
    """Our folder for state, as the XDG base directory specification has it; None for a user without a home."""
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "sluice"
    except RuntimeError:
        return None


def own_environment() -> dict[str, str]:
    """What a process of ours inherits: this one's environment, and where this package lies."""
    home = str(HOME)
    if home in {*site.getsitepackages(), site.getusersitepackages()}:
        return dict(os.environ)
    return os.environ | {"PYTHONPATH": os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])}


def environment_for(settings: BaseSettings) -> dict[str, str]:
    """The environment for a process of ours that is to resolve these very settings.

    Settings go that way because arguments are shown to every user of the machine, and some settings are secrets.
    """
    inherited = {name: value for name, value in own_environment().items() if not name.startswith(ENV_PREFIX)}
    values = {name: getattr(settings, name) for name in type(settings).model_fields}
    return inherited | {variable(name): _as_text(value) for name, value in values.items() if value not in {None, ()}}


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)
