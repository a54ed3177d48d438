"""Every metric of Sluice, declared in one place.

Names end in their base unit (seconds, bytes, ratio) or in what they count; counters add ``_total``. Each label is
bounded by what `BOUNDS` says of it: nothing from an image, a key or an error message ever becomes a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from pipeline.errors import Reason
from pipeline.ports import DEATHS, LOSSES
from pipeline.wire import SEVERITY, Action, Form

MODES = ("enforce", "shadow")

BOUNDS: Mapping[str, tuple[str, ...] | str] = {
    "outcome": ("decided", "dead_letter"),
    "verdict": tuple(SEVERITY),
    "action": get_args(Action),
    "mode": MODES,
    "reason": tuple(reason.value for reason in Reason),
    "stage": ("fetch", "recall", "decode", "encode", "look_again", "decide", "thumbnail", "publish"),
    "result": ("hit", "miss", "error", "loaded", "invalid", "made", "failed"),
    "flagged_by": ("both", "live", "shadow", "neither"),
    "left_out": ("thumbnail", "record"),
    "form": (*(form.name.lower() for form in Form if form), "dead_letter"),
    "loss": LOSSES,
    "cause": DEATHS,
    "queue": "the sections of the runner, fixed at the start",
    "policy": "the policies that decide now: one that leaves the set takes its series along",
    "live": "the policies that those in shadow are compared with, one each",
    "topic": "the topics that the worker reads",
    "partition": "the partitions that the worker owns: each assignment forgets the last one's",
    "version": "one, that of the live policy set",
    "name": "one, that of the loaded model",
    "fingerprint": "one, that of the loaded model",
    "dtype": "one, that of the loaded model",
}
"""What each label may hold: its values, or in words what keeps their number small."""

# Three a decade up to ten seconds, then further apart up to an hour, since a backlog makes events that old.
LATENCY_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600)
# One stage, one batch: from a batch of cache hits to a full batch of large images on a laptop.
STAGE_BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SIZE_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
# Even steps, because thresholds stand anywhere; finer at the ends, where most scores are. The first bucket that fits
# is found by looking from below, so the many scores near 0 are the cheap ones.
SCORE_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


class _Maker:
    def __init__(self, registry: CollectorRegistry | None) -> None:
        self._registry = registry

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def histogram(self, name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self._registry)

    def info(self, name: str, text: str, *labels: str) -> Info:
        return Info(name, text, labels, registry=self._registry)


class Metrics:
    """The declaration: name, help text, labels. A counter's ``_total`` is added by the library.

    A process that consumes no topic shows nothing of Kafka's: its zeros would read as a worker without partitions.
    """

    def __init__(self, registry: CollectorRegistry, *, consumes: bool = True) -> None:
        make = _Maker(registry)
        self._what_came_of_the_images(make)
        self._what_the_policies_say(make)
        self._the_policies(make)
        self._the_model(make)
        self._the_path(make)
        self._kafka(make if consumes else _Maker(None))
        self._caches(make)
        self._the_process(make)

    def _what_came_of_the_images(self, make: _Maker) -> None:
        self.images = make.counter(
            "sluice_images", "Images answered, the answer acknowledged by the broker, by outcome.", "outcome"
        )
        self.decisions = make.counter("sluice_decisions", "Decisions acknowledged, by verdict.", "verdict")
        self.dead_letters = make.counter(
            "sluice_dead_letters", "Dead letters acknowledged, by the stage that gave up and why.", "stage", "reason"
        )
        self.answers_made_smaller = make.counter(
            "sluice_smaller_answers",
            "Answers that the broker refused for good and that were tried again in a smaller form, by that form.",
            "form",
        )
        self.features_records = make.counter(
            "sluice_features_records", "Features records acknowledged by the broker, beside their decisions."
        )
        self.features_bytes = make.counter("sluice_features_bytes", "Bytes of the values of those features records.")
        self.features_refused = make.counter(
            "sluice_refused_features_records",
            "Features records that the broker refused for good, by what was left out: the thumbnail, or the record.",
            "left_out",
        )
        self.thumbnails = make.counter(
            "sluice_thumbnails", "Thumbnails that were wanted for features records, made or failed.", "result"
        )
        self.end_to_end = make.histogram(
            "sluice_end_to_end_seconds",
            "Seconds from an event's own timestamp to its acknowledged answer, by outcome.",
            LATENCY_BUCKETS,
            "outcome",
        )

    def _what_the_policies_say(self, make: _Maker) -> None:
        self.matches = make.counter(
            "sluice_matches",
            "Images that reached a threshold of a policy, by the severest action reached and the policy's mode.",
            *("policy", "action", "mode"),
        )
        self.shadow_images = make.counter(
            "sluice_shadow_images",
            "Images that a policy in shadow and the live one that it names both scored, by which of them flags it.",
            *("policy", "live", "flagged_by"),
        )
        self.policy_held = make.gauge(
            "sluice_policy_held",
            "1 while a policy is held since it went over its limit, so that its blocks become reviews, else 0.",
            "policy",
        )
        self.limits_workers = make.gauge(
            "sluice_limits_workers",
            "Workers whose counts the limits of policies go by together, this one among them; 0 without Redis.",
        )
        self.scores = make.histogram(
            "sluice_score_ratio", "Scores (probabilities) of decided images, by policy.", SCORE_BUCKETS, "policy"
        )

    def _the_policies(self, make: _Maker) -> None:
        self.policy_reloads = make.counter(
            "sluice_policy_reloads",
            "Policy sets offered: loaded went live, invalid was refused, error failed otherwise and is tried again.",
            "result",
        )
        self.policies_refused = make.gauge(
            "sluice_policies_refused", "1 while the newest policy files are refused and an older set decides, else 0."
        )
        self.policies = make.gauge("sluice_policies", "Policies in the live set, those that are off included.")
        self.other_model_policies = make.gauge(
            "sluice_other_model_policies",
            "Active policies whose thresholds were calibrated for another model than the one that scores.",
        )
        self.unproven_policies = make.gauge(
            "sluice_unproven_policies",
            "Active policies whose thresholds are a best guess, calibrated on too few images to show them.",
        )
        self.policy_set = make.info("sluice_policy_set", "The live policy set.", "version")
        self.policy_set_bytes = make.gauge("sluice_policy_set_bytes", "Bytes of the files of the live policy set.")
        self.background_lines = make.gauge(
            "sluice_background_lines", "Background lines that stand against the live policy that has the fewest."
        )
        self.policies_looked_at = make.gauge(
            "sluice_policies_looked_at_timestamp_seconds", "When the policy folder was last looked at (Unix time)."
        )
        self.policies_last_good = make.gauge(
            "sluice_policies_last_good",
            "1 while policies from before the start decide, since the folder did not validate then, else 0.",
        )

    def _the_model(self, make: _Maker) -> None:
        self.model = make.info("sluice_model", "The loaded model.", "name", "fingerprint", "dtype")
        self.forward_pass_views = make.histogram(
            "sluice_forward_pass_views", "Views (frames, tiles, backdrops) in one forward pass.", SIZE_BUCKETS
        )
        self.second_look_images = make.counter(
            "sluice_second_look_images", "Images that were suspicious, and looked at a second time."
        )
        self.second_look_views = make.counter(
            "sluice_second_look_views", "Views that the model was shown for second looks."
        )

    def _the_path(self, make: _Maker) -> None:
        self.stage_seconds = make.histogram(
            "sluice_stage_seconds", "Seconds that a stage worked on one batch.", STAGE_BUCKETS, "stage"
        )
        self.stage_images = make.counter(
            "sluice_stage_images", "Images that went through a stage, failed ones too.", "stage"
        )
        self.decode_deaths = make.counter(
            "sluice_decode_process_deaths",
            "Decode processes that ended without being told to, or were ended at a limit of one image, by cause.",
            "cause",
        )
        self.claims_waiting = make.gauge(
            "sluice_waiting_claims", "Claim checks that wait to be fetched or are being fetched."
        )
        self.claim_stores_away = make.gauge(
            "sluice_absent_stores", "Stores that claim checks wait for because they do not answer."
        )
        self.brake_on = make.gauge(
            "sluice_brake_on",
            "1 while the worker takes no more events but trials: too many dead letters speak of it and not of them.",
        )
        self.queue_batches = make.gauge(
            "sluice_queue_batches", "Batches that wait before a section of stages.", "queue"
        )

    def _kafka(self, make: _Maker) -> None:
        self.batch_images = make.histogram("sluice_batch_images", "Images that one poll brought.", SIZE_BUCKETS)
        self.polled_bytes = make.counter("sluice_polled_bytes", "Bytes of the values of polled events.")
        self.commits = make.counter("sluice_commits", "Commits that the broker took.")
        self.committed_images = make.counter("sluice_committed_images", "Images marked as done by a commit.")
        self.lag = make.gauge(
            "sluice_lag_images", "Images of an owned partition that are still to be polled.", "topic", "partition"
        )
        self.assigned = make.gauge("sluice_assigned_partitions", "Partitions that this worker owns.")
        self.kafka_away = make.gauge(
            "sluice_kafka_away",
            "1 while no broker takes this process in, so that what it shows of lag and partitions is old; else 0.",
        )
        self.lost_images = make.counter(
            "sluice_lost_images",
            "Images that will never be polled, as far as they can be counted, by loss.",
            "loss",
        )
        self.lost_ranges = make.counter(
            "sluice_lost_ranges", "Times that a partition could not go on where it was to, by loss.", "loss"
        )

    def _caches(self, make: _Maker) -> None:
        self.text_cache = make.counter(
            "sluice_text_cache_lookups", "Look-ups of text features in the shared cache.", "result"
        )
        self.feature_cache = make.counter(
            "sluice_feature_cache_lookups", "Look-ups of image features by content.", "result"
        )
        self.shared_feature_cache = make.counter(
            "sluice_shared_feature_cache_lookups",
            "Look-ups of image features in the shared cache, which is asked for what this worker does not remember.",
            "result",
        )

    def _the_process(self, make: _Maker) -> None:
        self.log_lines_lost = make.counter("sluice_log_lines_lost", "Lines of the log that could not be written.")
