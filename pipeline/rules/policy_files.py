"""Text of policy files -> a `PolicySet`, or every problem found, each with its file and line.

Takes the files' bytes, not their paths: reading folders is an adapter's work (``adapters/policy_folder.py``).
"""

from __future__ import annotations

import difflib
import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.types import StringConstraints

from pipeline.errors import PolicyError, Problem
from pipeline.rules.ensembles import fill
from pipeline.rules.policy_set import TOO_CLOSE, CalibratedFor, Defaults, Mode, Policy, PolicySet, policy_version
from pipeline.rules.yaml_lines import Located, YamlError, load
from pipeline.wire import Action

DEFAULTS_FILE = "_defaults.yaml"
SUFFIXES = (".yaml", ".yml")
FILE_LIMIT = 1 << 20
"""Bytes of one policy file: a thousand times what a careful one needs, and small enough to parse at once."""

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Chance = Annotated[float, Field(ge=0, le=1)]

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


FormT = TypeVar("FormT", bound=_Form)


class _Tests(_Form):
    must_flag: list[Text] = []
    must_pass: list[Text] = []


class _Calibrated(_Form):
    model: Text
    fingerprint: Text


class _PolicyForm(_Form):
    title: Text
    description: str = ""
    owner: str = ""
    mode: Mode = "enforce"
    prompts: Annotated[list[Text], Field(min_length=1)]
    unless: list[Text] = []
    actions: Annotated[dict[Action, Chance], Field(min_length=1)]
    calibrated: _Calibrated | None = None
    tests: _Tests = _Tests()


class _DefaultsForm(_Form):
    templates: Annotated[list[Text], Field(min_length=1)] = list(Defaults.templates)
    background: Text | None = None
    too_close: Chance = TOO_CLOSE


class TokenCounter:
    """How long a sentence may be for one model: ``count`` its tokens, ``limit`` how many the model reads."""

    def __init__(self, count: Callable[[str], int], limit: int) -> None:
        self.count = count
        self.limit = limit

    def excess(self, sentence: str) -> int:
        """Tokens past the limit. A token spans at least one byte, so most sentences need no tokeniser."""
        if len(sentence.encode()) + 2 <= self.limit:
            return 0
        return max(0, self.count(sentence) - self.limit)


def parse_policies(files: Mapping[str, bytes], counter: TokenCounter | None = None) -> PolicySet:
    """Build the policy set of one folder from its files' bytes, by path.

    The keys end in the file names; ``_defaults.yaml`` and the background file that it names may be among them.
    With a `counter`, sentences past the model's context length are problems too.
    Raises `PolicyError` with every problem.
    """
    problems: list[Problem] = []
    by_name = {_name(path): path for path in files}
    defaults = _defaults(files, by_name, problems)
    policies = []
    stems: dict[str, str] = {}
    for path in sorted(files):
        if _name(path).startswith("_") or not path.endswith(SUFFIXES):
            continue
        stem = _name(path).rsplit(".", 1)[0]
        if stem in stems:
            problems.append(Problem(path, 0, f"the policy id {stem!r} is taken by {stems[stem]}; rename one"))
        stems[stem] = path
        if policy := _policy(path, stem, files[path], defaults, counter, problems):
            policies.append(policy)
    if not stems and not problems:
        folder = next(iter(files), "").rpartition("/")[0] or "policies"
        problems.append(Problem(folder, 0, "no policy in it; a policy is a file such as weapons.yaml"))
    if problems:
        raise PolicyError(problems)
    return PolicySet(tuple(policies), defaults)


def _policy(
    path: str,
    stem: str,
    content: bytes,
    defaults: Defaults,
    counter: TokenCounter | None,
    problems: list[Problem],
) -> Policy | None:
    if not _ID.fullmatch(stem):
        problems.append(Problem(path, 0, f"the policy id {stem!r} may hold only a-z, 0-9, - and _; rename the file"))
    read = _read(path, content, _PolicyForm, problems)
    if read is None:
        return None
    form, located = read
    found = [
        *_order_problems(form.actions, located),
        *_duplicates(form.prompts, form.unless, located),
        *_too_long([("prompts", form.prompts), ("unless", form.unless)], defaults, counter, located),
    ]
    problems.extend(Problem(path, line, reason) for line, reason in found)
    policy = Policy(
        id=stem,
        title=form.title,
        description=form.description,
        owner=form.owner,
        mode=form.mode,
        prompts=tuple(form.prompts),
        unless=tuple(form.unless),
        actions={action: float(least) for action, least in form.actions.items()},
        must_flag=tuple(form.tests.must_flag),
        must_pass=tuple(form.tests.must_pass),
        calibrated=CalibratedFor(form.calibrated.model, form.calibrated.fingerprint) if form.calibrated else None,
    )
    return replace(policy, version=policy_version(policy, defaults))


