"""Policies for the tests: small, and with thresholds that give the tiny model's scores every verdict."""

from __future__ import annotations

import json
import os
from pathlib import Path

TEMPLATES = ["a photo of {}.", "{}"]
DEFAULTS = f"templates: {json.dumps(TEMPLATES)}\nbackground: _background.txt\nallow_thin_background: true\n"
BACKGROUND = "a cat\na tree\na car\na street at night\nthe sea\na cup of coffee\na chair\n"


def policy(title: str, prompts: list[str], actions: dict[str, float], mode: str = "enforce") -> str:
    """The text of a policy file."""
    lines = [f"title: {title}", f"mode: {mode}", "prompts:", *(f"  - {prompt}" for prompt in prompts), "actions:"]
    return "\n".join([*lines, *(f"  {action}: {least}" for action, least in actions.items())]) + "\n"


FILES = {
    "_defaults.yaml": DEFAULTS,
    "_background.txt": BACKGROUND,
    "weapons.yaml": policy("Weapons", ["a knife", "a gun"], {"label": 0.02, "review": 0.15, "block": 0.6}),
    "gambling.yaml": policy("Gambling", ["dice", "a slot machine"], {"review": 0.1}),
    "tobacco.yaml": policy("Tobacco", ["a cigarette"], {"label": 0.0}, mode="shadow"),
}
PROMPTS = 5 + BACKGROUND.count("\n")
"""Prompts whose features a worker looks up when it starts on these files."""


def write_policies(folder: Path) -> Path:
    """Write them as plain files."""
    folder.mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


def edit(folder: Path, name: str, text: str) -> None:
    """Replace one file as careful editors do: written aside, then renamed over it."""
    aside = folder / f".{name}.tmp"
    aside.write_text(text)
    aside.replace(folder / name)


class ConfigMap:
    """A folder as Kubernetes mounts one: files are links into a generation, and a new one comes by one rename."""

    def __init__(self, folder: Path, files: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.files = dict(files or FILES)
        self._generation = 0
        folder.mkdir(parents=True)
        self._swap()
        for name in self.files:
            (folder / name).symlink_to(Path("..data") / name)

    def change(self, name: str, text: str) -> None:
        """Bring a new generation in which one file is another, or new."""
        self.files[name] = text
        self._swap()
        if not (self.folder / name).is_symlink():
            (self.folder / name).symlink_to(Path("..data") / name)

    def _swap(self) -> None:
        self._generation += 1
        generation = self.folder / f"..{self._generation}"
        generation.mkdir()
        for name, text in self.files.items():
            (generation / name).write_text(text)
        link = self.folder / "..data_tmp"
        link.symlink_to(generation.name)
        os.replace(link, self.folder / "..data")  # noqa: PTH105 - the very call that the kubelet makes
