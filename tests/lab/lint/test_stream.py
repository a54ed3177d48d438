"""What a stream says of policies: by bounds over segments as by every picture, and what rules make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.stream import COLUMNS, Stream, without_each, without_unless
from pipeline.rules.archive.remembered import signals_of
from pipeline.rules.heads import compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from pipeline.signals import Features
from tests.archive.made import keep, records, some_signals
from tests.lab.lint.worlds import THINGS, World, of_rule, picture, policy, said

KNIFE, BLADE, SPOON = THINGS[:3]


def stream_of(world: World, folder: Folder, shown: Sequence[Features]) -> Folder:
    """The folder, after a stream of pictures with these features."""
    policy_set = folder.compiled.policy_set
    features = {sentence: world.features(sentence) for sentence in policy_set.sentences()}
    bare, shorter = (compile_policies(of(policy_set), features, 100.0, None) for of in (without_unless, without_each))
    stream = Stream(folder.compiled, bare, shorter, "holiday/")
    stream.add([picture(each) for each in shown])
    return replace(folder, stream=stream)


def test_unless_lines_are_idle_where_the_stream_shows_nothing_that_they_change() -> None:
    world = World({"a toy": (KNIFE, 0.9), "a saw": (KNIFE, 0.7)})
    folder = world.folder({"p/knives.yaml": policy([KNIFE], ["a toy", "a saw"])})
    assert said(folder) == []
    seen = stream_of(world, folder, [world.features(KNIFE)] * 40 + [world.features("a toy")] * 5)
    (told,) = of_rule(seen, "idle-unless")
    assert (told.finding.where.line, told.finding.about) == (6, "'a saw'")
    assert "on 45 pictures of holiday/, of which 40 are flagged" in told.finding.reason


def test_a_stream_that_shows_too_little_leaves_unless_lines_to_their_words() -> None:
    world = World({"a fork": (SPOON, 0.97), "a saw": (KNIFE, 0.7)})
    folder = world.folder({"p/knives.yaml": policy([KNIFE], ["a fork", "a saw"])})
    few = stream_of(world, folder, [world.features(KNIFE)] * 29)
    assert [each.finding.about for each in of_rule(few, "idle-unless")] == ["'a fork'"]


def test_a_prompt_that_wins_nothing_of_a_stream_is_noted_with_the_stream() -> None:
    world = World()
    folder = world.folder({"p/knives.yaml": policy([KNIFE, BLADE])})
    (told,) = of_rule(stream_of(world, folder, [world.features(KNIFE)] * 30), "wins-nothing")
    assert "30 flagged pictures among 30 pictures of holiday/" in told.finding.reason
    assert said(stream_of(world, folder, [world.features(KNIFE), world.features(BLADE)] * 30)) == []


def test_thresholds_that_no_score_of_a_stream_reaches_are_named_with_the_highest() -> None:
    world = World()
    folder = world.folder({"p/knives.yaml": policy([KNIFE], actions="\n  review: 0.5\n  block: 0.99")})
    between = world.beside(KNIFE, 0.5) + 0.49 * world.features(BLADE)
    between = np.asarray(between / np.linalg.norm(between), np.float32)
    half = stream_of(world, folder, [between] * 30)
    assert 0.5 < half.stream.pool.highest["knives"] < 0.99 if half.stream else False
    (told,) = of_rule(half, "unreached")
    assert (told.finding.about, told.finding.where.line) == ("block", 6)
    assert of_rule(stream_of(world, folder, [world.features(SPOON)] * 299), "quiet") == []
    (note,) = of_rule(stream_of(world, folder, [world.features(SPOON)] * 300), "quiet")
    assert str(note).startswith("note: p/knives.yaml:5: no score of 300 pictures of holiday/ reaches 0.5 (review)")


@pytest.mark.parametrize("least", [0.02, 0.3])
def test_an_archive_is_counted_by_bounds_as_by_every_picture(tmp_path: Path, least: float) -> None:
    policies = tuple(
        Policy(f"p{at}", "", (f"is {at}",), {"review": least, "block": 0.6}, unless=(f"not {at}", f"nor {at}"))
        for at in range(3)
    )
    policy_set = PolicySet(policies, Defaults(background=tuple(f"line {number}" for number in range(40))))
    rng = np.random.default_rng(1)
    features = {each: some_signals(1, rng).features[0] for each in policy_set.sentences()}
    every = policy_set, without_unless(policy_set), without_each(policy_set)
    sets = [compile_policies(each, features, 20.0, None) for each in every]
    by_blocks, by_pictures = Stream(*sets, "a"), Stream(*sets, "a")
    store = FolderStore(tmp_path)
    for at in range(3):
        part = records(300, seed=at)
        keep(store, part, start=at * 300)
        by_pictures.add([signals_of(each) for each in part])
    archive, screen = Archive(store), FastLook(sets[1:2])
    for block in archive.blocks(archive.segments(), COLUMNS):
        by_blocks.take(block, screen)
    assert by_blocks.pictures == by_pictures.pictures == 900
    for counted in ("flagged", "reached", "wins", "highest"):
        assert getattr(by_blocks.pool, counted) == getattr(by_pictures.pool, counted), counted
    assert by_pictures.pool.flagged
    assert +by_blocks.changed == +by_pictures.changed
    assert by_blocks.at_stake == by_pictures.at_stake
