"""What the path of an image needs from outside, as Protocols; adapters offer them, in memory and for real.

Each docstring is the contract: whether a call may block, and what it may raise. One conformance suite in the tests
runs over every implementation of a port.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from pipeline.items import Batch, Features, Pixels
from pipeline.rules.policy_set import CalibratedFor
from pipeline.wire import Claim, Decision, Record

_log = structlog.get_logger(__name__)


class Stage(Protocol):
    """One step of the path. It works on a batch's live items, drops none, and lets failed ones pass along."""

    name: str

    def __call__(self, batch: Batch) -> Batch:
        """Work on the batch and return it. Raises `StopError` when no item could ever get through."""


class Source(Protocol):
    """Events in, offsets out. One thread owns a source and makes every call on it."""

    def poll(self, timeout: float, most: int | None = None) -> Batch | None:
        """Wait up to `timeout` seconds for events; None if there were none. Keeps the group membership alive.

        Takes at most `most` of them, and never more than the source was made for.
        """

    def pause(self) -> None:
        """Let `poll` bring nothing until `resume`, also from partitions assigned meanwhile. Idempotent."""

    def resume(self) -> None:
        """Undo `pause`. Idempotent."""

    def commit(self, batch: Batch) -> None:
        """Mark the batch as done: once all before them are, its events will not be delivered to this group again.

        Batches come in any order, whole or in parts. In each partition the group's offset goes no further than the
        first event that was polled and is not done: after a crash that event and all behind it come again. What
        belongs to partitions that were taken away since is silently left out: their new owner repeats it. May hold
        the commit back for a moment; `close` and a revocation send what was held back. Raises `StopError` when the
        broker refuses for good.
        """

    def finish_with(self, drain: Callable[[], Sequence[Batch]]) -> None:
        """How to get, without blocking, the batches that are through: for what is in flight of partitions that leave.

        A source that can asks for them while such partitions wait to go, for a bounded time, and commits them: their
        new owner then repeats nothing. It asks while the owning thread waits inside `poll`, on whichever thread.
        `drain` raises `StopError` where there is nothing to wait for.
        """

    def close(self) -> None:
        """Send the commits that were held back and leave the group. Idempotent."""


class Publisher(Protocol):
    """Records out."""

    def publish(self, records: Sequence[Record]) -> None:
        """Return once the broker has acknowledged every record; raises `PublishError` when it has not.

        Raises `RefusedError` when some can never be acknowledged (too large for their topic, no key on a compacted
        one) and all others are: the publisher may be used again, and must be, for a smaller form of those.
        """

    def close(self) -> None:
        """Free the connection. Idempotent."""


class Fetcher(Protocol):
    """Redeems claim checks."""

    def fetch(self, claim: Claim) -> bytes:
        """The image's bytes; blocks for a bounded time. Raises `ItemError` with a FETCH_* reason.

        Raises `RetryError`, which is one, when the store is away for now, or so it seems.
        """


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image as the model takes it: `pixels` is ``uint8[V,H,W,3]``, taken from `frames` still pictures.

    `notes` say what a reader of the decision should know of the file, such as ``truncated``.
    """

    pixels: Pixels
    frames: int
    notes: tuple[str, ...] = ()


class Decoder(Protocol):
    """Bytes of a stranger to pixels. Safe to call from many threads at once."""

    name: str
    """Names the preprocessing in every decision, such as ``fast-64-bicubic``."""

    def decode(self, image: bytes) -> Decoded:
        """Decode, orient, sample frames, resize and crop. Raises `ItemError` for whatever is not an image."""


class TextCache(Protocol):
    """Text features shared by a fleet. A cache, never a dependency: no call raises, each returns in bounded time."""

    def get(self, fingerprint: str, digests: Sequence[str]) -> dict[str, Features]:
        """The features (``float32[D]``) it has under each digest, for that model; what is missing is a miss."""

    def put(self, fingerprint: str, features: Mapping[str, Features]) -> None:
        """Keep these, if it can."""

    def close(self) -> None:
        """Free the connection. Idempotent."""


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """What the rest of the path must know of a model.

    ``logit_scale`` is already exponentiated (about 100 for CLIP). ``logit_bias`` is None for a softmax model and a
    number for one trained with a sigmoid loss (SigLIP). ``mean`` and ``std`` are per RGB channel on a 0..1 scale.
    """

    name: str
    fingerprint: str
    dtype: str
    image_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str
    resize_mode: str
    features: int
    context_length: int
    logit_scale: float
    logit_bias: float | None


class Encoder(Protocol):
    """A CLIP model on a device. Safe to call from many threads; calls block while the device works."""

    spec: EncoderSpec

    def encode_images(self, pixels: Pixels, *, spread: bool = True) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``. Raises `EncoderError` when the device fails.

        A model on the CPU may `spread` the work over all cores. Not where callers stand side by side, one to a core.
        An image that overflows a 16-bit dtype comes back as NaN or infinity, which is for the caller to find.
        """

    def encode_texts(self, texts: Sequence[str]) -> Features:
        """N sentences to L2-normalised ``float32[N,D]``. Raises `EncoderError` when the device fails."""

    def count_tokens(self, text: str) -> int:
        """Tokens of a sentence, its start and end marks included; more than `context_length` are cut off."""


