"""A decoder that crashes, hangs or runs wild takes one image with it, and all others are decoded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.adapters.decode_processes import (
    DecodeProcesses,
    Limits,
    NoProcessError,
    ProcessDecoder,
    cpu_seconds,
    process,
)
from pipeline.adapters.decode_processes.messages import Call, DecoderFaultError
from pipeline.adapters.decode_processes.nursery import Nursery
from pipeline.adapters.pillow import PillowDecoder
from pipeline.errors import ItemError, LostDecoderError, Reason
from pipeline.ports import DEATHS, Decoded, EncoderSpec, Hooks
from pipeline.signals import regions_of
from tests import images
from tests.adapters.pillow.test_decoder import spec
from tests.adapters.pillow.test_hostile import VALID
from tests.poison import PoisonedDecoder, poison

STILL = images.encoded(images.photograph(160, 120), "JPEG")
TIGHT = Limits(cpu=0.5, wall=1.5, memory=256 << 20)
ROOT = Path(__file__).parents[3]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the kernel's part of this is Linux's")


class Deaths(Hooks):
    def __init__(self) -> None:
        self.causes: list[str] = []

    def decode_process_ended(self, cause: str) -> None:
        assert cause in DEATHS
        self.causes.append(cause)


@contextmanager
def decoding(
    make: Any = PoisonedDecoder, limits: Limits = TIGHT, most: int = 2, patience: float = 5.0
) -> Iterator[tuple[ProcessDecoder, Deaths]]:
    deaths = Deaths()
    processes = DecodeProcesses(make, limits, most=most, hooks=deaths, patience=patience)
    try:
        yield ProcessDecoder(processes, spec()), deaths
    finally:
        processes.close()


def pids() -> set[int]:
    """The decode processes of this process, and who forks them: all below it."""
    found, last = {os.getpid()}, 0
    while len(found) > last:
        last = len(found)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with suppress(OSError):
                name, _, rest = stat.read_text().rpartition(")")
                if int(rest.split()[1]) in found and rest.split()[0] != "Z":
                    found.add(int(name.split()[0]))
    return found - {os.getpid()}


def lost(decoder: ProcessDecoder, image: bytes) -> LostDecoderError:
    with pytest.raises(LostDecoderError) as caught:
        decoder.decode(image)
    return caught.value


@pytest.fixture(scope="class")
def shared() -> Iterator[tuple[ProcessDecoder, Deaths]]:
    with decoding(PillowDecoder) as made:
        yield made


@pytest.mark.parametrize("name", sorted(VALID))
class TestEveryFormat:
    def test_what_comes_out_is_what_the_decoder_makes(self, name: str, shared: tuple[ProcessDecoder, Deaths]) -> None:
        decoder, deaths = shared
        ours, theirs = PillowDecoder(spec()).decode(VALID[name]), decoder.decode(VALID[name])
        assert np.array_equal(theirs.pixels, ours.pixels)
        assert theirs.regions.tobytes() == ours.regions.tobytes()
        assert theirs.notes == ours.notes
        assert not deaths.causes

    def test_a_thumbnail_is_the_one_that_the_decoder_makes(
        self, name: str, shared: tuple[ProcessDecoder, Deaths]
    ) -> None:
        decoder, deaths = shared
        assert decoder.thumbnail(VALID[name], 1) == PillowDecoder(spec()).thumbnail(VALID[name], 1)
        with pytest.raises(ItemError):
            decoder.thumbnail(b"nothing", 0)
        assert not deaths.causes


class Wild:
    """A decoder that was taken over: it gives thumbnails that are none, and pictures where it gives thumbnails."""

    name = "wild"

    def __init__(self, its: EncoderSpec) -> None:
        del its

    def decode(self, image: bytes) -> bytes:
        return image

    def thumbnail(self, image: bytes, frame: int) -> bytes | Decoded:
        return image if frame else Decoded(np.zeros((1, 2, 2, 3), np.uint8), regions_of([(0, 0, 1, 1)]))


def test_what_is_no_thumbnail_is_taken_for_none() -> None:
    picture = b"RIFF\0\0\0\0WEBP"
    with decoding(Wild) as (decoder, deaths):
        assert decoder.thumbnail(picture, 1) == picture
        for nonsense in (b"<script>", picture + bytes(1 << 18)):
            with pytest.raises(LostDecoderError, match="no thumbnail"):
                decoder.thumbnail(nonsense, 1)
        for call in (lambda: decoder.decode(picture), lambda: decoder.thumbnail(picture, 0)):
            with pytest.raises(DecoderFaultError, match="never gives"):
                call()
    assert set(deaths.causes) == {"crashed"}


class Full:
    """A decoder that has something to say in every field of `Decoded`, and of the arguments it was called with."""

    name = "full"

    def __init__(self, its: EncoderSpec) -> None:
        self._shape = (2, *its.image_size, 3)

    def closer(self, image: bytes, turns: int, boxes: list[list[float]]) -> Decoded:
        regions = regions_of([(0, 0, 0.5, 1), (0.5, 0, 1, 1)])
        pixels = np.full(self._shape, turns, np.uint8)
        return Decoded(pixels, regions, (f"{len(image)} bytes", repr(boxes)), *range(1, len(fields(Decoded)) - 2))


def test_every_field_and_any_plain_argument_crosses() -> None:
    boxes = [[0.0, 0.5, 1.0, 1.0]]
    ours = Full(spec()).closer(STILL, 7, boxes)
    with decoding(Full) as (decoder, _):
        theirs = decoder._ask(Call("closer", (7, boxes)), STILL, Decoded)
    assert theirs.pixels.tobytes() == ours.pixels.tobytes()
    assert theirs.regions.tobytes() == ours.regions.tobytes()
    rest = [field.name for field in fields(Decoded) if field.name not in {"pixels", "regions"}]
    assert [getattr(theirs, name) for name in rest] == [getattr(ours, name) for name in rest]


@pytest.mark.parametrize(
    ("deed", "causes", "reason"),
    [
        ("abort", ["crashed", "crashed"], Reason.DECODER_DIED),
        ("segfault", ["crashed", "crashed"], Reason.DECODER_DIED),
        ("exit", ["exited", "exited"], Reason.DECODER_DIED),
        ("spin", ["cpu"], Reason.TOO_MUCH_WORK),
        ("lock", ["cpu"], Reason.TOO_MUCH_WORK),
        ("sleep", ["wall"], Reason.TOO_MUCH_WORK),
    ],
)
def test_a_decoder_that_ends_badly_takes_one_image(deed: str, causes: list[str], reason: Reason) -> None:
    with decoding() as (decoder, deaths):
        assert lost(decoder, poison(STILL, deed)).reason is reason
        assert decoder.decode(STILL).frames == 1
    assert deaths.causes == causes


def test_a_decoder_gone_wild_takes_one_image() -> None:
    with decoding() as (decoder, _):
        assert lost(decoder, poison(STILL, "wild")).reason in {Reason.DECODER_DIED, Reason.TOO_MUCH_WORK}
        assert decoder.decode(STILL).frames == 1


@linux
@pytest.mark.parametrize("deed", ["memory", "map"])
def test_memory_that_runs_out_is_that_images_failure(deed: str) -> None:
    with decoding(limits=Limits(cpu=20, wall=60, memory=512 << 20)) as (decoder, deaths):
        with pytest.raises(ItemError) as caught:
            decoder.decode(poison(STILL, deed))
        assert caught.value.reason in {Reason.TOO_MUCH_WORK, Reason.DECODER_DIED}
        assert decoder.decode(STILL).frames == 1
    assert "killed" not in deaths.causes


def test_a_fault_of_the_decoders_own_is_told_in_its_words() -> None:
    with decoding() as (decoder, deaths), pytest.raises(DecoderFaultError, match="RuntimeError: a fault of the"):
        decoder.decode(poison(STILL, "raise"))
    assert not deaths.causes


def test_what_the_decoder_refuses_is_refused() -> None:
    with decoding() as (decoder, deaths):
        for image, reason in ((b"", Reason.EMPTY), (b"hello", Reason.NOT_AN_IMAGE), (STILL[:900], Reason.TRUNCATED)):
            with pytest.raises(ItemError) as caught:
                decoder.decode(image)
            assert caught.value.reason is reason
    assert not deaths.causes


def test_others_are_decoded_while_one_hangs() -> None:
    """Two threads: one is held up by images that hang, the other by nothing."""
    with decoding(limits=Limits(cpu=5, wall=4)) as (decoder, _), ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(lost, decoder, poison(STILL, "sleep"))
        for _ in range(10):
            assert decoder.decode(STILL).frames == 1
        assert not hanging.done()
        assert hanging.result().reason is Reason.TOO_MUCH_WORK


@linux
def test_an_innocent_whose_process_is_killed_is_decoded_all_the_same() -> None:
    big = images.encoded(images.photograph(3000, 2000), "PNG")
    with decoding(PillowDecoder, Limits(), most=1) as (decoder, deaths), ThreadPoolExecutor(1) as pool:
        decoder.decode(STILL)
        running = pool.submit(decoder.decode, big)
        time.sleep(0.05)
        for pid in pids() - {decoder.processes._nursery.pid}:
            os.kill(pid, signal.SIGKILL)
        assert running.result().frames == 1
    assert deaths.causes in (["killed"], [])


@linux
def test_processes_that_are_killed_between_two_images_cost_no_image() -> None:
    with decoding(PillowDecoder, most=1) as (decoder, deaths):
        for _ in range(3):
            for pid in pids() - {decoder.processes._nursery.pid}:
                os.kill(pid, signal.SIGKILL)
            assert decoder.decode(STILL).frames == 1
    assert deaths.causes == ["killed"] * 3


@linux
def test_all_are_started_again_when_the_one_that_forks_them_is_killed() -> None:
    with decoding(PillowDecoder) as (decoder, _):
        for _ in range(2):
            os.kill(decoder.processes._nursery.pid, signal.SIGKILL)
            assert decoder.decode(STILL).frames == 1
        assert decoder.processes.trouble() is None


@linux
def test_an_innocent_survives_the_death_of_all_processes_at_once() -> None:
    """However often: each time one image is in hand, and another process, which dies as well, is free."""
    slow = images.encoded(images.photograph(1500, 1000), "PNG")
    with decoding(PillowDecoder, Limits(), most=2) as (decoder, _), ThreadPoolExecutor(2) as pool:
        for _ in range(5):
            assert all(each.frames == 1 for each in pool.map(decoder.decode, [STILL] * 20))
            running = pool.submit(decoder.decode, slow)
            time.sleep(0.02)
            os.kill(decoder.processes._nursery.pid, signal.SIGKILL)
            assert running.result().frames == 1


@linux
def test_a_process_that_does_not_start_is_told_and_ends_the_worker() -> None:
    with decoding(PillowDecoder, patience=1.0) as (decoder, _):
        decoder.processes._make = partial(os.fspath)  # makes no decoder
        os.kill(decoder.processes._nursery.pid, signal.SIGKILL)
        with pytest.raises(NoProcessError, match="does not answer"):
            decoder.decode(STILL)
        assert "does not answer" in (decoder.processes.trouble() or "")


@linux
def test_nothing_is_left_when_it_is_closed_or_forgotten() -> None:
    before = pids()
    with decoding() as (decoder, _):
        decoder.decode(STILL)
        assert len(pids() - before) >= 2
    wait_until(lambda: not pids() - before)


@linux
def test_nothing_is_left_when_the_worker_is_killed() -> None:
    """Not even a process that is in the middle of an image, and hears of nothing."""
    code = """
