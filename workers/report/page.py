"""A report as one page that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from html import escape

from pipeline.lab.drift.record import PolicyDrift, Report
from pipeline.lab.evaluation.columns import Kind, columns
from pipeline.lab.pages import Html, document, note, rows, section
from workers.report import words
from workers.report.table import VERDICTS

_FLAGGED = [verdict for verdict in VERDICTS if verdict != "allow"]


def page(report: Report) -> bytes:
    return document(
        f"The archive on {report.day}",
        words.in_words(report),
        f"model {report.model} by {report.preprocess}",
        _cards(report),
        [
            section("How much was decided?", *_decided(report)),
            section("How do policies drift?", *_policies(report)),
            section("How do images drift?", *_features(report)),
        ],
    ).encode()


def _cards(report: Report) -> Iterator[tuple[str, str, str]]:
    yield "Images", f"{report.days[-1].images:,}", f"of {report.day}"
    yield "Before", f"{sum(each.images for each in report.days[:-1]):,}", f"of {report.days_before:,} days"
    yield "Archive", f"{report.size.bytes / 1e6:,.1f} MB", f"{report.size.segments:,} segments"
    drifted = sum(each.drifted for each in report.policies)
    yield "Drifting", f"{drifted:,}", f"of {len(report.policies):,} policies"


def _decided(report: Report) -> Iterator[str]:
    days = [date.fromisoformat(each.day) for each in report.days]
    yield columns("Images a day", days, [Kind("images", "bar", [each.images for each in report.days])])
    kinds = [
        Kind(verdict, f"bar-{verdict}", [each.verdicts.get(verdict, 0) for each in report.days])
        for verdict in _FLAGGED
    ]
    shown = "".join(f"<i class={kind.style}></i>{kind.name}" for kind in kinds)
    yield f"<p class=legend>{shown}</p>" + columns("Flagged a day, by verdict", days, kinds)


def _policies(report: Report) -> Iterator[str]:
    yield note(
        "Stability is the population stability index of the scores, less what chance gives; beyond 0.1 is usually"
        " called a change, beyond 0.25 a great one. In brackets: how often a day is that far out if days came in any"
        " order; 0.05 or less is called drift, so of 20 policies one is on any day."
    )
    head = ("policy", "matches", "scores: mean, median, 90 %, 99 %", "stability")
    yield rows(head, _rows(report), figures=(1, 2, 3))
    for each in report.policies:
        if each.drifted or each.rate.matches:
            yield f"<h3>{escape(each.policy)}</h3>" + _chart(each)


def _rows(report: Report) -> Iterator[tuple[str, ...]]:
    """A row a policy: its rate and scores on the last day and before, and whether that is more than chance."""
    for each in report.policies:
        yield (
            each.policy,
            _beside(words.rate(each.rate), words.rate(each.rate_before)),
            _beside(words.scores(each.scores), words.scores(each.scores_before)),
            Html(f"{escape(words.stability(each))}<small>{escape(words.said(each))}</small>"),
        )


def _beside(now: str, before: str) -> Html:
    """What is, and below it, where there was any, what was."""
    return Html(escape(now) + (f"<small>month before: {escape(before)}</small>" if before != words.NONE else ""))


def _chart(each: PolicyDrift) -> str:
    days = [date.fromisoformat(day) for day in each.by_day]
    counts = [rate.matches for rate in each.by_day.values()]
    return columns(f"Images a day that match {each.policy}", days, [Kind("matches", "bar", counts)])


def _features(report: Report) -> Iterator[str]:
    yield note(words.of_features(report.features))
    if report.features is not None:
        days = [date.fromisoformat(day) for day in report.features.by_day]
        counts = [max(0, round(1e6 * each)) for each in report.features.by_day.values()]
        yield columns(
            "Discrepancy of each day from all others, in millionths", days, [Kind("millionths", "bar", counts)]
        )
