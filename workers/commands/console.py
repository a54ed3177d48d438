"""``sluice console``: pages for people, in a browser."""

from __future__ import annotations

from workers.console.run import keep_open
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings(
    *("kafka", "redis", "topics", "consumer", "model", "images", "policies", "state", "fetch", "store", "console"),
    *("service", "log"),
)
def console(settings: Settings) -> None:
    """Serve pages to look at what is decided, and how the workers are, until SIGTERM.

    It reads decisions and dead letters from now on, in no consumer group, and asks the broker and the workers' own
    metrics how they are. Only this machine can reach it, unless --console-host and who may come in say otherwise.
    """
    keep_open(settings)