import sys, time
from threading import Thread
from pipeline.adapters.decode_processes import *
from pipeline.ports import Hooks
from tests.adapters.decode_processes.test_decoder import STILL
from tests.adapters.pillow.test_decoder import spec
from tests.poison import PoisonedDecoder, poison
decoder = ProcessDecoder(DecodeProcesses(PoisonedDecoder, Limits(60, 60), most=3, hooks=Hooks()), spec())
for deed in ("sleep", "lock"):
    Thread(target=decoder.decode, args=(poison(STILL, deed),), daemon=True).start()
time.sleep(0.5)
decoder.decode(STILL)
print("there", flush=True)
time.sleep(600)
"""
    before = pids()
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env) as worker:
        assert worker.stdout
        assert worker.stdout.readline() == b"there\n"
        below = pids() - before - {worker.pid}
        assert len(below) == 4
        worker.kill()
    wait_until(lambda: not [pid for pid in below if is_alive(pid)])


@linux
def test_ctrl_c_and_a_stop_of_the_whole_group_are_left_to_the_worker() -> None:
    with decoding(PillowDecoder, most=1) as (decoder, deaths):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            for pid in pids():
                os.kill(pid, number)
        assert decoder.decode(STILL).frames == 1
    assert not deaths.causes


@linux
def test_ctrl_c_is_left_to_the_worker_also_while_the_first_process_starts() -> None:
    for wait in (0.0, 0.01, 0.03):
        nursery = Nursery(PillowDecoder, Limits(60, 60))
        time.sleep(wait)
        os.kill(nursery.pid, signal.SIGINT)
        assert nursery.ready((spec(),))
        nursery.close()


def test_more_threads_than_processes_take_turns() -> None:
    with decoding(PillowDecoder, most=2) as (decoder, _), ThreadPoolExecutor(8) as pool:
        assert all(each.frames == 1 for each in pool.map(decoder.decode, [STILL] * 100))


@linux
def test_what_the_processes_use_is_counted_those_that_ended_too() -> None:
    with decoding() as (decoder, _):
        before = cpu_seconds()
        lost(decoder, poison(STILL, "spin"))
        assert cpu_seconds() - before > TIGHT.cpu / 2
    assert cpu_seconds() - before > TIGHT.cpu / 2


def test_an_image_that_is_lost_is_progress_as_well() -> None:
    with decoding() as (decoder, _):
        time.sleep(0.3)
        assert decoder.processes.quiet() >= 0.3
        lost(decoder, poison(STILL, "exit"))
        assert decoder.processes.quiet() < 0.3


@linux
def test_the_forking_process_has_no_torch() -> None:
    with decoding(PillowDecoder) as (decoder, _):
        maps = Path(f"/proc/{decoder.processes._nursery.pid}/maps").read_text()
        assert "PIL" in maps
        assert "torch" not in maps


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_waiting_for_a_core_is_not_taking_time_however_late_the_system_tells_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It tells when the process runs again. On a machine with twenty others an image was ended after 1.2 s of CPU."""
    clock, waited = process._Clock(os.getpid(), 3 * process.TICK), 0.0
    monkeypatch.setattr(clock, "_waited_so_far", lambda: waited)
    clock.start()
    for _ in range(20):
        clock.tick()
        clock.tick()
        waited += 2 * process.TICK
    with pytest.raises(TimeoutError):
        tick(clock, 4)


def tick(clock: process._Clock, times: int) -> None:
    for _ in range(times):
        clock.tick()


def wait_until(true: Any, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)
