"""Counting what wordings flag: by bounds over an archive's segments as by the scores of every image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.lab.wordings.tally import COLUMNS, Tally
from pipeline.rules.archive.remembered import signals_of
from pipeline.rules.heads import CompiledPolicies, compile_policies
from pipeline.rules.policies.policy_set import Defaults, Policy, PolicySet
from tests.archive.made import keep, records, some_signals

TOP, NEVER = 5, 2.0


def compiled() -> CompiledPolicies:
    """Three wordings in random directions, against a background."""
    policies = tuple(Policy(f"wording-{at}", "v", (f"words {at}",), {"label": 0.0}) for at in range(3))
    policy_set = PolicySet(policies, Defaults(background=tuple(f"line {number}" for number in range(40))))
    rng = np.random.default_rng(1)
    features = {each: some_signals(1, rng).features[0] for each in policy_set.sentences()}
    return compile_policies(policy_set, features, 20.0, None)


@pytest.mark.parametrize("thresholds", [(0.5, 0.9), (0.02,), (0.0, 1.0)])
def test_bounds_count_and_find_what_scores_of_every_image_do(tmp_path: Path, thresholds: tuple[float, ...]) -> None:
    store, by = FolderStore(tmp_path), compiled()
    parts = [records(300, seed=seed) for seed in range(3)]
    for at, part in enumerate(parts):
        keep(store, part, start=at * 300)
    fast, archive = Tally(by, thresholds, TOP, NEVER), Archive(store)
    screen = FastLook([by])
    for block in archive.blocks(archive.segments(), COLUMNS):
        fast.take(block, screen)
    scores = by.look([signals_of(each) for part in parts for each in part]).scores
    assert fast.images == 900
    for wording in range(3):
        mine, others = scores[:, wording], np.delete(scores, wording, axis=1)
        for count, threshold in zip(fast.counts(wording), thresholds, strict=True):
            assert count.flagged == (mine >= threshold).sum()
            assert count.alone == ((mine >= threshold) & ~(others >= threshold).any(axis=1)).sum()
        top = [line.found.scores[wording] for line, _ in fast.nearest[wording].lines()]
        assert top == sorted(mine.tolist(), reverse=True)[:TOP]
