"""Every metric, and what the hooks make of it."""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from pipeline.adapters.prometheus import BOUNDS, Metrics, PrometheusHooks
from pipeline.ports import EncoderSpec, HookChain, Hooks
from pipeline.rules.policies.policy_set import CalibratedFor
from tests.deploy.traffic import POLICIES, SPEC, decided, failed, one_batch, start

DECLARED = [each for each in vars(Metrics(CollectorRegistry())).values() if isinstance(each, MetricWrapperBase)]
UNITS = {"seconds", "bytes", "ratio"}
COUNTED = {
    *("images", "decisions", "dead_letters", "matches", "views", "batches", "commits", "lookups"),
    *("partitions", "ranges", "policies", "policy_reloads", "background_lines", "answers", "claims", "stores"),
    *("log_lines_lost", "deaths", "records", "thumbnails", "workers"),
}
STATES = {
    "sluice_policies_refused",
    "sluice_policies_last_good",
    "sluice_brake_on",
    "sluice_policy_held",
    "sluice_kafka_away",
}
"""Gauges that are 0 or 1."""


@pytest.fixture
def hooks() -> PrometheusHooks:
    return PrometheusHooks()


def exposed(hooks: PrometheusHooks) -> dict[str, Metric]:
    """The families as a scraper that speaks OpenMetrics reads them."""
    text = generate_latest(hooks.registry).decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def series(hooks: PrometheusHooks, family: str) -> Iterator[tuple[dict[str, str], float]]:
    for sample in exposed(hooks)[family].samples:
        yield sample.labels, sample.value


def value(hooks: PrometheusHooks, name: str, **labels: str) -> float | None:
    return hooks.registry.get_sample_value(name, labels)


@pytest.mark.parametrize("metric", DECLARED, ids=lambda metric: metric._name)
class TestEveryDeclaredMetric:
    def test_says_what_it_is_in_a_sentence(self, metric: MetricWrapperBase) -> None:
        assert re.fullmatch(r"[A-Z0-9].{15,}\.", metric._documentation)

    def test_ends_in_its_base_unit_or_in_what_it_counts(self, metric: MetricWrapperBase) -> None:
        name = metric._name
        assert name.startswith("sluice_")
        if metric._type != "info" and name not in STATES:
            assert any(name.endswith(f"_{unit}") for unit in UNITS | COUNTED), name

    def test_has_only_labels_that_are_bounded(self, metric: MetricWrapperBase) -> None:
        assert set(metric._labelnames) <= set(BOUNDS)

    def test_has_data_after_ordinary_work(self, metric: MetricWrapperBase, hooks: PrometheusHooks) -> None:
        start(hooks)
        one_batch(hooks, random.Random(0))
        samples = list(series(hooks, metric._name))
        assert samples
        for labels, _ in samples:
            for label in metric._labelnames:
                values = BOUNDS[label]
                assert isinstance(values, str) or labels[label] in values


def test_every_hook_is_listened_to() -> None:
    own = {name for name in vars(Hooks) if not name.startswith("_")}
    assert own <= set(vars(PrometheusHooks))


def test_no_created_series_double_the_count(hooks: PrometheusHooks) -> None:
    start(hooks)
    one_batch(hooks, random.Random(0))
    assert b"_created" not in generate_latest(hooks.registry)


def test_what_is_known_beforehand_starts_at_zero(hooks: PrometheusHooks) -> None:
    """A rate() sees no rise in a series whose first value is 1."""
    assert value(hooks, "sluice_images_total", outcome="dead_letter") == 0
    assert value(hooks, "sluice_decisions_total", verdict="block") == 0
    assert value(hooks, "sluice_policy_reloads_total", result="invalid") == 0
    hooks.answered(decided({"weapons": 0.1}), 0.1)
    assert value(hooks, "sluice_matches_total", policy="weapons", action="block", mode="enforce") == 0


def test_a_decision_counts_once_for_each_thing_it_says(hooks: PrometheusHooks) -> None:
    hooks.answered(decided({"weapons": 0.93, "gambling": 0.2, "tobacco": 0.7}, action="block"), 0.3)
    assert value(hooks, "sluice_images_total", outcome="decided") == 1
    assert value(hooks, "sluice_decisions_total", verdict="block") == 1
    assert value(hooks, "sluice_matches_total", policy="weapons", action="block", mode="enforce") == 1
    assert value(hooks, "sluice_matches_total", policy="tobacco", action="block", mode="shadow") == 1
    assert value(hooks, "sluice_matches_total", policy="gambling", action="block", mode="enforce") == 0
    assert value(hooks, "sluice_score_ratio_bucket", policy="weapons", le="0.9") == 0
    assert value(hooks, "sluice_score_ratio_bucket", policy="weapons", le="0.95") == 1
    assert value(hooks, "sluice_score_ratio_sum", policy="gambling") == 0.2
    assert value(hooks, "sluice_end_to_end_seconds_sum", outcome="decided") == 0.3


