"""The metrics of requests, and what counts them on their way through."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from pipeline.adapters.prometheus.declared import LATENCY_BUCKETS
from workers.console.api.answers import GONE

ENDPOINTS = ("/v1/judge", "/v1/embeddings")
OTHER = "other"
STATUSES = ("200", "429", "500", "503", "504")


class ApiMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "sluice_api_requests",
            "Requests by endpoint and HTTP status; 499 of clients that hung up before there was an answer.",
            ["endpoint", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "sluice_api_request_seconds",
            "Seconds from a request's headers to its answer, whatever that says.",
            ["endpoint"],
            buckets=LATENCY_BUCKETS,
            registry=registry,
        )
        self.inside = Gauge("sluice_api_requests_in_flight", "Requests that are being answered.", registry=registry)
        # Series that alerts ask for start at 0: a rate() sees no rise in a series whose first value is 1.
        for endpoint in ENDPOINTS:
            for status in STATUSES:
                self.requests.labels(endpoint, status)
            self.seconds.labels(endpoint)


class Counted:
    """ASGI middleware that tells the metrics of every request."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics, clock: Callable[[], float] = time.monotonic) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        endpoint = scope["path"] if scope["path"] in ENDPOINTS else OTHER
        started, status = self._clock(), GONE

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with self._metrics.inside.track_inprogress():
            try:
                await self._app(scope, receive, counted)
            finally:
                self._metrics.requests.labels(endpoint, str(status)).inc()
                self._metrics.seconds.labels(endpoint).observe(self._clock() - started)
