"""What is wrong with a setting, in a person's words: where it was given, what does not hold, what was meant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo

from workers.settings.environment import given_variables, variable
from workers.settings.redaction import HIDDEN, redacted

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
    "too_short": "must have at least {min_length} characters",
}
"""What is said for pydantic's types of error, whose own words are a programmer's. Only text has a least length."""
WITH_MAIL_ADDRESSES = {"console_roles"}
"""Settings that name people, and so may hold an ``@`` that stands behind no password."""


def reason(error: dict[str, Any], fields: Mapping[str, FieldInfo], flags: dict[str, Any], path: Path | None) -> str:
    """One of pydantic's errors as a clause that names the flag, the variable or the line of the file.

    What is wrong between several settings names them itself.
    """
    if not error["loc"]:
        return str(error["msg"])
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"{path}: unknown setting {name!r}{meant(name, fields)}; 'sluice config show' lists them"
    if name in flags:
        given = "--" + name.replace("_", "-")
    elif variable(name) in given_variables():
        given = variable(name)
    else:
        given = f"{path}: {name}"
    plainly = PLAINLY.get(error["type"])
    said = plainly.format(**error.get("ctx", {})) if plainly else error["msg"]
    return f"{given}: {said[0].lower()}{said[1:]}{_got(name, fields[name], error['input'])}"


def unknown_variables(settings: Iterable[str]) -> list[str]:
    """A line for each variable of the environment that is named like a setting and is none: mistyped, most likely."""
    known = {variable(name) for name in (*settings, "config")}
    unknown = [name for name in given_variables() if name.upper() not in known]
    return [f"{name} is no setting and changes nothing{meant(name.upper(), known)}" for name in unknown]


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?``, or nothing where no known name is close."""
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _got(name: str, field: FieldInfo, value: object) -> str:
    """The value that does not hold, without secrets."""
    secret = "SecretStr" in str(field.annotation)
    return "" if secret else f", got {_shown(name, value)!r}"


def _shown(name: str, value: object) -> object:
    """The value, or as much of it as may be shown: a user, a password or a signature in it may stand anywhere."""
    if isinstance(value, (list, tuple)):
        return type(value)(_shown(name, each) for each in value)
    if not isinstance(value, str) or name in WITH_MAIL_ADDRESSES:
        return value
    if name.endswith(("_url", "_endpoint")) or ("://" in value and ("?" in value or "@" in value)):
        return redacted(value)
    return HIDDEN if "@" in value else value
