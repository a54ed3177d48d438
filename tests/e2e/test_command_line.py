"""The command line as a person uses it: topics, send, tail, scan, policy check, config show and the demo."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from pipeline.adapters.local.store import FolderStore
from pipeline.archive.archive import Archive
from tests.e2e.answers import schema_problems
from tests.e2e.conftest import Settings
from tests.e2e.pictures import hostile_pictures, picture, pictures
from tests.e2e.pipeline_under_test import ONE_THREAD, Pipeline, flags, unique
from tests.e2e.policies_under_test import DEFAULTS, FILES, policy, write_policies
from tests.e2e.standing import Standing
from tests.services.deadline import until
from tests.services.kafka import KafkaBroker
from tests.services.processes import HOST, ChildProcess, free_port, http_get, python

Sluice = Callable[..., ChildProcess]

PATIENCE = 240.0
"""Seconds that a command may take; the demo's 5,000 sentences take ten on an idle core, and more on a busy one."""


@pytest.fixture
def sluice(tmp_path: Path) -> Iterator[Sluice]:
    """Start a command: `sluice("topics", "create", partitions=3)`."""
    with ExitStack() as ending:

        def start(*words: str, env: dict[str, str] | None = None, **settings: object) -> ChildProcess:
            name = f"{words[0]}-{len(list(tmp_path.glob('*.out')))}"
            argv = python("-m", "workers", *words, *flags(settings))
            process = ChildProcess(argv, tmp_path, env={**ONE_THREAD, **(env or {})}, name=name)
            return ending.enter_context(process)

        yield start


def output(process: ChildProcess, status: int = 0) -> str:
    """What the command prints; it must end with that status."""
    assert process.wait(within=PATIENCE) == status, str(process)
    assert "Traceback" not in process.stderr()
    return process.stdout()


KINDS = ("images", "decisions", "dead_letters", "features", "reviews", "audit")


class TestTopics:
    def test_they_are_made_once_and_then_left_as_they_are(self, kafka: KafkaBroker, sluice: Sluice) -> None:
        name = unique("made")
        settings = {f"{kind}_topic": f"{name}-{kind}" for kind in KINDS}
        settings["bootstrap_servers"] = kafka.bootstrap_servers
        assert output(sluice("topics", "create", partitions=3, **settings)).count("created") == 6
        again = output(sluice("topics", "create", partitions=5, **settings))
        assert (again.count("exists"), again.count("created")) == (6, 0)
        for kind in KINDS:
            assert len(kafka.end_offsets(f"{name}-{kind}")) == 3


class TestSendAndTail:
    def test_files_and_folders_are_sent_with_their_paths_as_ids(
        self, make_pipeline: Callable[..., Pipeline], sluice: Sluice, tmp_path: Path
    ) -> None:
        pipeline = make_pipeline(partitions=2)
        folder, file = tmp_path / "folder", tmp_path / "alone.bin"
        (folder / "deeper").mkdir(parents=True)
        contents = {folder / "a.jpg": picture(1), folder / "deeper" / "b.png": picture(2), file: picture(3)}
        for path, image in contents.items():
            path.write_bytes(image)
        (folder / "notes.txt").write_text("no picture")

        sent = sluice("send", str(folder), str(file), "--json", **pipeline.topic_settings)

        assert json.loads(output(sent))["sent"] == 3
        records = pipeline.kafka.read_all(pipeline.images)
        assert {record.key: record.value for record in records} == {str(p).encode(): i for p, i in contents.items()}

    def test_a_path_that_is_not_there_is_one_line(self, sluice: Sluice) -> None:
        process = sluice("send", "/absent.jpg")
        assert output(process, status=2) == ""
        assert process.stderr() == "sluice: no such file or folder: /absent.jpg\n"

    def test_tail_shows_what_is_there_and_takes_nothing_from_anybody(
        self, standing: Standing, sluice: Sluice
    ) -> None:
        """All decisions without following; the first few with a limit; the dead letters; one image."""
        pipeline = standing.pipeline
        images = [*pictures(30, start=7_000), *hostile_pictures()]
        before = pipeline.answered()
        pipeline.send(images, start=7_000)
        pipeline.wait_for_answers(before + len(images), standing.worker)
        pipeline.wait_until_committed()
        committed, topics = pipeline.committed(), pipeline.topic_settings

        ends = sluice("tail", "--from-beginning", "--no-follow", "--json", **topics)
        limited = sluice("tail", "--from-beginning", "--json", limit=5, **topics)
        letters = sluice("tail", "--from-beginning", "--no-follow", "--json", "--dead-letters", **topics)
        one = sluice("tail", "--from-beginning", "--no-follow", "--json", image="image-7003", **topics)

        decisions = [json.loads(line) for line in output(ends).splitlines()]
        answers = pipeline.answers()
        assert [problem for each in decisions for problem in schema_problems(each)] == []
        assert {each["decision_id"] for each in decisions} == {each["decision_id"] for each in answers.decisions}
        assert len(output(limited).splitlines()) == 5
        reasons = [json.loads(line)["reason"] for line in output(letters).splitlines()]
        assert sorted(reasons) == sorted(str(letter.reason) for letter in answers.dead_letters)
        assert [json.loads(line)["image_id"] for line in output(one).splitlines()] == ["image-7003"]
        assert pipeline.committed() == committed

    def test_tail_follows_what_comes(self, standing: Standing, sluice: Sluice) -> None:
        tailing = sluice("tail", "--json", limit=3, **standing.pipeline.topic_settings)
        numbers = iter(range(8_000, 9_000))

        def another_picture_until_it_ends() -> bool:
            """`tail` does not say when it has begun to read, so pictures are sent until it has seen enough."""
            number = next(numbers)
            standing.pipeline.send([picture(number)], start=number)
            return not tailing.running

        until(another_picture_until_it_ends, 60, lambda: str(tailing))
        seen = [json.loads(line)["image_id"] for line in output(tailing).splitlines()]
        assert len(seen) == 3
        assert all(image.startswith("image-8") for image in seen)


