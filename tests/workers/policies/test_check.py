"""``sluice policy check``, and how all policy commands take their folder."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from pipeline.adapters.local.policy_folder import SHIPPED_BACKGROUND, read_policy_folder
from pipeline.adapters.memory import MemoryTextCache
from pipeline.adapters.open_clip import load_encoder
from pipeline.errors import PolicyError, UsageError
from pipeline.path.live import LivePolicies
from pipeline.ports import Hooks
from tests.e2e.policies_under_test import policy, write_policies
from workers.cli import app
from workers.settings import SHIPPED_POLICIES

WEAPONS = policy("Weapons", ["a knife"], {"review": 0.5})


def run(*words: str) -> Result:
    return CliRunner().invoke(app, ["policy", *words], standalone_mode=False)


def said(folder: Path, *words: str) -> tuple[int, list[str]]:
    """Exit status and the lines of both outputs, without the folder's name."""
    shown = run("check", str(folder), *words)
    return shown.return_value, [line.replace(f"{folder}/", "") for line in shown.output.splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "weapons.yaml").write_text(WEAPONS)
    return tmp_path / "policies"


def test_a_folder_of_one_policy_is_sound_and_has_the_built_in_background(folder: Path) -> None:
    status, lines = said(folder)
    assert status == 0
    assert lines[0].startswith("ok  weapons")
    assert lines[-1].endswith("1 policies, 1519 background lines, the built-in ones")


def test_the_shipped_policies_are_sound_with_nothing_to_note() -> None:
    shown = run("check")
    assert shown.return_value == 0
    assert (shown.stderr, len(shown.stdout.splitlines())) == ("", 12)


def test_each_problem_is_a_line_and_the_status_is_2(folder: Path) -> None:
    (folder / "weapons.yaml").write_text(WEAPONS.replace("0.5", "50"))
    (folder / "_defaults.yaml").write_text("background: mine.txt\n")
    (folder / "mine.txt").write_text("a cup\n")
    status, lines = said(folder)
    assert status == 2
    assert lines[0].startswith("_defaults.yaml:1: mine.txt has 1 different lines; with fewer than 200")
    assert lines[1] == "weapons.yaml:6: 'actions.review': write 0.5, not 50; it is a share of 1, and no percentage"


def test_every_file_that_is_not_taken_is_named_and_a_slip_in_a_name_is_a_problem(folder: Path) -> None:
    for name in ("upper.YAML", "x.yaml.txt", "old.yml~", "NOTES.md", "list.txt"):
        (folder / name).write_text(WEAPONS)
    (folder / "more").mkdir()
    status, lines = said(folder)
    assert status == 2
    assert lines == [
        "upper.YAML: not read under this name; rename it to upper.yaml",
        "x.yaml.txt: not read under this name; rename it to x.yaml",
        "note: NOTES.md: no policy, by its name; a policy's ends in .yaml",
        "note: more: a folder, and policies are looked for in no subfolder",
        "note: old.yml~: an editor's copy, by its name; delete it, or rename it if it is a policy",
        "note: list.txt: not used: _defaults.yaml does not name it as the background",
    ]
    for name in ("upper.YAML", "x.yaml.txt"):
        (folder / name).unlink()
    assert said(folder)[0] == 0


@pytest.mark.parametrize("name", ["README", "README.md", "readme.TXT", "ReadMe.rst"])
def test_a_readme_is_for_people_and_nothing_is_said_of_it(folder: Path, name: str) -> None:
    before = said(folder)
    (folder / name).write_text("prompts: [how we work]\n")
    assert said(folder) == before
    assert before[0] == 0


def test_a_folder_or_a_policy_that_is_called_readme_is_looked_at_as_ever(folder: Path) -> None:
    (folder / "README").mkdir()
    (folder / "readme.yaml").write_text(WEAPONS.replace("a knife", "a gun"))
    (folder / "README.yaml.txt").touch()
    status, lines = said(folder)
    assert status == 2
    assert lines == [
        "README.yaml.txt: not read under this name; rename it to readme.yaml",
        "note: README: a folder, and policies are looked for in no subfolder",
    ]


def test_a_readme_that_is_named_as_the_background_is_refused(folder: Path) -> None:
    (folder / "_defaults.yaml").write_text("background: README.txt\n")
    (folder / "README.txt").write_text("a cup\n")
    status, lines = said(folder)
    assert status == 2
    assert lines[0] == "_defaults.yaml:1: 'README.txt' is a README, which is never read; rename the background"


