"""What the documents say is so: their commands run, their links lead somewhere, and the files they name are there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipeline.adapters.local.policy_folder import policies_in
from pipeline.rules.policies.files import parse_policies
from tests.documents import DOCUMENTS, Block, Document, table_after
from tests.picture import PICTURE
from tests.services.processes import ROOT, child_env
from tests.services.program import sluice_in
from workers.cli import app
from workers.commands import COMMANDS, Group

PATIENCE = 300.0
PAGES = [Document(path) for path in DOCUMENTS]
RUN = [block for page in PAGES for block in page.blocks if block.status is not None]
POLICIES = [block for page in PAGES for block in page.blocks if block.text.startswith("# policies/")]
SLIPS = ROOT / "tests" / "rules" / "policies" / "policy_slips.txt"
MACHINE = re.compile(r"(?<![\w.:-])/(home|root|work|tmp|Users|opt|mnt)\b")

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.path))


def sluice(*words: str) -> str:
    """What a command prints, on a terminal so wide that nothing is cut off."""
    env = child_env({"PYTHONPATH": str(ROOT), "COLUMNS": "400", "TERMINAL_WIDTH": "400"})
    command = [sys.executable, "-m", "workers", *words]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def flags_of(command: tuple[str, ...]) -> frozenset[str]:
    """The flags that the help of a command lists, where nothing is cut off. Fails where there is no such command."""
    done = CliRunner(env={"COLUMNS": "400", "TERMINAL_WIDTH": "400"}).invoke(app, [*command, "--help"])
    assert done.exit_code == 0, done.output
    return frozenset(re.findall(r"--[a-z][a-z0-9-]*", done.stdout))


@cache
def variables() -> frozenset[str]:
    settings = json.loads(sluice("config", "show", "--json"))
    return frozenset(f"SLUICE_{name.upper()}" for name in (*settings, "config"))


def wrong_with(words: list[str]) -> Iterator[str]:
    """What a command line names that is not there."""
    while words and "=" in words[0]:
        variable = words.pop(0).partition("=")[0]
        if variable.startswith("SLUICE_") and variable not in variables():
            yield variable
    rest = words[1:]
    named = [word for word in rest[:1] if re.fullmatch("[a-z]+", word)]
    group = COMMANDS.get(named[0]) if named else None
    if isinstance(group, Group):
        named += (
            rest[1:2] if group.usual is None or rest[1:2] in [[each] for each in group.commands] else [group.usual]
        )
    yield from {word.partition("=")[0] for word in rest if word.startswith("--")} - flags_of(tuple(named))


@each_page
def test_every_command_and_flag_that_a_document_names_is_there(page: Document) -> None:
    assert [(words, list(wrong_with(list(words)))) for words in page.commands if any(wrong_with(list(words)))] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("sluice scan --jsn pictures/", ["--jsn"]),
        ("SLUICE_MODLE=ViT-B-32 sluice scan", ["SLUICE_MODLE"]),
        ("sluice policy test --junit x.xml", []),
    ],
)
def test_a_flag_or_variable_that_is_not_there_would_be_found(line: str, wrong: list[str]) -> None:
    assert list(wrong_with(line.split())) == wrong


@pytest.fixture(scope="session")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where a reader stands who follows a document: folders of the tree and of their own, with `sluice` at hand."""
    here = tmp_path_factory.mktemp("reader")
    for name in ("policies", "deploy", "pipeline"):
        (here / name).symlink_to(ROOT / name)
    samples = ROOT / "policies" / "samples"
    folders = {
        "holiday": ["dog-01.jpg", "kite-01.jpg", "sailboat-01.jpg"],
        "labelled/weapons": ["kitchen-knife-01.jpg", "axe-01.webp"],
        "labelled/none": ["dog-02.jpg", "bread-01.jpg"],
        "photos/kitchen_knife": ["kitchen-knife-02.jpg", "kitchen-knife-03.jpg"],
        "photos/dog": ["dog-01.jpg", "dog-02.jpg"],
    }
    for folder, names in folders.items():
        (here / folder).mkdir(parents=True)
        for name in names:
            (here / folder / name).symlink_to(samples / name)
    (here / "bin").mkdir()
    with sluice_in(here / "bin"):
        yield here


@pytest.mark.parametrize("block", RUN, ids=str)
def test_a_block_that_is_marked_so_runs_as_it_stands(block: Block, reader: Path) -> None:
    path = f"{reader / 'bin'}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-e", "-c", block.text],
        cwd=reader,
        env=child_env({"PYTHONPATH": str(ROOT), "PATH": path}),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == block.status, done.stdout + done.stderr
    assert done.stdout


def test_there_are_blocks_to_run_and_all_shell_is_in_blocks() -> None:
    assert len(RUN) >= 5
    assert {block.kind for block in RUN} == {"sh"}
    kinds = {block.kind for page in PAGES for block in page.blocks}
    assert kinds <= {"sh", "yaml", "python", "sql", "text"}
    assert [str(page.path) for page in PAGES if re.search(r"^ {4}\S*sluice ", page.prose, re.MULTILINE)] == []


