"""``sluice search``: the images of an archive that are nearest to words or to a picture."""

from __future__ import annotations

from pathlib import Path

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.archive.archive import Archive
from pipeline.errors import UsageError
from pipeline.rules.alike import ALIKE
from pipeline.rules.times import Window
from workers.archive.opening import opened_archive, segments_made_by
from workers.archive.options import ArchiveAt, Since, Until
from workers.archive.reading import reading
from workers.archive.shards import Shard, shard_of, share_of
from workers.commands.options import AsJson, known_verdicts
from workers.policies.named import meant
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
    shard: told.Part = None,
    merge: told.Parts = None,
) -> int:
    """Find the images of an archive that are nearest to words, to a picture, or to one of its own images.

    The score of words is that of a policy with these prompts; that of a picture is the cosine. Machines can take a
    --shard each; --merge makes one answer of the parts. Exit status: 1 where there is nothing like it.
    """
    check_writable("--html", html)
    if merge:
        return _status(_merged(merge, words=words, as_json=as_json, html=html))
    part, window = _part_of(shard, since, until, for_people=bool(html or as_policy)), window_of(since, until)
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
        if part is not None:
            return _print_part(settings, opened, asked, window, limit, part)
        return _status(_found(settings, opened, asked, window, limit, as_policy, as_json=as_json, html=html))


def _part_of(shard: str | None, since: str | None, until: str | None, *, for_people: bool) -> Shard | None:
    part = shard_of(shard, since, until)
    if part is not None and for_people:
        raise UsageError("--shard prints a part and nothing else; give --html to --merge of all parts")
    return part


def _status(found: Answer) -> int:
    return NOTHING_LIKE_IT if found.record.nothing_like_it else 0


def _print_part(settings: Settings, archive: Archive, asked: Asked, window: Window, limit: int, part: Shard) -> int:
    """What one share of the segments holds, nothing of which is no reason to fail."""
    from workers.search.asking import check_asked, made_ready  # noqa: PLC0415 - these bring torch
    from workers.search.parts import part_of  # noqa: PLC0415 - as above
    from workers.search.run import gone_through  # noqa: PLC0415 - as above

    terminal = Terminal()
    check_asked(asked)
    what = made_ready(settings, terminal, archive, asked, window, limit)
    segments = share_of(segments_made_by(archive, window, what.made_by), part)
    with reading(terminal, f"searching share {part}", segments) as advance:
        nearest, seen = gone_through(archive, segments, what, threads=settings.cores, advance=advance)
    say_json(part_of(archive, what, nearest, seen, part).as_json())
    return 0


def _merged(parts: list[Path], *, words: list[str] | None, as_json: bool, html: Path | None) -> Answer:
    from workers.search.parts import merged, read_part  # noqa: PLC0415 - these bring torch

    if words:
        raise UsageError("--merge goes by what the parts were asked; leave the words out")
    found = merged([read_part(each) for each in parts])
    _print(found, Terminal(), as_json=as_json, html=html)
    return found


def _note_slips(asked: Asked, settings: Settings, terminal: Terminal) -> None:
    """That a policy is in no file need not be a slip: it may be gone since. Said where nothing was found."""
    known = [each.id for each in policies_in(settings.policies).policies]
    for name in asked.policies:
        if name not in known:
            terminal.note(f"{settings.policies}: no policy is called {name!r}; {meant(name, known)}".rstrip("; "))


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
    from workers.search.run import answer, gone_through  # noqa: PLC0415 - as above

    terminal = Terminal()
    check_asked(asked)
    path = check_name(settings.policies, as_policy, asked) if as_policy else None
    what = made_ready(settings, terminal, archive, asked, window, limit)
    segments = segments_made_by(archive, window, what.made_by)
    with reading(terminal, "searching", segments) as advance:
        nearest, seen = gone_through(archive, segments, what, threads=settings.cores, advance=advance)
    found = answer(archive, what, nearest, seen)
    _print(found, terminal, as_json=as_json, html=html)
    if not seen.images:
        _note_slips(asked, settings, terminal)
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
