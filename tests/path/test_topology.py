"""Which sections a worker has: every stage once, in path order, wherever the model computes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.prometheus import BOUNDS
from pipeline.path.topology import FLIGHTS, WAITING, Section, Where, sections

PATH = ["fetch", "recall", "decode", "encode", "look_again", "decide", "thumbnail", "publish"]


def holding(stage: str, of: tuple[Section, ...]) -> Section:
    return next(section for section in of if stage in section.stages)


@given(st.sampled_from(Where), st.integers(1, 64), st.booleans(), st.booleans(), st.booleans())
def test_every_stage_runs_once_and_in_path_order(
    where: Where, cores: int, on_device: bool, again: bool, drawn: bool
) -> None:
    made = sections(where, cores, jpegs_on_device=on_device, looks_again=again, thumbnails=drawn)
    stages = [stage for section in made for stage in section.stages]
    wanted = {"look_again": again, "thumbnail": drawn}
    assert stages == [stage for stage in PATH if wanted.get(stage, True)]


def test_metrics_know_every_stage_by_name() -> None:
    assert list(BOUNDS["stage"]) == PATH


@given(st.sampled_from(Where), st.integers(1, 64))
def test_every_core_decodes_a_share_of_what_waits(where: Where, cores: int) -> None:
    decoding = holding("decode", sections(where, cores))
    assert (decoding.threads, decoding.shares) == (cores, cores)


@pytest.mark.parametrize(("where", "callers"), [(Where.CORES, 4), (Where.DEVICE, FLIGHTS), (Where.SOCKET, 1)])
def test_the_encoder_is_called_by_every_core_or_by_a_thread_for_each_batch_in_flight(
    where: Where, callers: int
) -> None:
    assert holding("encode", sections(where, 4)).threads == callers


def test_jpegs_on_a_device_are_waited_for_by_more_threads_than_there_are_cores() -> None:
    decoding = holding("decode", sections(Where.DEVICE, 2, jpegs_on_device=True))
    assert (decoding.threads, decoding.shares) == (WAITING, WAITING)


@given(st.sampled_from(Where), st.integers(1, 64))
def test_every_core_draws_thumbnails_and_the_broker_waits_for_none(where: Where, cores: int) -> None:
    made = sections(where, cores, thumbnails=True)
    assert holding("thumbnail", made).threads == cores
    assert holding("publish", made).stages == ("publish",)


@given(st.sampled_from(Where), st.integers(1, 8))
def test_what_waits_for_stores_and_for_the_broker_holds_up_no_core(where: Where, cores: int) -> None:
    made = sections(where, cores)
    assert holding("fetch", made) != holding("decode", made) != holding("publish", made)
