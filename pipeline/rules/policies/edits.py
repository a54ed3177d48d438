"""Thresholds written back into a policy file's text, which keeps its comments, order and every other byte.

A YAML library that reads a file and writes it again changes its layout. So the parser only says where the values
stand, and they are replaced there.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node

from pipeline.rules.policies.policy_set import CalibratedFor
from pipeline.rules.policies.yaml_lines import YamlError, load
from pipeline.wire import Action

_BREAK = re.compile("\r\n|[\n\r]")
KEY = "calibrated"
_UNPROVEN = "unproven: true"
_SAYS = "# written by `sluice policy calibrate`"


@dataclass(frozen=True, slots=True)
class _Edit:
    """Characters ``start`` to ``end`` of the text become ``new``."""

    start: int
    end: int
    new: str


def with_thresholds(content: bytes, actions: Mapping[Action, float], calibrated: CalibratedFor | None) -> bytes:
    """A valid policy file with these thresholds, and with the model that they were set for where one is given.

    A value that is equal already stays as it is written, so that writing the same twice changes nothing. Raises
    ``KeyError`` for an action that the file does not have, and ``ValueError`` where its layout cannot be edited in
    place.
    """
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    text = content.decode("utf-8-sig")
    load(text)  # within its bounds; the parser below has none, and takes minutes for 50,000 brackets
    edited = text
    # From the end, so that what is still to be edited stays where the parser saw it.
    for edit in sorted(_edits(text, actions, calibrated), key=lambda each: each.start, reverse=True):
        edited = edited[: edit.start] + edit.new + edited[edit.end :]
    if not _says(edited, text, actions, calibrated):
        raise ValueError("its YAML is so laid out that the thresholds cannot be replaced in place")
    return mark + edited.encode()


def _edits(text: str, actions: Mapping[Action, float], calibrated: CalibratedFor | None) -> Iterator[_Edit]:
    root = YAML().compose(text)
    entries = entries_of(root)
    thresholds = entries_of(entries["actions"][1])
    for action, value in actions.items():
        node = thresholds[action][1]
        with suppress(ValueError):
            if float(node.value) == value:
                continue
        yield _replaced(node, _number(value))
    if calibrated is None:
        return
    wanted = {"model": calibrated.model, "fingerprint": calibrated.fingerprint}
    if KEY in entries and not isinstance(
        entries[KEY][1], MappingNode
    ):  # nothing, such as after its lines were deleted
        yield _filled(text, entries[KEY][1], _flow(wanted, unproven=calibrated.unproven))
    elif KEY in entries:
        yield from _recalibrated(text, entries[KEY][1], wanted, unproven=calibrated.unproven)
    elif root.flow_style:
        at = entries["actions"][1].end_mark.index
        yield _Edit(at, at, f", {KEY}: {_flow(wanted, unproven=calibrated.unproven)}")
    else:
        yield _inserted(text, *entries["actions"], _lines(wanted, unproven=calibrated.unproven))


def _recalibrated(text: str, node: MappingNode, wanted: Mapping[str, str], *, unproven: bool) -> Iterator[_Edit]:
    """The mapping says this model, and that it is unproven only where it is."""
    inside = entries_of(node)
    for key, value in wanted.items():
        if inside[key][1].value != value:
            yield _replaced(inside[key][1], scalar(value, plain=not node.flow_style))
    if "unproven" in inside:
        if not unproven:
            yield _removed(text, node, "unproven")
        elif inside["unproven"][1].value.lower() != "true":
            yield _replaced(inside["unproven"][1], "true")
    elif unproven and node.flow_style:
        at = node.value[-1][1].end_mark.index
        yield _Edit(at, at, f", {_UNPROVEN}")
    elif unproven:
        key, value = node.value[-1]
        at = after_line(text, value.end_mark.index)
        newline = newline_of(text)
        before = "" if text[:at].endswith(("\n", "\r")) else newline
        yield _Edit(at, at, f"{before}{' ' * key.start_mark.column}{_UNPROVEN}{newline}")


def _removed(text: str, node: MappingNode, name: str) -> _Edit:
    """Without that entry: its line, or what a comma parts it from. A mapping that has it has others too."""
    at = next(at for at, (key, _) in enumerate(node.value) if key.value == name)
    key, value = node.value[at]
    if not node.flow_style:
        return _Edit(key.start_mark.index - key.start_mark.column, after_line(text, value.end_mark.index), "")
    if at:
        return _Edit(node.value[at - 1][1].end_mark.index, value.end_mark.index, "")
    return _Edit(key.start_mark.index, node.value[1][0].start_mark.index, "")


def entries_of(mapping: MappingNode) -> dict[str, tuple[Node, Any]]:
    """A mapping's key and value nodes, by key."""
    return {key.value: (key, value) for key, value in mapping.value}