def test_a_dead_letter_is_counted_by_stage_and_reason(hooks: PrometheusHooks) -> None:
    hooks.answered(failed("decode", "truncated"), 0.5)
    assert value(hooks, "sluice_images_total", outcome="dead_letter") == 1
    assert value(hooks, "sluice_dead_letters_total", stage="decode", reason="truncated") == 1
    assert value(hooks, "sluice_end_to_end_seconds_count", outcome="dead_letter") == 1


def test_a_new_policy_set_leaves_one_active_version(hooks: PrometheusHooks) -> None:
    for version in ("a", "b", "c"):
        hooks.policies_loaded(version, 3)
    assert list(series(hooks, "sluice_policy_set")) == [({"version": "c"}, 1.0)]


def test_a_new_model_leaves_one_model(hooks: PrometheusHooks) -> None:
    for fingerprint in ("one", "two"):
        fields = {name: getattr(SPEC, name) for name in EncoderSpec.__slots__}
        hooks.model_loaded(EncoderSpec(**fields | {"fingerprint": fingerprint}))
    assert [labels["fingerprint"] for labels, _ in series(hooks, "sluice_model")] == ["two"]


def test_a_refused_set_shows_until_a_good_one_goes_live(hooks: PrometheusHooks) -> None:
    hooks.policies_loaded("a", 3)
    hooks.policies_refused("invalid")
    assert value(hooks, "sluice_policies_refused") == 1
    assert value(hooks, "sluice_policy_set_info", version="a") == 1
    hooks.policies_loaded("b", 3)
    assert value(hooks, "sluice_policies_refused") == 0
    assert value(hooks, "sluice_policy_reloads_total", result="invalid") == 1


def test_policies_for_another_model_are_counted_until_thresholds_fit(hooks: PrometheusHooks) -> None:
    assert value(hooks, "sluice_other_model_policies") == 0
    hooks.calibrated_for_another_model(dict.fromkeys(["weapons", "gore"], CalibratedFor("small", "else")))
    assert value(hooks, "sluice_other_model_policies") == 2
    hooks.calibrated_for_another_model({})
    assert value(hooks, "sluice_other_model_policies") == 0
    hooks.unproven(["weapons"])
    assert value(hooks, "sluice_unproven_policies") == 1


def test_series_do_not_pile_up_over_a_thousand_edits(hooks: PrometheusHooks) -> None:
    """A policy that leaves takes its series along; one that stays keeps counting."""
    sizes = set()
    for edit in range(1000):
        hooks.policies_loaded(f"set-{edit}", 2)
        hooks.answered(decided({"stays": 0.9, f"policy-{edit}": 0.9}, policy_set=f"set-{edit}"), 0.1)
        if edit % 100 == 1:
            sizes.add(sum(len(family.samples) for family in exposed(hooks).values()))
    assert len(sizes) == 1
    assert {labels["policy"] for labels, _ in series(hooks, "sluice_matches")} == {"stays", "policy-999"}
    assert value(hooks, "sluice_score_ratio_count", policy="stays") == 1000


def policies_with_series(hooks: PrometheusHooks) -> set[str]:
    scored = {labels["policy"] for labels, _ in series(hooks, "sluice_score_ratio")}
    assert scored == {labels["policy"] for labels, _ in series(hooks, "sluice_matches")}
    return scored


def test_decisions_by_the_old_set_and_the_new_one_may_come_in_any_order(hooks: PrometheusHooks) -> None:
    """Counters go on, what the edit took away stays away, and what it brought stays."""
    before = decided({"stays": 0.9, "goes": 0.9}, policy_set="A")
    after = decided({"stays": 0.9, "comes": 0.9}, policy_set="B")
    hooks.policies_loaded("A", 2)
    hooks.answered(before, 0.1)
    hooks.policies_loaded("B", 2)
    hooks.answered(before, 0.1)
    assert policies_with_series(hooks) == {"stays", "goes"}
    assert value(hooks, "sluice_score_ratio_count", policy="goes") == 2
    for _ in range(3):
        hooks.answered(after, 0.1)
        assert policies_with_series(hooks) == {"stays", "comes"}
        hooks.answered(before, 0.1)
        assert policies_with_series(hooks) == {"stays", "comes"}
    assert value(hooks, "sluice_score_ratio_count", policy="stays") == 8
    assert value(hooks, "sluice_matches_total", policy="stays", action="review", mode="enforce") == 8
    assert value(hooks, "sluice_score_ratio_count", policy="comes") == 3
    assert value(hooks, "sluice_matches_total", policy="comes", action="review", mode="enforce") == 3
    assert value(hooks, "sluice_images_total", outcome="decided") == 8


