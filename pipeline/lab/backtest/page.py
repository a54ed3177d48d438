"""A backtest as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape

from pipeline.lab import pages
from pipeline.lab.backtest import graphs, words
from pipeline.lab.backtest.album import Album
from pipeline.lab.backtest.moves import ACTIONS, OUTCOMES
from pipeline.lab.backtest.record import Near, PolicyRecord, Record
from pipeline.lab.backtest.reviewed import in_numbers
from pipeline.lab.reviews.reviewed import Reviewed

MOST_POLICIES = 40
"""Policies that have charts and examples on the page, those that change most; the table has all."""
MOST_OVERLAPS = 20
_FIRST_OPEN = 3


def page(record: Record, reviews: Mapping[str, Reviewed], album: Album | None = None) -> str:
    """The page, with review numbers for the policies that have reviews."""
    album = album or Album()
    by_change = sorted(_judged(record), key=lambda each: (-each.moves.new - each.moves.let_go, each.policy))
    sections = [
        _whole(record),
        _table(record),
        *([in_numbers(record, reviews)] if reviews else []),
        _overlaps(record),
        pages.section(
            "What would each policy flag?",
            *(_policy(each, album, opened=at < _FIRST_OPEN) for at, each in enumerate(by_change[:MOST_POLICIES])),
        ),
        _left_out(record, album, by_change[MOST_POLICIES:]),
    ]
    asked = record.asked
    counts = f"{record.events:,} images, {words.stretch(record)}, against {words.compared_with(asked)}"
    model = f"{asked.model}@{asked.fingerprint} {asked.preprocess}"
    title = f"Backtest of {asked.policies} ({asked.policy_set})"
    sections.insert(0, pages.unveil() if album.pictures else "")
    return pages.document(title, counts, model, _cards(record), filter(None, sections))


def _judged(record: Record) -> Iterator[PolicyRecord]:
    return (each for each in record.policies if each.judged)


def _cards(record: Record) -> Iterator[tuple[str, str, str]]:
    moves = record.verdicts
    before = f"{moves.flagged_before:,} before"
    yield "Flagged", f"{moves.flagged:,}", f"of {moves.events:,} images; {before}"
    yield "New", f"{moves.new:,}", "were allowed, and would be flagged"
    yield "Let go", f"{moves.let_go:,}", "were flagged, and would be allowed"
    if moves.severer or moves.milder:
        others = f"{moves.severer:,} severer, {moves.milder:,} milder"
        yield "Other actions", f"{moves.severer + moves.milder:,}", others


def _whole(record: Record) -> str:
    moves = record.verdicts
    cells = [(f"{before} before", *(f"{moves.of(before, after):,}" for after in OUTCOMES)) for before in OUTCOMES]
    table = pages.rows(("", *(f"{each} now" for each in OUTCOMES)), cells, figures=range(1, 5))
    return pages.section(
        "What would become of the stream?",
        graphs.by_action("Flagged images by verdict, day by day", record.days),
        "<h3>Against before</h3>",
        graphs.by_change("Images that are new and that are let go, day by day", record.days),
        f"<details><summary>Every verdict before and now</summary>{table}</details>",
        pages.note("Verdicts are those of all policies in mode enforce together; a policy in shadow changes none."),
    )


def _table(record: Record) -> str:
    def row(each: PolicyRecord) -> tuple[str, ...]:
        moves = each.moves
        counts = (f"{count:,}" for count in (moves.new, moves.let_go, moves.flagged))
        others = f"{moves.severer:,} / {moves.milder:,}"
        return each.policy, *counts, words.rate(each.per_million), others, mode(each)

    columns = ("policy", "new", "let go", "flagged", "of a million", "severer / milder", "mode")
    return pages.section(
        "Which policy changes what?",
        pages.rows(columns, map(row, _judged(record)), figures=range(1, 6)),
        pages.note("Rates have Wilson's 95 % intervals. A policy's own outcomes count here, in shadow, too."),
    )


def mode(policy: PolicyRecord) -> str:
    """Its mode, and what that was before."""
    now = policy.mode or "removed"
    return now if policy.mode_before in {None, policy.mode} else f"{policy.mode_before} → {now}"


def _overlaps(record: Record) -> str:
    flagging = sorted((each for each in record.policies if each.overlap), key=lambda each: -each.moves.flagged)
    if not flagging:
        return ""
    shown = sorted(flagging[:MOST_OVERLAPS], key=lambda each: each.policy)
    cells = [(f"{at} {each.policy}", *(_overlap(each, other) for other in shown)) for at, each in enumerate(shown, 1)]
    numbers = [str(at) for at in range(1, len(shown) + 1)]
    table = pages.rows(("", *numbers), cells, figures=range(1, len(shown) + 1))
    blocks = [
        f"<div class=heat>{table}</div>",
        pages.note("Images that both policies flag now; the darker, the larger their share of the row's policy."),
    ]
    if more := len(flagging) - len(shown):
        blocks.append(pages.note(f"The {len(shown)} policies that flag most; {more} more are in the JSON."))
    return pages.section("Which policies flag the same?", *blocks)


def _overlap(one: PolicyRecord, other: PolicyRecord) -> str:
    if one is other:
        return "·"
    both, flagged = one.overlap.get(other.policy, 0), one.moves.flagged
    shade = round(70 * both / flagged) if flagged else 0
    style = f"background:color-mix(in srgb,var(--bar) {shade}%,transparent);padding:.1rem .3rem"
    return pages.Html(f'<span style="{style}">{both:,}</span>')


def _policy(policy: PolicyRecord, album: Album, *, opened: bool) -> str:
    moves, changes = policy.moves, policy.moves.new + policy.moves.let_go
    told = f"{moves.flagged:,} flagged, {moves.new:,} new, {moves.let_go:,} let go"
    blocks = [
        graphs.by_action(f"{policy.policy}: flagged images by action, day by day", policy.days),
        _actions(policy),
        graphs.by_change(f"{policy.policy}: new and let go, day by day", policy.days),
        *_examples("New", policy.new, moves.new, album),
        *_examples("Let go", policy.let_go, moves.let_go, album),
        *_nearest(policy, album),
    ]
    return (
        f"<details class=policy{' open' if opened and changes else ''}><summary><b>{escape(policy.policy)}</b>"
        f"<span>{escape(mode(policy))}: {told}</span></summary>{''.join(blocks)}</details>"
    )


def _actions(policy: PolicyRecord) -> str:
    before, after = policy.moves.before, policy.moves.after
    rows = [(each, f"{before[each]:,}", f"{after[each]:,}") for each in ACTIONS if before[each] or after[each]]
    return pages.rows(("action", "before", "now"), rows, figures=(1, 2)) if rows else ""


def _examples(title: str, images: Sequence[Near], of: int, album: Album) -> Iterable[str]:
    if not images:
        return ()
    some = "" if len(images) >= of else f": {len(images):,} of {of:,}, drawn by chance"
    return f"<h3>{title}{some}</h3>", album.show(images)


def _nearest(policy: PolicyRecord, album: Album) -> Iterator[str]:
    for each in policy.thresholds:
        for images, words_for in ((each.above, "just reach"), (each.below, "just miss")):
            if images:
                yield f"<h3>These {words_for} {each.action} ({each.threshold:g})</h3>"
                yield album.show(images)


def _left_out(record: Record, album: Album, unseen: Sequence[PolicyRecord]) -> str:
    notes = []
    if unseen:
        notes.append(f"{len(unseen):,} policies that change less stand in the table alone.")
    if album.without_room:
        notes.append(
            f"{album.without_room:,} images are told of without their pictures, so that the page stays small."
        )
    if album.left_out:
        notes.append(f"{album.left_out:,} images more are in the JSON.")
    notes += [
        f"{each.events:,} images in {each.segments:,} segments were seen by another model or preprocessing "
        f"({each.fingerprint}, {each.preprocess}), and have no part in this."
        for each in record.skipped
    ]
    if record.shards:
        notes.append(f"This is a part of the whole: shares {', '.join(record.shards)} of the segments.")
    return pages.section("What is not here?", pages.listed(notes)) if notes else ""
