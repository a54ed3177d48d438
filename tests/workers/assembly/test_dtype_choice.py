"""What dtype suits this CPU is tried out once: a restart on a busy machine judges by the same arithmetic."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.adapters.local.kept_choice import KeptChoice
from tests.e2e.tiny_model import make_tiny_model
from workers.assembly.model import DTYPES, load_encoder
from workers.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    model = make_tiny_model(tmp_path / "model" / "tiny")
    return load_settings({"model": model, "device": "cpu", "cores": 1, "state": tmp_path / "state"})


def kept(settings: Settings) -> list[Path]:
    assert settings.state is not None
    return list(settings.state.glob("dtype-*"))


def test_a_restart_takes_what_the_first_start_chose_whatever_another_trial_would_say(settings: Settings) -> None:
    chosen = load_encoder(settings, spread=True, lasting=True).spec.dtype
    [file] = kept(settings)
    assert file.read_text() == chosen
    other = next(dtype for dtype in DTYPES if dtype != chosen)
    file.write_text(other)
    assert load_encoder(settings, spread=True, lasting=True).spec.dtype == other


def test_a_dtype_that_was_asked_for_is_no_choice(settings: Settings) -> None:
    asked = settings.model_copy(update={"dtype": "bfloat16"})
    assert load_encoder(asked, spread=True, lasting=True).spec.dtype == "bfloat16"
    assert kept(settings) == []


def test_a_command_that_judges_once_keeps_nothing(settings: Settings) -> None:
    load_encoder(settings, spread=True)
    assert kept(settings) == []


def test_a_worker_without_a_state_folder_chooses_each_time(settings: Settings) -> None:
    load_encoder(settings.model_copy(update={"state": None}), spread=True, lasting=True)


@pytest.mark.parametrize("content", [b"", b"float16", b"\xff" * 100_000, b"float32\nrm -rf"])
def test_a_file_that_holds_something_else_is_no_choice(tmp_path: Path, content: bytes) -> None:
    choice = KeptChoice(tmp_path, "dtype", ["model"])
    choice.path.write_bytes(content)
    assert choice.read(DTYPES) is None
    choice.keep("float32")
    assert choice.read(DTYPES) == "float32"
    assert KeptChoice(tmp_path, "dtype", ["another"]).read(DTYPES) is None


def test_a_folder_that_cannot_be_written_costs_a_line_in_the_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    choice = KeptChoice(tmp_path / "file" / "state", "dtype", ["model"])
    choice.keep("float32")
    assert choice.read(DTYPES) is None
