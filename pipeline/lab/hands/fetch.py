"""Fetches sets of emoji from npm and writes each as a folder of SVG files named by code point: hands to train with.

``python -m pipeline.lab.hands FOLDER`` runs npm, which must be installed, and writes FOLDER/twemoji,
FOLDER/fluent-emoji and so on. Nothing of them ships with Sluice. `SETS` has their licences.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.errors import ServiceError
from pipeline.lab.files import write_text
from pipeline.lab.hands.naming import thing_of
from pipeline.lab.scenes.lexicon import load_lexicon


@dataclass(frozen=True, slots=True)
class Set:
    """One set of emoji and how it may be used."""

    name: str
    licence: str
    measures: bool = False
    """Whether it is kept for measuring: no shipped model learns from it."""

    @property
    def package(self) -> str:
        return f"@iconify-json/{self.name}"


SETS = (
    Set("twemoji", "CC BY 4.0, (c) Twitter and contributors"),
    Set("fluent-emoji", "MIT, (c) Microsoft Corporation"),
    Set("fluent-emoji-flat", "MIT, (c) Microsoft Corporation"),
    Set("noto-v1", "Apache 2.0, (c) Google Inc"),
    Set("openmoji", "CC BY-SA 4.0, (c) OpenMoji", measures=True),
)
LICENCE_FILE = "LICENCE.txt"
_SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' viewBox="{left} {top} {width} {height}" width="{width}" height="{height}">{body}</svg>\n'
)
_PATIENCE = 600.0


def fetch(folder: Path, sets: Sequence[Set] = SETS) -> dict[str, int]:
    """Write a folder for each set, and return how many drawings each holds. Raises `ServiceError` without npm."""
    with tempfile.TemporaryDirectory() as scratch:
        packages = {each: _packed(each, Path(scratch)) for each in sets}
    points = _points([package["chars.json"] for package in packages.values()])
    return {
        each.name: write_hand(folder / each.name, each, package["icons.json"], points)
        for each, package in packages.items()
    }


def _packed(each: Set, scratch: Path) -> dict[str, Any]:
    """The JSON files of a package."""
    npm = shutil.which("npm")
    if npm is None:
        raise ServiceError(
            "npm is not installed: the sets come from it; install Node.js, or bring folders of your own"
        )
    run = subprocess.run(  # noqa: S603 - a fixed command
        [npm, "pack", "--silent", "--ignore-scripts", each.package],
        cwd=scratch,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if run.returncode:
        said = (run.stderr or run.stdout).strip().splitlines()
        raise ServiceError(f"npm pack {each.package} failed ({said[-1] if said else run.returncode}): is it online?")
    with tarfile.open(scratch / run.stdout.strip().splitlines()[-1]) as archive:
        return {name: _member(archive, f"package/{name}") for name in ("icons.json", "chars.json")}


def _member(archive: tarfile.TarFile, name: str) -> Any:
    """One JSON file of an archive, nothing of which is unpacked."""
    file = archive.extractfile(name)
    return json.load(file) if file else {}


def _points(maps: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Icons' names to code points, of all sets together: names are shared, and some sets leave the map out."""
    points: dict[str, str] = {}
    for code, icon in (pair for each in maps for pair in each.items()):
        points.setdefault(icon, code)
    return points


def write_hand(folder: Path, each: Set, icons: Mapping[str, Any], points: Mapping[str, str]) -> int:
    """Write the drawings of the lexicon's emoji that a set has, one file each, and its licence; returns how many."""
    written: set[int] = set()
    for icon, drawing in icons["icons"].items():
        thing = thing_of(points.get(icon, icon))
        if thing is None or thing in written:
            continue
        written.add(thing)
        write_text(folder / f"{ord(load_lexicon()[thing].char):x}.svg", _svg(drawing, icons))
    write_text(folder / LICENCE_FILE, f"{each.package}: {each.licence}\n")
    return len(written)


def _svg(drawing: Mapping[str, Any], icons: Mapping[str, Any]) -> str:
    """A whole file around an icon's body; Iconify's default size is 16 (its "IconifyJSON" reference)."""
    box = {key: drawing.get(key, icons.get(key, default)) for key, default in _BOX.items()}
    return _SVG.format(body=drawing["body"], **box)


_BOX = {"left": 0, "top": 0, "width": 16, "height": 16}
