"""Every metric of Sluice, declared in one place, and the hooks that drive them.

Names end in their base unit (seconds, bytes, ratio) or in what they count; counters add ``_total``. Each label is
bounded by what `BOUNDS` says of it: nothing from an image, a key or an error message ever becomes a label.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import Lock
from typing import get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from pipeline.errors import Reason
from pipeline.ports import LOSSES, EncoderSpec, Hooks
from pipeline.rules.policy_set import CalibratedFor
from pipeline.wire import SEVERITY, Action, Decision, Form

MODES = ("enforce", "shadow")

BOUNDS: Mapping[str, tuple[str, ...] | str] = {
    "outcome": ("decided", "dead_letter"),
    "verdict": tuple(SEVERITY),
    "action": get_args(Action),
    "mode": MODES,
    "reason": tuple(reason.value for reason in Reason),
    "stage": ("fetch", "recall", "decode", "encode", "decide", "publish"),
    "result": ("hit", "miss", "error", "loaded", "invalid"),
    "form": (*(form.name.lower() for form in Form if form), "dead_letter"),
    "loss": LOSSES,
    "queue": "the sections of the runner, fixed at the start",
    "policy": "the policies that decide now: one that leaves the set takes its series along",
    "topic": "the topics that the worker reads",
    "partition": "the partitions that the worker owns: each assignment forgets the last one's",
    "version": "one, that of the live policy set",
    "name": "one, that of the loaded model",
    "fingerprint": "one, that of the loaded model",
    "dtype": "one, that of the loaded model",
}
"""What each label may hold: its values, or in words what keeps their number small."""

# Four a decade where pipelines live; to an hour, since a backlog makes events that old.
LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
# One stage, one batch: from a batch of cache hits to a full batch of large images on a laptop.
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
# Even steps, because thresholds stand anywhere; finer at the ends, where most scores are. The first bucket that fits
# is found by looking from below, so the many scores near 0 are the cheap ones.
SCORE_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class Metrics:
    """The declaration: name, help text, labels. A counter's ``_total`` is added by the library."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(name, text, labels, registry=registry)

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(name, text, labels, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(name, text, labels, buckets=buckets, registry=registry)

        def info(name: str, text: str, *labels: str) -> Info:
            return Info(name, text, labels, registry=registry)

        # --- what came of the images -----------------------------------------------------------------------------
        self.images = counter(
            "sluice_images", "Images answered, the answer acknowledged by the broker, by outcome.", "outcome"
        )
        self.decisions = counter("sluice_decisions", "Decisions acknowledged, by verdict.", "verdict")
        self.dead_letters = counter(
            "sluice_dead_letters", "Dead letters acknowledged, by the stage that gave up and why.", "stage", "reason"
        )
        self.answers_made_smaller = counter(
            "sluice_smaller_answers",
            "Answers that the broker refused for good and that were tried again in a smaller form, by that form.",
            "form",
        )
        self.end_to_end = histogram(
            "sluice_end_to_end_seconds",
            "Seconds from an event's own timestamp to its acknowledged answer, by outcome.",
            LATENCY_BUCKETS,
            "outcome",
        )

        # --- what the policies say -------------------------------------------------------------------------------
        self.matches = counter(
            "sluice_matches",
            "Images that reached a threshold of a policy, by the severest action reached and the policy's mode.",
            *("policy", "action", "mode"),
        )
        self.scores = histogram(
            "sluice_score_ratio", "Scores (probabilities) of decided images, by policy.", SCORE_BUCKETS, "policy"
        )
        self.policy_reloads = counter(
            "sluice_policy_reloads",
            "Policy sets offered: loaded went live, invalid was refused, error failed otherwise and is tried again.",
            "result",
        )
        self.policies_refused = gauge(
            "sluice_policies_refused", "1 while the newest policy files are refused and an older set decides, else 0."
        )
        self.policies = gauge("sluice_policies", "Policies in the live set, those that are off included.")
        self.other_model_policies = gauge(
            "sluice_other_model_policies",
            "Active policies whose thresholds were calibrated for another model than the one that scores.",
        )
        self.policy_set = info("sluice_policy_set", "The live policy set.", "version")
        self.background_lines = gauge(
            "sluice_background_lines", "Background lines that stand against the live policy that has the fewest."
        )
        self.policies_looked_at = gauge(
            "sluice_policies_looked_at_timestamp_seconds", "When the policy folder was last looked at (Unix time)."
        )
        self.policies_last_good = gauge(
            "sluice_policies_last_good",
            "1 while policies from before the start decide, since the folder did not validate then, else 0.",
        )

        # --- the model -------------------------------------------------------------------------------------------
        self.model = info("sluice_model", "The loaded model.", "name", "fingerprint", "dtype")
        self.forward_pass_views = histogram(
            "sluice_forward_pass_views", "Views (frames, tiles, backdrops) in one forward pass.", SIZE_BUCKETS
        )

        # --- the path --------------------------------------------------------------------------------------------
        self.stage_seconds = histogram(
            "sluice_stage_seconds", "Seconds that a stage worked on one batch.", STAGE_BUCKETS, "stage"
        )
        self.stage_images = counter(
            "sluice_stage_images", "Images that went through a stage, failed ones too.", "stage"
        )
        self.claims_waiting = gauge(
            "sluice_waiting_claims", "Claim checks that wait to be fetched or are being fetched."
        )
        self.claim_stores_away = gauge(
            "sluice_absent_stores", "Stores that claim checks wait for because they do not answer."
        )
        self.brake_on = gauge(
            "sluice_brake_on",
            "1 while the worker takes no more events but trials: too many dead letters speak of it and not of them.",
        )
        self.queue_batches = gauge("sluice_queue_batches", "Batches that wait before a section of stages.", "queue")

        # --- Kafka -----------------------------------------------------------------------------------------------
        self.batch_images = histogram("sluice_batch_images", "Images that one poll brought.", SIZE_BUCKETS)
        self.polled_bytes = counter("sluice_polled_bytes", "Bytes of the values of polled events.")
        self.commits = counter("sluice_commits", "Commits that the broker took.")
        self.committed_images = counter("sluice_committed_images", "Images marked as done by a commit.")
        self.lag = gauge(
            "sluice_lag_images", "Images of an owned partition that are still to be polled.", "topic", "partition"
        )
        self.assigned = gauge("sluice_assigned_partitions", "Partitions that this worker owns.")
        self.lost_images = counter(
            "sluice_lost_images",
            "Images that will never be polled, as far as they can be counted, by loss.",
            "loss",
        )
        self.lost_ranges = counter(
            "sluice_lost_ranges", "Times that a partition could not go on where it was to, by loss.", "loss"
        )

        # --- caches ----------------------------------------------------------------------------------------------
        self.text_cache = counter(
            "sluice_text_cache_lookups", "Look-ups of text features in the shared cache.", "result"
        )
        self.feature_cache = counter(
            "sluice_feature_cache_lookups", "Look-ups of image features by content.", "result"
        )
        self.shared_feature_cache = counter(
            "sluice_shared_feature_cache_lookups",
            "Look-ups of image features in the shared cache, which is asked for what this worker does not remember.",
            "result",
        )

        # --- the process -----------------------------------------------------------------------------------------
        self.log_lines_lost = counter("sluice_log_lines_lost", "Lines of the log that could not be written.")


class PrometheusHooks(Hooks):
    """Keeps the metrics, with those of the process and the interpreter, in a registry of its own.

    Safe to call from many threads; no call blocks for longer than a lock around one number.
    """

    def __init__(self) -> None:
        # The library would add a `_created` series beside every counter and histogram: a third more, used by nobody.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._metrics = metrics = Metrics(self.registry)
        # Series that are known beforehand start at 0: a rate() sees no rise in a series whose first value is 1.
        self._decided, self._dead = (metrics.images.labels(outcome) for outcome in BOUNDS["outcome"])
        self._verdicts = {verdict: metrics.decisions.labels(verdict) for verdict in SEVERITY}
        self._latency, self._dead_latency = (metrics.end_to_end.labels(outcome) for outcome in BOUNDS["outcome"])
        for loss in LOSSES:
            metrics.lost_images.labels(loss)
            metrics.lost_ranges.labels(loss)
        for result in ("loaded", "invalid", "error"):
            metrics.policy_reloads.labels(result)
        for result in ("hit", "miss", "error"):
            metrics.text_cache.labels(result)
            metrics.shared_feature_cache.labels(result)
        for result in ("hit", "miss"):
            metrics.feature_cache.labels(result)
        for stage in BOUNDS["stage"]:
            metrics.dead_letters.labels(stage, Reason.STAGE_FAILED.value)  # the first one is worth an alert
        for form in BOUNDS["form"]:
            metrics.answers_made_smaller.labels(form)
        self._policies = _PolicySeries(metrics)

    def polled(self, events: int, value_bytes: int) -> None:
        """One batch came in."""
        self._metrics.batch_images.observe(events)
        self._metrics.polled_bytes.inc(value_bytes)

    def stage_done(self, stage: str, seconds: float, items: int) -> None:
        """A stage finished a batch."""
        self._metrics.stage_seconds.labels(stage).observe(seconds)
        self._metrics.stage_images.labels(stage).inc(items)

    def queue_depth(self, queue: str, batches: int) -> None:
        """A queue grew or shrank."""
        self._metrics.queue_batches.labels(queue).set(batches)

    def encoded(self, images: int) -> None:
        """One forward pass."""
        self._metrics.forward_pass_views.observe(images)

    def decided(self, decision: Decision, latency: float | None) -> None:
        """One image is answered; the only call whose cost grows with the number of policies."""
        self._decided.inc()
        self._verdicts[decision.verdict].inc()
        if latency is not None:
            self._latency.observe(latency)
        self._policies.count(decision)

    def dead_lettered(self, stage: str, reason: str, latency: float | None) -> None:
        """One image is a dead letter."""
        self._dead.inc()
        if latency is not None:
            self._dead_latency.observe(latency)
        self._metrics.dead_letters.labels(stage, reason).inc()

    def committed(self, events: int) -> None:
        """The broker took a commit."""
        self._metrics.commits.inc()
        self._metrics.committed_images.inc(events)

    def assigned(self, partitions: int) -> None:
        """Forget all lags: that of a partition that went elsewhere would stand still and count twice."""
        self._metrics.lag.clear()
        self._metrics.assigned.set(partitions)

    def lag(self, topic: str, partition: int, events: int) -> None:
        """The lag of one owned partition."""
        self._metrics.lag.labels(topic, str(partition)).set(events)

    def lost(self, topic: str, partition: int, reason: str, events: int) -> None:  # noqa: ARG002 - the log has them
        """A range of a partition is gone."""
        self._metrics.lost_ranges.labels(reason).inc()
        self._metrics.lost_images.labels(reason).inc(events)

    def text_cache(self, result: str, count: int) -> None:
        """Look-ups in the shared cache of text features."""
        self._metrics.text_cache.labels(result).inc(count)

    def feature_cache(self, result: str, count: int) -> None:
        """Look-ups of image features, wherever they are kept."""
        self._metrics.feature_cache.labels(result).inc(count)

    def shared_feature_cache(self, result: str, count: int) -> None:
        """Look-ups in the shared cache of image features."""
        self._metrics.shared_feature_cache.labels(result).inc(count)

    def policies_loaded(self, version: str, policies: int) -> None:
        """A set went live; the last one's version disappears."""
        self._metrics.policy_reloads.labels("loaded").inc()
        self._metrics.policies_refused.set(0)
        self._metrics.policies_last_good.set(0)
        self._metrics.policies.set(policies)
        _only(self._metrics.policy_set, version)

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        """Thresholds of the set that went live fit another model."""
        self._metrics.other_model_policies.set(len(policies))

    def policies_refused(self, reason: str) -> None:
        """A set did not hold."""
        self._metrics.policy_reloads.labels(reason).inc()
        self._metrics.policies_refused.set(1)

    def model_loaded(self, spec: EncoderSpec) -> None:
        """The model is warm."""
        _only(self._metrics.model, spec.name, spec.fingerprint, spec.dtype)

    def claims(self, waiting: int, away: int) -> None:
        """A claim check came or went, or a store did."""
        self._metrics.claims_waiting.set(waiting)
        self._metrics.claim_stores_away.set(away)

    def braked(self, reason: str | None) -> None:
        """The brake went on or off."""
        self._metrics.brake_on.set(reason is not None)

    def answer_made_smaller(self, form: str) -> None:
        """The broker refused an answer."""
        self._metrics.answers_made_smaller.labels(form).inc()

    def log_lines_lost(self, lines: int) -> None:
        """Nobody will read them."""
        self._metrics.log_lines_lost.inc(lines)

    def background(self, lines: int) -> None:
        """The background of the set that went live."""
        self._metrics.background_lines.set(lines)

    def policies_looked_at(self) -> None:
        """Now."""
        self._metrics.policies_looked_at.set_to_current_time()

    def policies_from_last_good(self) -> None:
        """The folder's own set is refused, and one from before decides."""
        self._metrics.policies_refused.set(1)
        self._metrics.policies_last_good.set(1)


class _PolicySeries:
    """The series of the policies that decide now, looked up once for each set of policies and not for each image."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._lock = Lock()
        self._set = ""
        self._observe: dict[str, Callable[[float], None]] = {}
        self._matched: dict[tuple[str, str, str], Callable[[], None]] = {}

    def count(self, decision: Decision) -> None:
        """Count a decision's scores and matches."""
        with self._lock:
            if decision.policy_set != self._set:
                self._follow(decision)
            observe, matched = self._observe, self._matched
        for policy, score in decision.scores.items():
            observe[policy](score)
        for match in decision.matches:
            matched[match.policy, match.action, "enforce"]()
        for match in decision.shadow:
            matched[match.policy, match.action, "shadow"]()

    def _follow(self, decision: Decision) -> None:
        """Batches are answered in order, so the first decision by a new set is the end of the old one's series."""
        for policy in self._observe.keys() - decision.scores.keys():
            self._metrics.scores.remove(policy)
        for labels in [labels for labels in self._matched if labels[0] not in decision.scores]:
            self._metrics.matches.remove(*labels)
        self._set = decision.policy_set
        self._observe = {policy: self._metrics.scores.labels(policy).observe for policy in decision.scores}
        self._matched = {
            (policy, action, mode): self._metrics.matches.labels(policy, action, mode).inc
            for policy in decision.scores
            for action in get_args(Action)
            for mode in MODES
        }


def _only(info: Info, *labels: str) -> None:
    """Leave one series: a scrape may for an instant see none, never two."""
    info.clear()
    info.labels(*labels).info({})
