"""What an installation gets: the code, that it is typed, and the files that the code reads."""

from __future__ import annotations

from pathlib import PurePath

import pytest
from hatchling.builders.wheel import WheelBuilder

from tests.deploy.expressions import DEPLOY

ROOT = DEPLOY.parent


@pytest.fixture(scope="module")
def held() -> set[str]:
    """The files of the wheel as they will lie in site-packages, told by what builds it."""
    return {PurePath(each.distribution_path).as_posix() for each in WheelBuilder(str(ROOT)).recurse_included_files()}


@pytest.mark.parametrize("package", ["pipeline", "workers"])
def test_it_says_that_its_annotations_are_to_be_relied_on(held: set[str], package: str) -> None:
    assert f"{package}/py.typed" in held


@pytest.mark.parametrize("pattern", ["pipeline/schemas/*.json", "pipeline/bundled_model/*", "policies/*.yaml"])
def test_it_holds_the_files_that_the_code_reads(held: set[str], pattern: str) -> None:
    wanted = {each.relative_to(ROOT).as_posix() for each in ROOT.glob(pattern) if each.is_file()}
    assert wanted
    assert wanted <= held


def test_it_holds_the_background_and_the_samples_of_the_shipped_policies(held: set[str]) -> None:
    assert "policies/_background.txt" in held
    assert {f"policies/samples/{each.name}" for each in (ROOT / "policies" / "samples").iterdir()} <= held


def test_it_holds_no_tests_and_no_leftovers(held: set[str]) -> None:
    assert {each.split("/")[0] for each in held} == {"pipeline", "workers", "policies"}
    assert not [each for each in held if each.endswith(".pyc")]
