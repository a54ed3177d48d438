"""How large a policy set may be, so that no edit takes a worker's memory or time from the images.

At all of the bounds the matrices of a set of 512 floats take about 200 MB, and an edit of one file a second.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_POLICIES = 500
MOST_SENTENCES = 1000
"""Prompts and unless of one policy together."""
MOST_BACKGROUND = 10_000
MOST_IN_ALL = 20_000
"""Different sentences of all policies and the background together."""
MOST_TEXTS = 300_000
"""Sentences that the model reads: each of a set, through each of its templates."""
MOST_CHARACTERS = 2000
"""Of one sentence: no text model reads more."""
MOST_PARTS = 5000
"""Values, lists and mappings of one YAML file, keys among them: a third of a second of parsing."""
MOST_BYTES = 4 << 20
"""Of all YAML files together, which are read again with each edit: ten seconds, on a thread beside the images."""


def too_many_policies(sizes: Sequence[int]) -> str | None:
    """What is wrong with how many policies there are, or with their `sizes` in bytes; None where nothing is."""
    if len(sizes) > MOST_POLICIES:
        return f"{len(sizes):,} policies; a folder may have {MOST_POLICIES:,}"
    if sum(sizes) > MOST_BYTES:
        return f"{sum(sizes):,} bytes of policies; a folder may have {MOST_BYTES:,}"
    return None


def too_many_sentences(prompts: Sequence[str], unless: Sequence[str]) -> str | None:
    """What is wrong with how many sentences a policy has; None where nothing is."""
    count = len(prompts) + len(unless)
    if count <= MOST_SENTENCES:
        return None
    return f"{count:,} prompts and unless; a policy may have {MOST_SENTENCES:,}: make several policies of it"


def too_many_lines(background: Sequence[str]) -> str | None:
    """What is wrong with how many lines a background has; None where nothing is."""
    if len(background) <= MOST_BACKGROUND:
        return None
    return (
        f"{len(background):,} lines; a background may have {MOST_BACKGROUND:,}, and everything worth having is in "
        "a few thousand: delete those that say what others say"
    )


def too_much_in_all(sentences: int, templates: int) -> str | None:
    """What is wrong with a set of that many different sentences and templates; None where nothing is."""
    if sentences > MOST_IN_ALL:
        return f"{sentences:,} different sentences in all; a folder may have {MOST_IN_ALL:,}"
    if sentences * templates > MOST_TEXTS:
        return (
            f"{sentences:,} sentences through {templates} templates are {sentences * templates:,} texts for the "
            f"model to read; it may be {MOST_TEXTS:,}: use fewer templates"
        )
    return None


def too_long(sentence: str) -> str | None:
    """What is wrong with a sentence's length, whatever the model; None where nothing is."""
    if len(sentence) <= MOST_CHARACTERS:
        return None
    return f"{len(sentence):,} characters; no model reads more than {MOST_CHARACTERS:,}: shorten it"
