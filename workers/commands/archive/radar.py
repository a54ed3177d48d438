"""``sluice archive radar``: what is new."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import ServiceError
from workers.archive.opening import opened_archive, periods_in
from workers.archive.options import ArchiveAt, Day
from workers.archive.reading import reading
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.reports import check_writable, write_report


@with_settings("store", "model", "policies", "log")
def radar(
    settings: Settings,
    archive: ArchiveAt = None,
    day: Day = None,
    vocabulary: Annotated[
        Path | None,
        typer.Option(help="Phrases to name things by, one a line; default: the policies' prompts and background."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write it as one page, with pictures.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find what is new: clusters of images of a day that the month before did not have.

    Each is named by the nearest phrases, with the command that makes a policy in shadow mode of it. Rows of the model
    that is set are compared.
    """
    from pipeline.lab.radar import reading as radar_reading  # noqa: PLC0415 - these bring torch
    from pipeline.lab.radar.find import found  # noqa: PLC0415 - as above
    from pipeline.lab.radar.novelty import LEAST  # noqa: PLC0415 - as above
    from workers import assembly  # noqa: PLC0415 - as above
    from workers.radar.page import page  # noqa: PLC0415 - as above
    from workers.radar.table import show  # noqa: PLC0415 - as above
    from workers.radar.vocabulary import vocabulary as named_by  # noqa: PLC0415 - as above

    check_writable("--html", html)
    terminal = Terminal()
    with opened_archive(settings, archive) as opened:
        with terminal.status("loading the model and the vocabulary"):
            model = assembly.load_model(settings, one_caller=True)
            phrases = named_by(settings, model.encoder, vocabulary)
        of = periods_in(opened, day, model.provenance)
        with reading(terminal, "the month before", of.before) as advance:
            month = radar_reading.sampled(opened, of.before, advance)
        if month is None:
            raise ServiceError(
                f"the month before {of.day} has fewer than {LEAST} images of this model: too few to say what is new"
            )
        with reading(terminal, f"{of.day}", of.last) as advance:
            sighted = radar_reading.sighted(opened, of.last, month, advance)
        pictured = found(opened, of, month, sighted, phrases)
    if html is not None:
        write_report("--html", html, page(pictured))
    if as_json:
        terminal.json(pictured.record.as_json())
    else:
        show(pictured.record, terminal)
