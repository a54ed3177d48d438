"""New policy files: written as a whole, in shadow mode, and never over another."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.errors import PolicyError, UsageError
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.policies.names import NO_POLICY, SUFFIXES, wrong_with_id

LONGEST_ID = 200
"""Characters of the id of a new policy: so no file system finds the name of its file too long."""


def policy_text(
    prompts: Sequence[str],
    unless: Sequence[str],
    least: float,
    *,
    title: str,
    comments: Sequence[str] = (),
    examples: Sequence[str] = (),
    tests: Mapping[str, Sequence[str]] | None = None,
) -> bytes:
    """A policy file in shadow mode that reviews from that score on. Its comments come first, a line each.

    `examples` are pictures that match, and `tests` has samples under ``must_flag`` and ``must_pass``. Both stand so
    in the file.
    """
    lines = [*(f"# {line}".rstrip() for line in comments), f"title: {_quoted(title)}", "mode: shadow"]
    lines += ["prompts:", *_listed(prompts)]
    if unless:
        lines += ["unless:", *_listed(unless)]
    if examples:
        lines += ["examples:", "  match:", *(f"  {each}" for each in _listed(examples))]
    lines += ["actions:", f"  review: {least:g}"]
    samples = {key: names for key, names in (tests or {}).items() if names}
    lines += ["tests:"] if samples else []
    for key, names in samples.items():
        lines += [f"  {key}:", *(f"  {each}" for each in _listed(names))]
    return "\n".join([*lines, ""]).encode()


def title_of(prompts: Sequence[str]) -> str:
    """The prompts as a title."""
    title = ", ".join(prompts)
    return title[:1].upper() + title[1:]


def check_id(name: str, asked_by: str) -> None:
    """Raises `UsageError`, which begins with `asked_by`, where that can be no policy's id, so no name of its file."""
    if said := wrong_with_id(name):
        raise UsageError(f"{asked_by}: {said}; give a name such as glass-bottles")
    if name in NO_POLICY:
        raise UsageError(f"{asked_by}: labelled images that show no policy are called {name!r}; give another name")
    if len(name) > LONGEST_ID:
        raise UsageError(f"{asked_by}: a policy id of {len(name)} characters; give one of {LONGEST_ID} at most")


def place_for(folder: Path, name: str, text: bytes, asked_by: str) -> Path:
    """Where the policy of that name will lie. Raises `UsageError`, which begins with `asked_by`, where it cannot."""
    check_id(name, asked_by)
    path = folder / f"{name}.yaml"
    if not folder.exists():
        raise UsageError(f"{folder}: no such folder; make it, empty, or name that of your policies with --policies")
    reading = read_policy_folder(folder)
    taken = [each for each in reading.files if each.endswith(SUFFIXES) and Path(each).stem == name]
    if taken or path.exists():
        raise UsageError(f"{asked_by}: {taken[0] if taken else path} is there already; name another")
    try:
        parse_policies({**reading.files, str(path): text}, assets=reading.assets)
    except PolicyError as error:
        raise UsageError(*(f"{asked_by}: {each}" for each in error.problems)) from error
    return path


def write_new(path: Path, text: bytes) -> None:
    """Write the policy file. Raises `UsageError` where one has come there meanwhile, or nothing can be written."""
    try:
        with path.open("xb") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} is there already; nothing was written") from error
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}; name another folder with --policies") from error


def _listed(sentences: Sequence[str]) -> list[str]:
    return [f"  - {_quoted(each)}" for each in sentences]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
