"""``sluice embed``: the features of pictures and sentences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Annotated

import typer

from pipeline.adapters.local.files import FileFetcher, FileSource
from pipeline.adapters.local.policy_folder import Reading
from pipeline.errors import UsageError
from workers import assembly
from workers.assembly import Model
from workers.commands.options import NameSkipped
from workers.embed.report import EmbedReport
from workers.embed.rows import of_texts
from workers.embed.texts import text_features
from workers.embed.writers import JsonLines, ToFile, Writer, format_of
from workers.process.interrupts import keeping
from workers.scan.named import NAMED, Named, Skipped, counted, from_the_first
from workers.scan.report import UNREAD
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal
from workers.terminal.reports import check_writable

NO_POLICY = {"none.yaml": b"title: None\nmode: off\nprompts: [nothing]\nactions: {review: 1}\n"}
"""The files of a folder by which nothing is scored: features are all that is wanted of an image."""


class Format(StrEnum):
    PARQUET = "parquet"
    NPZ = "npz"
    JSONL = "jsonl"


@with_settings("model", "images", "policies", "log")
def embed(
    settings: Settings,
    paths: Annotated[
        list[str] | None, typer.Argument(help="Pictures: files, folders (searched all the way down) and globs.")
    ] = None,
    text: Annotated[list[str] | None, typer.Option(help="A sentence, through the templates of the policies.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Sentences as they stand, through no template.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write: .parquet, .npz or .jsonl; else JSON lines.")
    ] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Where the file's name does not say it.")] = None,
    name_skipped: NameSkipped = False,
) -> int:
    """Write the features of pictures and sentences: a row for each view of a picture, and for each sentence.

    They are those that policies are judged by: of length 1, and rounded to float16. Exit status 2 where something
    could not be read; it is named.
    """
    chosen = format_of(out, form.value if form else None)
    check_writable("--out", out)
    skipped = Skipped(None if name_skipped else NAMED)
    files = from_the_first(Named(paths, skipped)) if paths else iter([])
    if files is None:
        raise UsageError(*skipped.lines())
    if not paths and not text:
        raise UsageError('embed what? name pictures, or say --text "words"')
    terminal = Terminal()
    with terminal.status("loading the model"):
        model = assembly.load_model(settings)
    with _written(out, chosen, model, terminal) as writer:
        if text:
            found = text_features(settings, model.encoder, text, raw=raw)
            writer.write(of_texts(text, found, model.provenance))
        status = _pictures(settings, model, files, writer, terminal) if paths else 0
    for line in skipped.lines():
        terminal.note(line)
    return status | (UNREAD if skipped.barren else 0)


def _pictures(
    settings: Settings, model: Model, files: Iterable[str | None], writer: Writer, terminal: Terminal
) -> int:
    judge = assembly.judge_by(Reading(NO_POLICY), model)
    settings = settings.model_copy(update={"archive": "features", "second_look": "off"})
    with terminal.counting("embedding") as counter:
        report, done = EmbedReport(terminal, writer, counter.advance), Event()
        source, fetcher = (
            FileSource(counted(files, counter.of), done, monotonic),
            FileFetcher(settings.fetch_max_bytes),
        )
        path = assembly.moderator(settings, judge, source, report, fetcher, report, in_order=True)
        with keeping(lambda: _last_words(report, writer)), path as moderator:
            moderator.run(done)
    return report.exit_status


def _last_words(report: EmbedReport, writer: Writer) -> str:
    writer.discard()
    return f"interrupted: {report}; no file is kept"


@contextmanager
def _written(out: Path | None, chosen: str, model: Model, terminal: Terminal) -> Iterator[Writer]:
    """A writer, whose file has its name once all went well."""
    dimension, made_by = model.encoder.spec.features, model.provenance
    if out is None:
        yield JsonLines(dimension, terminal.json)
        return
    file = ToFile(out, chosen, dimension, made_by)
    try:
        yield file
        file.close()
    finally:
        file.discard()
