"""``sluice policy examples``: reviewed images become example pictures, and nothing that was erased or never kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from pipeline.errors import UsageError
from pipeline.rules.archive.denied import Kind, erased
from pipeline.rules.archive.remembered import remembered
from pipeline.rules.policies.files import parse_policies
from pipeline.wire import Match, rfc3339
from tests.archive.made import NOON, decision, keep, some_signals
from tests.images import encoded, flat
from workers.cli import app

POLICY = "title: Bugs  # of all kinds\nmode: shadow\nprompts: [a bug]\nactions: {review: 0.5}\n"
YES, WRONG, PASSED, BARE = range(6), range(6, 9), range(9, 12), range(12, 14)
"""Images: reviewed yes, wrongly flagged, rightly let pass, and reviewed yes with no thumbnail kept."""


def thumbnail(number: int) -> bytes:
    return encoded(flat((number * 15, 40, 90)), "WEBP")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "bugs.yaml").write_text(POLICY)
    rng, made = np.random.default_rng(3), []
    match = Match("bugs", "v1", "review", 0.7, 0.5, "a bug", 0.7)
    for number in range(14):
        signals = some_signals(1, rng)
        matches = [match] if number in WRONG else []
        said = decision(number, signals, NOON + number, matches=matches)
        made.append(remembered(said, signals, thumbnail=None if number in BARE else thumbnail(number)))
    keep(FolderStore(tmp_path / "archive"), made)
    rows = [f"image-{number},bugs,{'no' if number in {*WRONG, *PASSED} else 'yes'}" for number in range(15)]
    (tmp_path / "reviews.csv").write_text("\n".join(["image_id,policy,label", *rows]) + "\n")
    return tmp_path


def run(folder: Path, *words: str) -> Result:
    flags = ["--archive", folder / "archive", "--policies", folder / "policies", "--labels", folder / "reviews.csv"]
    return CliRunner().invoke(app, ["policy", "examples", *words, *map(str, flags)], standalone_mode=False)


def beside(folder: Path) -> dict[str, bytes]:
    found = (folder / "policies" / "examples" / "bugs").glob("*")
    return {path.name: path.read_bytes() for path in found}


def test_what_shows_it_matches_and_what_was_flagged_wrongly_looks_alike(folder: Path) -> None:
    done = run(folder, "bugs", "--write")
    assert done.exception is None, done.output
    wanted = {f"yes-{number:032x}.webp": thumbnail(number) for number in YES}
    wanted |= {f"no-{number:032x}.webp": thumbnail(number) for number in WRONG}
    assert beside(folder) == wanted
    reading = read_policy_folder(folder / "policies")
    assert (folder / "policies" / "bugs.yaml").read_text().startswith(POLICY)
    (policy,) = parse_policies(reading.files, assets=reading.assets).policies
    assert [len(policy.examples.match), len(policy.examples.look_alike)] == [6, 3]
    assert "6 pictures that show it, 3 that it flagged wrongly" in done.output
    assert "2 more have no thumbnail" in done.output
    assert "1 reviewed images are not in this archive" in done.output


def test_nothing_is_written_before_it_is_asked_for_and_the_lines_are_said(folder: Path) -> None:
    done = run(folder, "bugs", "--json")
    record: dict[str, Any] = json.loads(done.stdout)
    assert (len(record["pictures"]), record["without_thumbnail"], record["not_in_archive"]) == (9, 2, 1)
    assert record["written"] == []
    assert not (folder / "policies" / "examples").exists()
    said = run(folder, "bugs").output
    assert '  match: ["examples/bugs/yes-*.webp"]' in said
    assert '  look_alike: ["examples/bugs/no-*.webp"]' in said


def test_the_newest_are_taken_and_each_picture_once(folder: Path) -> None:
    record = json.loads(run(folder, "bugs", "--most", "2", "--json").stdout)
    taken = [each["event_id"] for each in record["pictures"]]
    assert taken == [f"{number:032x}" for number in (5, 4, 8, 7)]


def test_what_is_erased_is_none_of_them(folder: Path) -> None:
    Archive(FolderStore(folder / "archive")).deny_list.add([erased(Kind.IMAGE, "image-5")], rfc3339(NOON))
    record = json.loads(run(folder, "bugs", "--json").stdout)
    assert f"{5:032x}" not in [each["event_id"] for each in record["pictures"]]
    assert record["not_in_archive"] == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wasps"], "no policy is called 'wasps'"),
        (["bugs", "--since", "1d"], "no"),
    ],
)
def test_what_cannot_be_had_is_one_clear_line(folder: Path, words: list[str], said: str) -> None:
    done = run(folder, *words)
    assert done.exception is not None
    assert said in str(done.exception)


def test_too_few_are_told_with_what_is_in_the_way(folder: Path) -> None:
    (folder / "reviews.csv").write_text(
        "image_id,policy,label\nimage-0,bugs,yes\nimage-12,bugs,yes\nimage-40,bugs,yes\n"
    )
    done = run(folder, "bugs", "--write")
    assert isinstance(done.exception, UsageError)
    assert "1 reviewed images of bugs can be had that show it, and it takes 2" in str(done.exception)
    assert "of 1 no thumbnail was kept" in str(done.exception)
    assert "1 are not in this archive" in str(done.exception)
    assert not (folder / "policies" / "examples").exists()


@pytest.mark.parametrize("how", ["there already", "flow", "a file in the way"])
def test_where_it_cannot_be_written_nothing_is(folder: Path, how: str) -> None:
    path = folder / "policies" / "bugs.yaml"
    if how == "there already":
        (folder / "policies" / "one.webp").write_bytes(thumbnail(1))
        path.write_text(f"{POLICY}examples: {{match: [one.webp]}}\n")
    elif how == "flow":
        path.write_text("{title: Bugs, prompts: [a bug], actions: {review: 0.5}}\n")
    else:
        (folder / "policies" / "examples").write_text("")
    before = path.read_bytes()
    done = run(folder, "bugs", "--write")
    assert isinstance(done.exception, UsageError)
    assert path.read_bytes() == before
    assert beside(folder) == {}
