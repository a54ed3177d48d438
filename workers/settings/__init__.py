"""The settings: declared in `groups`, resolved by `load_settings`, made into flags by `options`.

Precedence: flag, ``SLUICE_...`` variable, config file, default. `environment` is the only module that reads the
environment.
"""

from workers.settings.environment import ENV_PREFIX, environment_for, own_environment, variable
from workers.settings.groups import SHIPPED_POLICIES
from workers.settings.resolved import GROUPS, Settings, load_settings

__all__ = [
    "ENV_PREFIX",
    "GROUPS",
    "SHIPPED_POLICIES",
    "Settings",
    "environment_for",
    "load_settings",
    "own_environment",
    "variable",
]
