"""``sluice search``: the images of an archive that are nearest to words or to a picture."""

from __future__ import annotations

from pathlib import Path

from pipeline.archive.archive import Archive
from pipeline.rules.alike import ALIKE
from pipeline.rules.times import Window
from workers.archive.opening import opened_archive, segments_made_by
from workers.archive.options import ArchiveAt, Since, Until
from workers.archive.reading import reading
from workers.commands.options import AsJson, known_verdicts
from workers.search import options as told
from workers.search.record import UNFOLDED, Answer, Asked
from workers.search.sheet import sheet
from workers.search.table import show
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import say_json
from workers.terminal.reports import check_writable, write_report

NOTHING_LIKE_IT = 1


@with_settings("store", "model", "images", "policies", "log")
def search(
    settings: Settings,
    words: told.Words = None,
    unless: told.Unless = None,
    image: told.Pictures = None,
    like: told.Like = None,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    verdict: told.OfVerdict = None,
    policy: told.OfPolicy = None,
    subject: told.OfSubject = None,
    min_score: told.MinScore = None,
    limit: told.Limit = 20,
    alike: told.Alike = ALIKE,
    unfolded: told.Unfolded = False,
    as_json: AsJson = False,
    as_policy: told.AsPolicy = None,
    html: told.Sheet = None,
) -> int:
    """Find the images of an archive that are nearest to words, to a picture, or to one of its own images.

    The score of words is that of a policy with these prompts; that of a picture is the cosine. Images that are nearly
    the same are one line. Exit status: 0 where something was found, 1 where there is nothing like it.
    """
    check_writable("--html", html)
    window = window_of(since, until)
    with opened_archive(settings, archive) as opened:
        asked = Asked(
            words=words or [],
            unless=unless or [],
            images=[str(each) for each in image or []],
            like=like or [],
            archive=opened.store.address,
            since=window.since,
            until=window.until,
            verdicts=sorted(known_verdicts(verdict or ())),
            policies=policy or [],
            subject=subject,
            least=min_score if min_score is not None else told.LEAST if words else -1.0,
            alike=UNFOLDED if unfolded else alike,
        )
        found = _found(settings, opened, asked, window, limit, as_policy, as_json=as_json, html=html)
    return NOTHING_LIKE_IT if found.record.nothing_like_it else 0


def _found(
    settings: Settings,
    archive: Archive,
    asked: Asked,
    window: Window,
    limit: int,
    as_policy: str | None,
    *,
    as_json: bool,
    html: Path | None,
) -> Answer:
    """What was found, once it has been shown, and written as a policy where that was asked for."""
    from workers.search.as_policy import check_name, write  # noqa: PLC0415 - these bring torch
    from workers.search.asking import check_asked, made_ready  # noqa: PLC0415 - as above
    from workers.search.backtested import show_backtest  # noqa: PLC0415 - as above
    from workers.search.run import answer  # noqa: PLC0415 - as above

    terminal = Terminal()
    check_asked(asked)
    path = check_name(settings.policies, as_policy, asked) if as_policy else None
    what = made_ready(settings, terminal, archive, asked, window, limit)
    segments = segments_made_by(archive, window, what.made_by)
    with reading(terminal, "searching", segments) as advance:
        found = answer(archive, segments, what, threads=settings.cores, advance=advance)
    _print(found, terminal, as_json=as_json, html=html)
    if path is not None and what.loaded is not None:
        write(path, found.record)
        terminal.note(f"written: {path}")
        if not as_json:
            show_backtest(settings, archive, segments, window, what.loaded, path, terminal)
    return found


def _print(found: Answer, terminal: Terminal, *, as_json: bool, html: Path | None) -> None:
    if html is not None:
        write_report("--html", html, sheet(found))
    if as_json:
        say_json(found.record.as_json())
    else:
        show(found.record, terminal.out)
