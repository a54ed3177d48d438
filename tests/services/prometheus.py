"""A Prometheus that scrapes often, so that dashboards' queries and alert rules meet real data."""

from __future__ import annotations

import json
import shutil
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from tests.services import ServiceMissingError
from tests.services.deadline import until
from tests.services.processes import HOST, ChildProcess, free_port, http_get
from tests.services.service import Service

# Half a second: `rate(...[2s])` sees several scrapes, so tests of rates take seconds, not minutes. A scrape may take
# as long, and a process on busy cores needs it: one that is cut short hides all of its series until the next.
# (The first scrape still comes five seconds after the start: Prometheus looks for targets at that pace.)
_CONFIG = """\
global: {{scrape_interval: 500ms, scrape_timeout: 500ms, evaluation_interval: 500ms}}
rule_files: {rules}
scrape_configs: {jobs}
"""


@dataclass(frozen=True)
class Sample:
    """One series of an answer, at the time of the question."""

    labels: dict[str, str]
    value: float


def find_program(name: str) -> str:
    """The path of `prometheus` or `promtool`; raise ServiceMissingError where it is not installed."""
    program = shutil.which(name)
    if program is None:
        raise ServiceMissingError(f"{name} is not installed: apt-get install prometheus")
    return program


class PrometheusServer(Service):
    """One Prometheus over fixed targets and rule files."""

    def __init__(
        self,
        folder: Path,
        targets: Sequence[str],
        rule_files: Sequence[Path] = (),
        *,
        more_jobs: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        """Nothing starts yet. Targets are `host:port`, scraped at /metrics; rule files may be globs.

        The targets are those of the job ``sluice``; `more_jobs` has those of others.
        """
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self._folder = folder
        self._config = _CONFIG.format(
            # JSON is YAML, and quotes what has to be quoted.
            rules=json.dumps([str(path) for path in rule_files]),
            jobs=json.dumps(
                [
                    {"job_name": job, "static_configs": [{"targets": list(of_job)}]}
                    for job, of_job in {"sluice": targets, **more_jobs}.items()
                ]
            ),
        )

    def start(self) -> Self:
        """Start and wait until it is ready; raise ServiceMissingError where it is not installed."""
        config = self._folder / "prometheus.yml"
        config.write_text(self._config)
        argv = [find_program("prometheus"), f"--config.file={config}", "--log.level=warn"]
        argv += [f"--web.listen-address={HOST}:{self.port}", f"--storage.tsdb.path={self._folder / 'data'}"]
        process = ChildProcess(argv, self._folder, name="prometheus")
        return self._serve(process, lambda it: it.wait_for_http(f"{self.url}/-/ready"))

    def query(self, promql: str) -> list[Sample]:
        """Evaluate an expression now; a wrong one raises ValueError with Prometheus's own words."""
        result = self._get("query", query=promql)
        if result["resultType"] == "scalar":
            return [Sample({}, float(result["result"][1]))]
        return [Sample(series["metric"], float(series["value"][1])) for series in result["result"]]

    def wait_for(
        self, promql: str, enough: Callable[[list[Sample]], bool] = bool, within: float = 15.0
    ) -> list[Sample]:
        """Ask until the answer is `enough` (by default: until there is one), and return it."""
        last: list[Sample] = []

        def probe() -> list[Sample] | None:
            last[:] = self.query(promql)
            return last if enough(last) else None

        return until(probe, within, lambda: f"{promql}; the last answer was {last}")

    def firing(self) -> set[str]:
        """The names of the alerts that fire now."""
        return {sample.labels["alertname"] for sample in self.query('ALERTS{alertstate="firing"}')}

    def _get(self, what: str, **parameters: str) -> dict[str, Any]:
        answer = http_get(f"{self.url}/api/v1/{what}?{urllib.parse.urlencode(parameters)}")
        if answer is None:
            raise ConnectionError(f"no answer from {self.url}: {self._process}")
        body = json.loads(answer[1])
        if body["status"] != "success":
            raise ValueError(body["error"])
        data: dict[str, Any] = body["data"]
        return data
