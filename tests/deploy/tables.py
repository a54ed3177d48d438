"""The tables of ``deploy/README.md``: made of what the code and the alert rules say, by one command.

python -m tests.deploy.tables
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML

from pipeline.adapters.prometheus.declared import Metrics
from pipeline.adapters.prometheus.process import ProcessMetrics
from pipeline.archive.schema import DESCRIBED, schema
from workers.archiver.metrics import ArchiverMetrics
from workers.archiver.review_metrics import ReviewMetrics
from workers.canary.metrics import CanaryMetrics, GroupMetrics
from workers.console.api.metrics import ApiMetrics
from workers.console.metrics import ConsoleMetrics
from workers.fleet.metrics import SupervisorMetrics
from workers.settings import GROUPS, Settings, variable

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
PAGE = DEPLOY / "README.md"
COMMAND = "python -m tests.deploy.tables"

THIS_MACHINES = {
    "cores": "all that the process may use",
    "policies": "the shipped ones",
    "state": "`sluice` in the user's state folder",
}
"""The words for defaults that differ from machine to machine."""

MANY_DIGITS = 10_000
"""From here on a number is written in groups of three digits."""

SUFFIXES = {"counter": "_total", "info": "_info"}
"""What the library adds to a metric's name when it is scraped."""


def settings_table() -> str:
    """One table a group of settings, under the group's title."""
    return "\n\n".join(_group(group, names) for group, names in GROUPS.items())


def _group(group: str, names: Iterable[str]) -> str:
    title = next(each.__doc__ for each in Settings.__bases__ if each.__name__ == group.capitalize())
    rows = (_setting(name, Settings.model_fields[name]) for name in names)
    return f"**{group}**: {title}\n\n" + _table(("setting", "variable", "default", "what it is"), rows)


def _setting(name: str, field: FieldInfo) -> tuple[str, ...]:
    said = field.description or ""
    if name in THIS_MACHINES:
        return f"`{name}`", f"`{variable(name)}`", THIS_MACHINES[name], re.sub(r"; default: [^;]*\.$", ".", said)
    return f"`{name}`", f"`{variable(name)}`", _value(field.default), said


def _value(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    if isinstance(default, tuple) and default:
        return f"`{','.join(default)}`"
    if isinstance(default, int) and default >= MANY_DIGITS:
        return f"`{default:_}`"
    return f"`{default:g}`" if isinstance(default, float) else f"`{default}`"


def metrics_table() -> str:
    """Every metric of a worker, a supervisor, `sluice canary`, an archiver, a console and the API, as scraped."""
    registry = CollectorRegistry()
    holders = (
        Metrics(registry),
        ProcessMetrics(registry),
        SupervisorMetrics(registry),
        CanaryMetrics(registry, []),
        GroupMetrics(registry, ""),
        ArchiverMetrics(registry, []),
        ReviewMetrics(registry),
        ConsoleMetrics(registry),
        ApiMetrics(registry),
    )
    declared = [each for holder in holders for each in vars(holder).values()]
    metrics = [each for each in declared if isinstance(each, MetricWrapperBase)]
    return _table(("metric", "type", "labels", "what it says"), map(_metric, metrics))


def _metric(metric: MetricWrapperBase) -> tuple[str, ...]:
    [described] = metric.describe()
    name = described.name + SUFFIXES.get(described.type, "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"`{name}`", described.type, labels, described.documentation


def columns_table() -> str:
    """Every column of an archive's segments."""
    types = {field.name: str(field.type) for field in schema(512)}
    words = {
        "dictionary<values=string, indices=int32, ordered=0>": "string",
        "timestamp[ms, tz=UTC]": "timestamp, UTC",
    }
    words |= dict.fromkeys(("fixed_size_binary[512]", "fixed_size_binary[1024]"), "bytes, fixed length")
    words[types["matches"]] = "list of policy, mode, action, score"
    return _table(
        ("column", "type", "what it holds"),
        ((f"`{name}`", words.get(types[name], types[name]), said) for name, said in DESCRIBED.items()),
    )


def alerts_table() -> str:
    rules = YAML(typ="safe").load(DEPLOY / "prometheus" / "alerts.yaml")
    alerts = [rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule]
    return _table(("alert", "severity", "after", "what has happened"), map(_alert, alerts))


def _alert(rule: Mapping[str, dict[str, str]]) -> tuple[str, ...]:
    said = re.sub(r"{{ \$labels\.(\w+) }}", r"*\1*", rule["annotations"]["summary"])
    return f"`{rule['alert']}`", rule["labels"]["severity"], str(rule.get("for", "at once")), said


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (head, ("---",) * len(head), *rows)
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


TABLES: Mapping[str, Callable[[], str]] = MappingProxyType(
    {"settings": settings_table, "metrics": metrics_table, "alerts": alerts_table, "columns": columns_table}
)
"""By the name of the marks that a table stands between: ``<!-- settings -->`` and ``<!-- /settings -->``."""


def with_tables(page: str) -> str:
    """The page with each table made anew between its marks."""
    for name, table in TABLES.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        before, found, rest = page.partition(begin)
        _, closed, after = rest.partition(end)
        if not (found and closed):
            raise ValueError(f"{PAGE} has no marks {begin} and {end}")
        page = f"{before}{begin}\n\n{table()}\n\n{end}{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text()))
