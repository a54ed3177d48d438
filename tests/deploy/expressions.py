"""The PromQL that is deployed: every expression of the dashboard and of the alert rules, ready to be asked.

from tests.deploy.expressions import alert_expressions, dashboard_expressions

for each in dashboard_expressions():
    assert prometheus.query(each.promql), each
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
DASHBOARD = DEPLOY / "grafana" / "dashboards" / "sluice.json"
ALERTS = DEPLOY / "prometheus" / "alerts.yaml"

# A series of ours or of the process, not the name of a recording rule (which has colons).
_SELECTOR = re.compile(r"(?<![\w:])(?:(?:sluice|process)_\w+|up)\b(?!\s*:)(?:\{[^}]*\})?")
_BY = re.compile(r"\b(?:by|on|without|ignoring)\s*\([^)]*\)")


def documents(path: Path) -> list[Any]:
    """The documents of a YAML file."""
    return list(YAML(typ="safe", pure=True).load_all(path.read_text()))


@dataclass(frozen=True)
class Expression:
    """One expression and where it stands, such as ``Lag by partition`` or ``SluiceLagGrowing``."""

    place: str
    promql: str

    @property
    def selectors(self) -> list[str]:
        """The series it reads, each a query of its own that must find something if the names in it are right."""
        return sorted(set(_SELECTOR.findall(_BY.sub("", self.promql))))

    @property
    def hides_zeros(self) -> bool:
        """Whether it rightly finds nothing as long as nothing happens."""
        return self.promql.endswith("> 0")

    def __str__(self) -> str:
        return f"{self.place}: {self.promql}"


def dashboard_expressions(window: str = "5s", job: str = "sluice") -> list[Expression]:
    """Every expression of the dashboard, variables filled in as Grafana does with everything chosen.

    `window` stands for the rate interval and the time shown: at least four times the scrape interval.
    """
    dashboard = json.loads(DASHBOARD.read_text())
    found = [Expression(panel["title"], target["expr"]) for panel, target in _targets(dashboard)]
    found += [Expression(each["name"], each["expr"]) for each in dashboard["annotations"]["list"]]
    values = {"__rate_interval": window, "__range": window, "job": job, "instance": ".*", "policy": ".*"}
    return [Expression(each.place, _filled(each.promql, values)) for each in found]


def alert_expressions() -> list[Expression]:
    """Every expression of the alert and recording rules. That of an alert finds nothing while all is well."""
    (rules,) = documents(ALERTS)
    return [
        Expression(rule.get("alert") or rule["record"], rule["expr"])
        for group in rules["groups"]
        for rule in group["rules"]
    ]


def _targets(dashboard: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    for panel in dashboard["panels"]:
        for inner in [panel, *panel.get("panels", [])]:
            for target in inner.get("targets", []):
                yield inner, target


def _filled(promql: str, values: dict[str, str]) -> str:
    """The expression with its variables filled in. Raises ``KeyError`` for one that has no value here."""
    return re.sub(r"\$\{?(\w+)\}?", lambda match: values[match[1]], promql)
