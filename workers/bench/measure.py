"""What a bench does, part by part, each within its share of the time; `Figures` is filled in as the parts end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache, NullEncoder
from pipeline.ports import Decoder, Hooks
from workers import assembly
from workers.assembly import Judge, Model
from workers.bench import limits, streams
from workers.bench.budget import Budget
from workers.bench.figures import Figures
from workers.bench.latency import Subject, latencies
from workers.bench.limits import Forward
from workers.bench.prompts import prompt_share
from workers.bench.rounds import DECODE_SAMPLE, measured_rounds
from workers.bench.starts import starts
from workers.bench.warm_prompts import warm_prompts
from workers.settings import Settings

PEER_SAMPLE = 200
REPEATS = 10
"""Times that each image of the repeat run comes again."""
LEAST_ROUNDS = 3
"""Rounds that a stream is made short enough for, but no shorter than `LEAST_STREAM`."""
LEAST_STREAM = 150
"""Images of the shortest stream: with fewer, filling and draining the pipeline would take most of the time."""
IMPORTS = 8.0
"""Seconds that a process is expected to take to import torch and open_clip, before any has been measured."""
FORWARDS, ROUNDS, REPEAT, LATENCY, PROMPTS, WARM, PEERS = 0.12, 0.42, 0.44, 0.82, 0.85, 0.87, 0.93
"""Shares of the whole time after which each part must be through; the time that one leaves over is the next one's."""


