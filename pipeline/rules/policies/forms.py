"""What a policy file may hold, and what is said of what it may not: in words for people who write no programs."""

from __future__ import annotations

import difflib
import inspect
import math
import re
from collections.abc import Callable, Sequence
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StrictBool
from pydantic.types import StringConstraints
from pydantic_core import PydanticCustomError

from pipeline.rules.alike import ALIKE
from pipeline.rules.policies.assets import Taking
from pipeline.rules.policies.bounds import too_long
from pipeline.rules.policies.limits import Period, Rate
from pipeline.rules.policies.numbers import told
from pipeline.rules.policies.policy_set import TOO_CLOSE, Defaults, Examples, Mode
from pipeline.rules.policies.yaml_lines import Number
from pipeline.rules.policies.yaml_words import glued, no_blank, odd_character
from pipeline.wire import Action

PERCENT = 100
"""A threshold above 1 and up to this was probably meant as a percentage: what is said of it says so, and no more."""

LEAST_SHARE = 1e-6
"""The least threshold but 0: a score has as many digits."""
_WRONG = "sluice"
"""The type of our own findings, whose message needs no rewording."""
_QUOTED = ("\u201c\u201d", "\u201e\u201c", "\u201e\u201d", "\u00ab\u00bb", "\u2018\u2019", "\u201a\u2018")


def _wrong(reason: str) -> PydanticCustomError:
    return PydanticCustomError(_WRONG, "{reason}", {"reason": reason})


def _share(value: Any) -> Any:
    """A number from 0 to 1. Raises an error that says how the number is written that was probably meant."""
    number = _number(value)
    if 0 <= number <= 1:
        written = value.text if isinstance(value, Number) else str(value)
        # A float has no 1e-400: it would be 0, which every score reaches.
        if number < LEAST_SHARE and re.search("[1-9]", written.lower().partition("e")[0]):
            raise _wrong(f"write 0 or at least {LEAST_SHARE:f}, not {written[:30]}: scores have six digits")
        return float(number)
    if 1 < number <= PERCENT and (number >= 2 or number == 1):  # noqa: PLR2004 - 1.2 is no percentage
        raise _wrong(f"write {number / PERCENT:g}, not {number:g}; it is a share of 1, and no percentage")
    raise _wrong(f"write a number from 0 to 1, such as 0.6, not {told(number, round(number))[0]}")


