"""What the demo says at the end: counts, matches, dead letters, speed, and a few flagged images with their why."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from statistics import quantiles
from typing import Any

from rich.table import Table
from rich.text import Text

from pipeline.wire import SEVERITY, Decision
from workers.demo.stream import Answers
from workers.scan.report import COLOURS
from workers.terminal.console import Terminal, told
from workers.terminal.plain import say_json

SHOWN = 8
"""Flagged images that are shown: the clearest of each policy, and then others."""


def summary(answers: Answers, ready: float) -> dict[str, Any]:
    """The figures as one JSON-ready mapping; times in seconds."""
    decisions, failures = answers.decisions, answers.failures
    cuts = quantiles(answers.latencies, n=100, method="inclusive")
    images = len(decisions) + len(failures)
    model = decisions[0].model
    return {
        "images": images,
        "verdicts": dict(Counter(decision.verdict for decision in decisions)),
        "matches": dict(Counter(match.policy for decision in decisions for match in decision.matches).most_common()),
        "shadow": dict(Counter(match.policy for decision in decisions for match in decision.shadow).most_common()),
        "dead_letters": dict(Counter(failure.reason for failure in failures).most_common()),
        "seconds_to_ready": round(ready, 2),
        "seconds": round(answers.seconds, 3),
        "images_per_second": round(images / answers.seconds, 1),
        "latency_p50": round(cuts[49], 4),
        "latency_p95": round(cuts[94], 4),
        "text_cache": answers.text_lookups,
        "model": {"name": model.name, "fingerprint": model.fingerprint, "dtype": model.dtype},
        "policy_set": decisions[0].policy_set,
        "flagged": [_flagged(decision) for decision in _telling(decisions)],
    }


def print_summary(figures: dict[str, Any], out: Path, *, as_json: bool) -> None:
    """The figures as JSON, or as what a person wants to read."""
    if as_json:
        say_json(json.dumps(figures, indent=2))
        return
    console = Terminal().out
    console.print()
    console.print(_counts(figures))
    console.print()
    console.print(_flagged_table(figures["flagged"]))
    decisions = figures["images"] - sum(figures["dead_letters"].values())
    console.print()
    console.print(told((f"{decisions} decisions", "bold"), f" in {out}; try next:"))
    console.print("  sluice scan PICTURE...        judge your own pictures")
    console.print("  sluice demo --serve           keep it going, edit a policy, watch the metrics")
    console.print("  sluice policy check           are the policies sound?")
    console.print("  sluice worker --help          run it on Kafka and Redis")


def _counts(figures: dict[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    verdicts = figures["verdicts"]
    shown = [told((f"{v} {verdicts[v]}", COLOURS[v])) for v in SEVERITY if v in verdicts]
    cache = figures["text_cache"]
    rows = {
        "images": told((str(figures["images"]), "bold"), ", each answered"),
        "verdicts": Text("  ").join(shown),
        "matches": told(_listed(figures["matches"])),
        "in shadow": told(_listed(figures["shadow"])),
        "dead letters": told(_listed(figures["dead_letters"])),
        "throughput": told(
            (f"{figures['images_per_second']:.0f} images/s", "bold"),
            f", after {figures['seconds_to_ready']} s of loading",
        ),
        "latency": told(f"p50 {figures['latency_p50'] * 1000:.0f} ms   p95 {figures['latency_p95'] * 1000:.0f} ms"),
        "text cache": told(
            f"{cache['hit']} hits, {cache['miss']} misses (the second worker reads what the first encoded)"
        ),
        "model": told(
            f"{figures['model']['name']}@{figures['model']['fingerprint']} {figures['model']['dtype']}"
            f"   policy set {figures['policy_set']}"
        ),
    }
    for name, value in rows.items():
        table.add_row(told((name, "dim")), value)
    return table


def _listed(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _telling(decisions: list[Decision]) -> list[Decision]:
    """A few flagged images: the clearest of each policy first."""
    flagged = sorted((each for each in decisions if each.matches), key=lambda each: -each.matches[0].score)
    best = {each.matches[0].policy: each for each in reversed(flagged)}
    others = [each for each in flagged if each not in best.values()]
    return [*best.values(), *others][:SHOWN]


def _flagged(decision: Decision) -> dict[str, Any]:
    first = decision.matches[0]
    return {
        "image": decision.image_id,
        "verdict": decision.verdict,
        "policy": first.policy,
        "score": round(first.score, 3),
        "prompt": first.prompt,
    }


def _flagged_table(flagged: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="dim")
    table.add_column("flagged image", overflow="fold")
    for name in ("verdict", "policy", "score"):
        table.add_column(name, no_wrap=True)
    table.add_column("best prompt", overflow="fold")
    for each in flagged:
        colour = COLOURS[each["verdict"]]
        table.add_row(
            told(each["image"]),
            told((each["verdict"], colour)),
            told(each["policy"]),
            told(f"{each['score']:.2f}"),
            told(each["prompt"]),
        )
    return table
