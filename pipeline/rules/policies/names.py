"""Which files of a folder are taken, by their names, and what is said of those that are not."""

from __future__ import annotations

import re

SUFFIXES = (".yaml", ".yml")
BACKGROUND_SUFFIX = ".txt"
DEFAULTS_FILE = "_defaults.yaml"

NO_POLICY = frozenset({"none", "_none"})
"""What labels call images that show none of the policies: a policy of that name cannot be calibrated."""

_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
_MEANT = re.compile(r"\.ya?ml(\.txt)?$", re.IGNORECASE)
_DOCUMENT = re.compile(r"readme(\.(md|markdown|rst|txt))?", re.IGNORECASE)
_BACKUP = re.compile(r"(~|\.(bak|old|orig|swp|swo|tmp|save)|^#.*#)$", re.IGNORECASE)


def is_taken(name: str) -> bool:
    """Whether a file of that name is read, as policies, their defaults and backgrounds are; no hidden file is.

    A mounted ConfigMap keeps its generations in folders that start with two dots.
    """
    if name.startswith(".") or is_document(name) or _meant_for(name):
        return False
    return name.endswith((*SUFFIXES, BACKGROUND_SUFFIX))


def wrong_with_id(policy: str) -> str:
    """Why that is no policy's id, which a file's stem is; empty where it can be one."""
    if _ID.fullmatch(policy):
        return ""
    begins = ", and begins with a letter or a digit" if _ID.fullmatch(policy.lstrip("-_")) else ""
    return f"the policy id {policy!r} may hold only a-z, 0-9, - and _{begins}"


def is_document(name: str) -> bool:
    """Whether a file of that name is for people, such as ``README.md``: it is not read, and is no slip either."""
    return _DOCUMENT.fullmatch(name) is not None


def is_slip(name: str) -> bool:
    """Whether a name that is not taken can only be meant as a policy's: ``weapons.YAML``, ``weapons.yaml.txt``."""
    return _meant_for(name) is not None and not name.startswith(".")


def why_not(name: str, *, folder: bool, holds_policies: bool = False) -> str:
    """Why a file or folder of that name is not taken, and what to do."""
    if folder:
        do = "; move its policies up, or give it with --policies" if holds_policies else ""
        return f"a folder, and policies are looked for in no subfolder{do}"
    if (meant := _meant_for(name)) is not None and not name.startswith("."):
        return f"not read under this name; rename it to {meant}"
    if name.startswith("."):
        return "a hidden file, whose name starts with a dot; rename it if it is a policy"
    if _BACKUP.search(name):
        return "an editor's copy, by its name; delete it, or rename it if it is a policy"
    if name.startswith("_") and name.endswith(SUFFIXES):
        return f"starts with _, as {DEFAULTS_FILE} alone may; rename it if it is a policy"
    return "no policy, by its name; a policy's ends in .yaml"


def _meant_for(name: str) -> str | None:
    """The name that a file should have whose name is nearly one; None for others."""
    found = _MEANT.search(name)
    if found is None or name.endswith(SUFFIXES):
        return None
    stem = name[: found.start()]
    return f"{stem if stem.startswith('_') else stem.lower()}.yaml"