def test_a_missing_sample_is_named_where_the_policy_names_it(folder: Path) -> None:
    (folder / "samples").mkdir()
    (folder / "samples" / "there.png").touch()
    tests = "tests:\n  must_flag:\n    - samples/there.png\n    - samples/gone.png\n  must_pass: [samples]\n"
    (folder / "weapons.yaml").write_text(WEAPONS + tests)
    assert said(folder) == (
        2,
        [
            "weapons.yaml:10: the sample samples/gone.png is not there; samples are files, relative to this one",
            "weapons.yaml:11: the sample samples is a folder; samples are files, relative to this one",
        ],
    )


def test_a_folder_without_any_samples_is_sound_and_a_note_says_so(folder: Path) -> None:
    """As a ConfigMap brings it, which takes no subfolder."""
    tests = "tests:\n  must_flag: [samples/one.png, samples/two.png]\n"
    (folder / "weapons.yaml").write_text(WEAPONS + tests)
    status, lines = said(folder)
    assert status == 0
    [note] = [line for line in lines if line.startswith("note: ")]
    assert "none of 2 samples is here" in note
    (folder / "samples").mkdir()
    status, lines = said(folder)
    assert (status, len(lines)) == (2, 2), "where their folder is there, they are missing"


@pytest.mark.parametrize("sample", [".", "./", "..", "/", "x" * 5000, '"a\\0b"', "/dev/zero", "a/" * 3000])
def test_no_name_of_a_sample_is_too_strange_to_be_named(folder: Path, sample: str) -> None:
    (folder / "weapons.yaml").write_text(WEAPONS + f"tests:\n  must_flag:\n    - {sample}\n")
    status, lines = said(folder)
    assert status == 2
    assert lines[0].startswith("weapons.yaml:9: the sample ")


def test_an_example_that_is_no_picture_is_named_where_the_policy_names_it(folder: Path) -> None:
    """A worker refuses the edit: the writer hears of it before, without a model."""
    whole = (SHIPPED_POLICIES / "samples" / "cigarette-01.jpg").read_bytes()
    for name, content in (("good", whole), ("note", b"hello"), ("empty", b"")):
        (folder / f"{name}.jpg").write_bytes(content)
    named = "examples:\n  match:\n" + "".join(f"    - {name}.jpg\n" for name in ("good", "note", "empty"))
    (folder / "weapons.yaml").write_text(WEAPONS + named)
    first = WEAPONS.count("\n") + 3
    status, lines = said(folder)
    assert status == 2
    said_of = [
        f"weapons.yaml:{first + 1}: 'note.jpg' is no picture (starts like text: 'hello'); accepted are JPEG, PNG",
        f"weapons.yaml:{first + 2}: 'empty.jpg' is no picture (empty); accepted are JPEG, PNG",
    ]
    assert len(lines) == len(said_of)
    assert all(line.startswith(begins) for line, begins in zip(lines, said_of, strict=True)), lines


