"""A search gives what scoring every image gives, and looks closely at few."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pipeline.adapters.local.store import FolderStore
from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.archive.search.found import look_up
from pipeline.archive.search.likeness import Likeness
from pipeline.archive.search.query import Query
from pipeline.archive.search.search import Place, Seen, search
from pipeline.archive.search.wanted import Wanted
from pipeline.archive.search.words import Words
from pipeline.rules.archive.nearest import Nearest
from pipeline.rules.archive.remembered import remembered, signals_of
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.times import Window
from pipeline.signals import Closer
from pipeline.wire import FeaturesRecord, Match
from tests.archive.made import NOON, decision, keep, records, some_signals
from tests.archive.search.queries import compiled, cosine, score, unit
from tests.lab.backtest.world import background_of

NEVER = 2.0
EVERY = Wanted()


def archived(made: Sequence[FeaturesRecord], parts: int = 3, at: Path | None = None) -> Archive:
    """In memory, or in a folder, where rows have coarse features."""
    store = MemoryStore() if at is None else FolderStore(at)
    for part in range(parts):
        if mine := made[part::parts]:
            keep(store, mine, partition=part)
    return Archive(store)


def found(
    archive: Archive, query: Query, most: int = 10, wanted: Wanted = EVERY, **how: Any
) -> list[tuple[str, float]]:
    nearest = Nearest[Place](most, NEVER)
    search(archive, archive.segments(), query, wanted, nearest, **how)
    lines = [line for line, _ in nearest.lines()]
    images = look_up(archive, [line.found for line in lines])
    return [(each.decision.image_id, line.score) for each, line in zip(images, lines, strict=True) if each]


def with_sums(record: FeaturesRecord, by: CompiledPolicies) -> FeaturesRecord:
    """The record as a worker with that background sends it."""
    digest, sums = background_of(signals_of(record), by)
    return remembered(record.decision, signals_of(record), background=digest, background_lse=sums)


def best(made: Sequence[FeaturesRecord], score_of: Callable[[FeaturesRecord], float], most: int = 10) -> list[float]:
    return sorted(map(score_of, made), reverse=True)[:most]


@pytest.mark.parametrize("background", [0, 5, 100, 300])
@pytest.mark.parametrize(("scale", "bias"), [(20.0, None), (100.0, None), (20.0, -5.0)])
@pytest.mark.parametrize(("stored", "coarse"), [(False, False), (True, False), (True, True)])
def test_words_find_the_images_that_a_policy_of_them_scores_highest(
    background: int, scale: float, bias: float | None, stored: bool, coarse: bool, tmp_path: Path
) -> None:
    rng, made = np.random.default_rng(1), records(400)
    by = compiled(rng, background=background, scale=scale, bias=bias)
    if stored:
        made = [with_sums(record, by) for record in made]
    archive = archived(made, at=tmp_path if coarse else None)
    for threads in (1, 3):
        scores = [said for _, said in found(archive, Words(by), threads=threads)]
        assert scores == pytest.approx(best(made, lambda record: score(record, by)), abs=1e-6)


@pytest.mark.parametrize("coarse", [False, True])
def test_a_picture_finds_the_images_with_the_nearest_views(coarse: bool, tmp_path: Path) -> None:
    made, views = records(300), unit(np.random.default_rng(3), 2)
    scores = [said for _, said in found(archived(made, at=tmp_path if coarse else None), Likeness(views))]
    assert scores == pytest.approx(best(made, lambda record: cosine(record, views)), abs=1e-6)


def test_an_archived_image_is_nearest_to_itself() -> None:
    made = records(100)
    for record in made[:3]:
        [(image_id, cosine)] = found(archived(made), Likeness(signals_of(record).features), most=1)
        assert (image_id, round(cosine, 6)) == (record.decision.image_id, 1.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([5.0, 100.0]), st.sampled_from([None, -12.0]), st.booleans())
def test_no_score_exceeds_its_bound(seed: int, scale: float, bias: float | None, coarse: bool) -> None:
    rng = np.random.default_rng(seed)
    by = compiled(rng, background=90, scale=scale, bias=bias)
    made = [with_sums(record, by) if coarse else record for record in records(60, seed=seed)]
    with TemporaryDirectory() as at:
        archive = archived(made, parts=1, at=Path(at) if coarse else None)
        for query in (Words(by), Likeness(unit(rng, 2))):
            for block in archive.blocks(archive.segments(), query.columns, mapped=4):
                assert (block.coarse is not None) == coarse
                query.prepare(block)
                every = np.arange(block.events)
                scores = [each.score for each in query.scores(block, every.tolist())]
                assert (query.bounds(block) + 1e-20 >= scores).all()  # float32 has none that are smaller
                assert (query.closer(block, every) + 1e-20 >= scores).all()


def looked_at_again(number: int, rng: np.random.Generator, bar: float) -> FeaturesRecord:
    first, again = some_signals(1, rng), some_signals(3, rng)
    closer = Closer(again.features, again.regions, again.made_by, turned=("90", None, "mirrored"), bar=bar)
    signals = type(first)(first.features, first.regions, first.made_by, 0, closer)
    return remembered(decision(number, signals, NOON + number), signals)


@pytest.mark.parametrize("bar", [0.0, 0.3, 1.0])
def test_second_looks_count_from_their_own_bar_on_as_in_a_decision(bar: float) -> None:
    rng = np.random.default_rng(5)
    made = [looked_at_again(number, rng, bar) for number in range(200)]
    by = compiled(rng)
    scores = [said for _, said in found(archived(made), Words(by))]
    assert scores == pytest.approx(best(made, lambda record: score(record, by)), abs=1e-6)


def test_the_view_that_was_found_is_told() -> None:
    made = records(30, views=(3,))
    archive, wanted = archived(made), signals_of(made[7])
    nearest = Nearest[Place](1, NEVER)
    search(archive, archive.segments(), Likeness(wanted.features[2:3]), EVERY, nearest)
    [(line, _)] = nearest.lines()
    assert line.found.view == 2
    [image] = look_up(archive, [line.found])
    assert image is not None
    assert image.decision == made[7].decision
    assert image.view == wanted.region(2)


def test_what_was_erased_meanwhile_is_not_there() -> None:
    archive = archived(records(10), parts=1)
    [segment] = archive.segments()
    assert look_up(archive, [Place(segment, 12345, 0)]) == [None]


def match(policy: str) -> Match:
    return Match(policy, "v", "review", 0.9, 0.5, "p", 0.9)


def filed() -> list[FeaturesRecord]:
    """Forty records: every second is reviewed, every fourth matches weapons, every third is of Ann."""
    made = []
    for number, record in enumerate(records(40)):
        said = replace(
            record.decision,
            verdict="review" if number % 2 else "allow",
            matches=[match("weapons"), match("gore")]
            if number % 4 == 0
            else [match("gore")]
            if number % 4 == 1
            else [],
            shadow=[match("new")] if number % 5 == 0 else [],
        )
        made.append(replace(record, decision=said, subject="ann" if number % 3 == 0 else None))
    return made


@pytest.mark.parametrize(
    ("wanted", "holds"),
    [
        (Wanted(verdicts=["allow"]), lambda number: number % 2 == 0),
        (Wanted(verdicts=["allow", "review"]), lambda _: True),
        (Wanted(policies=["weapons"]), lambda number: number % 4 == 0),
        (Wanted(policies=["weapons", "new"]), lambda number: number % 4 == 0 or number % 5 == 0),
        (Wanted(policies=["nobody's"]), lambda _: False),
        (Wanted(subject="ann"), lambda number: number % 3 == 0),
        (Wanted(verdicts=["allow"], subject="ann", policies=["gore"]), lambda number: number % 12 == 0),
    ],
)
def test_only_images_that_are_wanted_count(wanted: Wanted, holds: Callable[[int], bool]) -> None:
    archive, nearest = archived(filed()), Nearest[Place](40, NEVER)
    seen = search(archive, archive.segments(), Likeness(unit(np.random.default_rng(0), 1)), wanted, nearest)
    images = look_up(archive, [line.found for line, _ in nearest.lines()])
    meant = {f"image-{number}" for number in range(40) if holds(number)}
    assert {each.decision.image_id for each in images if each} == meant
    assert seen.images == len(meant)
    assert seen.rows == sum(1 + number % 3 for number in range(40))


def test_only_images_of_the_window_count() -> None:
    made = records(40)
    window = Window(NOON + 10, NOON + 20)
    names = {
        name for name, _ in found(archived(made), Likeness(unit(np.random.default_rng(0), 1)), 40, window=window)
    }
    assert names == {f"image-{number}" for number in range(10, 20)}


def test_where_nothing_is_enough_the_best_is_found_all_the_same() -> None:
    rng, made = np.random.default_rng(8), records(3000, views=(1,))
    by = compiled(rng, scale=5.0)
    nearest = Nearest[Place](10, NEVER)
    archive = archived(made)
    seen = search(archive, archive.segments(), Words(by), EVERY, nearest, enough=0.9)
    assert nearest.lines(0.9) == []
    assert nearest.best == pytest.approx(best(made, lambda record: score(record, by), 1)[0], abs=1e-6)
    assert seen == Seen(rows=3000, images=3000, scored=seen.scored)
    assert seen.scored < 2000


def test_an_empty_archive_has_nothing() -> None:
    assert (
        search(Archive(MemoryStore()), [], Likeness(unit(np.random.default_rng(0), 1)), EVERY, Nearest(3, 1))
        == Seen()
    )
