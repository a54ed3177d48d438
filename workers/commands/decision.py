"""``sluice decision``: all there is to know of a decision."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from workers.archive.options import ArchiveAt, Since, Until
from workers.history.page import object_of, page_of
from workers.history.searching import Searched
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import one_line

EXIT_UNKNOWN = 1


@with_settings("kafka", "topics", "store", "log")
def decision(
    settings: Settings,
    name: Annotated[str, typer.Argument(metavar="ID", help="Id of a decision, an event or an image.")],
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", min=1, help="Show that many.")] = None,
    topics: Annotated[
        bool, typer.Option("--topics", help="Look in the topics too, where the archive knows the id.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object an answer.")] = False,
) -> int:
    """Show decisions by id: of a decision, an event or an image, the newest first, and why each was made.

    They are taken from the archive. Where there is none, or it has none of that id, and with --topics, the topics are
    searched from their ends backwards: they also have what was not archived yet, and dead letters. A decision that a
    later one supersedes says so. Exit status 1: nothing has that id, or the archive has none and no broker is there
    to be asked as well, which is said.
    """
    terminal, window = Terminal(), window_of(since, until)
    searched = Searched(settings, terminal, archive, window, topics=topics)
    found = searched.answers(name)
    for answer in islice(found, limit):
        if as_json:
            terminal.json(object_of(answer))
            continue
        for line in page_of(answer):
            terminal.print(line)
    places = "; ".join(searched.places)
    if not found:
        and_away = f"; the topics could not be asked as well: {searched.away}" if searched.away else ""
        terminal.note(f"sluice: no decision, event or image is called {one_line(name)} in {places}{and_away}")
        return EXIT_UNKNOWN
    if not as_json:
        terminal.note(f"searched {places}")
    return 0
