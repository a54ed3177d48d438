"""How fast a backtest is: of one edited policy, and of a whole set with a background that nothing is stored of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.archive.archive import TOGETHER, Archive, Segment
from pipeline.lab.backtest.engine import COLUMNS, Engine, Question
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.lab.backtest.told import Told
from workers.bench.archive.bounds import Bare, copied
from workers.bench.archive.made import BACKGROUND, PROMPTS, UNLESS, Made
from workers.bench.limits import Cost, measured

ROUNDS = 3
"""Limits and backtests take turns, so that what else the machine does meets all of them; the best of each counts."""


@dataclass(frozen=True, slots=True)
class Backtests:
    """Costs of all rows, on one core."""

    rows: int
    copy: Cost
    plain: Cost
    """Cast and product as they are usually written, for the sentences of one policy."""
    cast_and_product: Cost
    edited: Cost
    told: Cost
    """Paid once: to read what the edited policy's backtest tells of single images, which its "images" are."""
    product: Cost
    """Of a whole set with its background."""
    anew: Cost

    @property
    def of_cast_and_product(self) -> float:
        return self.cast_and_product.cpu_each / self.edited.cpu_each

    @property
    def of_copy(self) -> float:
        return self.copy.cpu_each / self.edited.cpu_each

    @property
    def of_product(self) -> float:
        return self.product.cpu_each / self.anew.cpu_each


def backtests(made: Made) -> Backtests:
    """Measure, with torch and pyarrow held to one thread by the caller."""
    edited, anew = Question(made.edited, only="edited"), Question(made.anew)
    few = Bare(made, PROMPTS + UNLESS)
    many = Bare(made, BACKGROUND + len(made.anew.policies) * (PROMPTS + UNLESS))
    segments = made.archive.segments()
    asked = partial(judged, made.archive, segments)
    engine = asked(edited)
    parts = {
        "copy": lambda: copied(made),
        "plain": few.plain,
        "cast_and_product": few.cast_and_product,
        "edited": lambda: asked(edited).rows,
        "told": lambda: told(made.archive, engine),
        "product": many.product,
        "anew": lambda: asked(anew).rows,
    }
    best: dict[str, Cost] = {}
    for number in range(ROUNDS):
        for name, part in parts.items():
            if number and name in {"product", "anew"}:
                continue  # they take thirty times as long as the others
            cost = measured(part)
            if name not in best or cost.cpu < best[name].cpu:
                best[name] = cost
    return Backtests(made.rows, **best)


def judged(archive: Archive, segments: Sequence[Segment], question: Question) -> Engine:
    """The backtest as its command runs it, but for what `told` does."""
    engine = Engine(question, FastLook(question.sets))
    for block in archive.blocks(segments, COLUMNS, mapped=TOGETHER):
        engine.take(block)
    engine.end()
    return engine


def told(archive: Archive, engine: Engine) -> int:
    """Read what is told of single images. Returns how many they are."""
    marked = list(engine.marked)
    Told(archive, marked)
    return len(marked)
