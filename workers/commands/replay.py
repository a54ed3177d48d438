"""``sluice replay``: a decision made again, and held against itself."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Annotated

import typer

from pipeline.archive.archive import Archive
from pipeline.errors import ServiceError, UsageError
from pipeline.wire import Decision, parse_decision
from workers import assembly
from workers.archive.opening import opened_archive
from workers.archive.options import ArchiveAt
from workers.history.events import Events
from workers.history.replay import Replays
from workers.history.replayed import lines_of, object_of
from workers.history.searching import decisions_called
from workers.services import kafka_topic
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.plain import one_line

EXIT_DIFFERENT = 1
_BEGINNING = 4096
"""Bytes of a file by which it is told whether it holds JSON."""


@with_settings("kafka", "topics", "model", "images", "policies", "fetch", "store", "log")
def replay(
    settings: Settings,
    decision: Annotated[
        str,
        typer.Argument(
            metavar="DECISION.json|ID", help="A file of decisions, a line each (-: stdin), or an id, be it a path."
        ),
    ],
    archive: ArchiveAt = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="Replay that many of an id, the newest first.")
    ] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a decision.")] = False,
) -> int:
    """Make a decision again, from its event and by the policies that it names, and say whether it is identical.

    The event is read where it stood, and known again by its id; a claim check is fetched. Policies are those of the
    folder, if they are of that version, else those that the archive kept. Where the event has gone, its archived
    features are judged. Exit status 0: identical, but for rounding. 1: something differs, field by field. 2: it
    cannot be replayed, and why.
    """
    terminal = Terminal()
    with ExitStack() as held:
        store = held.enter_context(opened_archive(settings, archive)) if archive or settings.archive_at else None
        decisions = _decisions(settings, terminal, archive, decision, limit)
        replays = _replays(settings, terminal, store, decisions, held)
        same = True
        for before in decisions:
            replayed = replays.of(before)
            same = same and replayed.same
            if as_json:
                terminal.json(object_of(replayed))
                continue
            for line in lines_of(replayed):
                terminal.print(line)
    return 0 if same else EXIT_DIFFERENT


def _replays(
    settings: Settings, terminal: Terminal, archive: Archive | None, decisions: Sequence[Decision], held: ExitStack
) -> Replays:
    if settings.dtype == "auto":
        settings = settings.model_copy(update={"dtype": decisions[0].model.dtype})
    with terminal.status("loading the model"):
        model = assembly.load_model(settings, one_caller=True)
    events = held.enter_context(closing(Events(lambda name: kafka_topic(settings, name))))
    fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
    return Replays(settings, model, events, fetcher, archive)


def _decisions(
    settings: Settings, terminal: Terminal, archive: str | None, given: str, limit: int
) -> Sequence[Decision]:
    """The decisions that are meant, one or more. Raises `UsageError`."""
    if given == "-" or _holds_json(Path(given)):
        return list(_read(given))
    try:
        return decisions_called(settings, terminal, archive, given)[:limit]
    except ServiceError as error:
        raise ServiceError(
            f"{one_line(given)} is no file of decisions, and as an id it cannot be looked up: {error}"
        ) from error


def _holds_json(path: Path) -> bool:
    """Whether a file is there that may hold decisions: a scan calls images by their paths, which are files too."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(_BEGINNING).lstrip()[:1] in {b"", b"{", b"["}


def _read(given: str) -> Iterator[Decision]:
    text = sys.stdin.buffer.read() if given == "-" else Path(given).read_bytes()
    name, some = "standard input" if given == "-" else given, False
    for number, line in enumerate(_objects(text), 1):
        try:
            yield parse_decision(line)
        except ValueError as error:
            raise UsageError(f"{one_line(name)}:{number}: not a decision: {error}") from error
        some = True
    if not some:
        raise UsageError(f"{one_line(name)} holds no decision")


def _objects(text: bytes) -> list[bytes]:
    """A line each; or one object over many lines, as a person's editor may have it."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines if lines and lines[0].rstrip().endswith(b"}") else [text] if text.strip() else []
