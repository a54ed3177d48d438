"""Series from a Prometheus, for longer than the console remembers itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from math import isfinite
from typing import Any
from urllib.parse import urlencode, urlsplit

from pipeline.errors import ServiceError
from workers.console.rendering import shown
from workers.console.stream.changes import SAID

POINTS = 360
"""Of a chart."""
TIMEOUT = 10.0
MOST_BYTES = 8 * 1024 * 1024
AT_WORK: Mapping[str, tuple[str, str]] = {
    "policies": ("version", "count by (version) (sluice_policy_set_info)"),
    "model": ("fingerprint", "count by (fingerprint) (sluice_model_info)"),
    "release": ("version", "count by (version) (sluice_build_info)"),
}
MOST_CHANGES = 200
MOST_LINES = 12
LONGEST = 40
"""Characters of a line's name."""
PER_BATCH = " / (sum by (stage) (rate(sluice_stage_seconds_count[{step}s])) > 0)"
QUERIES: Mapping[str, tuple[tuple[str, str, str], ...]] = {
    "answers": (
        ("verdict", "", "sum by (verdict) (rate(sluice_decisions_total[{step}s]))"),
        ("", "dead letter", "sum(rate(sluice_dead_letters_total[{step}s]))"),
    ),
    "policies": (("policy", "", "topk(8, sum by (policy) (60 * rate(sluice_matches_total[{step}s])))"),),
    "fleet": (
        ("", "lag", "sum(sluice_group_lag_images) or sum(sluice_lag_images)"),
        (
            "stage",
            "stage {}",
            "sum by (stage) (rate(sluice_stage_seconds_sum[{step}s]))" + PER_BATCH,
        ),
    ),
}
"""By chart: the label that names a line, how the line is called, and what is asked; `step` is in seconds."""


class Prometheus:
    """Asks one Prometheus over its HTTP API (/api/v1/query_range). Safe to call from many threads."""

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def series(self, seconds: float, now: float) -> dict[str, Any]:
        """What `live_figures.series_of` gives. Raises `ServiceError` where it does not answer."""
        step = max(60, round(seconds / POINTS))
        at = [now - seconds + step * index for index in range(POINTS + 1)]
        charts = {
            chart: {"at": at, "lines": [line for each in asked for line in self._lines(*each, at, step)][:MOST_LINES]}
            for chart, asked in QUERIES.items()
        }
        return {"seconds": seconds, "now": now, "changes": self._changes(at, step), **charts}

    def _changes(self, at: Sequence[float], step: int) -> list[dict[str, Any]]:
        """When each policy set, model and version was first at work, but for those that were from the beginning."""
        found: list[dict[str, Any]] = [
            {"at": at[first], "kind": kind, "what": SAID[kind].format(line["name"])}
            for kind, (label, query) in AT_WORK.items()
            for line in self._lines(label, "", query, at, step)
            if line["name"] and (first := _first(line["values"]))
        ]
        return sorted(found, key=lambda each: each["at"])[-MOST_CHANGES:]

    def _lines(self, label: str, name: str, query: str, at: Sequence[float], step: int) -> list[dict[str, Any]]:
        asked = {"query": query.replace("{step}", str(step)), "start": at[0], "end": at[-1], "step": step}
        found = self._asked(f"/api/v1/query_range?{urlencode(asked)}")
        return [
            {
                "name": (name or "{}").format(shown(each["metric"].get(label, ""), LONGEST)),
                "values": _at(at, step, each["values"]),
            }
            for each in found
        ]

    def _asked(self, path: str) -> list[Any]:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        try:
            with closing(kind(self._parts.netloc, timeout=TIMEOUT)) as connection:
                connection.request("GET", f"{self._parts.path.rstrip('/')}{path}")
                answer = connection.getresponse()
                body = answer.read(MOST_BYTES)
            if answer.status != HTTPStatus.OK:
                raise ServiceError(f"Prometheus at {self._parts.netloc} answers {answer.status}")
            return list(json.loads(body)["data"]["result"])
        except (OSError, HTTPException, ValueError, KeyError, TypeError) as error:
            raise ServiceError(f"Prometheus at {self._parts.netloc} does not answer: {error}") from error


def _first(values: Sequence[float | None]) -> int:
    """Where the first value is; 0 where there is none."""
    return next((index for index, each in enumerate(values) if each is not None), 0)


def _at(at: Sequence[float], step: int, values: Sequence[tuple[float, str]]) -> list[float | None]:
    """The values at the times of the chart; None where there is none, or none that is a number."""
    found: list[float | None] = [None] * len(at)
    for time, text in values:
        index = round((float(time) - at[0]) / step)
        value = float(text)
        if 0 <= index < len(found) and isfinite(value):
            found[index] = round(value, 4)
    return found
