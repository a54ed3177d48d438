"""``sluice canary``: look at a group of workers from outside."""

from __future__ import annotations

from workers import assembly
from workers.canary.images import read_canaries
from workers.canary.run import look_on
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("kafka", "topics", "consumer", "canary", "images", "service", "log")
def canary(settings: Settings) -> None:
    """Send known images through Kafka and see that they come back right; watch the group's lag; until SIGTERM.

    It is a process of its own, beside the workers: /metrics has what came of the canaries and how far the group has
    come, also while no worker lives. Without --canary it watches the lag alone.
    """
    look_on(settings, read_canaries(settings.canary, assembly.decoder_alone(settings)))