@pytest.mark.parametrize("block", POLICIES, ids=str)
def test_a_policy_that_a_document_shows_holds(block: Block) -> None:
    path = block.text.splitlines()[0].removeprefix("# ")
    (policy,) = parse_policies({path: block.text.encode()}).policies
    assert policy.samples
    assert all((ROOT / "policies" / sample).is_file() for _, sample in policy.samples)


def test_what_policy_writers_are_told_to_expect_is_what_they_are_told() -> None:
    rows = table_after(Document(Path("policies/README.md")), "messages")
    assert len(rows) > 5
    said = SLIPS.read_text(encoding="utf-8")
    assert [row[0] for row in rows if row[0].strip("`") not in said] == []


def test_what_is_shown_of_an_explanation_is_of_the_policy_as_it_is() -> None:
    """Its thresholds, lines and kinds; scores are the model's, and differ by the machine."""
    shown = (ROOT / "policies" / "README.md").read_text().partition("sluice explain policies/")[2].split("```")[2]
    (policy,) = (each for each in policies_in(ROOT / "policies").policies if f"\n{each.id}  " in shown)
    told = {action: float(least) for action, least in re.findall(r"above (\w+) \(([\d.]+)\)", shown)}
    assert told == policy.actions
    kinds = {"prompt": policy.prompts, "unless": policy.unless, "background": None}
    rows = re.findall(r"^(.+?) +(prompt|unless|background) +([\d.]+)$", shown, re.MULTILINE)
    assert len(rows) > 3
    assert all(of is None or text in of for text, of in ((text, kinds[kind]) for text, kind, _ in rows))
    score = float(re.findall(rf"^{policy.id}  ([\d.]+)", shown, re.MULTILINE)[0])
    assert sum(float(share) for _, kind, share in rows if kind == "prompt") == pytest.approx(score, abs=0.005)


@each_page
def test_every_link_leads_somewhere(page: Document) -> None:
    lost = []
    for link in page.links:
        name, _, anchor = link.partition("#")
        target = (ROOT / page.path.parent / name).resolve() if name else ROOT / page.path
        if link.startswith("https://"):
            continue
        if not target.exists() or (anchor and anchor not in Document(target.relative_to(ROOT)).anchors):
            lost.append(link)
    assert lost == []


@each_page
def test_every_file_of_the_tree_that_is_named_is_there(page: Document) -> None:
    assert [name for name in page.paths if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    if "NAME" in name:  # the reader's own, beside what is there
        return (ROOT / name).parent.is_dir() or "NAME" in str(Path(name).parent)
    return any(ROOT.glob(name.rstrip("/")))


def test_the_page_for_those_who_change_it_names_every_room() -> None:
    named = {name.rstrip("/") for name in Document(Path("pipeline/README.md")).paths}
    packages = [
        path for under in ("pipeline", "pipeline/rules", "workers") for path in ROOT.glob(f"{under}/*/__init__.py")
    ]
    rooms = {path.parent.relative_to(ROOT).as_posix() for path in packages}
    assert len(rooms) > 20
    assert rooms - named == {"pipeline/rules"}, "whose own rooms are named"


@each_page
def test_no_path_of_anybodys_machine_is_named(page: Document) -> None:
    assert MACHINE.findall(page.text) == []


def test_the_picture_brings_along_all_that_it_shows() -> None:
    svg = PICTURE.read_text(encoding="utf-8")
    assert PICTURE.stat().st_size < 20_000
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    assert "@font-face" not in svg
    assert PICTURE.relative_to(ROOT).as_posix() in Document(Path("README.md")).links


def test_the_picture_is_of_a_run_as_it_runs_now(reader: Path, tmp_path: Path) -> None:
    """Only its speed is not compared, which is the machine's."""
    demo = [reader / "bin" / "sluice", "demo", "--json", "--out", str(tmp_path / "decisions.jsonl")]
    figures = json.loads(
        subprocess.run(demo, env=child_env(), capture_output=True, timeout=PATIENCE, check=True).stdout
    )
    shown = " ".join("".join(ET.parse(PICTURE).getroot().itertext()).replace("\xa0", " ").split())
    alt = " ".join(Document(Path("README.md")).text.partition("![")[2].partition("]")[0].split())
    assert f"images {figures['images']} , each answered" in shown
    for counted in ("verdicts", "matches", "shadow", "dead_letters"):
        assert _not_shown(figures[counted], shown) == []
    assert f"policy set {figures['policy_set']}" in shown
    assert f"{figures['images']} images" in alt
    assert _numbers(figures["verdicts"]) <= set(alt.replace(";", "").replace(",", "").split())


def _not_shown(counts: dict[str, int], shown: str) -> list[str]:
    return [name for name, count in counts.items() if f"{name} {count} " not in shown]


def _numbers(counts: dict[str, Any]) -> set[str]:
    return {str(count) for count in counts.values()}