def test_an_edit_that_is_taken_back_brings_its_policies_back(hooks: PrometheusHooks) -> None:
    sets = {"A": decided({"one": 0.9}, policy_set="A"), "B": decided({"two": 0.9}, policy_set="B")}
    for live, expected in (("A", {"one"}), ("B", {"two"}), ("A", {"one"})):
        hooks.policies_loaded(live, 1)
        for version in ("B", "A", "B"):
            hooks.answered(sets[version], 0.1)
        assert policies_with_series(hooks) == expected


def test_where_all_policies_are_off_none_has_series(hooks: PrometheusHooks) -> None:
    hooks.policies_loaded("A", 1)
    hooks.answered(decided({"one": 0.9}, policy_set="A"), 0.1)
    hooks.policies_loaded("B", 1)
    hooks.answered(decided({}, policy_set="B"), 0.1)
    assert policies_with_series(hooks) == set()


def test_interleaved_decisions_of_many_threads_lose_no_count(hooks: PrometheusHooks) -> None:
    hooks.policies_loaded("A", 2)
    hooks.answered(decided({"stays": 0.9, "goes": 0.9}, policy_set="A"), 0.1)
    hooks.policies_loaded("B", 2)

    def work() -> None:
        for count in range(300):
            version, other = (("A", "goes"), ("B", "comes"))[count % 2]
            hooks.answered(decided({"stays": 0.9, other: 0.9}, policy_set=version), 0.1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert policies_with_series(hooks) == {"stays", "comes"}
    assert value(hooks, "sluice_score_ratio_count", policy="stays") == 1201
    assert value(hooks, "sluice_score_ratio_count", policy="comes") == 600


def test_an_assignment_forgets_the_lag_of_partitions_that_went(hooks: PrometheusHooks) -> None:
    hooks.lag("images", 0, 7)
    hooks.lag("images", 1, 0)
    hooks.assigned(1)
    hooks.lag("images", 0, 5)
    assert list(series(hooks, "sluice_lag_images")) == [({"topic": "images", "partition": "0"}, 5.0)]
    assert value(hooks, "sluice_assigned_partitions") == 1


def test_two_workers_in_a_process_do_not_share_numbers(hooks: PrometheusHooks) -> None:
    other = PrometheusHooks()
    other.committed(5)
    assert (value(hooks, "sluice_committed_images_total"), value(other, "sluice_commits_total")) == (0, 1)


def test_a_process_that_consumes_nothing_shows_no_partitions_polls_and_commits() -> None:
    """An API's zeros would read as a worker that owns nothing, and its requests as images that were polled."""
    hooks, worker = PrometheusHooks(consumes=False), PrometheusHooks()
    for each in (hooks, worker):
        each.polled(3, 300)
        each.assigned(0)
        each.committed(3)
        each.stage_done("decode", 0.1, 3)
    missing = set(exposed(worker)) - set(exposed(hooks))
    assert missing == {
        *("sluice_batch_images", "sluice_polled_bytes", "sluice_commits", "sluice_committed_images"),
        *("sluice_lag_images", "sluice_assigned_partitions", "sluice_lost_images", "sluice_lost_ranges"),
        "sluice_kafka_away",
    }
    assert value(hooks, "sluice_stage_images_total", stage="decode") == 3


def test_it_works_as_one_of_several_listeners(hooks: PrometheusHooks) -> None:
    HookChain(Hooks(), hooks).polled(3, 300)
    assert value(hooks, "sluice_polled_bytes_total") == 300
    assert value(hooks, "sluice_batch_images_sum") == 3


def test_process_and_interpreter_are_watched_too(hooks: PrometheusHooks) -> None:
    assert {"process_resident_memory_bytes", "python_info"} <= set(exposed(hooks))


def test_nothing_is_lost_between_threads_and_a_scrape(hooks: PrometheusHooks) -> None:
    def work() -> None:
        for count in range(300):
            hooks.answered(decided(dict.fromkeys(POLICIES, 0.9), policy_set="a"), 0.1)
            hooks.lag("images", count % 4, count)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        exposed(hooks)
    assert value(hooks, "sluice_images_total", outcome="decided") == 1200
    assert value(hooks, "sluice_score_ratio_count", policy="weapons") == 1200


def test_a_shadow_is_counted_beside_the_policy_that_it_names(hooks: PrometheusHooks) -> None:
    def images(flagged_by: str) -> float | None:
        return value(hooks, "sluice_shadow_images_total", policy="tobacco", live="weapons", flagged_by=flagged_by)

    hooks.shadows({"tobacco": "weapons"})
    for shadow, live in ((0.9, 0.9), (0.1, 0.9), (0.9, 0.1), (0.1, 0.1), (0.2, 0.2)):
        hooks.answered(decided({"tobacco": shadow, "weapons": live}), 0.1)
    hooks.answered(decided({"weapons": 0.5}), 0.1)
    assert [images(each) for each in BOUNDS["flagged_by"]] == [1, 1, 1, 2]
    hooks.shadows({"tobacco": "gambling"})
    assert images("both") is None
    hooks.shadows({})
    assert not list(series(hooks, "sluice_shadow_images"))
