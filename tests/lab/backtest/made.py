"""A backtest as tests of its page and its comment need one: of so many days, policies and examples."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np

from pipeline.lab.backtest.moves import OUTCOMES, Moves
from pipeline.lab.backtest.record import Asked, Near, PolicyDay, PolicyRecord, Record, Skipped, Threshold

FIRST = date(2026, 10, 27)
ASKED = Asked(
    archive="archive/",
    since=str(FIRST),
    until="2026-11-25",
    model="bundled",
    fingerprint="030d80bed138f533",
    preprocess="fast-64",
    policies="policies/",
    policy_set="0123456789ab",
    nearest=6,
)


def moves(**ways: int) -> Moves:
    """Of ``allow_block=3`` three events that were allowed and would be blocked."""
    cells = [0] * 16
    for way, count in ways.items():
        before, after = way.split("_")
        cells[4 * OUTCOMES.index(before) + OUTCOMES.index(after)] = count  # type: ignore[arg-type]
    return Moves(tuple(cells))


def near(number: int, score: float, before: str, after: str, thumbnail: bytes | None = None) -> Near:
    return Near(
        image_id=f"uploads/2026/photo-{number:05}.jpg",
        event_id=f"{number:032x}",
        decision_id=f"{number + 10**6:032x}",
        decided_at="2026-11-03T10:15:00.000Z",
        score=score,
        before=before,  # type: ignore[arg-type]
        after=after,  # type: ignore[arg-type]
        segment="model=f/preprocess=p/day=2026-11-03/sluice.features.v1-0-00000000000000000000.parquet",
        record=number,
        thumbnail=thumbnail,
    )


def policy(name: str, days: int, rng: np.random.Generator, pictures: Sequence[bytes], examples: int) -> PolicyRecord:
    """One that flags a few more every day than it did, and lets a few go."""

    def some(before: str, after: str, around: float) -> tuple[Near, ...]:
        scores = rng.normal(around, 0.02, examples).clip(0, 1).round(6).tolist()
        chosen = (pictures[int(rng.integers(len(pictures)))] if pictures else None for _ in scores)
        shown = [None if picture is None else picture + bytes([at]) for at, picture in enumerate(chosen)]
        return tuple(
            near(int(rng.integers(10**5)), score, before, after, picture)
            for score, picture in zip(scores, shown, strict=True)
        )

    counted = tuple(
        PolicyDay(
            day=str(FIRST + timedelta(days=day)),
            moves=moves(
                allow_allow=int(rng.integers(9_000, 11_000)),
                allow_review=int(rng.integers(0, 9)),
                review_review=int(rng.integers(20, 40)),
                review_block=int(rng.integers(0, 4)),
                block_block=int(rng.integers(5, 12)),
                review_allow=int(rng.integers(0, 5)),
            ),
        )
        for day in range(days)
    )
    return PolicyRecord(
        policy=name,
        title=name.title(),
        mode="enforce",
        mode_before="shadow" if name.startswith("t") else "enforce",
        days=counted,
        thresholds=(
            Threshold(
                action="review",
                threshold=0.6,
                above=some("review", "review", 0.62),
                below=some("allow", "allow", 0.58),
            ),
            Threshold(action="block", threshold=0.9, above=some("block", "block", 0.92)),
        ),
        new=some("allow", "review", 0.7),
        let_go=some("review", "allow", 0.5)[: examples // 2],
    )


def record(names: Sequence[str], *, days: int = 30, pictures: Sequence[bytes] = (), examples: int = 6) -> Record:
    """A backtest of these policies; each flags some of what the next one flags."""
    from msgspec.structs import replace

    rng = np.random.default_rng(7)
    made = [policy(name, days, rng, pictures, examples) for name in names]
    whole = tuple(
        PolicyDay(day=each[0].day, moves=each[0].moves) for each in zip(*(one.days for one in made), strict=True)
    )
    overlapping = tuple(
        replace(each, overlap={other.policy: 40 + 90 * abs(at - to) for to, other in enumerate(made) if to != at})
        for at, each in enumerate(made)
    )
    return Record(
        asked=ASKED,
        segments=90,
        rows=400_000,
        days=whole,
        policies=overlapping,
        skipped=(Skipped(fingerprint="ffff0000ffff0000", preprocess="fast-64", segments=3, events=1_200),),
    )
