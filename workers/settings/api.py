"""The settings of `sluice serve`: a group as those in `groups`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from workers.settings.kinds import Count, Port, Seconds


class Api(BaseModel, frozen=True):
    """Where `sluice serve` answers over HTTP, and what it takes; who may ask, the console's settings say."""

    api_host: str = Field(
        "127.0.0.1",
        description="Address of /v1/judge and /v1/embeddings; any that is not loopback needs console_tokens or"
        " console_trusted_proxies.",
    )
    api_port: Port = Field(8322, description="Port of /v1/judge and /v1/embeddings; 0: any free one.")
    api_max_bytes: Count = Field(
        20_000_000, description="Most bytes of an image that is posted; 413 for a larger one."
    )
    api_deadline: Seconds = Field(
        10.0, description="Seconds in which a request is answered, else 504; it may ask for fewer."
    )
    api_waiting: Count = Field(
        256, description="Requests that are answered at a time; 429 for one more, with when to come back."
    )
    api_publish: bool = Field(
        False,
        description="Publish decisions and dead letters to Kafka before they are answered, so that what was posted is"
        " on the record and in the archive as well; answers then wait for the broker.",
    )
