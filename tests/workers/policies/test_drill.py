"""``sluice policy drill``: what it judges, how it ends, and what its reports say."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

import pillow_heif
import pytest
from PIL import Image
from typer.testing import CliRunner

from pipeline.errors import PolicyError, ServiceError, UsageError
from pipeline.lab.evasion.registry import TRICKS
from workers.cli import app

SHIPPED = Path(__file__).parents[3] / "policies"
FEW = ("--trick", "saved-again", "--trick", "over-bars", "--trick", "alpha-on-white")


@dataclass(frozen=True)
class Ended:
    status: int
    stdout: str
    stderr: str

    @property
    def said(self) -> dict[str, object]:
        (line,) = self.stdout.splitlines()
        found: dict[str, object] = json.loads(line)
        return found


def drill(*words: str) -> Ended:
    """Drill in one arithmetic: what is tried out on a busy machine may come out otherwise at the next call."""
    done = CliRunner().invoke(app, ["policy", "drill", *words, "--dtype", "float32"], standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return Ended(done.return_value, done.stdout, done.stderr)


def folder(path: Path, tests: str, more: str = "") -> str:
    """A folder with one policy that flags knives, and a sample that shows one."""
    (path / "knife.jpg").write_bytes((SHIPPED / "samples" / "kitchen-knife-01.jpg").read_bytes())
    (path / "_background.txt").write_bytes((SHIPPED / "_background.txt").read_bytes())
    (path / "_defaults.yaml").write_text("background: _background.txt\n")
    (path / "weapons.yaml").write_text(
        f"title: Weapons\nprompts: [a kitchen knife]\nactions: {{review: 0.25}}\n{more}tests:\n  {tests}\n"
    )
    return str(path)


def test_shipped_policies_are_drilled_and_the_same_seed_says_the_same() -> None:
    first, again = (drill("tobacco", "money-offers", *FEW, "--seed", "3", "--json") for _ in range(2))
    assert first.stdout == again.stdout
    assert first.status == 0
    said = first.said
    assert [policy["policy"] for policy in said["policies"]] == ["money-offers", "tobacco"]  # type: ignore[attr-defined]
    tricks = {trick["trick"]: trick for trick in said["tricks"]}  # type: ignore[attr-defined]
    assert set(tricks) == {"saved-again", "over-bars", "alpha-on-white"}
    assert tricks["saved-again"]["flagged"] == 1.0
    assert tricks["saved-again"]["lost"] == pytest.approx(0, abs=0.02)
    attempts = said["attempts"]
    assert len(attempts) == 6 * 5  # type: ignore[arg-type]
    assert {each["must_flag"] for each in attempts} == {True}  # type: ignore[attr-defined]
    assert said["not_drilled"] == []


def test_untouched_scores_are_those_of_policy_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_DTYPE", "float32")  # each command chooses by its own clock otherwise
    tested = CliRunner().invoke(app, ["policy", "test", "--json"], standalone_mode=False)
    scores = {
        (trial["policy"], trial["sample"]): trial["score"] for trial in map(json.loads, tested.stdout.splitlines())
    }
    for each in drill("weapons", "--trick", "saved-again", "--json").said["attempts"]:  # type: ignore[attr-defined]
        assert each["before"] == pytest.approx(scores[each["policy"], each["sample"]], abs=1e-4)


def test_of_an_animation_the_frame_that_matched_is_hidden() -> None:
    """A knife among cats: saved again as a still it is still a knife."""
    attempts = drill("weapons", "--trick", "saved-again", "--json").said["attempts"]
    (film,) = (each for each in attempts if each["sample"].endswith("cats-then-a-knife.gif"))  # type: ignore[attr-defined]
    assert film["action_after"] == film["action_before"]


def test_harmless_samples_are_drilled_when_asked_for() -> None:
    said = drill("tobacco", "--trick", "turn-half", "--harmless", "--json").said
    assert {each["must_flag"] for each in said["attempts"]} == {True, False}  # type: ignore[attr-defined]
    assert 0 <= said["harmless_flagged"] < 0.5  # type: ignore[operator]
    assert "falsely" in drill("tobacco", "--trick", "turn-half", "--harmless").stdout


def test_a_share_that_is_too_low_ends_with_1_for_a_policy_and_with_each_for_a_trick() -> None:
    only = ("tobacco", "--trick", "saved-again", "--trick", "over-bars")
    assert drill(*only, "--at-least", "0.3").status == 0
    low = drill(*only, "--at-least", "0.9")
    assert low.status == 1
    assert "BELOW  tobacco, all tricks: " in low.stdout
    assert "still flagged, wanted at least 90%" in low.stdout
    single = drill(*only, "--at-least", "0.5", "--each")
    assert single.status == 1
    assert "BELOW  tobacco, over-bars: " in single.stdout
    assert "saved-again:" not in single.stdout


def test_reports_are_written_beside_the_table(tmp_path: Path) -> None:
    xml, html = tmp_path / "drill.xml", tmp_path / "drill.html"
    ended = drill("tobacco", *FEW, "--at-least", "1", "--each", "--junit", str(xml), "--html", str(html))
    assert ended.status == 1
    assert "weakest trick" in ended.stdout
    (suite,) = ET.fromstring(xml.read_bytes())
    assert suite.get("name") == "tobacco"
    outcomes = {case.get("name"): [each.tag for each in case] for case in suite.iter("testcase")}
    assert outcomes == {
        "all tricks": ["failure"],
        "over-bars": ["failure"],
        "alpha-on-white": outcomes["alpha-on-white"],
        "saved-again": [],
    }
    assert suite.get("failures") == str(sum(bool(tags) for tags in outcomes.values()))
    document = html.read_text()
    assert "data:image/webp;base64," in document
    assert not any(word in document for word in ("http://", "https://", "<script", "url("))


def test_a_sample_that_shows_nothing_is_named_with_its_place_and_fails_the_run(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64), (90, 120, 200)).save(tmp_path / "sky.png")
    (tmp_path / "empty.jpg").write_bytes(b"")
    where = folder(tmp_path, "must_flag: [knife.jpg, sky.png, gone.png, empty.jpg]")
    ended = drill("--policies", where, "--trick", "saved-again", "--junit", str(tmp_path / "x.xml"))
    assert ended.status == 1
    assert "1 sample, " in ended.stdout
    for name, problem in (
        ("sky.png", "untouched, wanted at least 0.25"),
        ("gone.png", "is not there"),
        ("empty.jpg", ""),
    ):
        (line,) = (line for line in ended.stdout.splitlines() if line.startswith("NOT DRILLED") and name in line)
        assert problem in line
        assert line.endswith("weapons.yaml:5)")
    (suite,) = ET.fromstring((tmp_path / "x.xml").read_bytes())
    assert (suite.get("errors"), suite.get("failures")) == ("3", "0")


def test_a_sample_that_only_the_path_can_read_is_named_and_fails_the_run(tmp_path: Path) -> None:
    where = folder(tmp_path, "must_flag: [knife.jpg, no-end.jpg]")
    whole = (tmp_path / "knife.jpg").read_bytes()
    assert whole.endswith(b"\xff\xd9")
    (tmp_path / "no-end.jpg").write_bytes(whole[:-2])
    ended = drill("--policies", where, "--trick", "saved-again")
    assert ended.status == 1
    assert "NOT DRILLED  weapons: no-end.jpg is judged, but cannot be opened to play tricks with" in ended.stdout
    assert "1 sample, " in ended.stdout


def test_heic_samples_are_drilled(tmp_path: Path) -> None:
    where = folder(tmp_path, "must_flag: [knife.heic]")
    picture = Image.open(SHIPPED / "samples" / "kitchen-knife-01.jpg").convert("RGB")
    pillow_heif.from_pillow(picture).save(tmp_path / "knife.heic", quality=90)
    ended = drill("--policies", where, "--trick", "saved-again", "--json")
    assert ended.status == 0
    (attempt,) = ended.said["attempts"]  # type: ignore[misc]
    assert attempt["after"] == pytest.approx(attempt["before"], abs=0.1)


def test_nothing_to_drill_is_said_and_ends_with_2(tmp_path: Path) -> None:
    where = folder(tmp_path, "must_pass: [knife.jpg]")
    with pytest.raises(UsageError, match="no active policy has samples that it must flag"):
        drill("--policies", where)
    (tmp_path / "tobacco.yaml").write_text(
        "title: T\nprompts: [a cigarette]\nactions: {block: 0.2}\ntests: {must_flag: [smoke.jpg]}\n"
    )
    (tmp_path / "smoke.jpg").write_bytes((SHIPPED / "samples" / "cigarette-01.jpg").read_bytes())
    ended = drill("--policies", where, "--trick", "saved-again")
    assert ended.status == 0
    assert "note: without must_flag samples: weapons" in ended.stderr


def test_slips_are_told_before_a_model_is_loaded(tmp_path: Path) -> None:
    where = folder(tmp_path, "must_flag: [knife.jpg]", more="mode: off\n")
    with pytest.raises(UsageError, match="'weapons' is off"):
        drill("weapons", "--policies", where)
    with pytest.raises(UsageError, match="did you mean 'weapons'"):
        drill("weapon")
    with pytest.raises(UsageError, match="is a folder: name it with --policies"):
        drill(str(tmp_path))
    with pytest.raises(UsageError, match="no trick and no family"):
        drill("--trick", "nonsense")
    with pytest.raises(ServiceError, match="cannot write into"):
        drill("--html", str(tmp_path / "no" / "page.html"))
    (tmp_path / "weapons.yaml").write_text("title: [")
    with pytest.raises(PolicyError, match=r"weapons\.yaml:1"):
        drill("--policies", where)


def test_a_picture_that_becomes_a_dead_letter_is_reported_as_one() -> None:
    """With room for few pixels, a large collage is refused, which is neither passed nor flagged."""
    only = ("tobacco", "--trick", "saved-again", "--trick", "place-corner", "--max-pixels", "200000")
    ended = drill(*only)
    assert "place-corner: 8 became dead letters (too_large), neither passed nor flagged" in ended.stdout
    assert ended.status == 0
    said = drill(*only, "--json").said
    (refused,) = (trick for trick in said["tricks"] if trick["trick"] == "place-corner")  # type: ignore[attr-defined]
    assert (refused["dead_letters"], refused["flagged"]) == (8, None)
    assert said["policies"][0]["flagged"] == 1.0  # type: ignore[index]


def test_the_list_names_every_trick_and_drills_nothing() -> None:
    shown = drill("--list").stdout
    assert all(trick.name in shown for trick in TRICKS)
    assert "in a flicker" in shown
