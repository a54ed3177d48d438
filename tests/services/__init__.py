"""Real services for the tests: a Kafka broker, Redis, Prometheus, and the project's own processes.

Every service starts on free loopback ports in a folder of its own, waits until it answers, and is gone when
its `with` block ends, however that block ends. Nothing here knows the project's code or pytest:
`tests/conftest.py` turns these classes into fixtures and decides what a missing program means.
"""

from __future__ import annotations


class ServiceMissingError(Exception):
    """A program that a service needs is not on this machine; the message says which, and how to get it."""
