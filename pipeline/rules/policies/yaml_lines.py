"""YAML with the line of every value; what a policy file never needs is refused.

Values are built from the parser's events, so that nothing is guessed on the way: a text is a text unless it stands
unquoted and reads as a number, true, false or null. What a writer rarely means is refused: tags, repetitions, a key
that stands twice, and an entry of a list that runs on over the next line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.error import YAMLError as RuamelError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceStartEvent,
)

from pipeline.rules.policies.bounds import MOST_PARTS
from pipeline.rules.policies.yaml_words import (
    QUOTE_IT,
    before_parsing,
    glued,
    half_a_character,
    no_blank,
    no_character,
    odd_character,
    syntax,
)

SHORT, REMEMBERED = 8_192, 256
"""Characters of a text that is remembered, and how many are: the parser takes 3 ms for one of 1,000."""

KeyPath = tuple[int | str, ...]

DEEPEST = 20
"""Lists and mappings within each other; a policy has two levels."""

_FREE_TEXT = ("description",)
"""Keys whose text may run on over several lines without quotes."""

_NUMBER = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
_OTHERS: dict[str, float | bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}


class Number(float):
    """A number and how it is written, since a float may be another number than the one that somebody wrote."""

    text: str

    def __new__(cls, text: str) -> Self:
        number = super().__new__(cls, text)
        number.text = text
        return number

    def __repr__(self) -> str:
        return self.text[:30]


class YamlError(ValueError):
    """The text is not YAML, or not as we take it; ``line`` counts from 1, and is 0 when it is not known."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Located:
    """A parsed mapping, where its parts stand and how they are written. It may be shared: it is only read."""

    value: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    written: dict[KeyPath, str] = field(default_factory=dict)
    """The text of every scalar as it stands in the file, without its quotes."""

    def line(self, place: Sequence[int | str]) -> int:
        """The line of the key or list entry at that place, or of the nearest key above it that exists."""
        parts = tuple(place)
        while parts and parts not in self.lines:
            parts = parts[:-1]
        return self.lines.get(parts, 1)


def load(text: str) -> Located:
    """Parse one mapping. Raises `YamlError` for anything else, in words for people who do not know YAML.

    A short text that was parsed before, as all of a folder but the one that is edited, is not parsed again.
    """
    return _remembered(text) if len(text) <= SHORT else _parsed(text)


def _parsed(text: str) -> Located:
    if found := before_parsing(text):
        raise YamlError(*found)
    parsed: list[Any] = []
    try:
        parsed.extend(_bounded(YAML().parse(text)))
        return _located(_events(parsed))
    except YamlError:
        raise
    except (ValueError, OverflowError) as error:  # the parser takes any number behind a backslash for a character
        raise YamlError(*no_character(text)) from error
    except MarkedYAMLError as error:
        raise YamlError(*syntax(error, text, parsed)) from error
    except RuamelError as error:
        raise YamlError(0, "cannot be read as YAML; write it anew from a policy that holds") from error


_remembered = lru_cache(REMEMBERED)(_parsed)


def _bounded(events: Iterator[Any]) -> Iterator[Any]:
    """The events as the parser makes them; what it would take too long over is refused before it goes on.

    The parser's time grows with the square of the depth: 50,000 brackets took it five minutes.
    """
    depth = 0
    for count, event in enumerate(events):
        depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
        if depth > DEEPEST:
            raise YamlError(_line(event), "nested too deeply")
        if count > MOST_PARTS:
            raise YamlError(_line(event), f"more than {MOST_PARTS:,} values before this line; split the file")
        yield event


def _events(parsed: Sequence[Any]) -> Iterator[Any]:
    documents = 0
    for event in parsed:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            _check_document(event, documents)
        if isinstance(event, AliasEvent):
            # Nested aliases grow exponentially when they are expanded; prompts have no use for them.
            alias = f"*{event.anchor}"
            raise YamlError(_line(event), f"{alias} is YAML for a repetition (an alias), not taken here; {QUOTE_IT}")
        if isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent):
            _check_tag(event)
            if isinstance(event, ScalarEvent):
                _check_text(event)
            yield event
        elif isinstance(event, CollectionEndEvent):
            yield event


