"""A backtest on the terminal: what becomes of the verdicts, of each policy and of each day."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.lab.backtest import words
from pipeline.lab.backtest.moves import OUTCOMES
from pipeline.lab.backtest.record import Near, PolicyRecord, Record, Threshold, per_million
from pipeline.lab.backtest.reviewed import numbers
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.reviewed import Reviewed
from workers.terminal.console import told
from workers.terminal.plain import one_line

NEAREST = 3
"""Images that are shown on either side of a threshold."""
OVERLAPS = 3


def show(
    record: Record, console: Console, only: str | None = None, reviews: Mapping[str, Reviewed] | None = None
) -> None:
    """Print all tables; with `only`, the images nearest to that policy's thresholds as well."""
    console.print(told(_in_words(record)), soft_wrap=True)
    tables = [_verdicts(record), _policies(record), _actions(record)]
    if len(record.days) > 1:
        tables.append(_days(record))
    if reviews:
        tables.append(_reviews(record, reviews))
    if only is not None and (policy := record.by_policy.get(only)) and policy.thresholds:
        tables.append(_nearest(policy))
    for table in tables:
        console.print()
        console.print(table)
    for line in (*_overlaps(record), *_open_ends(record, reviews or {})):
        console.print(line, soft_wrap=True)


def _in_words(record: Record) -> str:
    asked, days = record.asked, [each.day for each in record.days]
    when = f"{days[0]} to {days[-1]}" if len(days) > 1 else "".join(days)
    part = f", part {', '.join(record.shards)}" if record.shards else ""
    return (
        f"{record.events:,} events of {when or 'no day'} in {record.segments:,} segments{part}, by {asked.policies} "
        f"({asked.policy_set}), beside {asked.against or 'what was decided'}"
    )


def _verdicts(record: Record) -> Table:
    moves = record.verdicts
    table = _table("verdict", "before", "now", "change", "new", "let go")
    for each in OUTCOMES:
        change = moves.after[each] - moves.before[each]
        new, gone = moves.of("allow", each), moves.of(each, "allow")
        changes = ("", "") if each == "allow" else (_figure(new), _figure(gone))
        cells = (f"{moves.before[each]:,}", f"{moves.after[each]:,}", f"{change:+,}" if change else "")
        table.add_row(each, *cells, *changes)
    return table


def _policies(record: Record) -> Table:
    table = _table("policy", "mode", "before", "now", "new", "let go", "severer", "milder")
    for each in record.policies:
        moves = each.moves
        changes = (moves.new, moves.let_go, moves.severer, moves.milder)
        flagged = (f"{moves.flagged_before:,}", f"{moves.flagged:,}")
        style = None if each.judged else "dim"
        table.add_row(one_line(each.policy), _mode(each), *flagged, *map(_figure, changes), style=style)
    return table


def _actions(record: Record) -> Table:
    """Of the policies that were judged, by the severest action that an event has of one."""
    table = _table("policy", "action", "from", "before", "now", "per million")
    for each in record.policies:
        for threshold in each.thresholds:
            before, now = (side[threshold.action] for side in (each.moves.before, each.moves.after))
            rate = _rate(per_million(now, each.moves.events))
            cells = (f"{threshold.threshold:g}", f"{before:,}", f"{now:,}", rate)
            table.add_row(one_line(each.policy), threshold.action, *cells)
    return table


def _reviews(record: Record, reviews: Mapping[str, Reviewed]) -> Table:
    """Precision and recall as reviews tell them of the stream; a dash where they cannot."""
    table = _table("policy", "action", "reviewed", "unsure", "precision", "recall")
    for policy, action, found, at in numbers(record, reviews):
        looked = f"{len(found.scores):,}", f"{int(found.unsure.sum()):,}"
        table.add_row(one_line(policy), action, *looked, words.share(at.precision), words.share(at.recall))
    return table


def _open_ends(record: Record, reviews: Mapping[str, Reviewed]) -> list[Text]:
    lines = [
        told(f"{policy} {action}: {remark}")
        for policy, action, _, at in numbers(record, reviews)
        for remark in at.remarks()
    ]
    return [Text(), *lines] if lines else []


def _mode(each: PolicyRecord) -> str:
    if not each.judged:
        return "as before"
    if each.mode is None:
        return "gone"
    if each.mode_before not in {None, each.mode}:
        return f"{each.mode_before} > {each.mode}"
    return each.mode


def _rate(found: Estimate | None) -> str:
    return "-" if found is None else f"{found.value:,.0f} ({found.low:,.0f} to {found.high:,.0f})"


def _days(record: Record) -> Table:
    table = _table("day", "events", "before", "now", "new", "let go")
    for each in record.days:
        moves = each.moves
        counts = (moves.events, moves.flagged_before, moves.flagged)
        table.add_row(each.day, *(f"{count:,}" for count in counts), _figure(moves.new), _figure(moves.let_go))
    return table


def _overlaps(record: Record) -> list[Text]:
    lines = []
    for each in record.policies:
        most = sorted(each.overlap.items(), key=lambda pair: (-pair[1], pair[0]))[:OVERLAPS]
        if each.judged and most:
            said = ", ".join(f"{other} {count:,}" for other, count in most)
            lines.append(told(f"{each.policy} shares with {said}"))
    return [Text(), *lines] if lines else []


def _nearest(policy: PolicyRecord) -> Table:
    table = _table("threshold", "score", "image", "was", "decided")
    for threshold in policy.thresholds:
        for near in _both_sides(threshold):
            name = f"{threshold.action} {threshold.threshold:g}"
            score = "-" if near.score is None else f"{near.score:.6f}"
            table.add_row(name, score, one_line(near.image_id), near.before, near.decided_at[:19])
    table.columns[2].justify = "left"
    return table


def _both_sides(threshold: Threshold) -> list[Near]:
    return [*reversed(threshold.above[:NEAREST]), *threshold.below[:NEAREST]]


def _figure(count: int) -> str:
    return f"{count:,}" if count else ""


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(
            column, justify="left" if number == 0 or column in {"mode", "action", "was"} else "right", no_wrap=True
        )
    return table
