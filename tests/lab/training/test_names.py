"""Scenes named among the whole lexicon: what shows a thing is drawn to its name, what shows nothing to all alike."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own custom

from pipeline.lab.scenes.lexicon import NOTHING, load_lexicon
from pipeline.lab.training.model import fresh
from pipeline.lab.training.names import EMPTY_WEIGHT, SMOOTHING, Names

COUNT, WIDTH = 7, 5
SCALE = torch.tensor(4.0)


@pytest.fixture
def names() -> Names:
    torch.manual_seed(3)
    return Names(F.normalize(torch.randn(COUNT, WIDTH), dim=-1))


def images(count: int) -> torch.Tensor:
    torch.manual_seed(4)
    return F.normalize(torch.randn(count, WIDTH), dim=-1)


def test_one_thing_is_torchs_own_cross_entropy_with_label_smoothing(names: Names) -> None:
    found = names.loss(images(3), torch.tensor([[2, NOTHING], [0, NOTHING], [6, NOTHING]]), SCALE)
    logits = SCALE * images(3) @ names.features.T
    expected = F.cross_entropy(logits, torch.tensor([2, 0, 6]), label_smoothing=SMOOTHING)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_several_things_share_the_target(names: Names) -> None:
    both = names.loss(images(1), torch.tensor([[2, 5]]), SCALE)
    each = [names.loss(images(1), torch.tensor([[thing, NOTHING]]), SCALE) for thing in (2, 5)]
    assert both.item() == pytest.approx(sum(each).item() / 2, rel=1e-5)  # type: ignore[union-attr]


def test_of_nothing_the_least_loss_is_at_all_names_alike(names: Names) -> None:
    nothing = torch.full((1, 2), NOTHING)
    level = names.loss(torch.zeros(1, WIDTH), nothing, SCALE)
    assert level.item() == pytest.approx(EMPTY_WEIGHT * torch.tensor(float(COUNT)).log().item(), rel=1e-5)
    assert names.loss(images(1), nothing, SCALE) > level


def test_the_names_are_all_of_the_lexicon_and_do_not_learn() -> None:
    names = Names.of(fresh(1))
    assert names.features.shape[0] == len(load_lexicon())
    assert not names.features.requires_grad
    assert names.features.norm(dim=1).tolist() == pytest.approx([1.0] * len(load_lexicon()), rel=1e-4)
