"""What a person most likely meant, and what is wrong, in a person's words."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

PLAINLY = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text, in quotes",
    "path_type": "must be a path, in quotes",
}
"""For pydantic's types of error, whose own words are a programmer's."""


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?``, or nothing where no known name is close."""
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