class TestScan:
    def test_the_exit_status_tells_clean_from_flagged_from_unreadable_and_both(
        self, quick: Settings, sluice: Sluice, tmp_path: Path
    ) -> None:
        """Three at once, since each loads a model: policies that flag nothing, one that flags all, and rubbish."""
        policies = {"nothing": {"review": 1.0}, "everything": {"review": 0.0}}
        for name, actions in policies.items():
            write_one_policy(tmp_path / name, policy("Anything", ["a knife", "a gun"], actions))
        (tmp_path / "one.jpg").write_bytes(picture(1))
        (tmp_path / "page.jpg").write_text("<html>")
        settings = {key: value for key, value in quick.items() if key in {"model", "dtype", "log_format"}}

        def scan(*files: str, by: str) -> ChildProcess:
            paths = [str(tmp_path / file) for file in files]
            return sluice("scan", *paths, "--json", **settings, policies=tmp_path / by)

        clean = scan("one.jpg", by="nothing")
        flagged = scan("one.jpg", by="everything")
        unreadable = scan("one.jpg", "page.jpg", by="everything")

        [decision] = map(json.loads, output(clean, status=0).splitlines())
        assert (decision["verdict"], schema_problems(decision)) == ("allow", [])
        [decision] = map(json.loads, output(flagged, status=1).splitlines())
        assert (decision["verdict"], schema_problems(decision)) == ("review", [])
        first, second = map(json.loads, output(unreadable, status=3).splitlines())
        assert (first["verdict"], schema_problems(first)) == ("review", [])
        assert (second["image_id"], second["reason"]) == (str(tmp_path / "page.jpg"), "not_an_image")


class TestPolicyCheck:
    def test_every_problem_is_a_line_with_its_place(self, quick: Settings, sluice: Sluice, tmp_path: Path) -> None:
        sound, bad = write_policies(tmp_path / "sound"), write_policies(tmp_path / "bad")
        (bad / "weapons.yaml").write_text(FILES["weapons.yaml"].replace("block: 0.6", "block: 0.1"))
        (bad / "gambling.yaml").write_text("title: Gambling\nprompts: []\nactions:\n  explode: 0.5\n")
        good, failing = (sluice("policy", "check", str(each), model=quick["model"]) for each in (sound, bad))

        assert "3 policies, 7 background lines" in output(good)
        assert output(failing, status=2) == ""
        lines = failing.stderr().splitlines()
        assert len(lines) == 3
        places = [line.removeprefix(f"{bad}/").split(": ")[0] for line in sorted(lines)]
        assert places == ["gambling.yaml:2", "gambling.yaml:4", "weapons.yaml:9"]


