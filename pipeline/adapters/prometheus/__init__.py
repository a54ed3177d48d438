"""All of Prometheus: the metrics, and the hooks that drive them."""

from __future__ import annotations

from pipeline.adapters.prometheus.declared import BOUNDS, Metrics
from pipeline.adapters.prometheus.hooks import PrometheusHooks

__all__ = ["BOUNDS", "Metrics", "PrometheusHooks"]
