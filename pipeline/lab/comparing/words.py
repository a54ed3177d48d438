"""Two policies side by side, in the words of the terminal and of the page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from pipeline.lab.comparing.record import ACTIONS, Comparison, Told
from pipeline.lab.evaluation.shares import Estimate
from pipeline.wire import Verdict

TABLE_HEAD = ("", "images", "share")
ACTIONS_HEAD = ("action", "images of A", "images of B")
FEW_HOURS = 6
SOME_DECIMALS = 10


def in_words(found: Comparison) -> str:
    first, last = (f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d %H:%M}" for each in (found.first, found.last))
    scored = f"{found.cells.images:,} images that both scored"
    return f"A {found.a}, B {found.b}: {scored}, {first} to {last} UTC, in {found.source}"


def counts(found: Comparison) -> list[tuple[str, str, str]]:
    """Both, only A, only B and neither, as rows under `TABLE_HEAD`."""
    cells = found.cells
    said = (("both flag", cells.both), (f"only A, {found.a}", cells.only_a), (f"only B, {found.b}", cells.only_b))
    return [(name, f"{count:,}", _share(count, cells.images)) for name, count in (*said, ("neither", cells.neither))]


def actions(found: Comparison) -> list[tuple[str, str, str]]:
    """How often each took each action, as rows under `ACTIONS_HEAD`."""
    rows: list[tuple[str, str, str]] = []
    for action in ACTIONS:
        a, b = found.cells.taken(action)
        if a or b:
            rows.append((action, f"{a:,}", f"{b:,}"))
    return rows


def figures(found: Comparison) -> Iterator[tuple[str, str]]:
    """Agreement, kappa and what reviewers get a day, each with its interval."""
    yield "agreement", "-" if found.agreement is None else _percent(found.agreement)
    kappa = found.kappa
    yield "kappa", "cannot be told: one of them says the same of every image" if kappa is None else _between(kappa)
    for side, name in enumerate((found.a, found.b)):
        load = found.load(side)
        yield f"reviews a day, {name}", "-" if load is None else _a_day(load)


def remarks(found: Comparison) -> Iterator[str]:
    """What else is to be known, a line each."""
    if found.without:
        yield f"{found.without:,} decisions are left out: {found.a} or {found.b} was not there by then"
    if len(found.policy_sets) > 1:
        yield (
            f"{len(found.policy_sets)} policy sets decided, so either policy may have been another at first;"
            " --since leaves out what was before the last edit"
        )
    if found.cells.images and found.last - found.first < FEW_HOURS * 3600:
        hours = (found.last - found.first) / 3600
        yield f"a day is told from {hours:.1f} hours: other hours bring other images"


def outcome(of: Verdict) -> str:
    return "not flagged" if of == "allow" else of


def said_of(told: Told) -> str:
    """``A review 0.84, B not flagged 0.12``."""
    sides = zip("AB", told.outcomes, told.scores, strict=True)
    return ", ".join(f"{side} {outcome(of)} {score:.3f}" for side, of, score in sides)


def drawn(images: Sequence[Told], of: int) -> str:
    """What is said of those that are told of by themselves."""
    return f"{of:,} images" if len(images) >= of else f"{len(images):,} of {of:,} images, drawn by chance"


def when(told: Told) -> str:
    return told.decided_at[:16].replace("T", " ")


def _share(count: int, of: int) -> str:
    return f"{count / of:.3%}" if of else "-"


def _percent(found: Estimate) -> str:
    return f"{found.value:.2%} ({found.low:.2%} to {found.high:.2%})"


def _between(found: Estimate) -> str:
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _a_day(found: Estimate) -> str:
    return f"{_number(found.value)} ({_number(found.low)} to {_number(found.high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= SOME_DECIMALS else f"{value:.1f}"
