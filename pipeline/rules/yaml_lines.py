"""YAML with the line of every value, refusing what a text file of policies never needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedBase
from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.error import YAMLError as RuamelError
from ruamel.yaml.events import AliasEvent


class YamlError(ValueError):
    """Text that is not the YAML we take; ``line`` counts from 1, 0 when it is not known."""

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True)
class Located:
    """A parsed mapping and where its parts stand."""

    value: Any

    def line(self, place: Sequence[int | str]) -> int:
        """The line of the key or list entry at that place, or of the nearest part of it that exists."""
        node, line = self.value, 1
        for part in place:
            if not isinstance(node, CommentedBase):
                break
            try:
                position = node.lc.item(part) if isinstance(part, int) else node.lc.key(part)
                line, node = position[0] + 1, _part(node, part)
            except (KeyError, IndexError, TypeError):
                break
        return line


def _part(node: Any, part: int | str) -> Any:
    return node[part]


def load(text: str) -> Located:
    """Parse one mapping. Raises `YamlError` for anything else, for aliases and for duplicate keys."""
    try:
        for event in YAML().parse(text):
            if isinstance(event, AliasEvent):
                # Nested aliases grow exponentially when they are expanded; prompts have no use for them.
                raise YamlError(event.start_mark.line + 1, "YAML aliases (*name) are not allowed here")
        value = YAML().load(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        reason = str(error.problem or error.context or error).strip().split("\n")[0]
        raise YamlError(mark.line + 1 if mark else 0, f"not valid YAML: {reason}") from error
    except RecursionError as error:
        raise YamlError(0, "nested too deeply") from error
    except (RuamelError, ValueError) as error:
        if isinstance(error, YamlError):
            raise
        raise YamlError(0, f"not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(value, dict):
        raise YamlError(1, "expected 'key: value' lines, such as 'title: Weapons'")
    return Located(value)
