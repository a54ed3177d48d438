"""``sluice policy lint``: what a careful colleague would say of policies."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from workers.archive.options import ArchiveAt, Since, Until
from workers.commands.options import AsJson, PolicyFolder
from workers.settings import Settings
from workers.settings.options import in_folder, with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import say, say_json

FOUND = 1

On = Annotated[list[str] | None, typer.Option("--on", help="A file, a folder or a glob to judge; repeatable.")]
ListThem = Annotated[bool, typer.Option("--list", help="List the rules, and look at nothing.")]


@with_settings("model", "images", "policies", "store", "log")
def lint(
    settings: Settings,
    folder: PolicyFolder = None,
    on: On = None,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    as_json: AsJson = False,
    list_them: ListThem = False,
) -> int:
    """Say what a careful colleague would: words that the model does not know, lines in the way, and more.

    Each finding is a line with file, line, reason and remedy. Pictures or an archive say what words alone do not:
    prompts that win nothing there, 'unless' lines that change nothing, thresholds that no score reaches. The comment
    '# lint: ok' on a line says that it is meant so. Exit status 0: nothing was found, or notes alone. 1: something
    was. 2: the policies cannot be read.
    """
    settings, terminal = in_folder(settings, folder), Terminal()
    if list_them:
        from pipeline.lab.lint.registry import RULES  # noqa: PLC0415 - numpy, and below torch

        say(*(f"{rule.name:<16} {'note: ' if rule.note else ''}{rule.says}" for rule in RULES))
        return 0
    window = window_of(since, until)
    if on and (archive or since or until):
        raise UsageError("--on judges pictures on disk, and --archive, --since and --until what was decided; say one")
    policies_in(settings.policies)  # a slip is found before the model is loaded
    from pipeline.lab.lint.registry import look  # noqa: PLC0415
    from workers.policies.lint import as_json as told_json  # noqa: PLC0415
    from workers.policies.lint_streams import Asked, made_ready_with  # noqa: PLC0415

    asked = Asked(on or (), archive, window, of_archive=bool(archive or since or until))
    ready = made_ready_with(settings, asked, terminal)
    found = look(ready)
    if as_json:
        say_json(json.dumps(told_json(ready, found)))
    else:
        if found:
            say(*map(str, found))
        terminal.note(_counted(len(found), sum(each.rule.note for each in found), len(ready.compiled.policies)))
    return FOUND if any(not each.rule.note for each in found) else 0


def _counted(found: int, notes: int, policies: int) -> str:
    many = f"{found - notes} finding{'' if found - notes == 1 else 's'}"
    of = "1 policy" if policies == 1 else f"{policies} policies"
    return f"{many} and {notes} note{'' if notes == 1 else 's'} on {of}"
