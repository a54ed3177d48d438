"""requirements.lock is in step with pyproject.toml, whole and hashed; what it says is what the image gets."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.deploy.expressions import DEPLOY

TEXT = (DEPLOY / "requirements.lock").read_text()
BUILD = (DEPLOY / "build.lock").read_text()
PYPROJECT = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())
PROJECT = PYPROJECT["project"]
WANTED = [Requirement(each) for each in PROJECT["dependencies"]]
# Each begins in the first column; its hashes and who wants it stand below, indented.
ENTRY = re.compile(r"^(\S[^\\\n]*?) \\\n((?:    .*\n?)+)", re.MULTILINE)
ENTRIES = ENTRY.findall(TEXT)
LOCKED = [Requirement(entry) for entry, _ in ENTRIES]
LINUX = [
    {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"} | each
    for each in (
        {"python_version": "3.11", "python_full_version": "3.11.9", "platform_machine": "x86_64"},
        {"python_version": "3.12", "python_full_version": "3.12.9", "platform_machine": "x86_64"},
        {"python_version": "3.12", "python_full_version": "3.12.9", "platform_machine": "aarch64"},
        {"python_version": "3.13", "python_full_version": "3.13.9", "platform_machine": "x86_64"},
    )
]


def installed(environment: dict[str, str]) -> Iterable[Requirement]:
    return [each for each in LOCKED if each.marker is None or each.marker.evaluate(environment)]


def version(locked: Requirement) -> str:
    (specifier,) = locked.specifier
    assert specifier.operator == "==", locked
    return specifier.version


@pytest.mark.parametrize("wanted", WANTED, ids=lambda wanted: wanted.name)
@pytest.mark.parametrize(
    "environment", LINUX, ids=lambda each: f"{each['python_version']}-{each['platform_machine']}"
)
def test_every_dependency_has_one_version_that_its_specifier_allows(
    wanted: Requirement, environment: dict[str, str]
) -> None:
    name = canonicalize_name(wanted.name)
    (locked,) = [each for each in installed(environment) if canonicalize_name(each.name) == name]
    assert wanted.specifier.contains(version(locked)), "make the lock anew: see .github/CONTRIBUTING.md"


@pytest.mark.parametrize(
    "environment", LINUX, ids=lambda each: f"{each['python_version']}-{each['platform_machine']}"
)
def test_nothing_is_there_twice(environment: dict[str, str]) -> None:
    names = [canonicalize_name(each.name) for each in installed(environment)]
    assert len(names) == len(set(names))


def test_every_entry_has_hashes_and_every_line_belongs_to_one() -> None:
    assert len(ENTRIES) == len(re.findall(r"^[^\s#]", TEXT, re.MULTILINE)) > len(WANTED)
    for entry, below in ENTRIES:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", below), entry


@pytest.mark.parametrize("text", [TEXT, BUILD], ids=["requirements.lock", "build.lock"])
def test_it_names_no_index(text: str) -> None:
    """Where packages come from is the builder's to say, and a mirror's address nobody's to publish."""
    assert "://" not in text
    assert "index-url" not in text.replace("--no-emit-index-url", "")


def test_what_builds_our_package_is_locked_and_hashed() -> None:
    entries = ENTRY.findall(BUILD)
    assert len(entries) == len(re.findall(r"^[^\s#]", BUILD, re.MULTILINE))
    assert all("--hash=sha256:" in below for _, below in entries)
    locked = {canonicalize_name(each.name): each for each in (Requirement(entry) for entry, _ in entries)}
    for wanted in map(Requirement, PYPROJECT["build-system"]["requires"]):
        assert wanted.specifier.contains(version(locked[canonicalize_name(wanted.name)]))
