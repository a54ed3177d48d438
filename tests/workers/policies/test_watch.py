"""The watch over the policy folder: no edit is lost, no bad one counts, and nothing ends it but being told to."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from pipeline.adapters.local.last_good import LastGood
from pipeline.adapters.local.policy_folder import read_policy_folder
from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache
from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import EncoderError
from pipeline.items import Pixels
from pipeline.path.live import LivePolicies
from pipeline.path.pictures import Pictures
from pipeline.ports import Hooks
from pipeline.signals import Features
from tests.e2e.pictures import Hostile, hostile_pictures
from tests.e2e.policies_under_test import FILES, ConfigMap, edit, policy, write_policies
from tests.images import encoded, flat
from tests.path.test_live import Hashing
from tests.services.deadline import until
from workers.policies import watch as policy_watch
from workers.policies.watch import PolicyWatch, watched_policies

PATIENCE = 30.0
ALCOHOL = policy("Alcohol", ["a bottle of wine"], {"label": 0.5})


class Failing(Hashing):
    """Fails as often as it is told to."""

    failures = 0

    def encode_texts(self, texts: Sequence[str]) -> Features:
        if self.failures:
            self.failures -= 1
            raise EncoderError("the device is in a bad mood")
        return super().encode_texts(texts)

    def encode_images(self, pixels: Pixels) -> Features:
        return np.full((len(pixels), self.spec.features), self.spec.features**-0.5, np.float32)


class Told(Hooks):
    def __init__(self) -> None:
        self.refused: list[str] = []
        self.offered = 0
        self.looks = 0

    def policies_loaded(self, version: str, policies: int) -> None:
        self.offered += 1

    def policies_refused(self, reason: str) -> None:
        self.refused.append(reason)

    def policies_looked_at(self) -> None:
        self.looks += 1


class Watched:
    """A folder of policies, live and watched."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.folder, self.encoder, self.told, self.stop = folder, Failing(), Told(), Event()
        pictures = Pictures(self.encoder, PillowDecoder(self.encoder.spec), MemoryFeatureCache(100))
        self.live = LivePolicies(self.encoder, MemoryTextCache(), self.told, pictures)
        reading = read_policy_folder(folder)
        self.live.offer(reading.files, reading.assets)
        self.last_good = LastGood(state, folder, "sluice")
        self.watch = PolicyWatch(folder, reading, self.live, self.stop, self.told, last_good=self.last_good)

    @property
    def ids(self) -> list[str]:
        return [policy.id for policy in self.live().policy_set.policies]

    @property
    def examples(self) -> list[str]:
        return [each.path for policy in self.live().policies for each in policy.examples.match]

    def wait_for(self, *ids: str) -> None:
        until(lambda: self.ids == sorted(ids), PATIENCE, lambda: f"{ids} live, not {self.ids}")

    def wait_until_refused(self, times: int = 1, reason: str = "invalid") -> None:
        until(lambda: self.told.refused.count(reason) >= times, PATIENCE, lambda: f"refused: {self.told.refused}")

    def wait_for_looks(self, number: int) -> None:
        wanted = self.told.looks + number
        until(lambda: self.told.looks >= wanted, PATIENCE, lambda: f"{wanted} looks; {self.told.looks}")


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_watch, "FIRST_PAUSE", 0.05)


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    found = Watched(write_policies(tmp_path / "policies"), tmp_path / "state")
    with watched_policies(found.watch, found.stop, PATIENCE):
        yield found
    assert not found.watch._thread.is_alive()


BEFORE = ("gambling", "tobacco", "weapons")


def test_an_edit_goes_live_and_is_kept_for_a_restart(watched: Watched) -> None:
    edit(watched.folder, "alcohol.yaml", ALCOHOL)
    watched.wait_for("alcohol", *BEFORE)
    until(lambda: watched.last_good.read() is not None, PATIENCE, "the edit is kept")
    kept = watched.last_good.read()
    assert kept is not None
    assert kept.files[f"{watched.folder}/alcohol.yaml"] == ALCOHOL.encode()


def test_a_file_that_is_not_the_cause_of_a_failure_is_offered_until_it_is_live(watched: Watched) -> None:
    watched.encoder.failures = 3
    edit(watched.folder, "alcohol.yaml", ALCOHOL)
    watched.wait_for("alcohol", *BEFORE)
    assert watched.told.refused == ["error"] * 3


