"""An evaluation as one HTML page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from pipeline.lab import pages
from pipeline.lab.data.extract import Unreadable
from pipeline.lab.evaluation import words
from pipeline.lab.evaluation.charts import bars, reliability_diagram
from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.lab.evaluation.metrics import LEAST_IN_GROUP, Shift
from pipeline.lab.evaluation.record import Record
from pipeline.lab.evaluation.zero_shot import ONE_TEMPLATE

UNREADABLE_SHOWN = 500
"""Names on the page; the JSON has all."""


def page(record: Record) -> str:
    evaluation = record.evaluation
    sections = [
        _tops(evaluation),
        _calibration(evaluation),
        _groups(evaluation),
        _templates(evaluation),
        *(_shift(evaluation, each) for each in evaluation.shifts),
        _elsewhere(evaluation),
        _worst(evaluation),
        _unreadable((*evaluation.unreadable, *evaluation.shift_unreadable)),
    ]
    title = f"{record.model.name} on {evaluation.data}"
    return pages.document(title, words.left_out(evaluation), record.model_line, _headline(evaluation), sections)


def _headline(evaluation: Evaluation) -> Iterable[tuple[str, str, str]]:
    """Yield name, value, and interval or remark."""
    for top in evaluation.top:
        yield f"Top-{top.k}", words.percent(top.accuracy.value), words.span(top.accuracy)
    yield "Calibration error", words.percent(evaluation.calibration.ece), words.trust(evaluation)
    if gap := evaluation.gap:
        yield "Largest gap", words.points(gap.difference.value), words.points_span(gap.difference)
    if gain := evaluation.template_gain:
        yield "Gain of templates", words.points(gain.value), words.points_span(gain)
    for shift in evaluation.shifts:
        if shift.kept:
            yield f"Kept on {shift.data}", words.percent(shift.kept.value), words.span(shift.kept)


def _tops(evaluation: Evaluation) -> str:
    rows = [(f"top-{top.k}", top.accuracy, f"of {evaluation.scored:,}") for top in evaluation.top]
    return pages.section(
        "How often is the right class among the first?",
        bars("Top-k accuracy with 95 % intervals", rows),
        pages.note(
            "Whiskers are Wilson's 95 % intervals. An image with several labels is right when any of them is found."
        ),
    )


def _calibration(evaluation: Evaluation) -> str:
    kinds = {
        "softmax": "the softmax over all classes at the model's own logit scale",
        "sigmoid": "the sigmoid of the first class's logit: this model was trained with a sigmoid loss",
    }
    found = evaluation.calibration
    rows = [
        (
            f"{row.low:.3f} to {row.high:.3f}",
            f"{row.examples:,}",
            f"{row.confidence:.3f}",
            f"{row.accuracy.value:.3f}",
            f"{row.accuracy.low:.3f} to {row.accuracy.high:.3f}",
        )
        for row in found.bins
    ]
    columns = ("confidence", "images", "mean", "accuracy", "95 % interval")
    table = pages.rows(columns, rows, figures=range(1, 5))
    return pages.section(
        "Is it right as often as it says?",
        reliability_diagram("Reliability diagram: accuracy over confidence", found.bins),
        pages.note(
            f"On the dashed line the model is right as often as it says; this one is {words.trust(evaluation)}. The "
            f"expected calibration error is {words.percent(found.ece)}: how far accuracy is from confidence, on "
            f"average over {len(found.bins)} bins of about as many images each. Confidence is "
            f"{kinds[evaluation.confidence]}."
        ),
        f"<details><summary>The table behind it</summary>{table}</details>",
    )


def _groups(evaluation: Evaluation) -> str:
    if not evaluation.groups:
        return ""
    rows = [(each.name, each.accuracy, f"of {each.examples:,}") for each in evaluation.groups]
    blocks = [bars("Top-1 accuracy of each group with 95 % intervals", rows)]
    if gap := evaluation.gap:
        figures = f"{words.points(gap.difference.value)}, 95 % interval {words.points_span(gap.difference)}"
        blocks.append(
            pages.note(
                f"Largest gap: {words.gap_text(evaluation)}: {figures}. Of groups of {LEAST_IN_GROUP} images "
                "or more; the interval holds for all their pairs at once, since this one was chosen for its gap."
            )
        )
    else:
        blocks.append(pages.note(words.gap_text(evaluation)))
    return pages.section("Does it do as well for every group?", *blocks)


def _templates(evaluation: Evaluation) -> str:
    items = "".join(f"<li><code>{escape(template)}</code></li>" for template in evaluation.templates)
    blocks = [pages.note("Each class name was put through:"), f"<ul>{items}</ul>"]
    if gain := evaluation.template_gain:
        blocks.append(
            pages.note(
                f'Against "{ONE_TEMPLATE}" alone, on the same images, top-1 changes by {words.points(gain.value)}, '
                f"95 % interval {words.points_span(gain)}."
            )
        )
    return pages.section("What do the templates gain?", *blocks)


def _elsewhere(evaluation: Evaluation) -> str:
    if not evaluation.shifts:
        return ""
    table = pages.rows(words.ELSEWHERE, words.elsewhere(evaluation), figures=(1, 2, 3, 4, 5))
    return pages.section("How well does it do on each, and how sure is it?", table)


def _shift(evaluation: Evaluation, shift: Shift) -> str:
    rows = [(evaluation.data, shift.before, ""), (shift.data, shift.after, "")]
    kept = "There was no accuracy to keep."
    if shift.kept:
        kept = f"{words.percent(shift.kept.value)} of the accuracy is kept, 95 % interval {words.span(shift.kept)}."
    return pages.section(
        f"What is kept on {shift.data}?",
        bars("Top-1 accuracy on both data sets with 95 % intervals", rows),
        pages.note(f"{kept} Over the {shift.classes:,} classes that both show, among all {evaluation.classes:,}."),
    )


def _worst(evaluation: Evaluation) -> str:
    rows = [
        (name, words.percent(accuracy.value), words.span(accuracy), f"{examples:,}", mistaken_for)
        for name, accuracy, examples, mistaken_for in words.worst(evaluation)
    ]
    if not rows:
        return pages.section("Which classes does it miss?", pages.note("None: every image came out right."))
    table = pages.rows(("class", "top-1", "95 % interval", "images", "mistaken for"), rows, figures=(1, 2, 3))
    note = "Ordered by the upper end of the interval: first those that are missed again and again, not once."
    return pages.section("Which classes does it miss?", table, pages.note(note))


def _unreadable(every: Sequence[Unreadable]) -> str:
    if not every:
        return ""
    rows = [(each.name, each.reason, each.message) for each in every[:UNREADABLE_SHOWN]]
    more = len(every) - len(rows)
    blocks = [pages.rows(("image", "reason", "what was found"), rows, figures=())]
    if more:
        blocks.append(pages.note(f"And {more:,} more, which --json names."))
    return pages.section(f"{len(every):,} could not be read", *blocks)
