"""What reviews say of policies: as a table with a line for each, and as JSON."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from rich.table import Table

from pipeline.lab.evaluation.shares import Estimate
from pipeline.lab.reviews.misses import PolicyQuality, Stratum
from pipeline.lab.reviews.record import estimate_record
from pipeline.rules.wilson import LEVEL
from workers.reviews.quality import Found
from workers.terminal.console import Terminal, told


def show(found: Found, terminal: Terminal) -> None:
    """Print the table, the misses in words, and what the reviews leave open."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for name in ("policy", "precision %", "misses %", "flagged", "reviewed", "allowed", "reviewed"):
        table.add_column(name, justify="left" if name == "policy" else "right", no_wrap=True)
    for each in found.policies:
        counts = (each.flagged.events, each.flagged.reviewed, each.allowed.events, each.allowed.reviewed)
        shares = (percent(each.precision), percent(each.misses))
        table.add_row(*map(told, (each.policy, *shares, *(f"{count:,}" for count in counts))))
    terminal.out.print(table)
    for line in in_words(found.policies):
        terminal.print(told(line))


def in_words(policies: Sequence[PolicyQuality]) -> Iterator[str]:
    """A sentence for each policy whose misses can be told, and what is left open."""
    for each in policies:
        misses = each.misses
        if not math.isnan(misses.value):
            ends = f"{100 * misses.low:.2g} to {100 * misses.high:.2g} %"
            missed = each.allowed.showing
            images = f"{missed.low:,.0f} to {missed.high:,.0f} allowed images"
            yield f"{each.policy} misses {ends} of what shows it: {images}"
        yield from (f"{each.policy}: {line}" for line in each.remarks())


def percent(share: Estimate) -> str:
    """``97.1 (93-99)``; a dash where it cannot be told."""
    if math.isnan(share.value):
        return "-"
    return f"{100 * share.value:.3g} ({math.floor(100 * share.low)}-{math.ceil(100 * share.high)})"


def as_json(found: Found) -> dict[str, Any]:
    return {"archive": found.archive, "confidence": LEVEL, "policies": [_policy(each) for each in found.policies]}


def _policy(found: PolicyQuality) -> dict[str, Any]:
    return {
        "policy": found.policy,
        "precision": estimate_record(found.precision),
        "misses": estimate_record(found.misses),
        "flagged": _stratum(found.flagged),
        "allowed": _stratum(found.allowed),
        "by_others": found.others,
        "unscored": found.unscored,
        "unscored_reviewed": found.unscored_reviewed,
        "unsure": found.unsure,
        "missing": found.missing,
        "remarks": list(found.remarks()),
    }


def _stratum(of: Stratum) -> dict[str, Any]:
    return {
        "events": of.events,
        "reviewed": of.reviewed,
        "yes": of.yes.images,
        "stands_for": of.stands_for,
        "showing": estimate_record(of.showing),
    }
