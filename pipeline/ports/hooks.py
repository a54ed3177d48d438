"""How the path tells whoever listens what happens, such as metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import structlog

from pipeline.ports.model import EncoderSpec
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.rules.policies.policy_set import CalibratedFor
from pipeline.wire import Answer

_log = structlog.get_logger(__name__)

DEATHS = ("crashed", "exited", "killed", "cpu", "wall")
"""Why a decode process ended that was not told to: a signal of its own making, by itself, SIGKILL from outside (as
where memory is short), or a limit on the CPU seconds or the wall seconds of one image."""

LOSSES = ("expired", "recreated", "truncated", "corrupt")
"""Why events will never be polled: too old, of a topic made anew since, cut off the log, in an unreadable batch."""


class Hooks:
    """No-op methods: override those that you listen to. They are called on several threads, and must not block."""

    def polled(self, events: int, value_bytes: int) -> None:
        """A poll brought that many events, whose values have `value_bytes` bytes together."""

    def stage_done(self, stage: str, seconds: float, items: int) -> None:
        """A stage worked that long on one batch of that many items."""

    def queue_depth(self, queue: str, batches: int) -> None:
        """That many batches now wait before the section `queue` or, where that is ``done``, behind the last one."""

    def decode_process_ended(self, cause: str) -> None:
        """A decode process ended that was not told to, for one of `DEATHS`."""

    def encoded(self, images: int) -> None:
        """One forward pass was made over that many views."""

    def looked_again(self, images: int, views: int) -> None:
        """So many images of one batch were looked at a second time, in that many views."""

    def answered(self, answer: Answer, latency: float | None) -> None:
        """An answer was acknowledged, `latency` seconds after its event's timestamp, where that says anything."""

    def remembered(self, records: int, size: int) -> None:
        """That many features records of `size` bytes together were acknowledged beside their decisions."""

    def thumbnail(self, result: str) -> None:
        """A thumbnail was ``made``, or that ``failed``."""

    def features_refused(self, what: str, records: int) -> None:
        """The broker refused that many features records for good: ``thumbnail`` or ``record`` is left out then."""

    def committed(self, events: int) -> None:
        """A commit of offsets has marked that many events as done."""

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

    def went_live(self, version: str, files: Mapping[str, bytes], assets: Assets = NO_ASSETS) -> None:
        """A policy set went live, which was read from these files and assets; examples bring their signals."""

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        """A policy set went live; `policies` are the active ones, often none, with thresholds for another model."""

    def unproven(self, policies: Sequence[str]) -> None:
        """A policy set went live; `policies` are the active ones, often none, whose thresholds are a best guess."""

    def held(self, policies: Mapping[str, bool]) -> None:
        """Of each live policy that has a limit: whether it is held, since it went over it."""

    def limits_go_by(self, workers: int) -> None:
        """Limits of policies go by what that many workers counted together; 0 while there is nobody to ask."""

    def shadows(self, pairs: Mapping[str, str]) -> None:
        """A policy set went live; `pairs` maps each policy in shadow that names one to its live policy."""

    def policies_refused(self, reason: str) -> None:
        """A set did not validate (``invalid``) or could not be taken up now (``error``); the last good one stays."""

    def model_loaded(self, spec: EncoderSpec) -> None:
        """The model is warm."""

    def claims(self, waiting: int, away: int) -> None:
        """`waiting` claim checks wait to be fetched or are being fetched; `away` of their stores do not answer."""

    def braked(self, reason: str | None) -> None:
        """The worker takes no more events but trials, for that reason; with None, it takes all events again."""

    def answer_made_smaller(self, form: str) -> None:
        """The broker refused an answer for good, and it is tried again in that smaller form."""

    def lost(self, topic: str, partition: int, reason: str, events: int) -> None:
        """A range of events will never be polled, for one of `LOSSES`; `events` is 0 where nobody knows how many."""

    def kafka_away(self, why: str | None) -> None:
        """No broker has taken us in for some time, for that reason; with None, one has again."""

    def log_lines_lost(self, lines: int) -> None:
        """That many lines of the log could not be written. Must not log."""

    def background(self, lines: int) -> None:
        """A policy set went live; `lines` lines of its background stand against the policy that has the fewest."""

    def policies_looked_at(self) -> None:
        """The policy folder was looked at, and whatever was found there has been taken up or refused."""

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
