"""``sluice config show``: what the settings come to."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from workers.options import with_settings
from workers.setting_groups import GROUPS
from workers.settings import ENV_PREFIX, Settings
from workers.terminal.plain import say, say_json

app = typer.Typer(no_args_is_help=True, help="Look at the settings.")


@app.command("show")
@with_settings(*GROUPS)
def show(
    settings: Settings,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the resolved settings, secrets redacted, as a config file would say them."""
    values = settings.model_dump(mode="json")  # a SecretStr dumps as asterisks
    if as_json:
        say_json(json.dumps(values, indent=2))
        return
    for group, names in GROUPS.items():
        say(f"# {group}")
        for name in names:
            note = "" if values[name] is not None else f"# not set ({ENV_PREFIX}{name.upper()}): "
            say(f"{note}{name} = {json.dumps(values[name]) if not note else '...'}")
        say()
