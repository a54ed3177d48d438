"""``sluice serve``: judge images that are posted over HTTP."""

from __future__ import annotations

from workers.attended import SETTINGS
from workers.console.api.run import serve_api
from workers.settings import Settings
from workers.settings.options import with_settings


@with_settings("api", "console", *SETTINGS)
def serve(settings: Settings) -> None:
    """Judge images that are posted over HTTP, and give features of images and sentences, until SIGTERM.

    POST /v1/judge answers with the decision that a worker would publish; /v1/ says what else there is. No Kafka is
    needed. On SIGTERM it answers what it has taken, and newcomers are told to ask another.
    """
    serve_api(settings)