def _check_document(event: DocumentStartEvent, number: int) -> None:
    if number > 1:
        raise YamlError(_line(event), "'---' begins a second document; delete the line, or make a file of each part")
    if event.version or event.tags:
        raise YamlError(max(1, _line(event) - 1), "a line that begins with % is not taken here; delete it")


def _check_tag(event: Any) -> None:
    if event.tag is not None:
        tag = str(event.tag).replace("tag:yaml.org,2002:", "!!")
        raise YamlError(_line(event), f"{tag} is YAML for a kind of value (a tag), not taken here; {QUOTE_IT}")


def _check_text(event: ScalarEvent) -> None:
    """Refuse an anchor, which would be taken out of the text that it begins, and what is no text."""
    if event.anchor is not None and (event.style or not event.value or isinstance(_scalar(event.value), str)):
        anchor = f"&{event.anchor}"
        raise YamlError(_line(event), f"{anchor} is YAML for a name (an anchor), not taken here; {QUOTE_IT}")
    if half := half_a_character(event.value):
        raise YamlError(_line(event), half)


def _located(events: Iterator[Any]) -> Located:
    located = Located({})
    first = next(events, None)
    if first is None or (isinstance(first, ScalarEvent) and not first.value and first.style is None):
        raise YamlError(1, "the file is empty; a policy begins with a line such as 'title: Weapons'")
    if not isinstance(first, MappingStartEvent):
        raise YamlError(_line(first), "expected 'key: value' lines, such as 'title: Weapons'")
    located.value.update(_mapping(events, (), located))
    for _ in events:  # what follows may be wrong, and is parsed to find out
        pass
    return located


def _mapping(events: Iterator[Any], place: KeyPath, located: Located) -> dict[str, Any]:
    found: dict[str, Any] = {}
    while isinstance(key := next(events), ScalarEvent):
        name = str(key.value)
        at = (*place, name)
        if name in found:
            first = located.lines[at]
            raise YamlError(_line(key), f"{name!r} stands here for the second time, and in line {first}; keep one")
        if key.start_mark.line != key.end_mark.line:
            raise YamlError(_line(key), "no colon in this line; a line is 'key: value', such as 'title: Weapons'")
        located.lines[at] = _line(key)
        found[name] = _value(next(events), events, at, located)
    if not isinstance(key, CollectionEndEvent):
        raise YamlError(_line(key), f"a list or braces where a key is expected; {QUOTE_IT}")
    return found


def _sequence(events: Iterator[Any], place: KeyPath, located: Located) -> list[Any]:
    found: list[Any] = []
    while not isinstance(entry := next(events), CollectionEndEvent):
        at = (*place, len(found))
        located.lines[at] = _line(entry)
        found.append(_value(entry, events, at, located))
    return found


def _value(event: Any, events: Iterator[Any], place: KeyPath, located: Located) -> Any:
    if isinstance(event, ScalarEvent):
        _check_one_line(event, place)
        text = _read(event)
        located.written[place] = text
        return _scalar(text) if event.style is None else text
    return (_mapping if isinstance(event, MappingStartEvent) else _sequence)(events, place, located)


def _read(event: ScalarEvent) -> str:
    """The text. In a folded one (``>-``) the parser marks joints by BEL, which YAML does not take."""
    return str(event.value.replace("\a", "") if event.style == ">" else event.value)


def _check_one_line(event: ScalarEvent, place: KeyPath) -> None:
    """Refuse an unquoted text of several lines, as a slip: ``-a dog`` under ``- a cat`` makes one entry of two."""
    if event.style is not None or event.start_mark.line == event.end_mark.line or place[-1] in _FREE_TEXT:
        return
    below = event.start_mark.line + 2
    if odd := odd_character(event.value):
        raise YamlError(_line(event), odd)
    if isinstance(place[-1], str) and (key := glued(event.value)):
        raise YamlError(_line(event), no_blank(key))
    if re.match(r"-\S", event.value) or re.search(r"\s-\s?\S", event.value):
        line = _line(event) if event.value.startswith("-") else below
        raise YamlError(line, "not an entry of its own; put a blank after the dash, and begin it under the others")
    raise YamlError(
        below,
        f"this line is taken as more of line {below - 1}; begin it with its own '- ' or key, or put both in quotes",
    )


def _scalar(text: str) -> str | float | bool | None:
    if text in _OTHERS:
        return _OTHERS[text]
    if not _NUMBER.fullmatch(text):
        return text
    return Number(text)


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
