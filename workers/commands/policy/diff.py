"""``sluice policy diff``: what an edit of policies does, as a comment for a pull request."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.errors import UsageError
from pipeline.rules.policies.differences import Changed, differences
from workers.archive.options import ArchiveAt, Since, Until
from workers.backtest.gates import exceeded, limit_of
from workers.commands.options import AsJson, MaxLetGo, MaxNew
from workers.policies.diff import Numbers, numbers
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.plain import say, say_json

EXCEEDED = 1

Old = Annotated[Path, typer.Argument(help="Folder of policies as it was.")]
New = Annotated[Path, typer.Argument(help="Folder of policies as it will be.")]


@with_settings("store", "model", "images", "log")
def diff(
    settings: Settings,
    old: Old,
    new: New,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    max_new: MaxNew = None,
    max_let_go: MaxLetGo = None,
    as_json: AsJson = False,
) -> int:
    """Say what differs between two folders of policies, and what it would do, as a comment for a pull request.

    What it would do takes an archive: without one it says what differs in the files. Exit status 0: done, within
    --max-new and --max-let-go. 1: more than they allow. 2: the policies do not hold.
    """
    limits = limit_of("--max-new", max_new), limit_of("--max-let-go", max_let_go)
    window = window_of(since, until)
    before, after = (policies_in(folder) for folder in (old, new))
    changed = differences(before, after)
    address = archive or settings.archive_at
    if address is None and any(limits):
        raise UsageError("--max-new and --max-let-go take an archive to count in: name one with --archive")
    found = numbers(settings, address, old, new, window) if address and _decides(changed) else None
    over = list(exceeded(found.record, None, *limits)) if found else []
    _print(changed, found, over, as_json=as_json)
    for line in over:
        say(f"EXCEEDED  {line}", err=True)
    return EXCEEDED if over else 0


def _decides(changed: Sequence[Changed]) -> bool:
    """Whether any decision may be another. If not, no model needs to be loaded to say so."""
    return any(each.scores for each in changed)


def _print(changed: Sequence[Changed], found: Numbers | None, over: Sequence[str], *, as_json: bool) -> None:
    if as_json:
        told: dict[str, Any] = {"changed": [asdict(each) for each in changed], "exceeded": list(over)}
        say_json(json.dumps({**told, "backtest": found.as_json() if found else None}))
        return
    from pipeline.lab.backtest.comment import comment  # noqa: PLC0415 - numpy, which JSON of files goes without

    text = comment(changed, found.record if found else None, found.reviews if found else {}, over)
    say(*text.splitlines())
