"""Everything that one bench measures, in order, and the arithmetic between the figures."""

from __future__ import annotations

import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TypeVar

import numpy as np

from pipeline.adapters.memory import MemoryFeatureCache, MemoryTextCache, NullEncoder
from pipeline.ports import Decoder, Encoder, Hooks
from workers import assembly
from workers.assembly import Judge, Model
from workers.bench import limits, streams
from workers.bench.latency import Latency, latencies
from workers.bench.limits import Cost, Forward
from workers.bench.prompts import PromptShare, prompt_share
from workers.bench.rounds import Null, Round, Streamed, measured_rounds
from workers.bench.starts import Start, in_bytes, starts
from workers.bench.warm_prompts import WarmPrompts, warm_prompts
from workers.settings import Settings

PEER_SAMPLE = 200
REPEATS = 10
"""Times that each image of the repeat run comes again."""
Say = Callable[[str], object]
A = TypeVar("A")


@dataclass(frozen=True)
class Figures:
    """One run."""

    images: int
    mean_bytes: int
    model: str
    dtype: str
    cores: int
    forwards: tuple[Forward, ...]
    rounds: tuple[Round, ...]
    repeats: Cost
    prompts: PromptShare
    warm: WarmPrompts | None
    """None without a Redis."""
    latencies: tuple[Latency, ...]
    peers: dict[str, Cost]
    start: tuple[Start, Start]
    peak_bytes: int

    @cached_property
    def memory(self) -> Streamed:
        """Of the round whose efficiency is in the middle."""
        return _middle([each.memory for each in self.rounds], by=lambda each: each.efficiency)

    @cached_property
    def kafka(self) -> Streamed | None:
        """The same through Kafka; None without one."""
        through = [each.kafka for each in self.rounds if each.kafka is not None]
        return _middle(through, by=lambda each: each.efficiency) if through else None

    @cached_property
    def null(self) -> Null:
        """Of the round whose CPU beside decode is in the middle."""
        return _middle([each.null for each in self.rounds], by=lambda each: each.beside_decode)


def measure(settings: Settings, images: Sequence[bytes], *, kafka: bool, with_peers: bool, say: Say) -> Figures:
    """Measure all of it; minutes for a large model. Raises `UsageError` for what the settings cannot have."""
    say("loading the model")
    model = assembly.load_model(settings)
    judge = assembly.judge(settings, model, MemoryTextCache(), Hooks())
    forwards = _forwards(settings, model.encoder, say)
    null, batch = partial(_null, settings, model), _fastest(forwards).batch
    rounds = measured_rounds(settings, _forgetful(judge), null, images, batch, kafka=kafka, say=say)
    say("streaming the same images again")
    repeats = _repeats(settings, judge, images)
    say("measuring latency under load")
    capacity = float(np.median([each.memory.run.cost().rate for each in rounds]))
    under_load = latencies(settings, _forgetful(judge), images, capacity)
    say("measuring 10,000 prompts")
    share = prompt_share(model.encoder, settings.max_batch)
    warm = None
    if settings.redis_url is not None:
        say("measuring 1,000 prompts that Redis knows")
        warm = warm_prompts(settings)
    others = _peers(settings, images, say) if with_peers else {}
    say("starting processes")
    return Figures(
        images=len(images),
        mean_bytes=sum(map(len, images)) // len(images),
        model=model.encoder.spec.name,
        dtype=model.encoder.spec.dtype,
        cores=settings.cores,
        forwards=tuple(forwards),
        rounds=tuple(rounds),
        repeats=repeats,
        prompts=share,
        warm=warm,
        latencies=tuple(under_load),
        peers=others,
        start=starts(images[0], _model_flags(settings)),
        peak_bytes=in_bytes(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss),
    )


def _middle(found: Sequence[A], by: Callable[[A], float]) -> A:
    return sorted(found, key=by)[len(found) // 2]


def _forwards(settings: Settings, encoder: Encoder, say: Say) -> list[Forward]:
    """The loaded dtype over batch sizes, and float32 at the largest where that is another."""
    found = []
    for size in limits.batch_sizes(settings.max_batch):
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


def _null(settings: Settings, model: Model, decoder: Decoder) -> Judge:
    """A judge whose forward pass costs nothing, of the same shape."""
    null = Model(NullEncoder(model.encoder.spec), decoder, model.apart)
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
