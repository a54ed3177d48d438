"""`Hooks` that feed the metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Lock

from prometheus_client import CollectorRegistry, Info

from pipeline.adapters.prometheus.declared import BOUNDS, Metrics
from pipeline.adapters.prometheus.policy_series import PolicySeries
from pipeline.adapters.prometheus.process import ProcessMetrics
from pipeline.adapters.prometheus.shadow_series import ShadowSeries
from pipeline.errors import Reason
from pipeline.ports import DEATHS, LOSSES, EncoderSpec, Hooks
from pipeline.rules.policies.assets import NO_ASSETS, Assets
from pipeline.rules.policies.policy_set import CalibratedFor
from pipeline.wire import SEVERITY, Answer, Failed, Failure


class PrometheusHooks(Hooks):
    """Keeps the metrics, with those of the process and the interpreter, in a registry of its own.

    `consumes`: whether the process is a member of a consumer group, or shows no metrics of one. Safe to call from
    many threads; no call blocks for longer than a lock around one number.
    """

    def __init__(self, *, consumes: bool = True) -> None:
        self.registry = CollectorRegistry()
        ProcessMetrics(self.registry)
        self._metrics = metrics = Metrics(self.registry, consumes=consumes)
        # Series that are known beforehand start at 0: a rate() sees no rise in a series whose first value is 1.
        self._decided, self._dead = (metrics.images.labels(outcome) for outcome in BOUNDS["outcome"])
        self._verdicts = {verdict: metrics.decisions.labels(verdict) for verdict in SEVERITY}
        self._latency, self._dead_latency = (metrics.end_to_end.labels(outcome) for outcome in BOUNDS["outcome"])
        for loss in LOSSES:
            metrics.lost_images.labels(loss)
            metrics.lost_ranges.labels(loss)
        for cause in DEATHS:
            metrics.decode_deaths.labels(cause)
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
        for result in ("made", "failed"):
            metrics.thumbnails.labels(result)
        for left_out in BOUNDS["left_out"]:
            metrics.features_refused.labels(left_out)
        self._policies = PolicySeries(metrics)
        self._shadows = ShadowSeries(metrics.shadow_images)
        self._replacing = Lock()

    def polled(self, events: int, value_bytes: int) -> None:
        self._metrics.batch_images.observe(events)
        self._metrics.polled_bytes.inc(value_bytes)

    def stage_done(self, stage: str, seconds: float, items: int) -> None:
        self._metrics.stage_seconds.labels(stage).observe(seconds)
        self._metrics.stage_images.labels(stage).inc(items)

    def queue_depth(self, queue: str, batches: int) -> None:
        self._metrics.queue_batches.labels(queue).set(batches)

    def decode_process_ended(self, cause: str) -> None:
        self._metrics.decode_deaths.labels(cause).inc()

    def encoded(self, images: int) -> None:
        self._metrics.forward_pass_views.observe(images)

    def looked_again(self, images: int, views: int) -> None:
        self._metrics.second_look_images.inc(images)
        self._metrics.second_look_views.inc(views)

    def answered(self, answer: Answer, latency: float | None) -> None:
        """The only call whose cost grows with the number of policies."""
        if isinstance(answer, Failed):
            self._dead_lettered(answer.failure, latency)
            return
        decision = answer.decision
        self._decided.inc()
        self._verdicts[decision.verdict].inc()
        if latency is not None:
            self._latency.observe(latency)
        self._policies.count(decision)
        self._shadows.count(decision)

    def _dead_lettered(self, failure: Failure, latency: float | None) -> None:
        self._dead.inc()
        if latency is not None:
            self._dead_latency.observe(latency)
        self._metrics.dead_letters.labels(failure.stage, failure.reason).inc()

    def remembered(self, records: int, size: int) -> None:
        self._metrics.features_records.inc(records)
        self._metrics.features_bytes.inc(size)

    def thumbnail(self, result: str) -> None:
        self._metrics.thumbnails.labels(result).inc()

    def features_refused(self, what: str, records: int) -> None:
        self._metrics.features_refused.labels(what).inc(records)

    def committed(self, events: int) -> None:
        self._metrics.commits.inc()
        self._metrics.committed_images.inc(events)

    def assigned(self, partitions: int) -> None:
        """Forget all lags: that of a partition that went elsewhere would stand still and count twice."""
        self._metrics.lag.clear()
        self._metrics.assigned.set(partitions)

    def lag(self, topic: str, partition: int, events: int) -> None:
        self._metrics.lag.labels(topic, str(partition)).set(events)

    def lost(self, topic: str, partition: int, reason: str, events: int) -> None:  # noqa: ARG002 - the log has them
        self._metrics.lost_ranges.labels(reason).inc()
        self._metrics.lost_images.labels(reason).inc(events)

    def kafka_away(self, why: str | None) -> None:
        self._metrics.kafka_away.set(why is not None)

    def text_cache(self, result: str, count: int) -> None:
        self._metrics.text_cache.labels(result).inc(count)

    def feature_cache(self, result: str, count: int) -> None:
        self._metrics.feature_cache.labels(result).inc(count)

    def shared_feature_cache(self, result: str, count: int) -> None:
        self._metrics.shared_feature_cache.labels(result).inc(count)

    def policies_loaded(self, version: str, policies: int) -> None:
        self._policies.loaded(version)
        self._metrics.policy_reloads.labels("loaded").inc()
        self._metrics.policies_refused.set(0)
        self._metrics.policies_last_good.set(0)
        self._metrics.policies.set(policies)
        self._leave(self._metrics.policy_set, version)

    def went_live(self, version: str, files: Mapping[str, bytes], assets: Assets = NO_ASSETS) -> None:  # noqa: ARG002
        self._metrics.policy_set_bytes.set(sum(map(len, files.values())))

    def held(self, policies: Mapping[str, bool]) -> None:
        with self._replacing:
            self._metrics.policy_held.clear()
            for policy, held in policies.items():
                self._metrics.policy_held.labels(policy).set(held)

    def limits_go_by(self, workers: int) -> None:
        self._metrics.limits_workers.set(workers)

    def shadows(self, pairs: Mapping[str, str]) -> None:
        self._shadows.follow(pairs)

    def calibrated_for_another_model(self, policies: Mapping[str, CalibratedFor]) -> None:
        self._metrics.other_model_policies.set(len(policies))

    def unproven(self, policies: Sequence[str]) -> None:
        self._metrics.unproven_policies.set(len(policies))

    def policies_refused(self, reason: str) -> None:
        self._metrics.policy_reloads.labels(reason).inc()
        self._metrics.policies_refused.set(1)

    def model_loaded(self, spec: EncoderSpec) -> None:
        self._leave(self._metrics.model, spec.name, spec.fingerprint, spec.dtype)

    def claims(self, waiting: int, away: int) -> None:
        self._metrics.claims_waiting.set(waiting)
        self._metrics.claim_stores_away.set(away)

    def braked(self, reason: str | None) -> None:
        self._metrics.brake_on.set(reason is not None)

    def answer_made_smaller(self, form: str) -> None:
        self._metrics.answers_made_smaller.labels(form).inc()

    def log_lines_lost(self, lines: int) -> None:
        self._metrics.log_lines_lost.inc(lines)

    def background(self, lines: int) -> None:
        self._metrics.background_lines.set(lines)

    def policies_looked_at(self) -> None:
        self._metrics.policies_looked_at.set_to_current_time()

    def policies_from_last_good(self) -> None:
        self._metrics.policies_refused.set(1)
        self._metrics.policies_last_good.set(1)

    def _leave(self, info: Info, *labels: str) -> None:
        """Leave one series, even if several threads replace it at once: a scrape may see none, never two."""
        with self._replacing:
            info.clear()
            info.labels(*labels).info({})
