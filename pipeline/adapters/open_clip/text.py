"""Tokenizers, and the text tower apart from the image tower: always float32, in batches of fixed shapes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

import torch
from open_clip.factory import get_tokenizer
from open_clip.model import CLIP
from open_clip.tokenizer import SigLipTokenizer, SimpleTokenizer, basic_clean, canonicalize_text
from open_clip.transformer import text_global_pool

from pipeline.adapters.open_clip.origin import HOW_TO_GO_LOCAL, ModelOrigin, find_model, first_line
from pipeline.errors import ModelError

ROWS = 32
"""Sentences in every pass of the text tower, filled up by repetition, so that a sentence's features do not depend
on how many others it came with (matrix kernels change with the shape)."""
LENGTHS = (6, 8, 10, 12, 16, 32)
"""Tokens that a causal text tower's input is cut to: what stands behind a sentence's end mark cannot influence it,
and a prompt of 12 tokens costs a sixth of the usual 77. Of the tokens that the shipped policies' sentences are filled
up to, 88% are their own; 16 and 32 alone would make it 50%, every length 92%."""

TextTower = Callable[[torch.Tensor], torch.Tensor]
"""Tokens ``int64[N,L]`` to features ``float32[N,D]``, not normalised."""


class Tokenizer:
    """A model's tokenizer, of whichever kind open_clip gives it. Safe to call from many threads."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.context_length = int(tokenizer.context_length)

    def __call__(self, texts: Sequence[str]) -> torch.Tensor:
        """``int64[N,context_length]``, cut off or filled up."""
        tokens: torch.Tensor = self._tokenizer(list(texts))
        return tokens

    def count_tokens(self, text: str) -> int:
        """Tokens of a sentence with its start and end marks, counted before anything is cut off."""
        inner = self._tokenizer
        if isinstance(inner, SimpleTokenizer):
            return len(inner.encode(text)) + 2
        if isinstance(inner, SigLipTokenizer):
            return len(inner.tokenizer(canonicalize_text(basic_clean(text)))["input_ids"])
        marks = 3 if inner.tokenizer_mode == "clips" else 0
        tokens = inner.tokenizer(inner.clean_fn(text), add_special_tokens=not marks, truncation=False)
        return len(tokens["input_ids"]) + marks

    def identity(self) -> bytes:
        """32 bytes that change with anything that changes how a sentence is cut into tokens."""
        inner = self._tokenizer
        if isinstance(inner, SimpleTokenizer):
            probe = inner.encode("Ein Bär_and  2 CATS' &amp; café!")
            parts: Any = [sorted(inner.encoder.items()), [list(pair) for pair in inner.bpe_ranks], probe]
        else:
            parts = [sorted(inner.tokenizer.get_vocab().items()), getattr(inner, "tokenizer_mode", "siglip")]
        return hashlib.sha256(json.dumps([parts, self.context_length]).encode()).digest()


def load_tokenizer(model: str) -> Tokenizer:
    """The tokenizer of a model without its weights (`sluice policy check` needs no more). Raises `ModelError`."""
    return tokenizer_of(find_model(model))


def tokenizer_of(origin: ModelOrigin) -> Tokenizer:
    """The tokenizer of a model; a ``bpe_path`` in a model folder's configuration is taken relative to the folder."""
    options: dict[str, Any] = {}
    bpe_path = origin.config["text_cfg"].get("tokenizer_kwargs", {}).get("bpe_path")
    if origin.folder is not None and bpe_path:
        merges = origin.folder / bpe_path
        if not merges.is_file():
            raise ModelError(
                f"{merges} does not exist: {origin.label}'s tokenizer needs its merges beside the weights"
            )
        options["bpe_path"] = str(merges)
    try:
        return Tokenizer(get_tokenizer(origin.architecture, **options))
    except ImportError as error:
        raise ModelError(
            f"the tokenizer of {origin.architecture} needs one more package: pip install transformers"
        ) from error
    except Exception as error:
        raise ModelError(
            f"the tokenizer of {origin.architecture} cannot be had ({first_line(error)}); some are downloaded from "
            f"the Hugging Face hub on first use: {HOW_TO_GO_LOCAL}"
        ) from error


def text_tower(model: Any) -> tuple[TextTower, bool]:
    """The text side of a model, and whether it takes tokens cut short behind the longest sentence's end mark."""
    if isinstance(model, CLIP) and model.attn_mask is not None and model.text_pool_type == "argmax":
        return lambda tokens: _short_clip_text(model, tokens), True
    return lambda tokens: model.encode_text(tokens, normalize=False), False


def _short_clip_text(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """`open_clip.CLIP.encode_text` for fewer positions than the context has; causal towers do not see the rest."""
    length = tokens.shape[1]
    hidden = model.token_embedding(tokens) + model.positional_embedding[:length]
    hidden = model.ln_final(model.transformer(hidden, attn_mask=model.attn_mask[:length, :length]))
    pooled = text_global_pool(hidden, tokens, model.text_pool_type)
    projection = model.text_projection
    if projection is None:
        return pooled
    projected: torch.Tensor = projection(pooled) if isinstance(projection, torch.nn.Linear) else pooled @ projection
    return projected


def fixed_batches(tokens: torch.Tensor, *, short: bool) -> list[tuple[torch.Tensor, torch.Tensor]]:
    """Row numbers and the tokens ``int64[ROWS,L]`` of each pass; L depends on a sentence's own length alone."""
    context = tokens.shape[1]
    needed = tokens.argmax(dim=-1) + 1 if short else torch.full((len(tokens),), context)
    batches = []
    low = 0
    for length in [*(each for each in LENGTHS if short and each < context), context]:
        rows = torch.nonzero((needed > low) & (needed <= length)).flatten()
        batches += [(part, tokens[_filled(part)][:, :length]) for part in rows.split(ROWS) if len(part)]
        low = length
    return batches


def _filled(rows: torch.Tensor) -> torch.Tensor:
    """`ROWS` row numbers: these, the last of them repeated."""
    return torch.cat([rows, rows[-1:].expand(ROWS - len(rows))])
