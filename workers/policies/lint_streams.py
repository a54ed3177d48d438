"""What a folder's policies do to pictures of this disk, or to what an archive remembers, for lint to go by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.archive.archive import TOGETHER, Archive
from pipeline.errors import UsageError
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.stream import COLUMNS, Stream, without_each, without_unless
from pipeline.rules.times import Window
from workers import assembly
from workers.archive.opening import nothing_in, opened_archive, segments_made_by
from workers.archive.reading import reading
from workers.policies.judged_files import judge_files
from workers.policies.lint import made_ready
from workers.scan.named import Named, Skipped, from_the_first
from workers.settings import Settings
from workers.terminal.console import Terminal


@dataclass(frozen=True, slots=True)
class Asked:
    """Which pictures are to say what words do not: files, what an archive holds, or none."""

    on: Sequence[str]
    archive: str | None
    window: Window
    of_archive: bool


def made_ready_with(settings: Settings, asked: Asked, terminal: Terminal) -> Folder:
    """The folder, put to the model, and what its policies do to those pictures.

    Raises `PolicyError` where the policies do not hold, and `UsageError` for pictures that are not there.
    """
    skipped, cache = Skipped(), assembly.text_cache(settings)
    files = from_the_first(Named(asked.on, skipped)) if asked.on else None
    if asked.on and files is None:
        raise UsageError(*skipped.lines())
    with terminal.status("loading the model and the policies"):
        model = assembly.load_model(settings, one_caller=not asked.on)
        folder = made_ready(settings, model, cache)
        if files is None and not asked.of_archive:
            return folder
        judge = assembly.judge_by(read_policy_folder(settings.policies), model, cache)
    if files is not None:
        stream = on_files(settings, judge, files, asked.on, terminal)
    else:
        with opened_archive(settings, asked.archive) as archive:
            stream = on_archive(settings, judge, archive, asked.window, terminal)
    for line in skipped.lines():
        terminal.note(line)
    return replace(folder, stream=stream)


def on_files(
    settings: Settings,
    judge: assembly.Judge,
    files: Iterable[str | None],
    named: Sequence[str],
    terminal: Terminal,
) -> Stream:
    """Of files, judged as ``sluice scan`` does. Raises `UsageError` where none of them can be read."""
    stream = _stream(judge, ", ".join(named))
    judge_files(settings, judge, files, terminal, lambda signals, _: stream.add(signals))
    return stream


def on_archive(
    settings: Settings, judge: assembly.Judge, archive: Archive, window: Window, terminal: Terminal
) -> Stream:
    """Of an archive's events, by their features. Raises `ServiceError` where there are none by this model."""
    segments = segments_made_by(archive, window, judge.model.provenance)
    stream = _stream(judge, archive.store.address)
    screen = assembly.screen(settings, [stream.bare])
    with reading(terminal, "judging", segments) as advance:
        for block in archive.blocks(segments, COLUMNS, window, mapped=TOGETHER):
            stream.take(block, screen)
            advance(block)
    if not stream.pictures:
        raise nothing_in(archive, window)
    return stream


def _stream(judge: assembly.Judge, source: str) -> Stream:
    compiled = judge.live()
    bare, shorter = (judge.live.compiled(of(compiled.policy_set)) for of in (without_unless, without_each))
    return Stream(compiled, bare, shorter, source)