class TestConfigShow:
    def test_flags_come_before_variables_before_the_file_and_secrets_stay_secret(
        self, sluice: Sluice, tmp_path: Path
    ) -> None:
        config = tmp_path / "sluice.toml"
        config.write_text('group = "file"\nmax_batch = 7\ncommit_interval = 9\nsasl_password = "in-a-file"\n')
        env = {"SLUICE_GROUP": "variable", "SLUICE_MAX_BATCH": "8", "SLUICE_REDIS_PASSWORD": "in-a-variable"}
        env["SLUICE_CONFIG"] = str(config)
        shown = [
            output(each)
            for each in (
                sluice("config", "show", "--json", env=env, group="flag"),
                sluice("config", "show", env=env, group="flag", sasl_password="in-a-flag"),
            )
        ]
        values = json.loads(shown[0])
        assert (values["group"], values["max_batch"], values["commit_interval"]) == ("flag", 8, 9)
        assert 'group = "flag"' in shown[1]
        assert not any("in-a-" in each for each in shown)


class TestDemo:
    def test_it_needs_nothing_but_the_package(self, tmp_path: Path) -> None:
        """No network at all, where this machine lets a test take it away; no file but the one it is asked for."""
        out, kept = tmp_path / "decisions.jsonl", tmp_path / "archive"
        demo = python("-m", "workers", "demo", f"--out={out}", f"--archive={kept}", "--json", "--metrics-port=0")
        with ChildProcess([*without_network(), *demo], tmp_path, env=ONE_THREAD, name="demo") as process:
            summary = json.loads(output(process))

        decisions = [json.loads(line) for line in out.read_text().splitlines()]
        assert len(decisions) > 10
        assert [problem for each in decisions for problem in schema_problems(each)] == []
        assert len({each["decision_id"] for each in decisions}) == len(decisions)
        assert {each["model"]["name"] for each in decisions} == {"bundled"}
        verdicts = {each["verdict"] for each in decisions}
        assert "allow" in verdicts
        assert len(verdicts) > 1, "it shows nothing that a policy flags"
        assert sum(summary["verdicts"].values()) == len(decisions)
        assert set(summary["dead_letters"]) == {"truncated", "not_an_image", "empty", "too_large"}
        archive = Archive(FolderStore(kept))
        blocks = list(archive.blocks(archive.segments(), ["decision"]))
        archived = [block.decision(event).decision_id for block in blocks for event in range(block.events)]
        assert sorted(archived) == sorted(each["decision_id"] for each in decisions)

    def test_it_serves_a_steady_stream_with_its_pages_and_metrics_until_ctrl_c(self, tmp_path: Path) -> None:
        port = free_port()
        demo = python("-m", "workers", "demo", "--serve", "--rate=20", f"--metrics-port={port}", "--console-port=0")
        with ChildProcess(demo, tmp_path, cwd=tmp_path, env=ONE_THREAD, name="demo") as process:
            process.wait_for_http(f"http://{HOST}:{port}/readyz", within=120)
            metrics = f"http://{HOST}:{port}/metrics"
            pattern = re.compile(r'^sluice_images_total{outcome="decided"} (\d+)', re.MULTILINE)

            def decided() -> int:
                found = pattern.search((http_get(metrics) or (0, ""))[1])
                return int(found[1]) if found else 0

            first = decided()
            until(lambda: decided() > first, 30, lambda: f"more than {first} images decided by {process}")
            address = process.wait_for_line(r"^open (http://localhost:\d+/)$")[1]
            until(lambda: "'" in live(address), 30, lambda: f"an answer on the page that {process} serves")
            os.kill(process.pid, signal.SIGINT)
            assert process.wait() == 0
        assert not (tmp_path / "decisions.jsonl").exists()


def live(address: str) -> str:
    """The answers on the console's first page."""
    _, page = http_get(f"{address}live?show=flagged") or (0, "")
    return page.partition('id="answers"')[2].partition("</ol>")[0].replace("&#39;", "'")


def without_network() -> list[str]:
    """What to put before a command so that it has no network, not even loopback; nothing where that cannot be had."""
    for prefix in (["unshare", "--net"], ["unshare", "--map-root-user", "--net"]):
        if (
            shutil.which("unshare")
            and not subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
        ):
            return prefix
    return []


def write_one_policy(folder: Path, text: str) -> None:
    """Make a folder with that policy and the usual background."""
    folder.mkdir()
    (folder / "_defaults.yaml").write_text(DEFAULTS)
    (folder / "_background.txt").write_text(FILES["_background.txt"])
    (folder / "anything.yaml").write_text(text)