@pytest.mark.parametrize(
    "key", ["examples:\n  match:", "examples:\n  match: [good.jpg]\n  look_alike:", "lists:\n  block:"]
)
def test_a_picture_that_a_worker_cannot_read_is_a_problem_without_a_model(folder: Path, key: str) -> None:
    """Its first bytes are those of a picture: only a decoder sees that the rest is missing."""
    good, other, whole = (
        (SHIPPED_POLICIES / "samples" / f"{name}-01.jpg").read_bytes() for name in ("candle", "bicycle", "cigarette")
    )
    (folder / "good.jpg").write_bytes(good)
    (folder / "other.jpg").write_bytes(other)
    (folder / "half.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "weapons.yaml").write_text(f"{WEAPONS}{key}\n    - other.jpg\n    - half.jpg\n")
    line = (folder / "weapons.yaml").read_text().count("\n")
    for _ in range(2):
        status, lines = said(folder)
        assert status == 2
        assert lines[0].startswith(
            f"weapons.yaml:{line}: 'half.jpg' cannot be read: JPEG: part of the picture is missing ("
        )
    (folder / "half.jpg").write_bytes(whole)
    assert said(folder)[0] == 0


def test_what_has_no_part_in_any_decision_is_noted_where_it_stands(folder: Path) -> None:
    shadow = WEAPONS.replace("enforce", "shadow")
    first = WEAPONS.count("\n") + 1
    (folder / "weapons.yaml").write_text(
        f"{shadow}limits:\n  rate: 0.5%\n  per: 10m\nexamples:\n  match: []\nlists: {{block: [known.csv]}}\n"
    )
    (folder / "known.csv").write_text(
        "kind,hash,expires\n"
        + "".join(f"sha256,{n:064x},{year}-01-31\n" for n, year in enumerate((2999, 2001, 2002)))
    )
    status, lines = said(folder)
    assert status == 0
    assert sorted(line for line in lines if line.startswith("note: ")) == [
        "note: known.csv:3: expired on 2001-01-31, as 1 other did: counts no more; delete it, or set another day",
        f"note: weapons.yaml:{first + 4}: 'examples.match' is empty: it changes nothing; name pictures, or delete it",
        f"note: weapons.yaml:{first}: 'limits' hold nothing in mode shadow; they count once the mode is enforce",
    ]


@pytest.mark.parametrize(("given", "missing"), [("rate: 0.5%", "per: 10m"), ("per: 10m", "rate: 0.5%")])
def test_a_limit_that_is_half_said_is_told_what_to_write(folder: Path, given: str, missing: str) -> None:
    (folder / "weapons.yaml").write_text(f"{WEAPONS}limits: {{{given}}}\n")
    status, lines = said(folder)
    assert status == 2
    assert lines[0].endswith(f"'limits.{missing.partition(':')[0]}' is missing; write it, such as '{missing}'")


def test_what_is_allowed_and_rarely_meant_is_noted(folder: Path) -> None:
    (folder / "weapons.yaml").write_text(WEAPONS.replace("0.5", "0"))
    assert "note: weapons.yaml: a threshold of 0 is reached by every image" in said(folder)[1]
    (folder / "weapons.yaml").write_text(WEAPONS.replace("enforce", "off"))
    assert any("every policy is off" in line for line in said(folder)[1])
    (folder / "weapons.yaml").write_text(WEAPONS)
    (folder / "_defaults.yaml").write_text("background: empty.txt\nallow_thin_background: true\n")
    (folder / "empty.txt").touch()
    assert any("no background and no 'unless'" in line for line in said(folder)[1])


def test_what_makes_labels_and_samples_say_nothing_is_noted_with_its_line(folder: Path) -> None:
    tests = "tests:\n  must_flag: [a.png, b.png]\n  must_pass:\n    - c.png\n    - a.png\n    - c.png\n"
    text = WEAPONS.partition("tests:")[0] + tests
    (folder / "none.yaml").write_text(text)
    for sample in "abc":
        (folder / f"{sample}.png").touch()
    notes, at = said(folder)[1], text.count("\n")
    do = "one of the two must fail"
    called = "labelled images that show no policy are called so: `sluice policy calibrate` finds none that show it"
    assert [each for each in notes if each.startswith("note: none.yaml") and "by hand" not in each] == [
        f"note: none.yaml: {called}; rename the file",
        f"note: none.yaml:{at - 1}: 'a.png' stands under 'must_flag' already, in line {at - 4}; {do}",
        f"note: none.yaml:{at}: 'c.png' stands under 'must_pass' already, in line {at - 2}; keep one",
    ]


def test_as_json_problems_and_notes_have_their_place(folder: Path) -> None:
    (folder / "x.YML").touch()
    (folder / os.fsdecode(b"caf\xe9.yaml")).write_text(WEAPONS)
    status, lines = said(folder, "--json")
    found = json.loads("\n".join(lines))
    assert status == 2
    assert [each["reason"].partition(";")[0] for each in found["problems"]] == [
        "the policy id 'caf\\udce9' may hold only a-z, 0-9, - and _",
        "not read under this name",
    ]


def test_a_model_that_does_not_exist_is_one_line(folder: Path) -> None:
    with pytest.raises(UsageError, match="did you mean ViT-B-32"):
        raise run("check", str(folder), "--model", "ViT-B-23").exception or AssertionError


@pytest.mark.parametrize("model", ["bundled", "ViT-B-32"])
def test_a_prompt_that_is_too_long_for_the_model_is_named(folder: Path, model: str) -> None:
    (folder / "weapons.yaml").write_text(WEAPONS.replace("a knife", "a very sharp knife " * 20))
    status, lines = said(folder, "--model", model)
    assert status == 2
    assert lines[0].startswith("weapons.yaml:4: ")
    assert "the end would be cut off" in lines[0]


@pytest.mark.parametrize("words", [["nosuch"], [str(SHIPPED_POLICIES)]])
def test_it_imports_neither_torch_nor_numpy(words: list[str]) -> None:
    code = (
        f"import sys; sys.argv = ['sluice', 'policy', 'check', *{words}]\n"
        "from workers.cli import main\n"
        "try: main()\n"
        "except SystemExit: print(*{'torch', 'open_clip', 'numpy', 'kafka'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize(
    "words", [["policy", "check"], ["policy", "lint"], ["explain", "{picture}"], ["scan", "{picture}"]]
)
def test_a_folder_without_a_policy_is_named(tmp_path: Path, words: list[str]) -> None:
    picture = SHIPPED_POLICIES / "samples" / "cigarette-01.jpg"
    given = [word.format(picture=picture) for word in words]
    shown = CliRunner().invoke(app, [*given, "--policies", str(tmp_path)], standalone_mode=False)
    assert f"{tmp_path}: no policy in it" in (shown.output if words[-1] == "check" else str(shown.exception))


@pytest.mark.parametrize("command", [["check"], ["test"], ["calibrate", "labelled", "--precision", "0.9"]])
@pytest.mark.parametrize("option", [False, True])
def test_every_command_takes_the_folder_as_an_argument_and_as_an_option(
    tmp_path: Path, command: list[str], option: bool
) -> None:
    """A file where a folder is wanted shows which one was looked at, before a model is loaded."""
    wrong = tmp_path / "wrong.yaml"
    wrong.touch()
    given = ["--policies", str(wrong)] if option else [str(wrong)]
    shown = run(command[0], *command[1:2], *given, *command[2:])
    found = shown.output if command == ["check"] else str(shown.exception)
    assert f"{wrong}: a file; give the folder that it is in" in found


def test_without_tests_a_test_says_so_and_is_no_success(tmp_path: Path) -> None:
    folder = write_policies(tmp_path / "policies")
    report = tmp_path / "report.xml"
    shown = run("test", str(folder), "--junit", str(report))
    assert isinstance(shown.exception, UsageError)
    assert "no active policy has tests, so nothing was tested" in str(shown.exception)
    assert "note: without tests: gambling, tobacco, weapons" in shown.stderr
    assert "<testsuites" in report.read_text()


def test_a_policy_that_is_off_is_not_tested_and_that_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    for name in ("weapons.yaml", "tobacco.yaml"):
        shutil.copy(SHIPPED_POLICIES / name, folder / name)
    (folder / "samples").symlink_to(SHIPPED_POLICIES / "samples")
    off = folder / "tobacco.yaml"
    off.write_text(off.read_text().replace("mode: enforce", "mode: off"))
    shown = run("test", str(folder))
    assert "note: off, and not tested: tobacco" in shown.stderr
    assert shown.return_value == 0


def test_a_sample_that_is_not_there_fails_with_its_line(tmp_path: Path) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    (folder / "weapons.yaml").write_text(WEAPONS + "tests:\n  must_flag:\n    - gone.png\n    - pipe.png\n")
    os.mkfifo(folder / "pipe.png")
    shown = run("test", str(folder))
    assert shown.return_value == 1
    assert f"gone.png is not there, wanted at least 0.5 ({folder}/weapons.yaml:9)" in shown.stdout


GIBBERISH = "".join(f"q{number:03} zx{number * 7919 % 1000} vvk\n" for number in range(300))
PART = "".join(SHIPPED_BACKGROUND.read_text().splitlines(keepends=True)[20::4])


def test_a_background_that_describes_nothing_is_refused_and_a_part_of_the_shipped_one_is_not(tmp_path: Path) -> None:
    """By the bundled model, with the shipped policies and hundreds of lines each."""
    folder = tmp_path / "policies"
    shutil.copytree(SHIPPED_POLICIES, folder, ignore=shutil.ignore_patterns("samples"))
    live = LivePolicies(load_encoder("bundled", device="cpu", threads=1), MemoryTextCache(), Hooks())
    (folder / "_background.txt").write_text(PART)
    live.offer(read_policy_folder(folder).files)
    (folder / "_background.txt").write_text(GIBBERISH)
    with pytest.raises(PolicyError, match=r"_defaults\.yaml:8: the background describes too little"):
        live.offer(read_policy_folder(folder).files)
    (folder / "_defaults.yaml").unlink()
    live.offer(read_policy_folder(folder).files)
    assert live().policy_set.defaults.shipped
