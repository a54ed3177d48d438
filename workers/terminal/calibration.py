"""A calibration for a person: the thresholds and their cost, the curves, and what is wanting."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.lab.data.extract import Unreadable
from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.reviewed import Reviewed
from pipeline.lab.thresholds.calibrate import Choice
from pipeline.lab.thresholds.curve import Curve, average_precision, precision_at_recall
from pipeline.lab.thresholds.measure import Calibration
from workers.terminal.console import told

RECALLS = (0.5, 0.7, 0.9, 0.95)
"""Recalls at which the table gives the precision."""
_BARS = "▁▂▃▄▅▆▇█"
_STEPS = 12
_NAMED = 20


def show(found: Calibration, console: Console) -> None:
    """Print the calibration, laid out for eighty columns."""
    of = (
        ""
        if found.prevalence is None
        else f", precision as in a stream where {found.prevalence:g} of the images show it"
    )
    scored_by = f"{found.spec.name}@{found.spec.fingerprint}"
    chosen = "" if found.stream is None else f" of {found.stream:,} in the archive"
    console.print(told(f"{found.data}: {found.images:,} images{chosen}, scored by {scored_by}{of}"))
    console.print()
    console.print(_thresholds(found))
    console.print()
    console.print(_curves(found))
    console.print()
    for line in _remarks(found):
        console.print(line, soft_wrap=True)


def name_unreadable(unreadable: tuple[Unreadable, ...], console: Console) -> None:
    if not unreadable:
        return
    console.print(f"{len(unreadable)} images could not be read and are left out:")
    for each in unreadable[:_NAMED]:
        console.print(told(f"  {each.name}: {each.message}"), soft_wrap=True)
    if len(unreadable) > _NAMED:
        console.print(f"  and {len(unreadable) - _NAMED} more; --json names all")


def _thresholds(found: Calibration) -> Table:
    """A line for each action of the policies that some image shows; of the others a remark says so."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("policy", no_wrap=True)
    table.add_column("action")
    for name in ("threshold", "precision %", "recall %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("flags /M", justify="right")
    table.add_column("false /M", justify="right")
    for finding in found.findings:
        policy = told(finding.policy.id)
        for choice in finding.choices:
            table.add_row(policy, *_row(choice))
            policy = Text()
    return table


def _row(choice: Choice) -> tuple[Text, ...]:
    quality = choice.quality
    return (
        told(choice.action),
        _moved(choice),
        _percent(quality.precision),
        _percent(quality.recall),
        told(_short(quality.flagged_per_million)),
        told(_short(quality.false_per_million.value)),
    )


def _moved(choice: Choice) -> Text:
    if choice.threshold is None or (choice.unproven and choice.threshold == choice.before):
        return told((f"{choice.before:g} stays", "yellow"))
    if choice.unproven:
        return told(f"{choice.before:g}→", (f"{choice.threshold:g}?", "bold yellow"))
    if choice.threshold == choice.before:
        return told(f"{choice.before:g}")
    return told(f"{choice.before:g}→", (f"{choice.threshold:g}", "bold"))


def _percent(estimate: Estimate) -> Text:
    """``97.1 (93-99)``, the ends rounded outwards; a dash where nothing was flagged."""
    if math.isnan(estimate.value):
        return told("-")
    ends = f"{math.floor(100 * estimate.low)}-{math.ceil(100 * estimate.high)}"
    return told(f"{100 * estimate.value:.3g} ", (f"({ends})", "dim"))


def _short(count: float) -> str:
    """``950``, ``13.4k`` or ``1M``; a dash where there was nothing to count."""
    if math.isnan(count):
        return "-"
    if count >= 999_500:  # noqa: PLR2004 - in three digits a million
        return f"{count / 1e6:.3g}M"
    return f"{count:.0f}" if count < 1000 else f"{count / 1000:.3g}k"  # noqa: PLR2004 - what k stands for


def _curves(found: Calibration) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("precision at recall", no_wrap=True)
    for recall in RECALLS:
        table.add_column(f"{recall:g}", justify="right")
    table.add_column("0 to 1", no_wrap=True)
    table.add_column("average", justify="right")
    table.add_column("show it", justify="right")
    table.add_column("do not", justify="right")
    for finding in found.findings:
        if finding.curve is None:
            continue
        table.add_row(
            told(finding.policy.id),
            *_precisions(finding.curve, found.prevalence),
            f"{finding.curve.positives:,}",
            f"{finding.curve.negatives:,}",
        )
    return table


def _precisions(curve: Curve, prevalence: float | None) -> Iterator[str]:
    """Cells of a curve: precision at each of `RECALLS`, all along, and on average; dashes where recall is unknown."""
    if not curve.complete:
        yield from ("-" for _ in (*RECALLS, "0 to 1", "average"))
        return
    points = curve.points(prevalence)
    yield from (f"{precision_at_recall(points, recall):.2f}" for recall in RECALLS)
    yield "".join(_bar(precision_at_recall(points, (step + 1) / _STEPS)) for step in range(_STEPS))
    yield f"{average_precision(points):.3f}"


def _bar(share: float) -> str:
    return _BARS[min(len(_BARS) - 1, int(share * len(_BARS)))]


def _remarks(found: Calibration) -> Iterator[Text]:
    for finding in found.findings:
        if finding.problem:
            yield told(f"{finding.policy.id}: {finding.problem}")
        for choice in finding.choices:
            what = f"{finding.policy.id} {choice.action}"
            if choice.problem:
                yield told((f"{what}: {choice.problem}", "yellow"), "; its file is left alone")
            if choice.unproven:
                yield told((f"{what}: unproven: {choice.unproven}", "yellow"))
            if finding.status != "no target":
                yield from (told(f"{what}: {note}") for note in choice.notes)
        if finding.curve and finding.curve.sample:
            yield told(f"{finding.policy.id}: {_reviews(finding.curve.sample)}")


def _reviews(found: Reviewed) -> str:
    """How many reviews there were, and what became of those that do not count."""
    said = found.reviews
    parts = {
        "left unsure": int(found.unsure.sum()),
        "not found in the archive": found.missing,
        "put aside for a later one": said.replaced,
    }
    left_out = "".join(f", {count:,} {what}" for what, count in parts.items() if count)
    differ = f"; reviewers differ on {said.disputed:,} of {said.by_several:,}" if said.by_several else ""
    return f"{len(found.scores):,} reviewed{left_out}{differ}"
