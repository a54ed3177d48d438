"""``sluice search``: the images of an archive that are nearest to words or to a picture."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from workers.archive.opening import opened_archive, segments_made_by
from workers.archive.options import ArchiveAt, Since, Until
from workers.archive.reading import reading
from workers.commands.options import AsJson
from workers.search.record import UNFOLDED, Answer, Asked
from workers.search.sheet import sheet
from workers.search.table import show
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.console import Terminal
from workers.terminal.plain import say_json
from workers.terminal.reports import check_writable, write_report

LEAST = 0.5
"""The default least score of words: below it, all else that the background names describes the image better."""
ALIKE = 0.97
"""The default cosine of what is nearly the same. Measured with the bundled model on the shipped samples: of copies
that were resized, to half or more, or saved again, 888 of 889 reach it; of 8,001 pairs of different pictures none.
"""
NOTHING_LIKE_IT = 1


class VerdictName(StrEnum):
    ALLOW = "allow"
    LABEL = "label"
    REVIEW = "review"
    BLOCK = "block"


@with_settings("store", "model", "images", "policies", "log")
def search(
    settings: Settings,
    words: Annotated[
        list[str] | None, typer.Argument(help="What the image shows, in a policy's words; one of them is enough.")
    ] = None,
    unless: Annotated[list[str] | None, typer.Option(help="...unless this describes it better.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture on disk that it is like.")] = None,
    like: Annotated[list[str] | None, typer.Option(help="An archived image that it is like, by its id.")] = None,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    verdict: Annotated[list[VerdictName] | None, typer.Option(help="Of this verdict alone.")] = None,
    policy: Annotated[list[str] | None, typer.Option(help="That matched this policy, enforced or in shadow.")] = None,
    subject: Annotated[str | None, typer.Option(help="Of this subject alone.")] = None,
    min_score: Annotated[
        float | None, typer.Option(min=0, max=1, help=f"What has less is nothing like it; {LEAST:g} for words.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="Lines at most.")] = 20,
    alike: Annotated[
        float, typer.Option(min=0, max=1, help="Cosine from which on images are folded into one line.")
    ] = ALIKE,
    unfolded: Annotated[bool, typer.Option("--unfolded", help="A line for every image, however alike.")] = False,
    as_json: AsJson = False,
    as_policy: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write the words as a policy in shadow mode; show its backtest."),
    ] = None,
    html: Annotated[Path | None, typer.Option(help="Write a contact sheet, one page with the thumbnails.")] = None,
) -> int:
    """Find the images of an archive that are nearest to words, to a picture, or to one of its own images.

    The score of words is that of a policy with these prompts; that of a picture is the cosine. Images that are nearly
    the same are one line. Exit status: 0 where something was found, 1 where there is nothing like it.
    """
    from workers.search.as_policy import check_name, write  # noqa: PLC0415 - these bring torch
    from workers.search.asking import check_asked, made_ready  # noqa: PLC0415 - as above
    from workers.search.backtested import show_backtest  # noqa: PLC0415 - as above
    from workers.search.run import answer  # noqa: PLC0415 - as above

    check_writable("--html", html)
    window, terminal = window_of(since, until), Terminal()
    with opened_archive(settings, archive) as opened:
        asked = Asked(
            words=words or [],
            unless=unless or [],
            images=[str(each) for each in image or []],
            like=like or [],
            archive=opened.store.address,
            since=window.since,
            until=window.until,
            verdicts=[each.value for each in verdict or []],
            policies=policy or [],
            subject=subject,
            least=min_score if min_score is not None else LEAST if words else -1.0,
            alike=UNFOLDED if unfolded else alike,
        )
        check_asked(asked)
        path = check_name(settings.policies, as_policy, asked) if as_policy else None
        what = made_ready(settings, terminal, opened, asked, window, limit)
        segments = segments_made_by(opened, window, what.made_by)
        with reading(terminal, "searching", segments) as advance:
            found = answer(opened, segments, what, threads=settings.cores, advance=advance)
        _print(found, terminal, as_json=as_json, html=html)
        if path is not None and what.loaded is not None:
            write(path, found.record)
            terminal.note(f"written: {path}")
            if not as_json:
                show_backtest(settings, opened, segments, window, what.loaded, path, terminal)
    return NOTHING_LIKE_IT if found.record.nothing_like_it else 0


def _print(found: Answer, terminal: Terminal, *, as_json: bool, html: Path | None) -> None:
    if html is not None:
        write_report("--html", html, sheet(found))
    if as_json:
        say_json(found.record.as_json())
    else:
        show(found.record, terminal.out)
