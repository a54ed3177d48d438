"""What a person sees: on a terminal that is looked at as one, bars and results do not write over each other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests import terminal
from tests.e2e.pictures import picture
from tests.workers.commands.conftest import ONE_THREAD, PATIENCE

Options = Callable[[float], list[str]]


def seen(folder: Path, columns: int, *words: str) -> tuple[list[str], int]:
    """What stands on a terminal with that many columns, all that has scrolled away included, and the exit status."""
    found = terminal.seen(folder, columns, *words, patience=PATIENCE, env=ONE_THREAD)
    return found.lines, found.status


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_every_result_of_a_scan_stands_whole_and_no_bar_is_left(
    judged_by: Options, folder: Path, tmp_path: Path, columns: int, form: list[str]
) -> None:
    names = [f"{number}-{'long' * 20}.jpg" for number in range(60)]
    for name in names:
        (folder / name).write_bytes(picture(1))
    (folder / "notes.txt").write_text("no picture")
    lines, status = seen(tmp_path, columns, "scan", "pictures", *form, *judged_by(0.0))
    shown = "".join(line.ljust(columns) if len(line) == columns else line + "\n" for line in lines)
    assert all(f"pictures/{name}" in shown for name in names)
    results = [line for line in shown.splitlines() if line]
    start = '{"schema"' if form else "review "
    assert [line for line in results if not line.startswith(start)] == [
        "1 file is no picture and was skipped:",
        "  pictures/notes.txt: starts like text: 'no picture'",
    ]
    assert len(results) == len(names) + 1 + 2
    assert status == 1


@pytest.mark.parametrize("columns", [80, 120])
def test_the_demo_names_its_flagged_images_in_full(tmp_path: Path, columns: int) -> None:
    lines, status = seen(tmp_path, columns, "demo", "--metrics-port", "0")
    text = "\n".join(lines)
    assert status == 0
    assert "…" not in text
    assert "moderating" not in text
    assert "loading" not in text.replace("s of loading", "")
    assert ".jpg" in text[text.index("flagged image") :]
