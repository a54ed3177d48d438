"""Sentences added to a policy file's text, which keeps its comments, its order and every other byte."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Literal

from ruamel.yaml import YAML

from pipeline.rules.policies.edits import after_line, entries_of, newline_of, scalar
from pipeline.rules.policies.yaml_lines import YamlError, load

Key = Literal["prompts", "unless"]


def with_sentences(content: bytes, key: Key, added: Sequence[str], comment: str = "") -> bytes:
    """A valid policy file with these sentences behind those of the key, which is made where there is none.

    The comment, of one line, stands above them where each has a line of its own. Raises ``ValueError`` where its
    layout cannot be edited in place.
    """
    if not added:
        return content
    text = content.decode("utf-8")
    edited = _edited(text, key, added, comment)
    if not _says(edited, text, key, added):
        raise ValueError(f"its YAML is so laid out that lines cannot be added to {key!r} in place")
    return edited.encode()


def _edited(text: str, key: Key, added: Sequence[str], comment: str) -> str:
    root = YAML().compose(text)
    entries = entries_of(root)
    newline = newline_of(text)
    before = entries[key if key in entries and entries[key][1].value else "prompts"]
    if key in entries and before is entries[key] and before[1].flow_style:
        at = before[1].value[-1].end_mark.index
        return text[:at] + "".join(f", {json.dumps(each, ensure_ascii=False)}" for each in added) + text[at:]
    if root.flow_style or (key in entries and before is not entries[key]):
        return text  # which says nothing new, so that it is told
    column = before[0].start_mark.column
    items = before[1].value
    at = after_line(text, (before[1] if before[1].flow_style else items[-1]).end_mark.index)
    dash = 2 if before[1].flow_style else before[1].start_mark.column
    lines = [f"{' ' * dash}# {comment}{newline}"] if comment else []
    lines += [f"{' ' * dash}- {scalar(each)}{newline}" for each in added]
    if key not in entries:
        lines.insert(0, f"{' ' * column}{key}:{newline}")
    gap = "" if text[:at].endswith(("\n", "\r")) else newline
    return text[:at] + gap + "".join(lines) + text[at:]


def _says(edited: str, text: str, key: Key, added: Sequence[str]) -> bool:
    """Whether the edited text says what it should and nothing else."""
    wanted = dict(load(text).value)
    wanted[key] = [*(wanted.get(key) or []), *added]
    try:
        return dict(load(edited).value) == wanted
    except YamlError:
        return False