Remembered = tuple[Features, int]
"""Features of an image, ``float32[V,D]``, and the number of frames they stand for."""


class FeatureCache(Protocol):
    """Image features by content hash (sha256, hex), for one model and preprocessing: a repeated image costs a hash.

    A cache, never a dependency: no call raises, each returns in bounded time. Safe to call from many threads.
    """

    def get(self, digests: Sequence[str]) -> dict[str, Remembered]:
        """What it has under each digest, read-only; what is missing is a miss."""

    def put(self, remembered: Mapping[str, Remembered]) -> None:
        """Keep these, if it can."""

    def close(self) -> None:
        """Free what it holds. Idempotent."""


LOSSES = ("expired", "recreated", "truncated", "corrupt")
"""Why events will never be polled: too old, of a topic that is gone, cut off its log, in an unreadable batch."""


class Hooks:
    """What happens, as no-op methods: subclass what you listen to. Called from several threads; must not block."""

    def polled(self, events: int, value_bytes: int) -> None:
        """A poll brought events whose values sum to that many bytes."""

    def stage_done(self, stage: str, seconds: float, items: int) -> None:
        """A stage worked that long on one batch."""

    def queue_depth(self, queue: str, batches: int) -> None:
        """That many batches now wait before a stage."""

    def encoded(self, images: int) -> None:
        """One forward pass over that many views."""

    def decided(self, decision: Decision, latency: float | None) -> None:
        """A decision was acknowledged, `latency` seconds after its event's timestamp, where that says anything."""

    def dead_lettered(self, stage: str, reason: str, latency: float | None) -> None:
        """A dead letter was acknowledged."""

    def committed(self, events: int) -> None:
        """A batch of that many events was marked as done."""

    def assigned(self, partitions: int) -> None:
        """The source now owns that many partitions."""

    def lag(self, topic: str, partition: int, events: int) -> None:
        """That many events of an owned partition are still to be polled."""

    def text_cache(self, result: str, count: int) -> None:
        """`count` look-ups ended as ``hit``, ``miss`` or ``error``."""

    def feature_cache(self, result: str, count: int) -> None:
        """`count` images were ``hit`` or ``miss`` in the cache of image features, wherever it keeps them."""

    def shared_feature_cache(self, result: str, count: int) -> None:
        """`count` look-ups in the shared cache of image features ended as ``hit``, ``miss`` or ``error``."""

    def policies_loaded(self, version: str, policies: int) -> None:
        """A policy set went live."""

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        """A policy set went live; the thresholds of these active policies, often none, were set for another model."""

    def policies_refused(self, reason: str) -> None:
        """A set did not validate (``invalid``) or could not be taken up now (``error``); the last good one stays."""

    def model_loaded(self, spec: EncoderSpec) -> None:
        """The model is warm."""

    def claims(self, waiting: int, away: int) -> None:
        """So many claim checks wait to be fetched or are being fetched; so many of their stores do not answer."""

    def braked(self, reason: str | None) -> None:
        """The worker takes no more events but trials, for that reason; None: it takes them again."""

    def answer_made_smaller(self, form: str) -> None:
        """The broker refused an answer for good, and it is tried again in that smaller form."""

    def lost(self, topic: str, partition: int, reason: str, events: int) -> None:
        """A range of events will never be polled, for one of `LOSSES`; `events` is 0 where nobody knows how many."""

    def log_lines_lost(self, lines: int) -> None:
        """So many lines of the log could not be written. Must not log."""

    def background(self, lines: int) -> None:
        """A policy set went live; so many lines of its background stand against the policy that has the fewest."""

    def policies_looked_at(self) -> None:
        """The policy folder was looked at, and what was found in it has been dealt with."""

    def policies_from_last_good(self) -> None:
        """The policy folder did not validate at the start; the last good set, which was kept on disk, is live."""


class HookChain(Hooks):
    """Passes every call on to each listener, in order."""

    def __init__(self, *listeners: Hooks) -> None:
        for name in [n for n in vars(Hooks) if not n.startswith("_")]:
            setattr(self, name, _fan_out([getattr(listener, name) for listener in listeners]))


def _fan_out(calls: Sequence[Callable[..., None]]) -> Callable[..., None]:
    def call(*args: object, **kwargs: object) -> None:
        for each in calls:
            try:
                each(*args, **kwargs)
            except Exception:  # noqa: BLE001 - who listens must not end who works
                _log.exception("hook_failed", hook=getattr(each, "__qualname__", repr(each)))

    return call
