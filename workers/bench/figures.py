"""Everything that one bench measures, in order, and the arithmetic between the figures."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache, NullEncoder
from pipeline.ports import Encoder, Hooks
from workers import assembly
from workers.assembly import Judge, Model
from workers.bench import limits, streams
from workers.bench.arrivals import interpolated, side_by_side
from workers.bench.latency import Ideal, Latency, latencies
from workers.bench.limits import Cost, Forward
from workers.bench.prompts import PromptShare, prompt_share
from workers.bench.rounds import Best, best_of_rounds
from workers.bench.starts import Start, in_bytes, starts
from workers.bench.streams import Clockwork, KafkaCosts
from workers.bench.warm_prompts import WarmPrompts, warm_prompts
from workers.settings import Settings

PEER_SAMPLE = 200
BATCHES = (1, 2, 4, 8, 16, 32)
"""Beside the largest that the settings allow."""
REPEATS = 10
"""Times that each image of the repeat run comes again."""
Say = Callable[[str], object]


@dataclass(frozen=True)
class Figures:
    """One run."""

    images: int
    mean_bytes: int
    model: str
    dtype: str
    device_apart: bool
    cores: int
    forwards: tuple[Forward, ...]
    best: Best
    repeats: Cost
    prompts: PromptShare
    warm: WarmPrompts | None
    """None without a Redis."""
    latencies: tuple[Latency, ...]
    kafka: tuple[Clockwork, KafkaCosts] | None
    peers: dict[str, Cost]
    start: tuple[Start, Start]
    peak_bytes: int

    def bound(self, *, kafka: bool = False) -> float:
        """Images a second that the hardware allows.

        On a CPU the cores share out all work: ``cores / (CPU seconds of forward + decode [+ publish + fetch])``.
        With a device apart, the slower of device and cores: ``min(forward rate, cores / CPU seconds of decode)``.
        """
        client = 0.0
        if kafka and self.kafka is not None:
            client = self.kafka[1].publish.cpu_each + self.kafka[1].fetch.cpu_each
        if self.device_apart:
            return min(self.best.forward.cost.rate, self.cores / (self.best.decode.cpu_each + client))
        return self.cores / (self.best.forward.cost.cpu_each + self.best.decode.cpu_each + client)

    @property
    def beside_decode(self) -> float:
        """CPU seconds an image that a model without cost leaves beside decode."""
        return self.best.null.cost().cpu_each - self.best.decode.cpu_each

    def in_neither(self, run: Clockwork) -> float:
        """CPU seconds an image that are neither forward pass nor decode."""
        model = 0.0 if self.device_apart else self.best.forward.cost.cpu_each
        return run.cost().cpu_each - model - self.best.decode.cpu_each


def measure(settings: Settings, images: Sequence[bytes], *, kafka: bool, with_peers: bool, say: Say) -> Figures:
    """Measure all of it; minutes for a large model. Raises `UsageError` for what the settings cannot have."""
    say("loading the model")
    model = assembly.load_model(settings)
    judge = assembly.judge(settings, model, MemoryTextCache(), Hooks())
    forwards = _forwards(settings, model.encoder, say)
    best = best_of_rounds(settings, _forgetful(judge), _null(settings, model), images, _fastest(forwards).batch, say)
    say("streaming the same images again")
    repeats = _repeats(settings, judge, images)
    say("measuring latency under load")
    sizes = [(each.batch, each.seconds) for each in forwards if each.dtype == model.encoder.spec.dtype]
    ideal = Ideal(
        partial(side_by_side, best.decode_one_thread.cpu_each, settings.cores), interpolated(sizes), model.apart
    )
    under_load = latencies(settings, _forgetful(judge), images, best.memory.cost().rate, ideal)
    say("measuring 10,000 prompts")
    share = prompt_share(model.encoder, settings.max_batch)
    warm = None
    if settings.redis_url is not None:
        say("measuring 1,000 prompts that Redis knows")
        warm = warm_prompts(settings)
    through = None
    if kafka:
        say("streaming through Kafka")
        through = streams.through_kafka(settings, _forgetful(judge), images)
    others = _peers(settings, images, say) if with_peers else {}
    say("starting processes")
    return Figures(
        images=len(images),
        mean_bytes=sum(map(len, images)) // len(images),
        model=model.encoder.spec.name,
        dtype=model.encoder.spec.dtype,
        device_apart=model.apart,
        cores=settings.cores,
        forwards=tuple(forwards),
        best=best,
        repeats=repeats,
        prompts=share,
        warm=warm,
        latencies=tuple(under_load),
        kafka=through,
        peers=others,
        start=starts(images[0], _model_flags(settings)),
        peak_bytes=in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
    )


def _forwards(settings: Settings, encoder: Encoder, say: Say) -> list[Forward]:
    """The loaded dtype over batch sizes, and float32 at the largest where that is another."""
    sizes = [size for size in BATCHES if size < settings.max_batch] + [settings.max_batch]
    found = []
    for size in sizes:
        say(f"measuring the forward pass, {encoder.spec.dtype}, batch {size}")
        found.append(limits.forward(encoder, size))
    if encoder.spec.dtype != "float32":
        say("measuring the forward pass in float32")
        full = assembly.load_model(settings.model_copy(update={"dtype": "float32"})).encoder
        found.append(limits.forward(full, settings.max_batch))
    return found


def _fastest(forwards: Sequence[Forward]) -> Forward:
    """In the dtype that moderates, the batch size that costs the least an image."""
    ours = [each for each in forwards if each.dtype == forwards[0].dtype]
    return min(ours, key=lambda each: each.cost.cpu_each)


def _forgetful(judge: Judge) -> Judge:
    """The same, remembering no image: every one is decoded and encoded."""
    return Judge(judge.model, judge.files, judge.live, MemoryFeatureCache(0))


def _null(settings: Settings, model: Model) -> Judge:
    """A judge whose forward pass costs nothing, of the same shape."""
    null = Model(NullEncoder(model.encoder.spec), model.decoder, model.apart)
    return _forgetful(assembly.judge(settings, null, MemoryTextCache(), Hooks()))


def _repeats(settings: Settings, judge: Judge, images: Sequence[bytes]) -> Cost:
    """Images that have all been seen: a viral one costs a hash."""
    few = images[: max(1, len(images) // REPEATS)]
    remembering = Judge(judge.model, judge.files, judge.live, MemoryFeatureCache(len(few)))
    streams.through_memory(settings, remembering, few)
    return streams.through_memory(settings, remembering, list(few) * REPEATS).cost()


def _peers(settings: Settings, images: Sequence[bytes], say: Say) -> dict[str, Cost]:
    from workers.bench.peers import peers

    say("running what people write without Sluice")
    return peers(settings.model, settings.pretrained, images[:PEER_SAMPLE], settings.cores)


def _model_flags(settings: Settings) -> list[str]:
    flags = ["--model", settings.model, "--device", settings.device, "--policies", str(settings.policies)]
    return [*flags, "--pretrained", settings.pretrained] if settings.pretrained else flags
