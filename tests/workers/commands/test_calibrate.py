"""``policy calibrate``: what may be asked, what an image scores, what is shown, and what is written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.errors import UsageError
from pipeline.items import Batch, Item
from pipeline.lab.data.dataset import Example
from pipeline.lab.data.extract import Extracted, Unreadable
from pipeline.lab.data.judged import image_scores
from pipeline.lab.thresholds.asked import Asked, asked
from pipeline.lab.thresholds.measure import Calibration, _curve
from pipeline.lab.thresholds.measure import finding as _finding
from pipeline.lab.thresholds.record import record
from pipeline.lab.thresholds.targets import Target
from pipeline.lab.thresholds.write_back import edits, write_back
from pipeline.path.decide import Decide
from pipeline.ports import EncoderSpec
from pipeline.rules.heads import compile_policies
from pipeline.rules.policies.policy_set import CalibratedFor, Policy, PolicySet
from pipeline.wire import Event
from tests.signals_made import signals, split
from workers.cli import app
from workers.settings import SHIPPED_POLICIES
from workers.terminal.calibration import name_unreadable, show

WEAPONS = Policy("weapons", "Weapons", ("a knife", "a gun"), {"review": 0.4, "block": 0.8}, version="v1")
TOBACCO = Policy("tobacco", "Tobacco", ("a cigarette",), {"label": 0.5}, version="v2")
SPEC = EncoderSpec("small", "1f2e", "float32", (2, 2), (0,), (1,), "bicubic", "shortest", 8, 77, 20.0, None)
OTHER = CalibratedFor("big", "ffff")
GUESSED = CalibratedFor("small", "1f2e", unproven=True)
SHOWN = replace(WEAPONS, calibrated=CalibratedFor("small", "1f2e"))


class TestWhatIsAsked:
    def test_a_bare_number_is_for_the_mildest_action_and_a_named_one_wins(self) -> None:
        found = asked(["0.9", "block=0.99"], ["block=100"], 0.01, [WEAPONS, TOBACCO])
        assert found.of(WEAPONS) == {"review": Target(0.9), "block": Target(0.99, 100)}
        assert found.of(TOBACCO) == {"label": Target(0.9)}
        only_named = asked(["block=0.99"], [], None, [WEAPONS, TOBACCO])
        assert (only_named.of(TOBACCO), list(only_named.of(WEAPONS))) == ({}, ["block"])
        both = asked(["0.9", "review=0.8"], [], None, [WEAPONS])
        assert both.of(WEAPONS) == {"review": Target(0.8)}

    @pytest.mark.parametrize(
        ("precision", "budget", "prevalence", "says"),
        [
            ([], [], None, "say what to reach: --precision 0.95"),
            (["95%"], [], None, "--precision 95%: give a number above 0 and below 1"),
            (["1"], [], None, "above 0 and below 1"),
            (["nan"], [], None, "above 0 and below 1"),
            ([], ["0"], None, "--false-positives 0: give a number above 0 and below 1,000,000"),
            (["blok=0.9"], [], None, "no action 'blok'; name one of label, review, block"),
            (["0.9", "0.8"], [], None, "--precision is given twice for the mildest action"),
            (["block=0.9", "block=0.8"], [], None, "given twice for block"),
            (["0.9"], [], 1.0, "--prevalence 1: give a share above 0 and below 1"),
            (["0.9"], [], 1e-320, "--prevalence 9.99989e-321: give a share above 0 and below 1"),
            ([], ["1e-320"], None, "--false-positives 1e-320: give a number above 0 and below 1,000,000"),
        ],
    )
    def test_what_does_not_hold_is_one_line(
        self, precision: list[str], budget: list[str], prevalence: float | None, says: str
    ) -> None:
        with pytest.raises(UsageError) as refused:
            asked(precision, budget, prevalence, [WEAPONS])
        assert says in str(refused.value)
        assert "\n" not in str(refused.value)

    def test_an_action_that_no_policy_has_is_a_slip(self) -> None:
        with pytest.raises(UsageError, match="no policy has the action 'block'"):
            asked(["block=0.9"], [], None, [TOBACCO])


def example(name: str, *labels: str, ignore: tuple[str, ...] = ()) -> Example:
    return Example(name, lambda: b"", labels, None, ignore)


def extracted(features: np.ndarray, views: Sequence[int], examples: Sequence[Example] = ()) -> Extracted:
    named = tuple(examples) or tuple(example(str(number)) for number in range(len(views)))
    return Extracted(named, split(features, views))


def normalised(rows: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize("bias", [None, -10.0], ids=["softmax", "sigmoid"])
def test_an_image_scores_as_in_a_decision_about_it(bias: float | None) -> None:
    """The same features, images of one to four views, once through the stage that decides."""
    policy_set = PolicySet((TOBACCO, WEAPONS))
    sentences = list(policy_set.sentences())
    texts = dict(zip(sentences, normalised(len(sentences), 1), strict=True))
    compiled = compile_policies(policy_set, texts, 20.0, bias)
    views = [1, 4, 2, 3, 1]
    features = normalised(sum(views), 2)
    items = []
    for number, part in enumerate(np.split(features, np.cumsum(views)[:-1])):
        item = Item(Event("t", 0, number, b"k", b"v"))
        item.signals = signals(part)
        items.append(item)
    batch = Decide(lambda: compiled, lambda: 0.0)(Batch(items))
    decided = [list(item.decision.scores.values()) for item in batch.unfailed() if item.decision]
    assert image_scores(extracted(features, views), compiled).tolist() == decided


def found(*findings: Any, unreadable: tuple[Unreadable, ...] = ()) -> Calibration:
    return Calibration("photos", 300, unreadable, SPEC, None, tuple(findings))


def finding(policy: Policy, wanted: Asked, positives: int = 200, negatives: int = 200) -> Any:
    """Of images that are told apart but for two in a hundred."""
    examples = [example("p", policy.id)] * positives + [example("n")] * negatives
    scores = np.concatenate([np.linspace(0.3, 0.99, positives), np.linspace(0.001, 0.32, negatives)])
    part = extracted(np.zeros((len(examples), 8), np.float32), [1] * len(examples), examples)
    return _finding(policy, _curve(policy, part, scores.round(6)), wanted, SPEC)


class TestAFinding:
    def test_an_arguable_image_does_not_count(self) -> None:
        examples = [example("a", "weapons"), example("b", ignore=("weapons",)), example("c", "weapons", "tobacco")]
        part = extracted(np.zeros((3, 8), np.float32), [1, 1, 1], examples)
        curve = _curve(WEAPONS, part, np.array([0.9, 0.8, 0.7]))
        assert (curve.positives, curve.negatives, curve.levels.tolist()) == (2, 0, [0.7, 0.9])

    def test_thresholds_and_model_of_one_that_met_its_targets(self) -> None:
        one = finding(WEAPONS, asked(["0.9", "block=0.98"], [], None, [WEAPONS]))
        assert (one.status, one.calibrated) == ("met", CalibratedFor("small", "1f2e"))
        assert list(one.thresholds) == ["review", "block"]
        assert one.thresholds["review"] < one.thresholds["block"]

    def test_one_action_that_is_not_supported_leaves_the_whole_policy_alone(self) -> None:
        one = finding(WEAPONS, asked(["0.9", "block=0.999"], [], None, [SHOWN]))
        assert (one.status, one.thresholds, one.calibrated) == ("unproven", one.thresholds, GUESSED)
        shown = finding(SHOWN, asked(["0.9", "block=0.999"], [], None, [SHOWN]))
        assert (shown.status, shown.thresholds, shown.calibrated) == ("not supported", WEAPONS.actions, None)
        assert not found(shown).supported

    def test_few_images_give_a_guess_that_is_marked_and_that_more_images_take_the_mark_from(self) -> None:
        wanted = asked(["0.95"], [], None, [TOBACCO])
        few = finding(TOBACCO, wanted, positives=13, negatives=60)
        assert (few.status, few.calibrated, found(few).supported) == ("unproven", GUESSED, False)
        guessed = replace(TOBACCO, actions=few.thresholds, calibrated=few.calibrated)
        assert (PolicySet((guessed,)).unproven, PolicySet((replace(guessed, mode="off"),)).unproven) == (
            ("tobacco",),
            (),
        )
        many = finding(guessed, wanted)
        assert (many.status, many.calibrated) == ("met", CalibratedFor("small", "1f2e"))
        again = finding(replace(guessed, calibrated=many.calibrated), wanted, positives=13)
        assert (again.status, again.thresholds) == ("not supported", guessed.actions), (
            "no guess replaces what is shown"
        )

    def test_many_images_of_which_few_are_flagged_give_a_guess_that_is_marked(self) -> None:
        """Of a hundred that show it one is told from those that do not."""
        examples = [example("p", "tobacco")] * 100 + [example("n")] * 100
        part = extracted(np.zeros((200, 8), np.float32), [1] * 200, examples)
        scores = np.array([0.9] + [0.1] * 99 + [0.2] * 100)
        wanted = asked(["0.9"], [], None, [TOBACCO])
        few = _finding(TOBACCO, _curve(TOBACCO, part, scores), wanted, SPEC)
        assert (few.status, few.calibrated, found(few).supported) == ("unproven", GUESSED, False)
        out = StringIO()
        show(found(few), Console(file=out, width=80, highlight=False))
        assert "unproven: a best guess from few images: it rests on 1 flagged image; it takes 35" in out.getvalue()
        shown = replace(TOBACCO, calibrated=CalibratedFor("small", "1f2e"))
        kept = _finding(shown, _curve(shown, part, scores), wanted, SPEC)
        assert (kept.status, kept.thresholds, kept.calibrated) == ("not supported", TOBACCO.actions, None)

    def test_a_guess_that_its_own_images_refute_leaves_the_file_alone(self) -> None:
        examples = [example("p", "tobacco")] * 3 + [example("n")] * 150
        part = extracted(np.zeros((153, 8), np.float32), [1] * 153, examples)
        curve = _curve(TOBACCO, part, np.array([0.3, 0.2, 0.1, *np.linspace(0.05, 0.9, 150)]))
        one = _finding(TOBACCO, curve, asked(["0.99"], [], None, [TOBACCO]), SPEC)
        assert (one.status, one.thresholds, one.calibrated) == ("not supported", TOBACCO.actions, None)
        assert not found(one).supported

    def test_a_guess_stays_one_where_another_of_its_thresholds_is_shown(self) -> None:
        guessed = replace(WEAPONS, calibrated=GUESSED)
        one = finding(guessed, asked(["0.9"], [], None, [WEAPONS]))
        assert (one.status, one.calibrated) == ("met", GUESSED)

    def test_without_an_image_or_a_target_it_is_left_alone_and_no_failure(self) -> None:
        wanted = asked(["block=0.9"], [], None, [WEAPONS])
        ones = [finding(WEAPONS, wanted, positives=0), finding(TOBACCO, wanted)]
        assert [one.status for one in ones] == ["no images", "no target"]
        assert [one.thresholds for one in ones] == [WEAPONS.actions, TOBACCO.actions]
        assert found(*ones).supported

    def test_a_threshold_that_stays_and_was_set_for_another_model_goes_on_saying_so(self) -> None:
        wanted = asked(["0.9"], [], None, [WEAPONS])
        before = Policy("weapons", "Weapons", ("a knife",), WEAPONS.actions, calibrated=OTHER)
        one = finding(before, wanted)
        assert (one.status, one.calibrated) == ("met", None)
        assert one.problem == "still set for big@ffff: block; give a target for it too"
        assert finding(WEAPONS, wanted).calibrated == CalibratedFor("small", "1f2e"), "by hand until now"


def test_the_tables_fit_eighty_columns() -> None:
    long = Policy("fire-and-explosives", "Fire", ("fire",), {"label": 0.45, "review": 0.75, "block": 0.9})
    wanted = asked(["0.9", "review=0.95", "block=0.999"], [], None, [long])
    out = StringIO()
    console = Console(file=out, width=80, highlight=False)
    none, some = finding(WEAPONS, wanted, positives=0), finding(long, wanted)
    show(found(some, none), console)
    head, *rows = out.getvalue().splitlines()
    assert head == "photos: 300 images, scored by small@1f2e"
    assert "…" not in out.getvalue()
    (label,) = (row for row in rows if row.startswith("fire-and-explosives label"))
    assert "0.45→0.3" in label
    assert any(row.split()[:3] == ["block", "0.9", "stays"] for row in rows)
    assert [row for row in rows if "weapons" in row] == [
        "weapons: no image shows it; its thresholds stay as they are"
    ], "a line, and none in the table"
    said = "fire-and-explosives block: unproven: no guess at precision 0.999: too few images to tell precision 0.999"
    assert any(said in row for row in rows)


def test_the_tables_fit_where_thresholds_have_three_digits_and_shares_two_ends() -> None:
    long = Policy("fire-and-explosives", "Fire", ("fire",), {"review": 0.093})
    examples = [example("p", long.id)] * 400 + [example("n")] * 4000
    scores = np.concatenate([[0.001], np.linspace(0.0535, 0.99, 399), [0.8] * 9, [0.0525] * 30, np.zeros(3961)])
    part = extracted(np.zeros((4400, 8), np.float32), [1] * 4400, examples)
    one = _finding(long, _curve(long, part, scores), asked(["0.95"], [], None, [long]), SPEC)
    out = StringIO()
    show(found(one), Console(file=out, width=80, highlight=False))
    (row,) = (line for line in out.getvalue().splitlines() if line.startswith("fire-and-explosives review"))
    assert row.split()[2:] == ["0.093→0.053", "97.8", "(95-99)", "99.8", "(98-100)", "92.7k", "2.25k"]
    assert "…" not in out.getvalue()


def test_unreadable_images_are_counted_and_the_first_named() -> None:
    out = StringIO()
    unreadable = tuple(Unreadable(f"{number}.png", "truncated", "cut short") for number in range(25))
    name_unreadable(unreadable, Console(file=out, width=80))
    lines = out.getvalue().splitlines()
    assert lines[0] == "25 images could not be read and are left out:"
    assert (lines[1], lines[-1], len(lines)) == ("  0.png: cut short", "  and 5 more; --json names all", 22)


def test_the_record_has_every_point_and_no_nan() -> None:
    wanted = asked(["0.9", "block=0.999"], [], None, [WEAPONS])
    one = finding(WEAPONS, wanted)
    none = finding(TOBACCO, asked(["0.9"], [], None, [TOBACCO]), positives=0)
    text = json.dumps(record(found(one, none), [Path("p/weapons.yaml")]), allow_nan=False)
    read = json.loads(text)
    assert (read["supported"], read["written"]) == (False, ["p/weapons.yaml"])
    weapons, tobacco = read["policies"]
    assert len(weapons["curve"]) == weapons["positives"] == 200
    assert (weapons["status"], weapons["actions"][1]["threshold"]) == ("unproven", 0.8)
    assert (tobacco["status"], tobacco["curve"]) == ("no images", [])


def test_the_record_has_no_nan_where_every_image_shows_it() -> None:
    wanted = asked(["0.9"], [], 0.01, [TOBACCO])
    text = json.dumps(record(found(finding(TOBACCO, wanted, negatives=0)), []), allow_nan=False)
    (action,) = json.loads(text)["policies"][0]["actions"]
    assert (action["flagged_per_million"], action["false_per_million"]["value"]) == (None, None)


class TestWritingBack:
    def test_only_what_changes_is_written_and_a_link_stays_a_link(self, tmp_path: Path) -> None:
        one = finding(WEAPONS, asked(["0.9", "block=0.95"], [], None, [WEAPONS]))
        real = tmp_path / "real.yaml"
        real.write_text("title: Weapons\nprompts: [a]\nactions: {review: 0.4, block: 0.8}\n")
        path = tmp_path / "weapons.yaml"
        path.symlink_to(real)
        files = {path.as_posix(): path.read_bytes(), (tmp_path / "_background.txt").as_posix(): b"a cup\n"}
        changed = edits(found(one), files)
        write_back(changed, files)
        assert path.is_symlink()
        assert f"{{review: {one.thresholds['review']:.2f}, block: {one.thresholds['block']:g}}}" in real.read_text()
        again = {path.as_posix(): path.read_bytes()}
        assert edits(found(one), again) == {}

    def test_an_edit_in_the_meantime_stops_it_before_anything_is_written(self, tmp_path: Path) -> None:
        first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
        files = {first.as_posix(): b"old", second.as_posix(): b"old"}
        first.write_bytes(b"old")
        second.write_bytes(b"edited")
        with pytest.raises(UsageError, match=r"b\.yaml was edited meanwhile"):
            write_back({first: b"new", second: b"new"}, files)
        assert (first.read_bytes(), second.read_bytes()) == (b"old", b"edited")

    def test_a_write_that_fails_half_way_leaves_whole_files(self, tmp_path: Path) -> None:
        paths = [tmp_path / name for name in ("a.yaml", "b.yaml")]
        for path in paths:
            path.write_bytes(b"old")
        contents: Any = {paths[0]: b"new", paths[1]: "no bytes"}
        with pytest.raises(TypeError):
            write_back(contents, {path.as_posix(): b"old" for path in paths})
        assert [path.read_bytes() for path in paths] == [b"new", b"old"]
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.yaml", "b.yaml"]


@pytest.fixture(scope="module")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two of the shipped policies, in shadow and enforced, and one that is off, with a background of a few lines."""
    folder = tmp_path_factory.mktemp("calibrated") / "policies"
    folder.mkdir()
    for name in ("weapons.yaml", "alcohol.yaml"):
        shutil.copy(SHIPPED_POLICIES / name, folder / name)
    alcohol = folder / "alcohol.yaml"
    alcohol.write_text(alcohol.read_text().replace("mode: enforce", "mode: shadow"))
    (folder / "tobacco.yaml").write_text("title: Tobacco\nmode: off\nprompts: [smoking]\nactions: {label: 0.5}\n")
    (folder / "_defaults.yaml").write_text("background: _background.txt\nallow_thin_background: true\n")
    (folder / "_background.txt").write_text("a face\nan animal\nfood\na tree\na vehicle\na building\na ball\n")
    shutil.copytree(SHIPPED_POLICIES / "samples", folder / "samples")
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped samples as labelled images, and one file that is none."""
    folder = tmp_path_factory.mktemp("data")
    about = {"weapons": ("axe", "bomb", "bow", "crossed", "dagger", "kitchen-knife", "water-pistol"), "none": ("",)}
    used: set[Path] = set()
    for label, starts in about.items():
        (folder / label).mkdir()
        for path in sorted((SHIPPED_POLICIES / "samples").iterdir()):
            if path.name.startswith(starts) and path not in used and path.suffix != ".gif":
                used.add(path)
                shutil.copy(path, folder / label / path.name)
    (folder / "none" / "page.png").write_text("<html>")
    return folder


def run(*words: object, policies: Path) -> Any:
    arguments = ["policy", *map(str, words), "--policies", str(policies)]
    return CliRunner().invoke(app, arguments, standalone_mode=False)


def test_from_labelled_images_to_a_file_that_a_worker_takes(policies: Path, data: Path) -> None:
    """Dry first, then written, then once more: with the bundled model."""
    before = {path.name: path.read_bytes() for path in policies.glob("*.yaml")}
    wanted = (data, "--precision", "0.6", "--precision", "block=0.7")

    dry = run("calibrate", *wanted, policies=policies)
    assert dry.return_value == 0, dry.output
    assert "Nothing is written yet; --write changes weapons.yaml" in dry.stdout
    assert "alcohol: no image shows it" in dry.stdout
    assert "1 images could not be read" in dry.stderr
    assert "page.png: " in dry.stderr
    assert {path.name: path.read_bytes() for path in policies.glob("*.yaml")} == before

    written = run("calibrate", *wanted, "--write", "--json", policies=policies)
    told = json.loads(written.stdout)
    (weapons,) = (each for each in told["policies"] if each["policy"] == "weapons")
    assert (written.return_value, told["supported"], [Path(p).name for p in told["written"]]) == (
        0,
        True,
        ["weapons.yaml"],
    )
    assert {each["policy"] for each in told["policies"]} == {"weapons", "alcohol"}, "off is not scored"
    review, block = weapons["actions"]
    assert (review["precision"]["value"] >= 0.6, block["precision"]["value"] >= 0.7) == (True, True)
    assert [each["reason"] for each in told["unreadable"]] == ["not_an_image"]
    content = (policies / "weapons.yaml").read_text()
    old = before["weapons.yaml"].decode()
    assert content.startswith(old[: old.index("  review: ")])
    assert content.endswith(old[old.index("tests:") :])

    check = run("check", policies=policies)
    assert f"(for bundled@{told['model']['fingerprint']})" in check.output
    assert "(by hand)" in check.output
    again = run("calibrate", *wanted, "--write", policies=policies)
    assert "No file changes." in again.stdout
    quiet = run("test", policies=policies)
    assert "another model" not in quiet.stderr
    (policies / "weapons.yaml").write_text(content.replace(told["model"]["fingerprint"], "0123456789abcdef"))
    loud = run("test", policies=policies)
    assert "sluice: the thresholds of weapons were set for another model (bundled@0123456789abcdef)" in loud.stderr


def test_a_target_that_the_data_cannot_support_gives_a_guess_that_the_file_marks(policies: Path, data: Path) -> None:
    """Its thresholds were set for another model, so that there is nothing better to keep."""
    before = (policies / "weapons.yaml").read_text()
    shown = run("calibrate", data, "--precision", "0.95", "--write", policies=policies)
    assert shown.return_value == 1
    assert "weapons review: unproven: a best guess from few images" in shown.stdout
    assert "too few images to tell precision 0.95, even if none were scored wrongly: it takes" in shown.stdout
    after = (policies / "weapons.yaml").read_text()
    assert "\n  unproven: true\n" in after
    assert after.count("\n") == before.count("\n") + 1
    assert ", unproven)" in run("check", policies=policies).output


@pytest.mark.parametrize(
    ("labels", "flags", "says"),
    [
        ("a.png,wepons\n", ("--precision", "0.9"), "labels.csv:2: unknown label 'wepons'; did you mean 'weapons'"),
        ("a.png,weapons\n", (), "say what to reach"),
        ("a.png,weapons\n", ("--precision", "0.9", "--emoji"), "name one thing to calibrate on"),
        ("a.png,weapons\n", ("--precision", "0.9", "--hand", "stickers"), "--hand is for the scenes of --emoji"),
    ],
)
def test_a_slip_is_found_before_the_model_is_loaded(
    labels: str, flags: tuple[str, ...], says: str, policies: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.csv").write_text(f"image,label\n{labels}")
    shown = run("calibrate", tmp_path / "labels.csv", *flags, "--model", "local-dir:/nowhere", policies=policies)
    assert isinstance(shown.exception, UsageError)
    assert says in str(shown.exception)


def test_images_of_no_policy_that_is_scored_are_a_slip(policies: Path, tmp_path: Path) -> None:
    shutil.copytree(SHIPPED_POLICIES / "samples", tmp_path / "tobacco")
    shown = run("calibrate", tmp_path, "--precision", "0.9", policies=policies)
    assert "no image is labelled with an active policy (alcohol, weapons)" in str(shown.exception)
