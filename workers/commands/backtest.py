"""``sluice backtest``: what a policy would have done, before it does it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from pipeline.errors import UsageError
from pipeline.lab.backtest.merge import merge
from pipeline.lab.backtest.record import Record, parse_record, record_bytes
from pipeline.lab.backtest.record_json import record_json
from pipeline.lab.reviews.reviewed import Reviewed
from workers.archive.opening import opened_archive
from workers.archive.options import ArchiveAt, Since, Until
from workers.archive.shards import shard_of
from workers.backtest.answer import Subject, answered
from workers.backtest.asked import check
from workers.backtest.gates import Limit, exceeded, limit_of
from workers.backtest.page import write_page
from workers.commands.options import AsJson, MaxLetGo, MaxNew
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.settings.times import window_of
from workers.terminal.backtest import show
from workers.terminal.console import Terminal
from workers.terminal.plain import say, say_json
from workers.terminal.reports import check_writable

EXCEEDED = 1

What = Annotated[
    list[Path],
    typer.Argument(
        metavar="POLICY.yaml|FOLDER", help="What to judge by; or the word merge and the files of all --shard parts."
    ),
]
Against = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Compare with this folder of policies; else with what was decided."),
]
Part = Annotated[
    str | None,
    typer.Option("--shard", metavar="K/N", help="Judge the K-th of N shares of the segments; print a part to merge."),
]
Html = Annotated[
    Path | None, typer.Option(help="Write the results to this page, too: charts, examples and their pictures.")
]
Nearest = Annotated[int, typer.Option(min=0, max=1000, help="Images to tell of on either side of a threshold.")]


@with_settings("store", "model", "images", "policies", "log")
def backtest(
    settings: Settings,
    what: What,
    against: Against = None,
    archive: ArchiveAt = None,
    since: Since = None,
    until: Until = None,
    max_new: MaxNew = None,
    max_let_go: MaxLetGo = None,
    shard: Part = None,
    nearest: Nearest = 10,
    html: Html = None,
    as_json: AsJson = False,
) -> int:
    """Judge what the archive remembers by other policies: what would be flagged, new, and let go.

    A file is judged alone, by the defaults of its folder. Exit status 0: done, within --max-new and --max-let-go. 1:
    more than they allow. 2: the policies do not hold, or there is nothing to judge.
    """
    check_writable("--html", html)
    limits = limit_of("--max-new", max_new), limit_of("--max-let-go", max_let_go)
    if str(what[0]) == "merge":
        whole = _merged(what[1:])
        if html is not None:
            write_page(html, whole, {}, None)
        return _report(whole, None, {}, limits, as_json=as_json)
    if len(what) > 1:
        raise UsageError("name one policy file, or one folder of policies")
    part, window = shard_of(shard, since, until), window_of(since, until)
    check(what[0], against)
    with opened_archive(settings, archive) as found:
        answer = answered(settings, found, Subject(what[0], against, window, part, nearest))
        if html is not None:
            write_page(html, answer.record, answer.reviews, found)
    if part is not None:
        say_json(record_bytes(answer.record).decode().rstrip())
        return 0
    return _report(answer.record, answer.only, answer.reviews, limits, as_json=as_json)


def _merged(parts: Sequence[Path]) -> Record:
    if not parts:
        raise UsageError("sluice backtest merge: name the files that --shard K/N printed")
    found = merge([_part(each) for each in parts])
    if found.shards:
        of = found.shards[0].partition("/")[2]
        every = [f"{number}/{of}" for number in range(1, int(of) + 1)]
        missing = [part for part in every if part not in found.shards]
        raise UsageError(f"sluice backtest merge: part {', '.join(missing)} is missing; give all {of}")
    return found


def _part(path: Path) -> Record:
    try:
        return parse_record(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not what sluice backtest --shard K/N prints: {error}") from error


def _report(
    record: Record,
    only: str | None,
    reviews: Mapping[str, Reviewed],
    limits: tuple[Limit | None, Limit | None],
    *,
    as_json: bool,
) -> int:
    for each in record.skipped:
        made_by = f"model {each.fingerprint} by {each.preprocess}"
        say(f"sluice: left out: {each.segments:,} segments with {each.events:,} events of {made_by}", err=True)
    if as_json:
        say_json(record_json(record, reviews))
    else:
        show(record, Terminal().out, only, reviews)
    over = list(exceeded(record, only, *limits))
    for line in over:
        say(f"EXCEEDED  {line}", err=as_json)
    return EXCEEDED if over else 0
