"""Files that a policy names beside itself: pictures, and lists of known pictures.

A name is a path relative to the policy file, and may be a glob: ``*``, ``?`` and ``[...]`` stand for parts of a name
of a file or folder, as in a shell. It leads into the policy folder alone. Links are followed, as those of policy
files are: a mounted ConfigMap is made of links.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from pipeline.rules.policies.bounds import MOST_POLICIES
from pipeline.rules.policies.policy_set import AssetName, Location
from pipeline.rules.policies.yaml_lines import KeyPath, Located, YamlError, load

if TYPE_CHECKING:  # numpy, which whoever only reads policies does not pay for
    from pipeline.signals import Signals

KEYS = ("examples", "lists")
"""The keys of a policy file under which every text is the name of an asset."""
MOST_ASSETS = 2000
"""Of one folder; each is looked at once a second."""
MOST_BYTES_EACH = 128 << 20
"""Of one asset: a list of a million hashes. A picture has the decoder's bounds besides."""
MOST_BYTES_IN_ALL = 256 << 20

NEUTRAL = "<built in>/samples/"
"""What the paths of the pictures begin with that ship with Sluice, and show what no policy in particular is about."""
SEVERAL = "<built in>/several/"
"""The same of pictures that show several of those at once."""

_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Asset:
    """A file beside a policy, by its path relative to the policy folder, with slashes."""

    path: str
    sha256: str
    """Of the content, in hexadecimal digits; empty where it could not be read."""
    content: bytes = field(default=b"", repr=False)
    """Empty as well where only `signals` are left of a picture."""
    problem: str = ""
    """Why it could not be read, and what to do."""
    signals: Signals | None = field(default=None, compare=False, repr=False)
    """What a model made of a picture, once one has; an archive keeps these in place of the content."""


Assets = Mapping[str, Asset]
"""By path."""
NO_ASSETS: Assets = {}


@lru_cache(maxsize=2 * MOST_POLICIES)
def names_in(content: bytes) -> tuple[str, ...]:
    """The names of assets in a policy file's bytes; none in a file that cannot be read, of which the parser tells."""
    if not any(key.encode() in content for key in KEYS):
        return ()
    try:
        value = load(content.decode("utf-8-sig")).value
    except (UnicodeDecodeError, YamlError):
        return ()
    return tuple(dict.fromkeys(name for key in KEYS for name in _texts(value.get(key)) if not leads_out(name)))


def leads_out(name: str) -> bool:
    """Whether a name leads out of the policy folder, or is no name that a file can have."""
    parts = name.split("/")
    return not name.strip() or name.startswith("/") or ".." in parts or "\\" in name or "\0" in name


def is_neutral(path: str) -> bool:
    return path.startswith((NEUTRAL, SEVERAL))


def is_glob(name: str) -> bool:
    return _GLOB.search(name) is not None


def fits(part: str, pattern: str) -> bool:
    """Whether a file's or folder's name fits a glob's part; a hidden one fits none that does not begin with a dot."""
    return fnmatch.fnmatchcase(part, pattern) and (not part.startswith(".") or pattern.startswith("."))


def matching(name: str, assets: Assets) -> list[Asset]:
    """The assets that a name means, by path: the one that is called so, else those that fit it as a glob."""
    plain = normal(name)
    if plain in assets:
        return [assets[plain]]
    wanted = plain.split("/")
    fitting = (path for path in sorted(assets) if is_glob(name) and _fit(path.split("/"), wanted))
    return [assets[path] for path in fitting]


def normal(name: str) -> str:
    """The path without parts that say nothing, such as ``./``."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))


class Taking:
    """Takes the assets that the lists of one policy file name, and gathers what is wrong with them.

    An asset that is named twice, whether by its path or by its content, is a problem, be it in one list or in two.
    """

    def __init__(self, file: str, located: Located, assets: Assets) -> None:
        self.problems: list[tuple[int, str]] = []
        """Lines of the file, and what is wrong in them."""
        self._file = file
        self._located = located
        self._assets = assets
        self._taken: dict[str, tuple[str, str, int]] = {}
        """By sha256: the path, the list and the line that took it."""

    def refuse(self, place: KeyPath, reason: str) -> None:
        self.problems.append((self._located.line(place), reason))

    def of(self, place: KeyPath, names: Sequence[str]) -> tuple[AssetName, ...]:
        """The assets of the list that stands at `place`, such as ``("examples", "match")``, in its order."""
        return tuple(asset for at, name in enumerate(names) for asset in self._named(place, at, name))

    def _named(self, place: KeyPath, at: int, name: str) -> Iterator[AssetName]:
        line = self._located.line((*place, at))
        if leads_out(name):
            self.problems.append((line, f"{name!r} is no path in this folder; put the file into it, and say where"))
            return
        found = matching(name, self._assets)
        if not found:
            what = "no file fits it" if is_glob(name) else "no such file"
            self.problems.append((line, f"{name!r}: {what}; paths are relative to this file"))
        for asset in found:
            if asset.problem:
                self.problems.append((line, f"{asset.path or name!r} {asset.problem}"))
            elif asset.sha256 in self._taken:
                self.problems.append((line, self._twice(asset, ".".join(map(str, place)))))
            else:
                self._taken[asset.sha256] = (asset.path, ".".join(map(str, place)), line)
                yield AssetName(asset.path, asset.sha256, Location(self._file, line))

    def _twice(self, asset: Asset, key: str) -> str:
        path, before, line = self._taken[asset.sha256]
        which = "" if path == asset.path else f", which is the same file as {path!r},"
        do = "keep one" if before == key else "it cannot be both"
        return f"{asset.path!r}{which} stands in {before!r} already, in line {line}; {do}"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, dict):
        yield from _texts(list(value.values()))


def _fit(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    return len(parts) == len(wanted) and all(map(fits, parts, wanted))
