"""``sluice scan``: what it looks at, what it says of what it does not look at, and the status that it ends with."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.answers import schema_problems
from tests.e2e.pictures import picture
from tests.workers.commands.conftest import Sluice

Options = Callable[[float], list[str]]
FLAGS_ALL, FLAGS_NOTHING = 0.0, 1.0
ODD = b"caf\xe9 \x1b[31m\n#?%20.jpg"


def as_format(name: str) -> bytes:
    out = BytesIO()
    Image.open(BytesIO(picture(1))).convert("RGB").save(out, name)
    return out.getvalue()


def test_pictures_are_told_by_their_content_whatever_they_are_called(
    sluice: Sluice, judged_by: Options, folder: Path
) -> None:
    for name in ("two.jpe", "three", "four.txt", ".hidden"):
        (folder / name).write_bytes(picture(1))
    (folder / "deeper").mkdir()
    (folder / "deeper" / "five.jpg.bak").write_bytes(picture(1))
    done = sluice("scan", "pictures", "--json", *judged_by(FLAGS_NOTHING))
    names = [str(each["image_id"]).removeprefix("pictures/") for each in done.objects]
    assert names == [".hidden", "deeper/five.jpg.bak", "four.txt", "one.jpg", "three", "two.jpe"]
    assert done.status == 0
    assert done.stderr == ""


def test_what_is_no_picture_is_named_and_changes_no_status(sluice: Sluice, judged_by: Options, folder: Path) -> None:
    (folder / "notes.txt").write_text("BMW and Benz")
    (folder / "bm.txt").write_text("BM is how a bitmap begins, and this text")
    (folder / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100))
    (folder / ".gitkeep").touch()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(folder / "socket"))
        done = sluice("scan", "pictures", *judged_by(FLAGS_NOTHING))
    assert (done.status, len(done.lines)) == (0, 1)
    said = done.stderr.splitlines()
    assert said[0] == "6 files are no pictures and were skipped:"
    named = {line.strip().partition(": ")[0].removeprefix("pictures/") for line in said[1:]}
    assert named == {"notes.txt", "bm.txt", "Thumbs.db", ".gitkeep", "pipe", "socket"}


def test_many_skipped_files_are_counted_and_on_request_all_named(
    sluice: Sluice, judged_by: Options, folder: Path
) -> None:
    for number in range(30):
        (folder / f"{number}.txt").write_text("text")
    some, every = (
        sluice("scan", "pictures", *more, *judged_by(FLAGS_NOTHING)).stderr.splitlines()
        for more in ([], ["--name-skipped"])
    )
    assert some[0] == every[0] == "30 files are no pictures and were skipped:"
    assert some[-1] == "  and 10 more; --name-skipped names all"
    assert len(every) == 31


def test_kinds_of_pictures_that_are_not_taken_are_unread_and_not_passed_over(
    sluice: Sluice, judged_by: Options, folder: Path
) -> None:
    names = ["ICO", "PDF", "PPM", "TIFF"]
    for name in names:
        (folder / name).write_bytes(as_format(name))
    done = sluice("scan", "pictures", "--json", *judged_by(FLAGS_NOTHING))
    assert done.status == 2
    unread = [str(each["image_id"]) for each in done.objects if each.get("reason")]
    assert sorted(unread) == [f"pictures/{name}" for name in names]


def test_unreadable_does_not_hide_flagged(sluice: Sluice, judged_by: Options, folder: Path) -> None:
    alone = sluice("scan", "pictures", "--json", *judged_by(FLAGS_ALL))
    assert (alone.status, [each["verdict"] for each in alone.objects]) == (1, ["review"])
    (folder / "half.jpg").write_bytes(picture(1)[:200])
    assert sluice("scan", "pictures", *judged_by(FLAGS_ALL)).status == 3
    assert sluice("scan", "pictures", *judged_by(FLAGS_NOTHING)).status == 2


def test_what_cannot_be_looked_into_is_told_and_holds_up_nothing(
    sluice: Sluice, judged_by: Options, folder: Path
) -> None:
    (folder / "empty.jpg").touch()
    (folder / "nowhere").symlink_to("gone.jpg")
    (folder / "circle").symlink_to("circle")
    (folder / "up").symlink_to("..")
    with (folder / "huge.jpg").open("wb") as file:
        file.truncate(50 << 30)
    done = sluice("scan", "pictures", "--json", *judged_by(FLAGS_NOTHING))
    reasons = {str(each["image_id"]).removeprefix("pictures/"): each.get("reason") for each in done.objects}
    assert reasons == {
        "one.jpg": None,
        "empty.jpg": "empty",
        "nowhere": "fetch_failed",
        "circle": "fetch_failed",
        "huge.jpg": "too_large",
    }
    assert done.status == 2


def test_names_of_any_bytes_are_judged_and_printed_as_text(sluice: Sluice, judged_by: Options, folder: Path) -> None:
    (Path(os.fsdecode(os.fsencode(folder) + b"/" + ODD))).write_bytes(picture(1))
    options = judged_by(FLAGS_ALL)
    shown = sluice("scan", "pictures", *options)
    for env in ({}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}):
        done = sluice("scan", b"pictures/" + ODD, "--json", *options, env=env)
        [decision] = done.objects
        assert schema_problems(decision) == []
        assert decision["image_id"] == "pictures/caf\\xe9 \x1b[31m\n#?%20.jpg"
        assert done.status == 1
    assert shown.status == 1
    [line] = [line for line in shown.lines if "caf" in line]
    assert "caf\\xe9 \\x1b[31m\\n#?%20.jpg" in line
    assert b"\x1b" not in shown.stdout


def test_a_path_given_twice_is_judged_once(sluice: Sluice, judged_by: Options, folder: Path) -> None:
    (folder / "-x.jpg").write_bytes(picture(2))
    given = ["pictures", "./pictures/one.jpg", "pictures/", "pictures/one.jpg", "pictures/*.jpg"]
    done = sluice("scan", *given, "--json", *judged_by(FLAGS_NOTHING))
    assert sorted(str(each["image_id"]) for each in done.objects) == ["pictures/-x.jpg", "pictures/one.jpg"]
    assert done.status == 0


def test_pipes_that_are_named_are_read(sluice: Sluice, judged_by: Options) -> None:
    done = sluice("scan", "/dev/stdin", "--json", *judged_by(FLAGS_NOTHING), stdin=picture(1))
    assert [each["image_id"] for each in done.objects] == ["/dev/stdin"]
    assert done.status == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.jpg"], "no such file or folder: absent.jpg"),
        (["*.nothing"], "no such file or folder: *.nothing"),
        (["-"], "no such file or folder: -; standard input is /dev/stdin"),
        (["one\x1b[2Jjpg"], "no such file or folder: one\\x1b[2Jjpg"),
        (["empty"], "no pictures in the folder empty"),
    ],
)
def test_a_mistake_is_one_line_before_a_model_is_loaded(
    sluice: Sluice, tmp_path: Path, words: list[str], said: str
) -> None:
    (tmp_path / "empty").mkdir()
    done = sluice("scan", *words, "--model", "there-is-none")
    assert (done.status, done.stdout, done.stderr) == (2, b"", f"sluice: {said}\n")


def test_a_folder_without_a_picture_beside_one_with_some_is_told(
    sluice: Sluice, judged_by: Options, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("no picture")
    done = sluice("scan", "pictures", "other", *judged_by(FLAGS_NOTHING))
    assert done.status == 2
    assert "no pictures in the folder other" in done.stderr


def test_a_clean_images_line_names_no_policy_that_says_nothing(
    sluice: Sluice, judged_by: Options, folder: Path, tmp_path: Path
) -> None:
    """The one policy scores 0.00, which is highest among one."""
    (tmp_path / "nothing").mkdir()
    options = judged_by(FLAGS_NOTHING)
    (Path(options[-1]) / "anything.yaml").write_text(
        "title: Off\nmode: 'off'\nprompts:\n  - a knife\nactions:\n  review: 0.9\n"
    )
    done = sluice("scan", "pictures", *options)
    assert done.lines[0].split() == ["allow", "-", "pictures/one.jpg"]


def test_a_listed_picture_is_flagged_although_it_is_also_an_example_and_one_that_looks_alike(
    sluice: Sluice, judged_by: Options, folder: Path
) -> None:
    """Its signals were made before, for another policy that is in shadow, and are taken from the cache."""
    options = judged_by(FLAGS_NOTHING)
    policies, content = Path(options[-1]), (folder / "one.jpg").read_bytes()
    for name, number in (("same.jpg", 1), ("other.jpg", 2)):
        (policies / name).write_bytes(picture(number))
    anything = (policies / "anything.yaml").read_text()
    (policies / "known.csv").write_text(f"kind,hash\nsha256,{sha256(content).hexdigest()}\n")
    (policies / "anything.yaml").write_text(f"{anything}lists: {{block: [known.csv]}}\n")
    (policies / "shown.yaml").write_text(
        "title: Shown\nmode: shadow\nprompts:\n  - a spoon\nactions:\n  review: 0.9\n"
        "examples:\n  match:\n    - same.jpg\n    - other.jpg\n"
    )
    (policies / "alike.yaml").write_text(
        "title: Alike\nmode: shadow\nprompts:\n  - a fork\nactions:\n  review: 0.9\n"
        "lists: {block: [other.jpg, same.jpg]}\n"
    )
    done = sluice("scan", "pictures", *options)
    assert done.lines, done.stderr
    assert done.lines[0].split()[:3] == ["review", "1.00", "anything"]
    assert "known.csv:2" in done.lines[0]
