"""The dashboard and the alerts against a real Prometheus that scrapes what a worker would expose."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.deploy.expressions import ALERTS, DASHBOARD, Expression, alert_expressions, dashboard_expressions
from tests.services.deadline import until
from tests.services.processes import ChildProcess, python
from tests.services.prometheus import PrometheusServer

PANELS = json.loads(DASHBOARD.read_text())["panels"]
BESIDE = ("canary", "archiver", "api", "console")
"""Roles beside the workers, as `tests.deploy.traffic` serves them."""
CHARTS = [panel for panel in PANELS if panel["type"] != "row"]


def scraped(
    prometheus: Callable[..., PrometheusServer], start_process: Callable[..., ChildProcess], window: str
) -> PrometheusServer:
    """A Prometheus that has seen more than `window` of ordinary work."""
    worker = start_process(python("-m", "tests.deploy.traffic"))
    port, *beside = worker.wait_for_line(r"^ports ([\d ]+)$")[1].split()
    others = {f"sluice-{role}": [f"127.0.0.1:{at}"] for role, at in zip(BESIDE, beside, strict=True)}
    server = prometheus([f"127.0.0.1:{port}"], rule_files=[ALERTS], more_jobs=others)
    server.wait_for(f"count_over_time(sluice_commits_total[{window}]) >= 12", within=40)
    return server


def test_every_expression_is_understood_and_finds_data(
    prometheus: Callable[..., PrometheusServer], start_process: Callable[..., ChildProcess]
) -> None:
    """One test asks all expressions: starting a Prometheus takes seconds, and asking them takes one."""
    # The time shown spans the whole run: policies are loaded at its start and never again.
    expressions = dashboard_expressions(window="2m")
    server = scraped(prometheus, start_process, "2m")
    empty = list(expressions)

    def found() -> bool:
        """Asks those again that found nothing: a scrape that a busy machine cuts short hides all for a moment."""
        empty[:] = [each for each in empty if not server.query(each.promql)]
        return {each.place for each in empty} <= {"Policies went live"}

    until(
        found,
        30,
        lambda: f"no data in {empty}; only 'Policies went live' waits for what ordinary work does not bring",
    )


def test_every_alert_is_understood_and_reads_series_that_exist(
    prometheus: Callable[..., PrometheusServer], start_process: Callable[..., ChildProcess]
) -> None:
    server = scraped(prometheus, start_process, "2m")
    for each in alert_expressions():
        server.query(each.promql)
        assert each.selectors or "job_policy:" in each.promql
        for selector in each.selectors:
            assert server.wait_for(selector), f"{each.place} reads {selector}, which nothing exposes"
    assert not server.firing() - {"SluiceTextCacheFailing", "SluicePoliciesRefused"}


def test_selectors_are_what_an_expression_reads() -> None:
    each = Expression(
        "", 'sum by (job, stage) (rate(sluice_a_total{x="up"}[5m])) / on (job) up and j:sluice_b:rate1h > 0'
    )
    assert each.selectors == ['sluice_a_total{x="up"}', "up"]


def test_an_unknown_variable_is_an_error() -> None:
    assert all("$" not in each.promql for each in dashboard_expressions())


@pytest.mark.parametrize("panel", CHARTS, ids=lambda panel: panel["title"])
class TestEveryPanel:
    def test_says_what_it_shows_in_a_unit(self, panel: dict) -> None:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]

    def test_asks_the_data_source_that_is_chosen(self, panel: dict) -> None:
        sources = [panel["datasource"], *(target["datasource"] for target in panel["targets"])]
        assert all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources)

    def test_shares_its_place_with_no_other(self, panel: dict) -> None:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        for other in PANELS:
            there = other["gridPos"]
            apart = (
                place["x"] + place["w"] <= there["x"]
                or there["x"] + there["w"] <= place["x"]
                or place["y"] + place["h"] <= there["y"]
                or there["y"] + there["h"] <= place["y"]
            )
            assert other is panel or apart, other["title"]
