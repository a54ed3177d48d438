"""What a platform sees of a worker over HTTP: when it is ready, and the metrics that it was promised."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.deploy.expressions import ALERTS, alert_expressions, dashboard_expressions
from tests.e2e.pictures import hostile_pictures, pictures
from tests.e2e.standing import Standing
from tests.services.deadline import until
from tests.services.processes import HOST
from tests.services.prometheus import PrometheusServer

PROMISED = [
    'sluice_images_total{outcome="decided"}',
    'sluice_images_total{outcome="dead_letter"}',
    "sluice_decisions_total",
    "sluice_dead_letters_total",
    "sluice_end_to_end_seconds_bucket",
    "sluice_matches_total",
    "sluice_score_ratio_bucket",
    "sluice_stage_seconds_bucket",
    "sluice_stage_images_total",
    "sluice_queue_batches",
    "sluice_batch_images_bucket",
    "sluice_forward_pass_views_bucket",
    "sluice_polled_bytes_total",
    "sluice_commits_total",
    "sluice_committed_images_total",
    "sluice_lag_images",
    "sluice_assigned_partitions",
    "sluice_text_cache_lookups_total",
    "sluice_feature_cache_lookups_total",
    "sluice_shared_feature_cache_lookups_total",
    "sluice_policy_reloads_total",
    "sluice_policies",
    "sluice_policy_set_info",
    "sluice_model_info",
]


FROM_OUTSIDE = {"Lag as the broker has it", "Canaries by outcome", "Canaries: seconds to the answer"}
"""The panels of what `sluice canary` shows."""
FROM_ARCHIVERS = {"Kept", "Waits to be kept", "Files and bytes", "Left out, unreadable, and the store", "Tidied"}
FROM_ARCHIVERS |= {"Tidying: time, and since when all is tidy"}
FROM_ARCHIVERS |= {"Precision by reviews", "Missed by reviews", "Reviewed images"}
"""The panels of what `sluice archive run` shows."""
FROM_CONSOLES = {"API: requests by status", "API: seconds to the answer", "API: requests in flight"}
FROM_CONSOLES |= {"Console: what it reads", "Console: processes that answer it"}
"""The panels of what `sluice serve` and `sluice console` show."""
FROM_POLICIES = {"Policies held", "Shadow beside live"}
"""The panels of policies with limits, and of such as stand in the shadow of another; none that ships does either."""


@pytest.fixture(scope="module")
def busy(standing: Standing) -> Standing:
    """The standing worker after some work of every kind."""
    work(standing)
    return standing


def work(standing: Standing) -> None:
    """Pictures, attacks, and then some of the pictures again: all answered and committed."""
    for images in ([*pictures(40, start=5000), *hostile_pictures()], pictures(5, start=5000)):
        before = standing.pipeline.answered()
        standing.pipeline.send(images)
        standing.pipeline.wait_for_answers(before + len(images), standing.worker)
        standing.pipeline.wait_until_committed()


def test_a_worker_is_alive_at_once_and_ready_with_model_and_partitions(standing: Standing) -> None:
    said = standing.while_starting
    assert said["healthz"] == [(200, "ok\n")]
    assert said["readyz"][0] == (503, "the model is loading\n")
    assert said["readyz"][-1] == (200, "ok\n")
    assert {status for status, _ in said["readyz"][:-1]} == {503}
    assert standing.worker.metric("sluice_assigned_partitions") == 2
    [listens] = standing.worker.logged("health_served")
    assert listens["at"] == f"http://{HOST}:{standing.worker.port}"


def test_prometheus_finds_what_was_promised_and_what_is_deployed(
    busy: Standing, prometheus: Callable[..., PrometheusServer]
) -> None:
    """Every promised metric, every expression of the dashboard, and every series that an alert reads."""
    dashboard, alerts = dashboard_expressions(window="1m"), alert_expressions()
    server = prometheus([f"{HOST}:{busy.worker.port}"], rule_files=[ALERTS])
    server.wait_for("sluice_commits_total")
    assert [series for series in PROMISED if not server.query(series)] == []
    work(busy)  # a rate needs a rise that Prometheus has seen

    def empty() -> set[str]:
        return {each.place for each in dashboard if not server.query(each.promql)}

    # Only these wait for something that the work does not bring.
    waiting = {"Policies went live", *FROM_OUTSIDE, *FROM_ARCHIVERS, *FROM_CONSOLES, *FROM_POLICIES}
    until(lambda: empty() <= waiting, 60, lambda: f"data in every chart; there is none in {empty()}")
    for each in alerts:
        server.query(each.promql)
    read = {selector for each in alerts for selector in each.selectors}
    missing = {selector for selector in read if not server.query(selector)}
    of_others = {
        selector
        for selector in missing
        if re.match(r"sluice_(archive|canary|group|review|api|console)_|up.*(archiver|canary|api|console)", selector)
    }
    assert {selector.partition("{")[0] for selector in missing - of_others} == {
        "sluice_restarts_total",
        "sluice_failing_processes",
        "sluice_hung_processes_total",
        "sluice_policy_held",
    }, "a supervisor's, and of policies with limits"
    assert not server.firing() - {"SluicePoliciesRefused"}


def test_the_counts_agree_with_what_was_published(busy: Standing) -> None:
    worker, answers = busy.worker, busy.pipeline.answers()
    assert worker.metric("sluice_images_total", outcome="decided") == len(answers.decisions)
    assert worker.metric("sluice_images_total", outcome="dead_letter") == len(answers.dead_letters)
    assert worker.metric("sluice_decisions_total") == len(answers.decisions)
    assert worker.metric("sluice_committed_images_total") == len(answers.all)
    for stage in ("fetch", "recall", "decode", "encode", "decide", "publish"):
        assert worker.metric("sluice_stage_images_total", stage=stage) == len(answers.all), stage
    sizes = sum(len(record.value or b"") for record in busy.pipeline.kafka.read_all(busy.pipeline.images))
    assert worker.metric("sluice_polled_bytes_total") == sizes
    assert worker.metric("sluice_feature_cache_lookups_total", result="hit") >= 1
