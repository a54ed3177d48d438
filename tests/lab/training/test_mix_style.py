"""MixStyle changes the style of features, never what is drawn, and only where it is asked to."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.lab.training.mix_style import MixStyle, mixed, mixes_styles
from pipeline.lab.training.model import fresh
from workers.assembly.training import load_trainee


def features() -> Tensor:
    generator = torch.Generator().manual_seed(1)
    count = 5
    spread = torch.rand(count, 4, 1, 1, generator=generator) + 0.5
    return torch.randn(count, 4, 9, 9, generator=generator) * spread + spread * 3


def content(of: Tensor) -> Tensor:
    """What is left of features without their style."""
    deviation, mean = torch.std_mean(of, (2, 3), correction=0, keepdim=True)
    return (of - mean) / deviation


def test_the_style_becomes_another_pictures_and_the_content_stays() -> None:
    before, others = features(), torch.tensor([1, 2, 3, 4, 0])
    after = mixed(before, others, torch.zeros(5, dtype=torch.float64))
    assert torch.allclose(content(after), content(before), atol=1e-3)
    assert torch.allclose(after.mean((2, 3)), before.mean((2, 3))[others], atol=1e-4)
    assert torch.allclose(after.std((2, 3)), before.std((2, 3))[others], atol=1e-3)


def test_half_of_a_style_is_between_the_two_and_all_of_ones_own_changes_nothing() -> None:
    before, others = features(), torch.tensor([1, 2, 3, 4, 0])
    half = mixed(before, others, torch.full((5,), 0.5, dtype=torch.float64))
    mean = before.mean((2, 3))
    assert torch.allclose(half.mean((2, 3)), (mean + mean[others]) / 2, atol=1e-4)
    assert torch.allclose(mixed(before, others, torch.ones(5, dtype=torch.float64)), before, atol=1e-5)


def test_styles_are_no_way_to_learn() -> None:
    before = features().requires_grad_()
    after = mixed(before, torch.tensor([1, 2, 3, 4, 0]), torch.zeros(5, dtype=torch.float64))
    after[0].sum().backward()
    assert before.grad is not None
    assert before.grad[0].abs().min() > 0
    assert not before.grad[1:].any(), "the other's style has a gradient"


def test_images_are_mixed_within_by_chance_and_the_same_numbers_mix_the_same() -> None:
    model = fresh(0).model.eval()
    styles = MixStyle(model, 0.5)
    images = torch.rand(64, 3, 32, 32, generator=torch.Generator().manual_seed(2))
    with torch.no_grad():
        plain = model.encode_image(images)
        with styles.mixing(7, 1):
            one = model.encode_image(images)
        with styles.mixing(7, 1):
            same = model.encode_image(images)
        with styles.mixing(7, 2):
            other = model.encode_image(images)
        after = model.encode_image(images)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(plain, after)
    changed = ((one - plain).abs().amax(1) > 1e-4).float().mean()
    assert 0.3 < changed < 0.9, "about three quarters: half behind each of two stages"


def test_a_tower_without_the_stages_is_refused(tiny_models: dict[str, str]) -> None:
    vit = load_trainee(tiny_models["clip"], None).model
    assert not mixes_styles(vit)
    with pytest.raises(ValueError, match="layer1 and layer2"):
        MixStyle(vit, 0.5)
