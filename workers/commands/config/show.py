"""``sluice config show``: what the settings come to."""

from __future__ import annotations

import json

from workers.commands.options import AsJson
from workers.settings import GROUPS, Settings, variable
from workers.settings.options import with_settings
from workers.terminal.plain import say, say_json


@with_settings(*GROUPS)
def show(settings: Settings, as_json: AsJson = False) -> None:
    """Print the resolved settings, secrets redacted, as a config file would say them."""
    values = settings.model_dump(mode="json")  # a SecretStr dumps as asterisks
    if as_json:
        say_json(json.dumps(values, indent=2))
        return
    for group, names in GROUPS.items():
        say(f"# {group}")
        for name in names:
            note = "" if values[name] is not None else f"# not set ({variable(name)}): "
            say(f"{note}{name} = {json.dumps(values[name]) if not note else '...'}")
        say()
