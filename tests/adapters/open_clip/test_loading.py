"""Loading a model: sentences are filled up by little and always alike, and the dtype does not hang on the weather."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.adapters.open_clip.load import load_encoder
from pipeline.adapters.open_clip.origin import BUNDLED_MODEL, find_model
from pipeline.adapters.open_clip.text import LENGTHS, ROWS, fixed_batches, text_tower, tokenizer_of
from pipeline.adapters.open_clip.towers import TRIALS, settle
from pipeline.adapters.open_clip.weights import create_model
from pipeline.errors import EncoderError, ModelError
from pipeline.rules.policies.templates import fill
from tests import tiny_models

POLICIES = Path(__file__).resolve().parents[3] / "policies"
CONTEXT = 77
END = 999
"""The end mark is the highest token of a vocabulary."""


def tokens_of(lengths: Sequence[int]) -> torch.Tensor:
    """A sentence of each of these lengths, its marks included, filled up with zeros."""
    rows = torch.zeros(len(lengths), CONTEXT, dtype=torch.long)
    for row, length in zip(rows, lengths, strict=True):
        row[: length - 1] = torch.arange(1, length)
        row[length - 1] = END
    return rows


def test_every_sentence_is_in_one_pass_whole_and_at_its_own_length() -> None:
    lengths = [*range(2, CONTEXT + 1), *[7] * 70]
    tokens = tokens_of(lengths)
    seen = []
    for rows, batch in fixed_batches(tokens, short=True):
        assert batch.shape[0] == ROWS
        for row, sentence in zip(rows.tolist(), batch, strict=False):
            room = next(each for each in (*LENGTHS, CONTEXT) if each >= lengths[row])
            assert len(sentence) == room, "the shape hangs on something else than the sentence's length"
            assert torch.equal(sentence, tokens[row, :room])
            seen.append(row)
    assert sorted(seen) == list(range(len(lengths)))


def test_a_tower_that_sees_the_whole_context_gets_it() -> None:
    assert {tuple(batch.shape) for _, batch in fixed_batches(tokens_of([3, 40]), short=False)} == {(ROWS, CONTEXT)}


def damaged(folder: Path, name: str, value: float, config: dict[str, Any]) -> str:
    """A model of which one number is that."""
    model = tiny_models.write_model(folder, config)
    weights = load_file(folder / "open_clip_model.safetensors")
    weights[name].reshape(-1)[0] = value
    save_file(weights, folder / "open_clip_model.safetensors")
    return model


@pytest.mark.parametrize("scale", [float("nan"), float("inf"), 200.0, -float("inf")])
def test_a_scale_by_which_no_score_is_a_number_is_refused(tmp_path: Path, scale: float) -> None:
    """No comparison with NaN is true: every image would pass."""
    with pytest.raises(ModelError, match=r"logit scale of (nan|inf|0\.0)"):
        load_encoder(damaged(tmp_path, "logit_scale", scale, tiny_models.CLIP), device="cpu", threads=1)


@pytest.mark.parametrize("bias", [float("nan"), float("inf")])
def test_a_bias_by_which_no_score_is_a_number_is_refused(tmp_path: Path, bias: float) -> None:
    with pytest.raises(ModelError, match=r"bias of (nan|inf)"):
        load_encoder(damaged(tmp_path, "logit_bias", bias, tiny_models.SIGLIP), device="cpu", threads=1)


def test_text_features_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    model = damaged(tmp_path, "text_projection", float("nan"), tiny_models.CLIP)
    with pytest.raises(EncoderError, match="damaged"):
        load_encoder(model, device="cpu", threads=1).encode_texts(["a knife"])


def test_features_of_a_sentence_cut_short_are_those_of_the_whole_context(tmp_path: Path) -> None:
    origin = find_model(tiny_models.write_model(tmp_path / "clip", tiny_models.CLIP))
    model, tokenizer = create_model(origin), tokenizer_of(origin)
    texts = ["knife " * count for count in range(1, 60, 2)]
    encoder = load_encoder(origin.architecture, device="cpu", dtype="float32", threads=1)
    with torch.inference_mode():
        expected = model.encode_text(tokenizer(texts), normalize=True)
    assert text_tower(model)[1]
    assert torch.allclose(torch.from_numpy(encoder.encode_texts(texts)), expected, atol=1e-6)


@pytest.mark.skipif(not (BUNDLED_MODEL / "open_clip_config.json").is_file(), reason="the bundled model is not there")
def test_four_fifths_of_what_the_shipped_policies_encode_are_tokens_of_their_own() -> None:
    policies = policies_in(POLICIES)
    templates = policies.defaults.templates
    tokens = tokenizer_of(find_model("bundled"))(
        [filled for sentence in policies.sentences() for filled in fill(sentence, templates)]
    )
    own = int((tokens.argmax(dim=-1) + 1).sum())
    assert own / sum(batch.numel() for _, batch in fixed_batches(tokens, short=True)) > 0.8


class Tower(torch.nn.Module):
    """An image tower whose passes take as long, and whose features are as far off in bfloat16, as they are told."""

    def __init__(self, *, computing: dict[torch.dtype, float], waiting: float = 0.0, error: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1), requires_grad=False)
        self.computing, self.waiting, self.error = computing, waiting, error
        self.passes = passes  # the copy in the other format counts with the first

    def __deepcopy__(self, memo: object) -> Tower:
        return Tower(computing=self.computing, waiting=self.waiting, error=self.error)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.passes.append(images.dtype)
        until = time.thread_time() + self.computing[images.dtype]
        while time.thread_time() < until:
            pass
        features = images.flatten(1)[:, :32].clone()
        if images.dtype == torch.bfloat16:
            time.sleep(self.waiting)
            features[0, ::2] += self.error
        return features


passes: list[torch.dtype] = []
FASTER = {torch.float32: 0.04, torch.bfloat16: 0.01}
SLOWER = {torch.float32: 0.01, torch.bfloat16: 0.04}
ALIKE = {torch.float32: 0.02, torch.bfloat16: 0.018}


@pytest.fixture(autouse=True)
def no_passes() -> None:
    passes.clear()


@pytest.mark.parametrize(
    ("tower", "chosen"),
    [
        (Tower(computing=FASTER), torch.bfloat16),
        (Tower(computing=SLOWER), torch.float32),
        (Tower(computing=FASTER, error=5.0), torch.float32),
        (Tower(computing=FASTER, waiting=0.2), torch.bfloat16),
    ],
    ids=["faster", "slower", "faster but other features", "faster but kept waiting for a core"],
)
def test_bfloat16_is_chosen_where_it_computes_less_and_the_features_agree(tower: Tower, chosen: torch.dtype) -> None:
    visual, dtype = settle(tower, (16, 16))
    assert dtype == chosen
    assert next(visual.parameters()).dtype == chosen


def test_a_clear_gain_takes_one_pass_in_each_format_and_a_close_one_several() -> None:
    settle(Tower(computing=FASTER), (16, 16))
    assert passes == [torch.float32, torch.bfloat16]
    passes.clear()
    settle(Tower(computing=ALIKE), (16, 16))
    assert len(passes) == 2 * TRIALS
