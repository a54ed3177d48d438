"""What is measured of each hand: its own things alone, and the policies that it has something of."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from pipeline.lab.data.dataset import Dataset
from pipeline.lab.data.extract import Extracted
from pipeline.lab.evaluation.by_hand import OWN, HandRow, measure_hands
from pipeline.lab.evaluation.findings import Amounts
from pipeline.lab.hands.shown import Shown
from pipeline.lab.scenes.emoji import Atlas
from pipeline.lab.scenes.lexicon import index_of
from pipeline.rules.policies.policy_set import Policy
from pipeline.signals import Signals
from tests.lab.evaluation.test_findings import Told, Words

AMOUNTS = Amounts(scenes=20, each_word=1, positives=12, negatives=60)
TOBACCO = Policy(id="tobacco", title="", prompts=("a cigarette",), actions={"block": 0.9, "label": 0.5})
THINGS = [index_of("cigarette"), index_of("dog"), index_of("red apple")]


@dataclass(frozen=True)
class Remembering(Told):
    """Keeps what it was shown."""

    seen: dict[str, Dataset] = field(default_factory=dict)

    def extract(self, what: str, dataset: Dataset) -> Extracted:
        self.seen[what] = dataset
        return super().extract(what, dataset)


class HalfFlagged:
    """Stands for one compiled policy, which flags every second image."""

    policies = (TOBACCO,)

    def look(self, images: list[Signals]) -> SimpleNamespace:
        return SimpleNamespace(scores=(np.arange(len(images)) % 2 * 0.6)[:, None])


def measured(atlas: Atlas, *hands: Shown) -> tuple[tuple[HandRow, ...], dict[str, Dataset]]:
    subject = Remembering(Words(), None, atlas, 1, right=90)  # type: ignore[arg-type]
    rows = measure_hands(subject, HalfFlagged(), AMOUNTS, hands, {"twemoji", "e30e2cf8"})  # type: ignore[arg-type]
    return rows, subject.seen


def test_each_hand_has_a_row_of_its_own_things_and_of_the_policies_it_can_show(atlas: Atlas) -> None:
    rows, seen = measured(atlas, Shown("twemoji", atlas, THINGS), Shown("stickers", atlas, THINGS))
    assert [(row.hand, row.learned) for row in rows] == [(OWN, True), ("twemoji", True), ("stickers", False)]
    assert [row.named.scored for row in rows] == [20] * 3
    shown = {label for each in seen["stickers"].examples for label in each.labels}
    assert shown == {"cigarette", "dog", "red apple"}
    policies = seen["policies, stickers"].examples
    assert {label for each in policies for label in each.labels} == {"tobacco"}, "of nothing else it has a drawing"
    assert sum(each.labels == ("tobacco",) for each in policies) >= AMOUNTS.positives // 3
    assert 0.3 < rows[2].recall.value < 0.7
    assert 0 < rows[2].precision.value < 1


def test_drawings_that_were_learned_are_known_in_a_folder_of_another_name(atlas: Atlas) -> None:
    hands = [Shown(name, atlas, THINGS, digest=digest) for name, digest in (("renamed", "e30e2cf8"), ("new", "0"))]
    rows, _ = measured(atlas, *hands)
    assert [row.learned for row in rows] == [True, True, False]


def test_without_hands_nothing_is_measured(atlas: Atlas) -> None:
    assert measured(atlas) == ((), {})