def _number(value: Any) -> float:
    example = "write a number from 0 to 1, such as 0.6"
    if value is None:
        raise _wrong(f"nothing behind the colon; {example}")
    if isinstance(value, bool):
        raise _wrong(f"{str(value).lower()!r} is no number; {example}")
    if isinstance(value, list | dict):
        raise _wrong(f"a list or braces, and no number; {example}")
    if not isinstance(value, str):
        return float(value) if math.isfinite(value) else _refuse(f"{value:g} is no number; {example}")
    text = value.strip()
    if found := re.fullmatch(r"(\d+(?:[.,]\d+)?)\s*%", text):
        share = float(found[1].replace(",", ".")) / PERCENT
        raise _wrong(f"write {share:g}, not {text}" if share <= 1 else f"{example}, not {text}")
    if re.fullmatch(r"\d+,\d+", text):
        raise _wrong(f"write {text.replace(',', '.')} with a point, not {text}")
    if not re.fullmatch(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?", text):
        raise _wrong(f"{value!r} is no number; {example}")
    return float(text)


def _refuse(reason: str) -> float:
    raise _wrong(reason)


def _visible(text: str) -> str:
    """The text, if every character of it can be seen: one that cannot changes scores all the same."""
    if found := odd_character(text) or too_long(text):
        raise _wrong(found)
    if text[:1] + text[-1:] in _QUOTED:
        raise _wrong(f"{text} stands in curly quotes, which would be part of the text; use straight ones, or none")
    return text


def _sequence(value: Any) -> Any:
    """A list. Raises an error that shows how one is written."""
    if isinstance(value, list):
        return value
    if isinstance(value, str) and (odd := odd_character(value)):
        raise _wrong(odd)
    if isinstance(value, str) and re.match(r"-\S", value):
        raise _wrong("put a blank after each dash: '- a dog', not '-a dog'")
    raise _wrong("expected a list: under the key a line for each entry, such as '- a dog'")


def _there(value: Any) -> Any:
    """What stands behind a key that means nothing by itself: with its lines gone, what they asked for is not done."""
    if value is None:
        raise _wrong("there is nothing under it; write it, or delete the line")
    return value


def _truth(value: Any) -> Any:
    if not isinstance(value, bool):
        raise _wrong(f"write true or false, not {_shown(value)}")
    return value


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Sentence = Annotated[Text, AfterValidator(_visible)]
Sentences = Annotated[list[Sentence], BeforeValidator(_sequence)]
Names = Annotated[list[Text], BeforeValidator(_sequence)]
"""Names of files, which may hold any character."""
Share = Annotated[float, BeforeValidator(_share)]


class FileForm(BaseModel):
    """A mapping in a file; a key that its form does not have is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class TestsForm(FileForm):
    """What stands under ``tests:``."""

    __test__ = False  # no test class, whatever pytest takes the name for

    must_flag: Names = []
    must_pass: Names = []


class CalibratedForm(FileForm):
    """What stands under ``calibrated:``."""

    model: Text
    fingerprint: Text
    unproven: Annotated[StrictBool, BeforeValidator(_truth)] = False


class ExamplesForm(FileForm):
    """What stands under ``examples:``."""

    match: Names = []
    look_alike: Names = []

    def taken(self, beside: Taking) -> Examples:
        """The pictures that are named; what is wrong with them is told to `beside`."""
        if self.look_alike and not self.match:
            beside.refuse(("examples",), "'examples' has look-alikes alone; name some that match, too")
        return Examples(
            beside.of(("examples", "match"), self.match), beside.of(("examples", "look_alike"), self.look_alike)
        )


class LimitsForm(FileForm):
    """What stands under ``limits:``."""

    rate: Rate
    per: Period


class ListsForm(FileForm):
    """What stands under ``lists:``."""

    block: Names = []
    allow: Names = []
    alike: Share = ALIKE


class PolicyForm(FileForm):
    """What a policy's file may hold."""

    title: Text
    description: str = ""
    owner: str = ""
    mode: Mode = "enforce"
    shadow_of: Annotated[Text | None, BeforeValidator(_there)] = None
    prompts: Annotated[Sentences, Field(min_length=1)]
    unless: Sentences = []
    actions: Annotated[dict[Action, Share], Field(min_length=1)]
    examples: ExamplesForm = ExamplesForm()
    limits: Annotated[LimitsForm | None, BeforeValidator(_there)] = None
    lists: ListsForm = ListsForm()
    calibrated: CalibratedForm | None = None
    tests: TestsForm = TestsForm()


class DefaultsForm(FileForm):
    """What ``_defaults.yaml`` may hold."""

    templates: Annotated[Sentences, Field(min_length=1)] = list(Defaults.templates)
    background: Text | None = None
    allow_thin_background: Annotated[StrictBool, BeforeValidator(_truth)] = False
    too_close: Share = TOO_CLOSE


def reason(error: dict[str, Any], form: type[FileForm], written: str | None) -> str:
    """Pydantic's finding in a policy writer's words; ``written`` is the value as it stands in the file."""
    loc = tuple(part for part in error["loc"] if part != "[key]")
    place, value = ".".join(str(part) for part in loc), error["input"]
    entry = f"an entry of {_list(loc)!r}" if isinstance(loc[-1], int) else repr(place)
    kind = error["type"] + ("_key" if error["loc"][-1] == "[key]" else "")
    says: dict[str, Callable[[], str]] = {
        _WRONG: lambda: f"{entry}: {error['msg']}",
        "missing": lambda: f"{place!r} is missing{_missing(loc)}",
        "extra_forbidden": lambda: _unknown(str(loc[-1]), place, _keys(form, loc[:-1]), "key"),
        "too_short": lambda: f"{place!r} is empty; put at least one line under it, such as {_example(loc)!r}",
        "string_too_short": lambda: f"{entry} is blank; write something, or delete the line",
        "string_type": lambda: _no_text(entry, value, written),
        "literal_error_key": lambda: _no_action(str(value)),
        "literal_error": lambda: _not_among(place, value, get_args(Mode)),
        "dict_type": lambda: _no_lines(loc, place, value),
    }
    says["model_type"] = says["dict_type"]
    return says.get(kind, lambda: f"{entry} is {_shown(value)}, which does not belong there")()


def _no_text(entry: str, value: Any, written: str | None) -> str:
    if value is None:
        empty = "is empty" if not written else f"is {written}, which YAML takes for nothing"
        return f"{entry} {empty}; write something (in quotes, where it begins with #), or delete the line"
    if isinstance(value, dict):
        return f"{entry} has a colon followed by a blank, or braces; put the whole text in quotes"
    if isinstance(value, list):
        return f"{entry} is a list where a text is expected; put a text that begins with [ or - in quotes"
    return f"{entry} is {written or value}, which YAML takes for no text; put it in quotes"


def _no_action(name: str) -> str:
    if name == "allow":
        return "'allow' has no threshold: an image that reaches none is allowed; delete the line"
    return _unknown(name, name, get_args(Action), "action")


def _unknown(name: str, place: str, known: Sequence[str], kind: str) -> str:
    if name == "<<":
        return "'<<' (merging) is not taken here; write the lines out"
    close = difflib.get_close_matches(name.strip(" :-").casefold(), known, n=1)
    known_ones = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    odd = odd_character(name)
    return f"unknown {kind} {place!r}; {odd or known_ones}"


def _example(loc: tuple[int | str, ...]) -> str:
    examples = {
        "actions": "review: 0.6",
        "limits": "rate: 0.5%",
        "tests": "must_flag:",
        "calibrated": "model: bundled",
        "examples": "match:",
        "lists": "block:",
        "block": "- lists/known.csv",
        "match": "- examples/one.jpg",
    }
    return examples.get(str(loc[-1]), "- a dog")


def _missing(loc: tuple[int | str, ...]) -> str:
    """What to write for a key that the one beside it needs."""
    said = {"rate": "rate: 0.5%", "per": "per: 10m"}.get(str(loc[-1]))
    return f"; write it, such as {said!r}" if said else ""


def _no_lines(loc: tuple[int | str, ...], place: str, value: Any) -> str:
    if isinstance(value, str) and glued(value):
        return f"{place!r}: {no_blank(glued(value))}"
    if isinstance(value, list):
        return f"{place!r} is a list; leave out the dashes or brackets, as in {_example(loc)!r}"
    return f"{place!r} needs lines under it, further in, such as {_example(loc)!r}"


def _not_among(place: str, value: Any, known: Sequence[str]) -> str:
    odd = odd_character(value) if isinstance(value, str) else None
    return f"{place!r} is {_shown(value)}; {odd or f'it can be {_or(known)}'}"


def _list(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in loc if not isinstance(part, int))


def _shown(value: Any) -> str:
    if value is None:
        return "empty"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def _or(words: Sequence[str]) -> str:
    return f"{', '.join(words[:-1])} or {words[-1]}"


def _keys(form: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that a form takes at that place within it."""
    for part in place:
        annotation = form.model_fields[str(part)].annotation
        inner = (each for each in (annotation, *get_args(annotation)) if inspect.isclass(each))
        form = next(each for each in inner if issubclass(each, BaseModel))
    return list(form.model_fields)
