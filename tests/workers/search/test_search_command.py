"""``sluice search``, by the bundled model over an archive of shipped samples."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.errors import UsageError
from tests.archive.made import keep, records
from tests.workers.search.conftest import COPY, KNIVES, SAMPLES, Ask


def test_words_find_what_shows_them_and_the_frame_of_it(ask: Ask) -> None:
    answer = ask(["a kitchen knife"])
    assert answer.status == 0
    assert set(answer.ids) == {*KNIVES, "cats-then-a-knife.gif"}
    by_id = {each["image_id"]: each for each in answer.record["found"]}
    assert by_id["cats-then-a-knife.gif"]["view"]["frame"] > 0
    assert (
        by_id[KNIVES[0]] | {"verdict": "block", "matches": ["weapons"], "prompt": "a kitchen knife"}
        == by_id[KNIVES[0]]
    )
    scores = [each["score"] for each in answer.record["found"]]
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] >= 0.5


def test_several_words_find_either_and_say_which(ask: Ask) -> None:
    answer = ask(["a violin", "a cactus"])
    assert {each["image_id"]: each["prompt"] for each in answer.record["found"]} == {
        "violin-01.jpg": "a violin",
        "cactus-01.jpg": "a cactus",
    }


def test_unless_takes_away_what_it_describes_better(ask: Ask) -> None:
    assert ask(["a bus"]).ids == ["bus-01.png"]
    assert ask(["a bus"], unless=["an oncoming bus"]).record["best"] < 1


def test_words_of_what_is_not_there_are_answered_so(ask: Ask) -> None:
    answer = ask(["a submarine"], as_json=False)
    assert answer.status == 1
    assert re.fullmatch(r"nothing like it: of 12 images the nearest has a score of \S+, below 0.5\n", answer.stdout)
    record = ask(["a submarine"]).record
    assert (record["nothing_like_it"], record["found"]) == (True, [])
    assert 0 <= record["best"] < 0.5


def test_with_a_lower_score_the_nearest_is_told_all_the_same(ask: Ask) -> None:
    answer = ask(["a submarine"], min_score=0.0, limit=3)
    assert answer.status == 0
    assert len(answer.ids) == 3


def test_what_is_nearly_the_same_is_one_line(ask: Ask) -> None:
    [line] = ask(["a bus"]).record["found"]
    assert line["alike"] == 1
    assert sorted(ask(["a bus"], unfolded=True).ids) == ["bus-01.png", COPY]
    assert "1 more that are nearly the same" in ask(["a bus"], as_json=False).stdout


def test_a_picture_on_disk_goes_through_decoder_and_model(ask: Ask) -> None:
    answer = ask(image=[SAMPLES / "pill-01.jpg"], limit=2)
    assert answer.ids == ["pill-01.jpg", "pill-02.jpg"]
    assert answer.record["found"][0]["score"] == pytest.approx(1.0, abs=1e-4)


def test_an_archived_image_is_named_by_its_id_and_needs_no_model(ask: Ask) -> None:
    first = ask(like=[KNIVES[0]], limit=3).record["found"]
    assert first[0] | {"image_id": KNIVES[0], "score": 1.0} == first[0]
    assert {each["image_id"] for each in first} <= {*KNIVES, "cats-then-a-knife.gif"}


def test_only_images_that_were_decided_so_and_then_count(ask: Ask) -> None:
    assert set(ask(["a kitchen knife"], verdict=["allow"]).ids) == {"cats-then-a-knife.gif"}
    assert set(ask(["a kitchen knife"], policy=["weapons"]).ids) == set(KNIVES)
    early = ask(like=[KNIVES[0]], until="2026-09-21T14:15")
    assert set(early.ids) == {KNIVES[0]}
    assert early.record["images"] == 1


def test_where_no_image_is_as_asked_that_is_said(ask: Ask) -> None:
    answer = ask(["a bus"], policy=["nobody's"], as_json=False)
    assert (answer.status, answer.stdout) == (1, "no image is as you ask: none was decided so, in that time\n")


def test_where_nothing_is_found_of_a_policy_that_there_is_not_the_nearest_is_named(ask: Ask) -> None:
    slip = ask(["a bus"], policy=["weapon"])
    assert slip.status == 1
    assert "no policy is called 'weapon'; did you mean 'weapons'?" in slip.stderr
    assert "no policy" not in ask(["a bus"], policy=["gambling"]).stderr


def test_the_table_names_every_image_whole(ask: Ask) -> None:
    answer = ask(["a kitchen knife", "a pill"], as_json=False)
    for name in (*KNIVES, "cats-then-a-knife.gif"):
        assert name in answer.stdout
    assert "frame" in answer.stdout
    assert answer.stdout.splitlines()[-1].startswith("5 of 12 images")


def test_the_contact_sheet_needs_nothing_else_and_veils_its_pictures(ask: Ask, tmp_path: Path) -> None:
    page = tmp_path / "sheet.html"
    ask(["a dog", "a bus"], html=page)
    text = page.read_text()
    assert text.count("<img ") == 1
    assert text.count("data:image/webp;base64,") == 1
    assert text.count("no picture is kept") == 1
    assert "and 1 alike" in text
    assert "default-src 'none'" in text
    assert "<script" not in text


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({}, "search for what"),
        ({"words": ["a"], "like": ["b"]}, "not for both"),
        ({"like": ["b"], "unless": ["c"]}, "--unless stands against words"),
        ({"like": ["no-such-image"]}, "has no image no-such-image"),
        ({"image": [Path("no/such/file.jpg")]}, "no/such/file.jpg: No such file"),
        ({"image": [Path(__file__)]}, "test_search_command.py: .*not_an_image"),
        ({"words": ["a knife", "a knife"]}, "'a knife' stands in prompts already"),
        ({"words": ["a  \u00a0knife"]}, "no-break space"),
        ({"words": ["very " * 200 + "long"]}, "tokens"),
        ({"words": ["a bus"], "since": "yesterday"}, "'yesterday' is no time"),
        ({"words": ["a bus"], "since": "2030-01-01"}, "has no rows from 2030-01-01"),
    ],
)
def test_what_cannot_be_asked_is_said(ask: Ask, how: dict[str, object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ask(**how)


def test_rows_of_another_model_are_left_out_and_counted(ask: Ask, archive: Path, tmp_path: Path) -> None:
    other = FolderStore(tmp_path)
    keep(other, records(3))
    with pytest.raises(UsageError, match="no rows of model 030d80bed138f533"):
        ask(["a bus"], archive=str(tmp_path))
    for segment in archive.rglob("*.parquet"):
        assert other.create(str(segment.relative_to(archive)), segment.read_bytes())
    answer = ask(["a bus"], archive=str(tmp_path))
    assert answer.ids == ["bus-01.png"]
    assert "left out: 1 of model f00d by fast-64" in answer.stderr


def test_words_of_a_bad_policy_folder_need_its_background_alone(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("title: [")
    assert ask(["a bus"], policies=str(tmp_path)).ids == ["bus-01.png"]
