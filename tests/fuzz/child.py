"""One process of the fuzzer: makes files, sends them through the stages and tells what came of each."""

from __future__ import annotations

import gc
import logging
from multiprocessing.connection import Connection

import structlog

from pipeline.adapters.pillow import PillowDecoder
from pipeline.rules.images.formats import sniff
from pipeline.rules.images.headers import read
from pipeline.rules.images.work import Work
from tests.fuzz.files import File, file
from tests.fuzz.measure import Meter
from tests.fuzz.outcome import WORTH, Outcome, breach_of
from tests.fuzz.stages import SPEC, Stages
from workers.settings import Settings


def serve(pipe: Connection, seed: int, process: int) -> None:
    """Answer each list of indices: before each file its index, then its `Outcome`; at the end of the list None."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # outcomes say it all
    settings = Settings()
    estimator = PillowDecoder(SPEC, preprocess=settings.preprocess, coverage=settings.coverage)
    with Stages(settings) as stages:
        _warm(stages)
        while (wanted := pipe.recv()) is not None:
            for index in wanted:
                pipe.send(index)
                pipe.send(outcome_of(file(seed, index), stages, estimator, settings.max_pixels, process))
            pipe.send(None)


def _warm(stages: Stages) -> None:
    """Decode something first, so that what is loaded once is no image's cost."""
    for index in range(40):
        stages.answer(file(-1, index).data)
    gc.collect()


def outcome_of(made: File, stages: Stages, estimator: PillowDecoder, max_pixels: int, process: int = 0) -> Outcome:
    """Send one file through, and measure it."""
    meter = Meter(stages.cpu_seconds)
    answered = stages.answer(made.data, made.index)
    seconds, wall, memory, held = meter.read()
    breach = breach_of(made.data, answered.outcome, answered.words, seconds, memory)
    work = None
    if seconds >= WORTH["seconds"] or memory >= WORTH["memory"]:
        work = estimate(made.data, estimator, max_pixels)
    return Outcome(
        made.index,
        made.format,
        made.kind,
        made.maker,
        len(made.data),
        answered.outcome,
        answered.words,
        seconds,
        wall,
        memory,
        held,
        None if work is None else work.seconds,
        None if work is None else work.memory,
        breach,
        process,
    )


def estimate(data: bytes, estimator: PillowDecoder, max_pixels: int) -> Work | None:
    """What the headers say that decoding costs; None where they refuse it."""
    name = sniff(data)
    if name is None:
        return None
    try:
        return read(name, data, max_pixels, fast=True, shrink=estimator._shrink).work
    except Exception:  # noqa: BLE001
        return None
