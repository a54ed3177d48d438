"""``python -m tests.explain``: the table of policies/README.md, measured again. It takes some minutes on one core."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryTextCache
from pipeline.adapters.open_clip import load_encoder
from pipeline.lab.explain.effort import FEWEST_HOLES
from pipeline.lab.explain.masks import MASKS
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.pointed import SEED, pointed_scenes
from pipeline.path.live import LivePolicies
from pipeline.ports import Encoder, Hooks
from tests.explain.bench import Bench
from tests.explain.chance import CHANCES
from tests.explain.measured import CLEAR, Measured, measure
from tests.explain.methods import Method, crops, crops_and_holes, holes, in_one_pass

POLICIES = Path(__file__).parents[2] / "policies"
FILLED = ("surroundings", "blurred")
MOST = 12
"""Scenes that are drawn for each that must be flagged, at most."""


def bench_of(encoder: Encoder) -> Bench:
    """The shipped policies put to a model."""
    live = LivePolicies(encoder, MemoryTextCache(), Hooks())
    reading = read_policy_folder(POLICIES)
    live.offer(reading.files, reading.assets)
    return Bench(encoder, live())


def table(found: Measured) -> str:
    seen = (
        f"{found.scenes} scenes of one thing among two or three others; {found.flagged} flagged ones of {found.drawn}"
    )
    columns = ("map", "points at the thing", "of flagged", "let go: surroundings", "blurred", "passes")
    lines = [seen, "", *_head(columns)]
    for name, tally in found.tallies.items():
        removed = " | ".join(f"{tally.removed[filled]}" for filled in FILLED)
        lines.append(f"| {name} | {tally.pointed} | {tally.pointed_flagged} | {removed} | {tally.passes} |")
    lines += ["", *_head(("a tenth that chance puts", "flagged scenes", "let go: surroundings", "blurred"))]
    for remark, tallied in (("", found.at_random), (f", {CLEAR:g} above the threshold", found.clear)):
        for name, chance in tallied.items():
            percents = " | ".join(f"{chance.percent(filled):.1f}%" for filled in FILLED)
            lines.append(f"| {name}{remark} | {chance.scenes} | {percents} |")
    return "\n".join(lines)


def _head(columns: Sequence[str]) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=100)
    parser.add_argument("--seed", type=int, default=SEED)
    asked = parser.parse_args()
    methods: dict[str, Method] = {
        f"crops and {count} holes": crops_and_holes(count) for count in (MASKS, MASKS // 2, FEWEST_HOLES)
    } | {
        "crops alone": crops,
        "holes alone": holes,
        "class activation": in_one_pass("bundled"),
    }
    scenes = pointed_scenes(Atlas.build(), MOST * asked.scenes, asked.seed)
    bench = bench_of(load_encoder("bundled", device="cpu", dtype="float32"))
    found = measure(bench, scenes, methods, CHANCES, every=asked.scenes, flagged=asked.scenes)
    sys.stdout.write(f"{table(found)}\n")


if __name__ == "__main__":
    main()
