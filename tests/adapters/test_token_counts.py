"""Counting tokens without torch gives what the model's own tokenizer gives."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.adapters.open_clip import load_tokenizer
from pipeline.adapters.token_counts import token_counter
from pipeline.rules.policies.lengths import TokenCounter
from tests import tiny_models

WORDS = st.lists(
    st.one_of(
        st.sampled_from(["a photo of", "knife", "it's", "&amp;", "weaponry", "2024", "</w>", "<start_of_text>"]),
        st.text(max_size=12),
    ),
    max_size=12,
).map(" ".join)


def own(model: str) -> TokenCounter:
    tokenizer = load_tokenizer(model)
    return TokenCounter(tokenizer.count_tokens, tokenizer.context_length)


def never(model: str) -> TokenCounter:
    raise AssertionError(f"{model} can be counted without its own tokenizer")


@pytest.mark.parametrize("model", ["bundled", "ViT-B-32"])
def test_a_sentence_has_as_many_tokens_as_the_models_own_tokenizer_says(model: str) -> None:
    light, heavy = token_counter(model, never), own(model)
    assert light.limit == heavy.limit

    @given(WORDS)
    @example("Ein B\u00e4r_and  2 CATS' &amp; caf\u00e9!")
    @example("\u201cquoted\u201d \ufb01sh \u0130stanbul caf\u00c3\u00a9")
    @example("")
    def same(text: str) -> None:
        assert light.count(text) == heavy.count(text)

    same()


def test_a_model_in_a_folder_is_counted_by_its_own_merges(tmp_path: Path) -> None:
    model = tiny_models.write_model(tmp_path / "clip", tiny_models.CLIP)
    light, heavy = token_counter(model, never), own(model)
    assert (light.limit, light.count("a dagger on a table")) == (heavy.limit, heavy.count("a dagger on a table"))


@pytest.mark.parametrize("model", ["ViT-B-16-SigLIP", "roberta-ViT-B-32"])
def test_another_kind_of_tokenizer_is_loaded_only_for_a_sentence_that_may_be_too_long(model: str) -> None:
    counter = token_counter(model, never)
    assert counter.excess("a knife") == 0
    with pytest.raises(AssertionError):
        counter.excess("a very long sentence " * 20)


@pytest.mark.parametrize("model", ["no-such-model", "local-dir:/nowhere", "hf-hub:a/b"])
def test_a_model_that_is_not_here_is_asked_for_at_once(model: str) -> None:
    with pytest.raises(AssertionError):
        token_counter(model, never)


def test_it_takes_no_torch() -> None:
    code = (
        "import sys; from pipeline.adapters.token_counts import token_counter as c; "
        "c('bundled', None).count('a knife'); c('ViT-B-32', None).count('a knife'); "
        "print(*{'torch', 'open_clip', 'ftfy'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == ""