def _defaults(files: Mapping[str, bytes], by_name: Mapping[str, str], problems: list[Problem]) -> Defaults:
    path = by_name.get(DEFAULTS_FILE)
    read = _read(path, files[path], _DefaultsForm, problems) if path else None
    if path is None or read is None:
        return Defaults()
    form, located = read
    for index, template in enumerate(form.templates):
        if template.count("{}") != 1:
            reason = f"the template {template!r} needs {{}} once, where the prompt goes"
            problems.append(Problem(path, located.line(("templates", index)), reason))
    background: tuple[str, ...] = ()
    if form.background is not None:
        source = by_name.get(form.background)
        if source is None:
            line = located.line(("background",))
            problems.append(Problem(path, line, f"the background file {form.background!r} is not beside it"))
        else:
            background = _lines(source, files[source], problems)
    return Defaults(tuple(form.templates), background, form.too_close)


def _lines(path: str, content: bytes, problems: list[Problem]) -> tuple[str, ...]:
    """One everyday thing per line; blank lines and lines that start with # are left out."""
    text = _text(path, content, problems) or ""
    lines = [line.strip() for line in text.splitlines()]
    return tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def _text(path: str, content: bytes, problems: list[Problem]) -> str | None:
    if len(content) > FILE_LIMIT:
        problems.append(Problem(path, 0, f"{len(content):,} bytes; a policy file may have {FILE_LIMIT:,}"))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        problems.append(Problem(path, line, f"byte {error.start} is not UTF-8; save the file as UTF-8"))
        return None


def _read(path: str, content: bytes, form: type[FormT], problems: list[Problem]) -> tuple[FormT, Located] | None:
    text = _text(path, content, problems)
    if text is None:
        return None
    try:
        located = load(text)
        return form.model_validate(located.value), located
    except YamlError as error:
        problems.append(Problem(path, error.line, error.reason))
    except ValidationError as error:
        for each in error.errors():
            place = tuple(part for part in each["loc"] if part != "[key]")
            problems.append(Problem(path, located.line(place), _reason(dict(each), form)))
    return None


def _reason(error: dict[str, Any], form: type[_Form]) -> str:
    """Pydantic's finding in a policy writer's words."""
    place = ".".join(str(part) for part in error["loc"] if part != "[key]")
    match error["type"]:
        case "missing":
            return f"{place!r} is missing"
        case "extra_forbidden":
            known = _keys(form, error["loc"][:-1])
            close = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
            return f"unknown key {place!r}{hint}"
        case "too_short":
            return f"{place!r} is empty"
        case "string_too_short":
            return f"{place} is blank"
        case "string_type":
            return f"{place} is {error['input']!r}, not text; put it in quotes"
        case _:
            return f"{place}: {error['msg'][0].lower()}{error['msg'][1:]}, got {error['input']!r}"


def _keys(form: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that a form takes at that place within it."""
    for part in place:
        annotation = form.model_fields[str(part)].annotation
        inner = (each for each in (annotation, *get_args(annotation)) if inspect.isclass(each))
        form = next(each for each in inner if issubclass(each, BaseModel))
    return list(form.model_fields)


def _order_problems(actions: Mapping[Action, float], located: Located) -> Iterable[tuple[int, str]]:
    ordered: list[Action] = ["label", "review", "block"]
    present = [action for action in ordered if action in actions]
    for milder, severer in pairwise(present):
        if actions[severer] < actions[milder]:
            reason = f"{severer} ({actions[severer]}) must not be below {milder} ({actions[milder]})"
            yield located.line(("actions", severer)), reason


def _duplicates(prompts: list[str], unless: list[str], located: Located) -> Iterable[tuple[int, str]]:
    seen: dict[str, str] = {}
    for key, sentences in (("prompts", prompts), ("unless", unless)):
        for index, sentence in enumerate(sentences):
            normal = " ".join(sentence.casefold().split())
            if normal in seen:
                yield located.line((key, index)), f"{sentence!r} stands in {seen[normal]} already"
            seen.setdefault(normal, key)


def _too_long(
    lists: list[tuple[str, list[str]]], defaults: Defaults, counter: TokenCounter | None, located: Located
) -> Iterable[tuple[int, str]]:
    if counter is None:
        return
    for key, sentences in lists:
        for index, sentence in enumerate(sentences):
            excess = max(map(counter.excess, fill(sentence, defaults.templates)))
            if excess:
                reason = f"{excess} tokens past the model's {counter.limit}; the end would be cut off: shorten it"
                yield located.line((key, index)), reason


def _name(path: str) -> str:
    return path.rpartition("/")[2]