def test_a_bad_edit_is_refused_once_and_its_mending_is_taken(watched: Watched) -> None:
    with capture_logs() as logs:
        edit(watched.folder, "alcohol.yaml", ALCOHOL.replace("0.5", "50"))
        watched.wait_until_refused()
        watched.wait_for_looks(3)
    assert [each for each in logs if each["event"] == "policy_refused"] == [_refused(watched)]
    assert watched.told.refused == ["invalid"]
    assert watched.ids == list(BEFORE)
    edit(watched.folder, "alcohol.yaml", ALCOHOL)
    watched.wait_for("alcohol", *BEFORE)


def test_an_edit_of_a_readme_is_none_of_the_policies(watched: Watched) -> None:
    live, offered = watched.live(), watched.told.offered
    with capture_logs() as logs:
        for name in ("README.md", "readme.txt"):
            edit(watched.folder, name, "how we work")
        watched.wait_for_looks(3)
    assert logs == []
    assert watched.live() is live
    assert watched.told.offered == offered
    assert watched.last_good.read() is None


def _refused(watched: Watched) -> dict[str, Any]:
    reason = "'actions.label': write 0.5, not 50; it is a share of 1, and no percentage"
    where = {"file": f"{watched.folder}/alcohol.yaml", "line": 6}
    return {"event": "policy_refused", "log_level": "error", "reason": reason, **where}


def _dangle(folder: Path) -> None:
    (folder / "weapons.yaml").unlink()
    (folder / "weapons.yaml").symlink_to("elsewhere/weapons.yaml")


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def _pipe(folder: Path) -> None:
    os.mkfifo(folder / "pipe.yaml")


def _no_background(folder: Path) -> None:
    (folder / "_background.txt").unlink()


def _latin(folder: Path) -> None:
    (folder / os.fsdecode(b"caf\xe9.yaml")).write_text(ALCOHOL)


BAD = {
    "a link that leads nowhere": _dangle,
    "all files gone": _empty,
    "the folder gone": shutil.rmtree,
    "a pipe": _pipe,
    "a folder named as a policy": lambda folder: (folder / "x.yaml").mkdir(),
    "the background gone": _no_background,
    "a name that is not UTF-8": _latin,
}


@pytest.mark.parametrize("spoil", BAD.values(), ids=BAD)
def test_whatever_happens_to_the_folder_the_live_set_stays_and_the_next_edit_is_taken(
    watched: Watched, spoil: Any
) -> None:
    spoil(watched.folder)
    watched.wait_until_refused()
    assert watched.ids == list(BEFORE)
    shutil.rmtree(watched.folder, ignore_errors=True)
    write_policies(watched.folder)
    edit(watched.folder, "alcohol.yaml", ALCOHOL)
    watched.wait_for("alcohol", *BEFORE)


def test_a_file_that_is_emptied_before_it_is_written_is_never_taken_in_between(watched: Watched) -> None:
    """Half a file may well be a policy: here it is one with fewer prompts."""
    whole = FILES["weapons.yaml"].replace("  - a gun\n", "  - a gun\n  - a bomb\n")
    half = whole.replace("  - a gun\n  - a bomb\n", "")
    versions = {watched.live().policy_set.version}
    for content in (half, whole):
        (watched.folder / "weapons.yaml").write_text(content)
        time.sleep(0.05)
    until(lambda: versions.add(watched.live().policy_set.version) or len(versions) > 1, PATIENCE, "the edit is live")
    assert watched.live().policies[-1].prompts == ("a knife", "a gun", "a bomb")
    assert watched.told.refused == []


def test_a_configmap_whose_link_dangles_for_a_moment_loses_no_policy(tmp_path: Path) -> None:
    mounted = ConfigMap(tmp_path / "mounted")
    found = Watched(mounted.folder, tmp_path / "state")
    with watched_policies(found.watch, found.stop, PATIENCE):
        link = mounted.folder / "..data"
        target = link.readlink()
        link.unlink()
        found.wait_until_refused()
        assert found.ids == list(BEFORE)
        link.symlink_to(target)
        mounted.change("gambling.yaml", FILES["gambling.yaml"].replace("dice", "a roulette wheel"))
        until(lambda: "a roulette wheel" in found.live().policies[0].prompts, PATIENCE, "the new generation is live")


