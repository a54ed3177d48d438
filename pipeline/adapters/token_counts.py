"""How many tokens a sentence has for a model, without torch, which takes longer to import than all else to check.

CLIP's own tokens (Radford et al. 2021: byte pairs over lower-cased words) are counted here, from the very merges file
that open_clip reads. A model with another tokenizer is asked for its own count, and only for a sentence so long that
it matters.
"""

from __future__ import annotations

import gzip
import html
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import regex  # type: ignore[import-untyped]  # open_clip's own dependency; its tokenizer splits with it

from pipeline.adapters.model_configs import config_of, package
from pipeline.errors import ModelError
from pipeline.rules.policies.lengths import TokenCounter

CONTEXT_LENGTH = 77
"""Tokens that a model reads whose configuration says nothing of it, as in open_clip."""

_MERGES = slice(1, 49152 - 256 - 2 + 1)
"""The lines of a merges file that open_clip reads."""
_WORD = regex.compile(
    r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
)
_MARKS = 2
"""Tokens that mark the start and the end of a text."""
_PLAIN = regex.compile(r"[\x20-\x25\x27-\x7e]*")
"""Text that cleaning leaves as it is: printable ASCII without ``&``."""


def token_counter(model: str, load: Callable[[str], TokenCounter]) -> TokenCounter:
    """What counts tokens as that model does; `load` gets the model's own tokenizer, and imports torch.

    Raises what `load` raises, at once for a model that is not found here.
    """
    found = _config(model)
    if found is None:
        return load(model)
    text, folder = found
    limit, options = text["context_length"], text["tokenizer_kwargs"]
    if text.get("hf_tokenizer_name") or options.keys() - {"bpe_path"} or "siglip" in model.lower():
        return TokenCounter(lambda sentence: load(model).count(sentence), limit)
    merges = _merges_file(options, folder)
    return TokenCounter(lambda sentence: ClipTokens(merges).count(sentence), limit)


class ClipTokens:
    """open_clip's ``SimpleTokenizer``, as far as counting goes. Raises `ModelError` without its merges."""

    def __init__(self, merges: Path) -> None:
        self._ranks = _ranks(merges)

    def count(self, text: str) -> int:
        """Tokens of a sentence with its start and end marks, before anything is cut off."""
        return _MARKS + sum(self._pieces(word) for word in _WORD.findall(_cleaned(text)))

    def _pieces(self, word: str) -> int:
        if word in {"<start_of_text>", "<end_of_text>"}:
            return 1
        alphabet = _alphabet()
        letters = [alphabet[byte] for byte in word.encode()]
        pieces = [*letters[:-1], f"{letters[-1]}</w>"]
        while len(pieces) > 1:
            pair = min(pairwise(pieces), key=lambda each: self._ranks.get(each, len(self._ranks)))
            if pair not in self._ranks:
                break
            pieces = _merged(pieces, pair)
        return len(pieces)


def _merged(pieces: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    rest = iter(range(len(pieces)))
    for at in rest:
        if tuple(pieces[at : at + 2]) == pair:
            merged.append("".join(pair))
            next(rest)
        else:
            merged.append(pieces[at])
    return merged


def _cleaned(text: str) -> str:
    """The text as open_clip cleans it; what mends mojibake costs more to import than all the rest here."""
    if not _PLAIN.fullmatch(text):
        import ftfy  # noqa: PLC0415 - open_clip's own dependency

        text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return " ".join(text.split()).lower()


@lru_cache
def _ranks(merges: Path) -> Mapping[tuple[str, ...], int]:
    try:
        lines = gzip.decompress(merges.read_bytes()).decode().split("\n")[_MERGES]
    except (OSError, EOFError, ValueError) as error:
        raise ModelError(f"the tokenizer's merges cannot be read from {merges}: {error}") from error
    return {tuple(line.split()): rank for rank, line in enumerate(lines)}


@lru_cache
def _alphabet() -> list[str]:
    """A printable character for each byte: itself, where it is one, else one from U+0100 on."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256))
    return [chr(byte) if byte in printable else chr(256 + next(others)) for byte in range(256)]


def _config(model: str) -> tuple[Mapping[str, Any], Path | None] | None:
    """open_clip's ``text_cfg`` of a model, and the model's own folder; None where it is not found on this machine."""
    found = config_of(model)
    if found is None:
        return None
    try:
        text = dict(found[0]["text_cfg"])
        text["context_length"] = int(text.get("context_length", CONTEXT_LENGTH))
        text["tokenizer_kwargs"] = dict(text.get("tokenizer_kwargs", {}))
    except (ValueError, KeyError, TypeError):
        return None
    return text, found[1]


def _merges_file(options: Mapping[str, Any], folder: Path | None) -> Path:
    if folder is not None and options.get("bpe_path"):
        return folder / str(options["bpe_path"])
    return package() / "bpe_simple_vocab_16e6.txt.gz"