@dataclass
class Bench:
    """One run, which fills in `figures`. Raises `UsageError` where the settings ask for what cannot be had."""

    settings: Settings
    images: Sequence[bytes]
    figures: Figures
    budget: Budget
    kafka: bool
    with_peers: bool
    loading: float = 0.0
    """Seconds that the model and its policies took to load."""

    def run(self) -> None:
        """Measure all parts, which takes minutes for a large model."""
        model = self._loaded()
        self._forwards(model)
        judge = self._judge(model)
        self._rounds(_forgetful(judge))
        if self.figures.rounds:
            self._repeats(judge)
            self._latencies(_forgetful(judge))
        self._prompts(judge.model)
        self._peers()
        self._starts()

    def _loaded(self) -> Model:
        self.budget.say("loading the model")
        started = self.budget.elapsed
        model = assembly.load_model(self.settings)
        self.loading = self.budget.elapsed - started
        self.budget.begin()
        spec = model.encoder.spec
        self.figures.model, self.figures.dtype = spec.name, spec.dtype
        self.figures.views = limits.views(model.decoder, self.images)
        return model

    def _judge(self, model: Model) -> Judge:
        self.budget.say("encoding the sentences of the policies and their background")
        started = self.budget.elapsed
        judge = assembly.judge(self.settings, model, Hooks(), MemoryTextCache())
        self.loading += self.budget.elapsed - started
        self.budget.begin()
        return judge

    def _forwards(self, model: Model) -> None:
        """Measure the loaded dtype at all batch sizes, and where it is not float32, that at the largest."""
        self.budget.part(FORWARDS)
        dtype, found = model.encoder.spec.dtype, self.figures.forwards
        for size in limits.batch_sizes(self.settings.max_batch):
            what = f"forward pass, {dtype}, batch {size}"
            expected = self._of_passes(found[-1].seconds * size / found[-1].batch) if found else 0.0
            if found and not self.budget.affords(what, expected):
                return
            self.budget.say(f"measuring the {what}")
            found.append(limits.forward(model.encoder, size, self._callers(model)))
        if dtype != "float32" and self.budget.affords("forward pass in float32", self.loading + 4 * expected):
            self.budget.say("measuring the forward pass in float32")
            full = assembly.load_model(self.settings.model_copy(update={"dtype": "float32"}))
            found.append(limits.forward(full.encoder, self.settings.max_batch, self._callers(full)))

    def _callers(self, model: Model) -> int:
        return limits.callers(model.where, self.settings.cores)

    def _of_passes(self, seconds: float) -> float:
        """Seconds that measuring a pass takes: one pass does not count, and then `limits.SECONDS` or one more do."""
        return seconds + max(seconds, limits.SECONDS)

    def _rounds(self, judge: Judge) -> None:
        """Stream in rounds, with fewer images where `LEAST_ROUNDS` would not fit with all of them."""
        self.budget.part(ROUNDS)
        best = _fastest(self.figures.forwards)
        decode = limits.decode_one_by_one(judge.model.decoder, self.images).cpu_each
        each = self.figures.views * best.cost.wall / best.cost.images + decode
        limit = self._of_passes(best.seconds) + self._of_passes(DECODE_SAMPLE * decode)
        a_round = self.budget.left / LEAST_ROUNDS / (2 if self.kafka else 1) - 2 * limit
        fits = max(LEAST_STREAM, int(a_round / (each + decode)))
        if fits < len(self.images):
            self.budget.missing.append(f"streams of {fits} images, not {len(self.images)}: there is no time for more")
        images = self.images[:fits]
        if not self.budget.affords("streaming", 2 * limit + len(images) * (each + decode)):
            return
        self.figures.images = len(images)
        null, size = partial(_null, self.settings, judge.model), (best.batch, self.figures.views)
        rounds = measured_rounds(self.settings, judge, null, images, size, kafka=self.kafka, budget=self.budget)
        for measured in rounds:
            self.figures.rounds.append(measured)

    def _capacity(self) -> float:
        """Images a second through memory, the median of the rounds."""
        return float(np.median([each.memory.run.cost().rate for each in self.figures.rounds]))

    def _repeats(self, judge: Judge) -> None:
        """Stream images that have all been seen: a viral one costs a hash."""
        self.budget.part(REPEAT)
        few = self.images[: max(1, self.figures.images // REPEATS)]
        if not self.budget.affords("images seen before", 2 * len(few) / self._capacity()):
            return
        self.budget.say("streaming the same images again")
        remembering = Judge(judge.model, judge.reading, judge.live, MemoryFeatureCache(len(few)))
        streams.through_memory(self.settings, remembering, few)
        self.figures.repeats = streams.through_memory(self.settings, remembering, list(few) * REPEATS).cost()

    def _latencies(self, judge: Judge) -> None:
        self.budget.part(LATENCY)
        largest = max(self.figures.forwards, key=lambda each: each.batch)
        sizes = limits.batch_sizes(self.settings.max_batch)

        def passes(busy: float) -> float:
            of_sizes = (largest.seconds * size / largest.batch for size in sizes)
            return sum(seconds + max(seconds / busy, limits.SECONDS) for seconds in of_sizes)

        subject = Subject(self.settings, judge, self.images, self.figures.views, passes)
        for measured in latencies(subject, self._capacity(), self.budget):
            self.figures.latencies.append(measured)

    def _prompts(self, model: Model) -> None:
        self.budget.part(PROMPTS)
        batch = self.settings.max_batch
        largest = max(self.figures.forwards, key=lambda each: each.batch)
        if self.budget.affords("10,000 prompts", 5 + 3 * largest.seconds * batch / largest.batch):
            self.budget.say("measuring 10,000 prompts")
            self.figures.prompts = prompt_share(model.encoder, batch, self._callers(model))
        self.budget.part(WARM)
        if self.settings.redis_url is not None and self.budget.affords("1,000 prompts that Redis knows", 5.0):
            self.budget.say("measuring 1,000 prompts that Redis knows")
            self.figures.warm = warm_prompts(self.settings)

    def _peers(self) -> None:
        if not self.with_peers:
            return
        from workers.bench.peers import BATCH, SECONDS, peers  # noqa: PLC0415 - torch, where it is run

        self.budget.part(PEERS)
        best = _fastest(self.figures.forwards)
        slow = 4 * BATCH * best.cost.wall / best.cost.images  # twice as much for float32, and two batches of it
        if self.budget.affords("what people write without Sluice", 2 * SECONDS + IMPORTS + slow):
            self.budget.say("running what people write without Sluice")
            self.figures.peers = peers(
                self.settings.model, self.settings.pretrained, self.images[:PEER_SAMPLE], self.settings.cores
            )

    def _starts(self) -> None:
        self.budget.part(1.0)
        what = "start to first decision"
        if self.budget.affords(what, self.loading + 2 * IMPORTS):
            self.budget.say("starting processes")
            flags = _model_flags(self.settings)
            self.figures.start = starts(
                self.images[0], flags, lambda seconds: self.budget.affords(f"{what}, another round", seconds)
            )


def _fastest(forwards: Sequence[Forward]) -> Forward:
    """The batch size whose views cost the least CPU time, in the dtype that moderates."""
    ours = [each for each in forwards if each.dtype == forwards[0].dtype]
    return min(ours, key=lambda each: each.cost.cpu_each)


def _forgetful(judge: Judge) -> Judge:
    """A judge that is the same but remembers no image: every one is decoded and encoded."""
    return Judge(judge.model, judge.reading, judge.live, MemoryFeatureCache(0))


def _null(settings: Settings, model: Model, decoder: Decoder) -> Judge:
    """A judge whose forward pass costs nothing and gives features of the same shape."""
    null = Model(NullEncoder(model.encoder.spec), decoder, model.where)
    return _forgetful(assembly.judge(settings, null, Hooks(), MemoryTextCache()))


def _model_flags(settings: Settings) -> list[str]:
    flags = ["--model", settings.model, "--device", settings.device, "--policies", str(settings.policies)]
    return [*flags, "--pretrained", settings.pretrained] if settings.pretrained else flags
