"""``sluice bench api``: what HTTP costs beside the path of `sluice serve`."""

from __future__ import annotations

from workers.bench import options as told
from workers.bench.api.run import run
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("model", "encoder", "images", "policies", "log")
def api(
    settings: Settings,
    count: told.Count = 500,
    width: told.Width = 1024,
    height: told.Height = 768,
    size: told.Size = 100_000,
    minutes: told.Minutes = told.MINUTES,
    as_json: AsJson = False,
) -> None:
    """Measure what HTTP costs beside the path that it stands on: for one client, and for 16.

    All images at once through memory are the measure: there every pass of the model is full. With 16 clients no more
    than 16 images are ever inside.
    """
    budget = told.budget_of(minutes)
    run(settings, told.made(budget, count, width, height, size), budget, as_json=as_json)
