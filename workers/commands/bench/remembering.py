"""``sluice bench remembering``: what `archive = features` costs an image."""

from __future__ import annotations

from workers.bench import options as told
from workers.bench.remembering import run
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("kafka", "model", "images", "policies", "log")
def remembering(
    settings: Settings,
    count: told.Count = 2000,
    width: told.Width = 1024,
    height: told.Height = 768,
    size: told.Size = 100_000,
    minutes: told.Minutes = told.MINUTES,
    kafka: told.Kafka = False,
    as_json: AsJson = False,
) -> None:
    """Measure what an image costs more where it is remembered, beside the model and decoding, by rounds in turn."""
    budget = told.budget_of(minutes)
    run(settings, told.made(budget, count, width, height, size), budget, kafka=kafka, as_json=as_json)
