"""Whoever follows our pages, workflows and messages installs this project, and no other of its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.extras import install
from tests.services.processes import ROOT

TOLD = [
    path
    for folder in ("", ".github", "deploy", "policies", "pipeline", "workers", "tests")
    for path in sorted((ROOT / folder).glob("**/*" if folder else "*"))
    if path.suffix in {".md", ".py", ".yaml", ".html"} or path.name in {"Dockerfile", "run"}
    if path.is_file() and path != Path(__file__)
]
BY_ITS_BARE_NAME = re.compile(r"\bpip3? install (?:[^\n]*\s)?[\"']?sluice\b(?!\s*@)(?![/\w-])")


def test_nothing_tells_to_install_by_the_bare_name() -> None:
    """On the public index the name is another project's, whose code would run."""
    telling = [str(path.relative_to(ROOT)) for path in TOLD if BY_ITS_BARE_NAME.search(path.read_text("utf-8"))]
    assert not telling


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("pip install sluice", True),
        ("run: pip install -U 'sluice[heif]'", True),
        ('pip install "sluice @ git+https://git.example.com/us/it@v1"', False),
        ("pip install . && .venv/bin/sluice demo", False),
        (install("heif"), False),
    ],
)
def test_a_bare_name_is_told_from_an_address(line: str, wrong: bool) -> None:
    assert bool(BY_ITS_BARE_NAME.search(line)) is wrong
