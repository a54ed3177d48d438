"""The metrics of Sluice in Prometheus, and the hooks that feed them."""

from __future__ import annotations

from pipeline.adapters.prometheus.declared import BOUNDS, Metrics
from pipeline.adapters.prometheus.hooks import PrometheusHooks

__all__ = ["BOUNDS", "Metrics", "PrometheusHooks"]
