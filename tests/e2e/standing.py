"""One worker that stands for the whole run, for the tests that only look at it, or edit its policies."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.e2e.pipeline_under_test import START, Pipeline, Worker
from tests.e2e.policies_under_test import ConfigMap
from tests.services.deadline import until
from tests.services.processes import http_get

Answer = tuple[int, str]
"""Status and body."""


@dataclass
class Standing:
    """The worker, its pipeline, its policies as a mounted ConfigMap, and what it said while it started."""

    pipeline: Pipeline
    worker: Worker
    policies: ConfigMap
    image_port: int
    """The port of 127.0.0.1 from which it may fetch; nothing listens there until a test does."""
    while_starting: dict[str, list[Answer]] = field(default_factory=lambda: {"healthz": [], "readyz": []})
    """The different answers of each path, in the order in which they came."""

    def watch_it_start(self) -> None:
        """Ask both paths until it is ready."""
        until(self._asked, START, lambda: f"{self.while_starting}; {self.worker.process}")

    def _asked(self) -> bool:
        assert self.worker.process.running, str(self.worker.process)
        for path, said in self.while_starting.items():
            answer = http_get(self.worker.url(path))
            if answer is not None and answer not in said[-1:]:
                said.append(answer)
        return self.while_starting["readyz"][-1:] == [(200, "ok\n")]
