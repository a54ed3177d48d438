"""Policies with examples and with lists are backtested as the worker decides by them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.lab.backtest.bounds import LookAtAll
from pipeline.lab.backtest.engine import Question
from pipeline.lab.backtest.screen.look import FastLook
from pipeline.rules.heads.compiled import HEADS
from pipeline.rules.policies.policy_set import Examples
from pipeline.wire import ExamplesEvidence, ListEvidence, PromptEvidence
from tests.known_made import known
from tests.lab.backtest.test_engine import BACKGROUND, NEW, SIGMOID, SOFTMAX, World, check
from tests.lab.backtest.world import Model, archived, asked, folder, policy, records
from tests.rules.heads.pictures_shown import near, seen, shown


@pytest.mark.parametrize("model", [SOFTMAX, SIGMOID], ids=["softmax", "sigmoid"])
def test_of_policies_with_examples_and_lists(model: Model) -> None:
    """Pictures that a policy's examples find, that are known, and that an entry allows whatever they show."""
    smoke = model.direction("nothing that words describe").astype(np.float64)
    pictures = seen({str(at): near(smoke, at, 0.02) for at in range(6)}, len(smoke))
    of_lists = known([f"sha256,{'b1' * 32},,,", f"sha256,{'a1' * 32},review,,"], [f"sha256,{'a2' * 32},,,"])
    new = folder(
        [
            *(replace(each, lists=of_lists) if each.id == "knives" else each for each in NEW.policies[:3]),
            policy("smoke", ["a pipe"], {"label": 0.3, "block": 0.9}, examples=Examples(shown(*pictures)[:6])),
        ],
        BACKGROUND,
    )
    after = model.compiled(new, pictures)
    assert len(after.heads) == len(HEADS)
    world = World.of(model, smoke.astype(np.float32), model.direction("a knife"))
    hashes = ["b1" * 32, "a1" * 32, "a2" * 32, *(f"{number:064x}" for number in range(5))]
    days = [
        [replace(each, content_sha256=hashes[number % len(hashes)]) for number, each in enumerate(day)]
        for day in world.shown
    ]
    world = replace(world, shown=days)
    before, now = world.decided(world.old), world.decided(after)
    said = [match.evidence for day in now for each in day for match in (*each.matches, *each.shadow)]
    assert {type(each) for each in said} == {PromptEvidence, ExamplesEvidence, ListEvidence}
    archive = archived(*(records(s, world.old, d) for s, d in zip(world.shown, before, strict=True)))
    for look in (FastLook, LookAtAll):
        question = Question(after, nearest=3)
        record, _ = asked(archive, question, look(question.sets))
        check(record, before, now)