def _replaced(node: Node, new: str) -> _Edit:
    return _Edit(node.start_mark.index, node.end_mark.index, new)


def _filled(text: str, node: Node, new: str) -> _Edit:
    """The value in place of one that is nothing, which may be no character at all, right behind the colon."""
    start, end = node.start_mark.index, node.end_mark.index
    return _Edit(start, end, new if text[:start].endswith(" ") else f" {new}")


def _flow(wanted: Mapping[str, str], *, unproven: bool) -> str:
    """What stands under the key, in one line."""
    inside = [f"{name}: {scalar(value, plain=False)}" for name, value in wanted.items()]
    return f"{{{', '.join(inside + [_UNPROVEN] * unproven)}}}"


def _lines(wanted: Mapping[str, str], *, unproven: bool) -> list[str]:
    """What stands under the key, where each has a line of its own."""
    return [*(f"{name}: {scalar(value, plain=True)}" for name, value in wanted.items()), *[_UNPROVEN] * unproven]


def _inserted(text: str, key: Node, actions: MappingNode, under: Sequence[str]) -> _Edit:
    """The new key on lines of its own after the actions, and after the comments that are indented like them."""
    column = key.start_mark.column
    last = actions if actions.flow_style else actions.value[-1][1]
    at = after_line(text, last.end_mark.index)
    while at < len(text):
        line = text[at : after_line(text, at)]
        if not (line.lstrip().startswith("#") and len(line) - len(line.lstrip()) > column):
            break
        at += len(line)
    newline = newline_of(text)
    lines = [f"{KEY}:  {_SAYS}", *(f"  {line}" for line in under)]
    before = "" if text[:at].endswith(("\n", "\r")) else newline
    return _Edit(at, at, before + "".join(f"{' ' * column}{line}{newline}" for line in lines))


def newline_of(text: str) -> str:
    """The line break that the text has."""
    found = _BREAK.search(text)
    return found[0] if found else "\n"


def after_line(text: str, index: int) -> int:
    """Where the line that holds this place ends, behind its line break."""
    found = _BREAK.search(text, index)
    return found.end() if found else len(text)


def _number(value: float) -> str:
    """The number with all its decimals, two at least, and never as 1e-05."""
    digits = next((digits for digits in range(2, 17) if float(f"{value:.{digits}f}") == value), 17)
    return f"{value:.{digits}f}"


def scalar(value: str, *, plain: bool = True) -> str:
    """A text as YAML: without quotes where it reads as that text so, else in JSON's, which YAML takes."""
    with suppress(YamlError):
        if plain and load(f"{KEY}: {value}").value == {KEY: value}:
            return value
    return json.dumps(value, ensure_ascii=False)


def _says(edited: str, text: str, actions: Mapping[Action, float], calibrated: CalibratedFor | None) -> bool:
    """Whether the edited text says what it should and nothing else."""
    wanted = dict(load(text).value)
    wanted["actions"] = {**wanted["actions"], **actions}
    if calibrated is not None:
        wanted[KEY] = {"model": calibrated.model, "fingerprint": calibrated.fingerprint}
        wanted[KEY] |= {"unproven": True} if calibrated.unproven else {}
    try:
        found = dict(load(edited).value)
        found["actions"] = {action: float(least) for action, least in found["actions"].items()}
    except (TypeError, ValueError):  # no YAML, or where a number was there is none
        return False
    wanted["actions"] = {action: float(least) for action, least in wanted["actions"].items()}
    return found == wanted