def test_errors_that_nobody_foresaw_do_not_end_it(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even where the log cannot be written either."""
    look_at, raised = policy_watch.look_at, Event()

    def broken(folder: Path, _: object) -> Any:
        raised.set()
        raise ZeroDivisionError(str(folder))

    class Mute:
        def error(self, *_: object, **__: object) -> None:
            raise BrokenPipeError

        info = warning = error

    monkeypatch.setattr(policy_watch, "look_at", broken)
    monkeypatch.setattr(policy_watch, "_log", Mute())
    assert raised.wait(PATIENCE)
    monkeypatch.setattr(policy_watch, "look_at", look_at)
    edit(watched.folder, "alcohol.yaml", ALCOHOL)
    watched.wait_for("alcohol", *BEFORE)


def test_it_tells_how_long_ago_it_has_looked(watched: Watched) -> None:
    watched.wait_for_looks(2)
    assert watched.watch.stalled() < PATIENCE
    watched.stop.set()
    watched.watch.join(PATIENCE)
    stopped = watched.watch.stalled()
    until(lambda: watched.watch.stalled() > stopped, PATIENCE, "it is longer and longer ago")


def test_a_file_that_only_its_name_keeps_out_is_named_in_the_log(watched: Watched) -> None:
    with capture_logs() as logs:
        edit(watched.folder, "upper.YAML", ALCOHOL)
        until(lambda: "policy_file_not_read" in [each["event"] for each in logs], PATIENCE, lambda: str(logs))
    [named] = [each for each in logs if each["event"] == "policy_file_not_read"]
    assert named["file"].endswith("upper.YAML")
    assert "rename it to upper.yaml" in named["reason"]


def test_policies_that_leave_are_named_in_the_log(watched: Watched) -> None:
    with capture_logs() as logs:
        (watched.folder / "gambling.yaml").unlink()
        until(lambda: "policies_live" in [each["event"] for each in logs], PATIENCE, lambda: str(logs))
    [live] = [each for each in logs if each["event"] == "policies_live"]
    assert (live["gone"], live["added"]) == (["gambling"], [])


SHOWS = policy("Tobacco", ["a cigarette"], {"review": 0.5}) + "examples:\n  match: [examples/*.png]\n"
EXAMPLES = ["examples/0.png", "examples/9.png"]


@pytest.fixture
def showing(tmp_path: Path) -> Iterator[Watched]:
    """A folder in which a policy has two example pictures."""
    folder = write_policies(tmp_path / "policies")
    (folder / "examples").mkdir()
    for shade, name in enumerate(EXAMPLES):
        (folder / name).write_bytes(encoded(flat((250, shade, 0))))
    (folder / "tobacco.yaml").write_text(SHOWS)
    found = Watched(folder, tmp_path / "state")
    with watched_policies(found.watch, found.stop, PATIENCE):
        yield found


def test_an_example_picture_that_is_added_or_removed_is_an_edit(showing: Watched) -> None:
    versions = [showing.live().policy_set.version]
    (showing.folder / "examples/18.png").write_bytes(encoded(flat((250, 18, 0))))
    until(
        lambda: showing.examples == [*EXAMPLES[:1], "examples/18.png", *EXAMPLES[1:]],
        PATIENCE,
        lambda: str(showing.examples),
    )
    versions.append(showing.live().policy_set.version)
    (showing.folder / "examples/18.png").unlink()
    until(lambda: showing.examples == EXAMPLES, PATIENCE, lambda: str(showing.examples))
    assert showing.live().policy_set.version == versions[0] != versions[1]
    assert showing.told.refused == []


HOSTILE = {each.name: each for each in hostile_pictures() if each.value}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_example_picture_refuses_the_edit_in_one_line(showing: Watched, hostile: Hostile) -> None:
    live = showing.live()
    with capture_logs() as logs:
        (showing.folder / "examples/bad.png").write_bytes(hostile.value or b"")
        showing.wait_until_refused()
        showing.wait_for_looks(2)
    [refused] = [each for each in logs if each["event"] == "policy_refused"]
    line = SHOWS.splitlines().index("  match: [examples/*.png]") + 1
    assert (refused["file"], refused["line"]) == (f"{showing.folder}/tobacco.yaml", line)
    assert refused["reason"].startswith("'examples/bad.png' cannot be read: ")
    assert "\n" not in refused["reason"]
    assert showing.live() is live
    (showing.folder / "examples/bad.png").unlink()
    until(lambda: showing.watch.refused() is None, PATIENCE, "the mended folder is live")
