"""The loss is open_clip's own, but for columns that are no negatives and captions that are negatives beside."""

from __future__ import annotations

import pytest
import torch
from open_clip.loss import ClipLoss
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize

from pipeline.lab.scenes.lexicon import NOTHING
from pipeline.lab.training.contrast import Captions, Images, contrastive_loss, share_a_thing

SCALE = torch.tensor(20.0)
N, D = 6, 8


def features(seed: int, count: int = N) -> Tensor:
    return normalize(torch.randn(count, D, generator=torch.Generator().manual_seed(seed)), dim=-1)


def things(*rows: list[int]) -> Tensor:
    longest = max(map(len, rows))
    return torch.tensor([row + [NOTHING] * (longest - len(row)) for row in rows])


DISTINCT = things(*([number] for number in range(N)))


def loss(image: Tensor, text: Tensor, shown: Tensor, named: Tensor) -> float:
    return float(contrastive_loss(Images(image, shown), Captions(text, named), SCALE))


def test_with_distinct_things_it_is_open_clips_own_loss() -> None:
    image, text = features(1), features(2)
    assert loss(image, text, DISTINCT, DISTINCT) == pytest.approx(float(ClipLoss()(image, text, SCALE)), abs=1e-6)


def test_its_gradient_is_open_clips_own() -> None:
    ours, theirs = ([features(1).requires_grad_(), features(2).requires_grad_()] for _ in range(2))
    contrastive_loss(Images(ours[0], DISTINCT), Captions(ours[1], DISTINCT), SCALE).backward()
    ClipLoss()(*theirs, SCALE).backward()
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one.grad, other.grad, atol=1e-6)


@pytest.mark.parametrize(
    ("shown", "named", "hidden"),
    [
        ([[0, 1], [0]], [[0], [0]], [(0, 1), (1, 0)]),
        ([[0, 1], [1]], [[0], [1]], [(0, 1)]),
        ([[0], [1]], [[0], [1]], []),
    ],
)
def test_a_caption_that_names_a_shown_thing_is_no_negative_of_that_image(
    shown: list[list[int]], named: list[list[int]], hidden: list[tuple[int, int]]
) -> None:
    """``hidden`` are the pairs of an image and a caption that neither softmax may count."""
    image, text = features(1, 2), features(2, 2)
    logits = SCALE * image @ text.T
    for pair in hidden:
        logits[pair] = -torch.inf
    own = torch.arange(2)
    expected = (cross_entropy(logits, own) + cross_entropy(logits.T, own)) / 2
    assert loss(image, text, things(*shown), things(*named)) == pytest.approx(float(expected), abs=1e-6)


def test_what_fills_up_a_row_is_no_thing() -> None:
    """Else two images that show one thing each would share the nothing behind it."""
    shown, named = things([0, NOTHING], [1, 2]), things([0, NOTHING], [2, NOTHING])
    assert share_a_thing(shown, named).tolist() == [[True, False], [False, True]]
    nothing = things([NOTHING], [1])
    assert share_a_thing(nothing, nothing).tolist() == [[False, False], [False, True]]


def test_a_batch_that_shows_one_thing_throughout_has_nothing_to_tell_apart() -> None:
    same = torch.zeros((N, 1), dtype=torch.int64)
    assert loss(features(1), features(2), same, same) == pytest.approx(0.0, abs=1e-6)
