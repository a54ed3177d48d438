"""``sluice train``, as a person runs it."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from pipeline.errors import UsageError
from pipeline.lab.card import CARD_FILE
from pipeline.lab.model import load
from workers.commands.train import train

APP = typer.Typer()
APP.command()(train)
SMALL = ["--scenes", "32", "--batch", "16", "--test-scenes", "8", "--threads", "1"]


def run(*arguments: str) -> str:
    result = CliRunner().invoke(APP, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.mark.usefixtures("one_thread", "drawn")
def test_it_trains_tests_and_describes_a_model_and_goes_on_from_there(tmp_path: Path) -> None:
    out = tmp_path / "model"
    said = run(str(out), *SMALL)
    assert "top-1" in said
    assert f"SLUICE_MODEL=local-dir:{out}" in said
    assert "32 rendered scenes" in " ".join((out / CARD_FILE).read_text().split())
    load(out)
    assert (tmp_path / "model.checkpoint.pt").is_file(), "beside the folder, which is to be shipped without it"
    assert "step 3/3" in run(str(out), *SMALL[2:], "--scenes", "48", "--resume")


def failing(folder: Path, *arguments: str) -> str:
    with pytest.raises(UsageError) as error:
        CliRunner().invoke(APP, [str(folder / "model"), *SMALL, *arguments], catch_exceptions=False)
    assert "\n" not in str(error.value)
    return str(error.value)


@pytest.mark.usefixtures("drawn")
def test_resuming_nothing_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert "leave --resume away" in failing(tmp_path, "--resume")


def test_an_unknown_device_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert "--device toaster" in failing(tmp_path, "--device", "toaster")


def test_a_missing_font_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    assert "fonts-noto-color-emoji" in failing(tmp_path, "--font", "nothing.ttf")
