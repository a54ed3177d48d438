"""``sluice scan``: judge pictures on disk."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import UsageError
from pipeline.rules.formats import PICTURE_SUFFIXES
from workers.options import with_settings
from workers.settings import Settings


@with_settings("model", "images", "policies", "log")
def scan(
    settings: Settings,
    paths: Annotated[list[str], typer.Argument(help="Files, folders (searched all the way down) and globs.")],
    as_json: Annotated[bool, typer.Option("--json", help="One decision a line.")] = False,
) -> int:
    """Judge pictures on disk: a line for each, and an exit status.

    0: nothing flagged. 1: something flagged. 2: something could not be read.
    """
    from threading import Event
    from time import monotonic

    from pipeline.adapters.files import FileFetcher, FileSource
    from pipeline.adapters.memory import MemoryTextCache
    from workers import assembly
    from workers.other_model import SayOtherModel
    from workers.report import ScanReport

    found = expand(paths)
    report = ScanReport(len(found), settings.dead_letters_topic, as_json=as_json)
    judge = assembly.judge(settings, assembly.load_model(settings), MemoryTextCache(), SayOtherModel())
    done = Event()
    source = FileSource(found, settings.max_batch, done, monotonic)
    with (
        report,
        assembly.moderator(settings, judge, source, report, FileFetcher(), report, in_order=True) as moderator,
    ):
        moderator.run(done)
    return report.exit_status


def expand(paths: Sequence[str]) -> list[Path]:
    """The files that paths, folders and globs stand for, each once. Raises `UsageError` when one stands for none."""
    found: dict[Path, None] = {}
    for given in paths:
        matched = _expand(given)
        if not matched:
            kind = "no pictures in the folder" if Path(given).is_dir() else "no such file or folder:"
            raise UsageError(f"{kind} {given}")
        found.update(dict.fromkeys(matched))
    return list(found)


def _expand(given: str) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        return sorted(each for each in path.rglob("*") if each.suffix.lower() in PICTURE_SUFFIXES and each.is_file())
    if path.exists():
        return [path]
    matched = sorted(glob.glob(given, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute pattern
    return [Path(each) for each in matched if Path(each).is_file()]
