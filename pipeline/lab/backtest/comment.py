"""What an edit of policies does, as Markdown: a comment for a pull request.

Whoever opens a pull request writes what stands in it. Their words stand in code spans, where nobody is notified,
nothing is linked, and no HTML is obeyed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from pipeline.lab.backtest import words
from pipeline.lab.backtest.record import Near, PolicyRecord, Record
from pipeline.lab.backtest.reviewed import numbers
from pipeline.lab.reviews.reviewed import Reviewed
from pipeline.rules.policies.differences import Changed, Difference

MARK = "<!-- sluice policy diff -->"
"""The first line, by which a comment that is there already is found again."""
LIMIT = 60_000
"""Characters; GitHub takes 65,536 in one comment."""
MOST_LINES = 12
"""Lines shown of one key of one policy."""
EXAMPLES = 5
_LONGEST = 200


def comment(
    changed: Sequence[Changed], record: Record | None, reviews: Mapping[str, Reviewed], exceeded: Sequence[str]
) -> str:
    """The comment; without a record it says what differs in the files alone."""
    blocks = [MARK, "### What this does to the policies", *_verdict(changed, record, exceeded)]
    if record is not None:
        blocks += [*_policies(record), *_reviews(record, reviews), *_examples(record)]
    blocks += [*_files(changed)]
    kept, length = list[str](), 0
    for block in blocks:
        length += len(block) + 2
        if length > LIMIT:
            kept.append("_The rest has no room here; `sluice policy diff` prints all of it with `--json`._")
            break
        kept.append(block)
    return "\n\n".join(kept) + "\n"


def code(text: str) -> str:
    """The text as a code span on one line, whatever is in it."""
    line = re.sub(r"\s+", " ", text).strip()
    short = line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"
    fence = "`" * (max(map(len, re.findall("`+", short)), default=0) + 1)
    pad = " " if short.startswith("`") or short.endswith("`") or not short else ""
    return f"{fence}{pad}{short}{pad}{fence}"


def _cell(text: str) -> str:
    """As `code`; in a table, a bar would end the cell even there."""
    return code(text).replace("|", "\\|")


def _verdict(changed: Sequence[Changed], record: Record | None, exceeded: Sequence[str]) -> Iterator[str]:
    yield from (f"**Too much:** {line}" for line in exceeded)
    if not changed:
        yield "Nothing differs."
    elif not any(each.scores for each in changed):
        yield "No decision changes: what differs is for people alone."
    if record is None:
        return
    moves = record.verdicts
    yield (
        f"Of {moves.events:,} images that the archive remembers ({words.stretch(record)}), "
        f"**{moves.new:,}** would be newly flagged and **{moves.let_go:,}** let go; "
        f"{moves.severer:,} would be treated more severely and {moves.milder:,} more mildly. "
        f"Flagged in all: {moves.flagged_before:,} before, {moves.flagged:,} now."
    )
    for each in record.skipped:
        yield f"{each.events:,} images of another model ({code(each.fingerprint)}) have no part in this."


def _policies(record: Record) -> Iterator[str]:
    rows = [_row(each) for each in record.policies if each.judged and _tells(each)]
    if rows:
        head = ["| policy | new | let go | flagged | of a million | mode |", "|---|--:|--:|--:|--:|---|"]
        yield "\n".join([*head, *rows])


def _tells(policy: PolicyRecord) -> bool:
    moves = policy.moves
    return bool(moves.new or moves.let_go or moves.severer or moves.milder)


def _row(policy: PolicyRecord) -> str:
    moves, mode = policy.moves, policy.mode or "removed"
    modes = mode if policy.mode_before in {None, policy.mode} else f"{policy.mode_before} → {mode}"
    counts = " | ".join(f"{count:,}" for count in (moves.new, moves.let_go, moves.flagged))
    return f"| {_cell(policy.policy)} | {counts} | {words.rate(policy.per_million)} | {modes} |"


def _reviews(record: Record, reviews: Mapping[str, Reviewed]) -> Iterator[str]:
    told = list(numbers(record, reviews))
    if not told:
        return
    lines = ["| policy | action | precision | recall | reviewed |", "|---|---|--:|--:|--:|"]
    lines += [
        f"| {_cell(policy)} | {action} {at.threshold:g} | {words.share(at.precision)} | {words.share(at.recall)} "
        f"| {len(found.scores):,} |"
        for policy, action, found, at in told
    ]
    yield "\n".join(lines)
    remarks = [f"- {code(policy)} {action}: {remark}" for policy, action, _, at in told for remark in at.remarks()]
    if remarks:
        yield "\n".join(remarks)


def _examples(record: Record) -> Iterator[str]:
    for policy in record.policies:
        shown = [*_some("new", policy.new), *_some("let go", policy.let_go)]
        if policy.judged and shown:
            yield _folded(f"{policy.policy}: examples", shown)


def _some(what: str, images: Sequence[Near]) -> Iterator[str]:
    for image in images[:EXAMPLES]:
        yield f"- {what}: {code(image.image_id)}, score {words.score(image)}, {words.when(image)}"


def _files(changed: Sequence[Changed]) -> Iterator[str]:
    for each in changed:
        name = f"**{code(each.id)}**" if each.id else "**What all policies share**"
        effect = "" if each.scores else " (changes no decision)"
        lines = [line for key, group in groupby(each.differences, _key) for line in _lines(key, list(group))]
        yield "\n".join([f"{name} {each.kind}{effect}", *(["", *lines] if lines else [])])


def _key(difference: Difference) -> str:
    return difference.key


def _lines(key: str, group: Sequence[Difference]) -> Iterator[str]:
    for each in group[:MOST_LINES]:
        yield f"- {key}: {each.said}" + (f" {code(each.text)}" if each.text else "")
    if len(group) > MOST_LINES:
        yield f"- {key}: and {len(group) - MOST_LINES:,} lines more"


def _folded(title: str, lines: Sequence[str]) -> str:
    """Closed until somebody opens it. The title is an id, which has no characters that HTML obeys."""
    return "\n".join([f"<details><summary>{title}</summary>", "", *lines, "", "</details>"])
