"""The table at the end, and the same for a machine."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.chaos.audit import Breach
from tests.chaos.audit.answers import answers_of, dead_letters, gone_unwitnessed, repeats, told_lost
from tests.chaos.audit.commits import allowed_wait, baseline, steady_baseline, waits_by_fault
from tests.chaos.audit.processes import ends
from tests.chaos.evidence import Evidence
from tests.chaos.plan import WAIT, Plan

SHOWN = 20
"""Breaches of one kind that are written out; all are in the JSON."""


def figures(plan: Plan, evidence: Evidence, breaches: Mapping[str, Sequence[Breach]]) -> dict[str, Any]:
    """Everything that was counted, as JSON takes it."""
    strikes = [strike for done in evidence.rounds for strike in done.strikes]
    waits = waits_by_fault(evidence)
    times = Counter(strike.name for strike in strikes)
    kills = Counter({name: sum(each.kills for each in strikes if each.name == name) for name in times})
    answers, aimed = answers_of(evidence), [strike for strike in strikes if strike.hit is not None]
    return {
        "seed": evidence.seed,
        "minutes": round(evidence.minutes, 1),
        "workers": plan.workers,
        "moderators": plan.moderators,
        "events": len(evidence.sent),
        "unacknowledged": len(evidence.unacknowledged),
        "answered": sum(sent.number in answers for sent in evidence.sent),
        "repeats": repeats(evidence),
        "dead_letters": Counter(str(each.reason) for each in dead_letters(evidence)),
        "never_readable_and_told": len(told_lost(evidence)),
        "gone_unwitnessed": len(gone_unwitnessed(evidence)),
        "topics": len(evidence.epochs),
        "samples": len(evidence.samples),
        "kills": sum(kills.values()),
        "aimed": {"kills": sum(each.kills for each in aimed), "between_publish_and_commit": sum(map(_hit, aimed))},
        "faults": {
            name: {"times": times[name], "kills": kills[name], "longest_wait": round(waits[name], 1)}
            for name in sorted(times)
        },
        "ends": ends(evidence),
        "wait_of_the_start": round(baseline(evidence), 1),
        "wait_without_faults": round(steady_baseline(evidence), 1),
        "wait_allowed": round(WAIT + baseline(evidence), 1),
        "wait_allowed_at_most": round(
            max((allowed_wait(evidence, each) for each in evidence.rounds), default=0.0), 1
        ),
        "breaches": {name: [str(each) for each in found] for name, found in breaches.items()},
        "memory_mb": {
            each.when: {name: size >> 20 for name, size in each.resident.items()} for each in evidence.memory
        },
    }


def as_json(found: Mapping[str, Any]) -> str:
    return json.dumps(found, indent=2)


def show(console: Console, found: Mapping[str, Any]) -> None:
    """Faults, promises, memory, and what broke them in full."""
    console.print(_faults(found), _promises(found), _memory(found))
    for name, breaches in found["breaches"].items():
        for breach in breaches[:SHOWN]:
            console.print(f"{name}: {breach}", markup=False, highlight=False)
        if len(breaches) > SHOWN:
            console.print(f"{name}: and {len(breaches) - SHOWN} more", markup=False)
    console.print(f"seed {found['seed']}: python -m tests.chaos --seed {found['seed']}", highlight=False)


def _faults(found: Mapping[str, Any]) -> Table:
    title = f"{found['minutes']} minutes, {found['kills']} kills, {found['workers']} workers"
    table = Table("fault", "times", "kills", "longest wait for a commit after it, s", title=title)
    for name, each in found["faults"].items():
        table.add_row(name, str(each["times"]), str(each["kills"] or ""), str(each["longest_wait"]))
    return table


def _promises(found: Mapping[str, Any]) -> Table:
    table = Table("what", "count")
    aimed = found["aimed"]
    rows = {
        "events acknowledged by the broker": found["events"],
        "of them answered": found["answered"],
        "never readable, and told so": found["never_readable_and_told"],
        "of a topic that went while no worker was there": found["gone_unwitnessed"],
        "answers given again": found["repeats"],
        "dead letters": sum(found["dead_letters"].values()),
        "aimed kills between publish and commit": f"{aimed['between_publish_and_commit']} of {aimed['kills']}",
        "longest wait without faults, s": found["wait_without_faults"],
        "longest wait at the start, s": found["wait_of_the_start"],
        "longest wait allowed after a fault, s": found["wait_allowed"],
        "the same where others took most of the machine, s": found["wait_allowed_at_most"],
        "exit statuses": ", ".join(f"{number} x {end}" for end, number in sorted(found["ends"].items())),
        **{f"breach: {name}": len(breaches) for name, breaches in found["breaches"].items()},
    }
    for name, value in rows.items():
        table.add_row(name, str(value))
    return table


def _memory(found: Mapping[str, Any]) -> Table:
    whens = list(found["memory_mb"])
    table = Table("resident memory, MiB", *whens)
    for name in sorted({name for each in found["memory_mb"].values() for name in each}):
        table.add_row(name, *(str(found["memory_mb"][when].get(name, "")) for when in whens))
    return table


def _hit(strike: Any) -> bool:
    return bool(strike.kills and strike.hit)
