"""The model that ships: small, loadable, and as good on fresh scenes as its card needs it to be."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.errors import ModelError
from pipeline.lab.card import CARD_FILE
from pipeline.lab.emoji import Atlas
from pipeline.lab.evaluate import evaluate
from pipeline.lab.model import CONTEXT_LENGTH, load

BUNDLED = Path(__file__).parents[2] / "pipeline" / "bundled_model"


def test_the_folder_is_small() -> None:
    files = {path.name: path.stat().st_size for path in BUNDLED.iterdir()}
    expected = {"open_clip_config.json", "open_clip_model.safetensors", "bpe_merges.txt.gz", CARD_FILE}
    assert set(files) == expected
    assert sum(files.values()) <= 12_000_000


def test_it_names_what_fresh_scenes_show(atlas: Atlas) -> None:
    """Zero-shot among all names, each thing alone, on a seed that neither training nor the card's own test used."""
    report = evaluate(load(BUNDLED), atlas, scenes=400, seed=2**43, scraps=False)
    assert report.top1 >= 0.70
    assert report.top5 >= 0.90


def test_the_card_says_that_it_knows_no_photographs() -> None:
    card = (BUNDLED / CARD_FILE).read_text(encoding="utf-8")
    assert "It knows nothing of photographs" in card
    assert "zero-shot top-1" in card


def test_its_tokenizer_pads_to_the_context_length() -> None:
    assert load(BUNDLED).tokenizer(["a dog", "a photo of a kitchen knife."]).shape == (2, CONTEXT_LENGTH)


def test_a_folder_without_a_model_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="sluice train"):
        load(tmp_path)
