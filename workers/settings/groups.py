"""Every setting, declared once: its name, kind, default and description. Some groups have modules of their own.

A group is what a command takes whole, what `--help` and `config show` show together, and a table of the manual that
its docstring heads.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo, field_serializer, field_validator
from pydantic_core import PydanticCustomError

from pipeline.rules.images.views import Coverage
from pipeline.wire import (
    AUDIT_TOPIC,
    DEAD_LETTERS_TOPIC,
    DECISIONS_TOPIC,
    FEATURES_TOPIC,
    IMAGES_TOPIC,
    REVIEWS_TOPIC,
)
from workers.settings.addresses import check_brokers
from workers.settings.cores import usable_cores
from workers.settings.environment import HOME, state_folder
from workers.settings.kinds import Count, Port, Seconds
from workers.settings.redaction import check_redis_url, redacted

NO_TOPIC = "off"
SHIPPED_POLICIES = HOME / "policies"


class Kafka(BaseModel, frozen=True):
    """How Kafka is reached."""

    bootstrap_servers: Annotated[str, AfterValidator(check_brokers)] = Field(
        "localhost:9092", description="Kafka brokers, host:port, comma-separated."
    )
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to Kafka."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="SASL mechanism for Kafka."
    )
    sasl_username: str | None = Field(None, description="SASL user name for Kafka.")
    sasl_password: SecretStr | None = Field(None, description="SASL password for Kafka.")
    ssl_cafile: Path | None = Field(None, description="CA certificates (PEM) that Kafka's must chain to.")
    ssl_certfile: Path | None = Field(None, description="Client certificate (PEM) for Kafka.")
    ssl_keyfile: Path | None = Field(None, description="Key (PEM) of the client certificate.")
    delivery_timeout: Seconds = Field(120.0, description="Seconds to go on trying to publish, a broker restart long.")


class Topics(BaseModel, frozen=True):
    """Where images come from and answers go to."""

    images_topic: str = Field(IMAGES_TOPIC, description="Topic of images in.")
    decisions_topic: str = Field(DECISIONS_TOPIC, description="Topic of decisions out.")
    dead_letters_topic: str = Field(DEAD_LETTERS_TOPIC, description="Topic of what could not be moderated.")
    features_topic: str = Field(FEATURES_TOPIC, description="Topic of what the archive remembers of decisions.")
    reviews_topic: str = Field(REVIEWS_TOPIC, description="Topic of people's reviews.")
    audit_topic: str = Field(
        AUDIT_TOPIC, description=f"Topic of who saw and did what in the console; {NO_TOPIC}: the log alone has it."
    )

    @property
    def audited_on(self) -> str | None:
        """The topic of audit events, if there is to be one. An empty variable cannot say so: it counts as not set."""
        return None if self.audit_topic in {NO_TOPIC, ""} else self.audit_topic


class Consumer(BaseModel, frozen=True):
    """How workers share the images topic, and what a crash repeats."""

    group: str = Field("sluice", description="Consumer group; its workers share the partitions.")
    commit_interval: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0, description="Seconds that a commit may be held back; a crash repeats at most that much."
    )
    session_timeout: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        45.0, description="Seconds of silence after which the group takes a crashed worker's partitions away."
    )
    revocation_timeout: Seconds = Field(
        15.0, description="Seconds to finish and commit what is in flight of partitions that go to another worker."
    )
    max_poll_interval: Seconds = Field(
        300.0,
        description="Seconds without a poll after which the group takes a hanging worker's partitions away: at least"
        " session_timeout, and 5 more than revocation_timeout and drain_timeout, in which nothing is polled.",
    )
    isolation_level: Literal["read_committed", "read_uncommitted"] = Field(
        "read_committed",
        description="read_committed: wait for the end of transactions, and leave out aborted ones.",
    )
    on_lost_events: Literal["continue", "stop"] = Field(
        "continue", description="When events have expired, or their topic is another: go on, and say so, or stop."
    )
    start_timeout: Annotated[float, Field(ge=0)] = Field(
        300.0, description="Seconds to wait at the start for a broker that is away."
    )


class Redis(BaseModel, frozen=True):
    """What workers share through a Redis, if there is one."""

    redis_url: str | None = Field(
        None,
        description="Redis to share features by, redis://HOST:PORT/DB or rediss:// for TLS; none: not shared.",
        repr=False,
    )
    redis_password: SecretStr | None = Field(None, description="Password for Redis.")
    redis_cafile: Path | None = Field(None, description="CA certificates (PEM) that Redis's must chain to.")
    redis_signing_secret: Annotated[SecretStr, Field(min_length=16)] | None = Field(
        None, description="Secret to sign values in Redis by, the same for all workers: who lacks it changes nothing."
    )
    redis_timeout: Seconds = Field(0.05, description="Seconds to wait for Redis before doing without.")
    share_image_features: bool = Field(
        False, description="Share features of images through Redis too: one worker encodes an image for all of them."
    )
    image_features_ttl: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        86_400.0, description="Seconds that Redis keeps an image's features: 1.5 KB of its memory for 512 floats."
    )

    @field_validator("redis_url")
    @classmethod
    def _that_redis_takes(cls, url: str | None) -> str | None:
        if url is not None:
            check_redis_url(url)
        return url

    @field_validator("share_image_features")
    @classmethod
    def _with_redis(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("redis_url", "refused") is None:
            raise PydanticCustomError("needs_redis", "needs a redis_url to share them by")
        return value

    @field_serializer("redis_url", when_used="json-unless-none")
    def _without_secrets(self, url: str) -> str:
        return redacted(url)


class Model(BaseModel, frozen=True):
    """Which model judges, and on what device."""

    model: str = Field("bundled", description="'bundled', an open_clip architecture, or local-dir:FOLDER.")
    pretrained: str | None = Field(None, description="Published tag or checkpoint file; none: random weights.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="Of the image tower.")


class Encoder(BaseModel, frozen=True):
    """How many processes stand around one model."""

    encoder_socket: Path | None = Field(
        None, description="Encode through the `sluice encoder` that serves this socket; none: in this process."
    )
    moderators: Count = Field(
        1, description="Moderator processes around one encoder process; 1: all in this process."
    )


class Images(BaseModel, frozen=True):
    """How images are batched, decoded and looked at, and what is too large."""

    max_batch: Count = Field(
        64,
        description="Most views in a batch: what may wait before a stage, and what the model takes in a pass."
        " An image is one view until it is decoded.",
    )
    max_inflight_bytes: Count = Field(
        512 * 1024 * 1024, description="Bytes of images under way in a worker; past that it polls no further."
    )
    preprocess: Literal["fast", "exact"] = Field(
        "fast", description="exact: open_clip's own transform; fast: scaled JPEG decode, cosine >= 0.99 with it."
    )
    coverage: Coverage = Field(
        "whole",
        description="How much of a still is in view: whole; close: small things too, for several times the work;"
        " centre: open_clip's crop, all that --preprocess exact has.",
    )
    second_look: Literal["off", "turns", "all"] = Field(
        "off",
        description="What is looked at once more of a still that arouses suspicion: turns: quarter turns; all: a"
        " mirror image and nine tiles too, 13 views more.",
    )
    jpeg_decoder: Literal["pillow", "nvjpeg"] = Field(
        "pillow",
        description="nvjpeg: ordinary JPEGs on the CUDA device, everything else through Pillow.",
    )
    max_frames: Count = Field(
        8,
        description="Frames looked at of an animation; of one with more cuts, as many as `max_views` allow.",
    )
    max_pixels: Count = Field(64_000_000, description="An image of more pixels is a dead letter.")
    max_views: Annotated[int, Field(ge=4)] = Field(
        32, description="Most views of one image, over all its frames; each is one image for the model."
    )
    decode_in: Literal["processes", "threads"] = Field(
        "processes",
        description="processes: a decoder that crashes or hangs takes one image along; threads: the worker as well.",
    )
    decode_cpu_timeout: Seconds = Field(
        5.0, description="CPU seconds of decoding one image, at which its process is ended."
    )
    decode_timeout: Seconds = Field(
        10.0,
        description="Seconds of decoding one image, likewise; waits for a core are left out.",
    )
    decode_memory: Annotated[int, Field(ge=64 * 1024 * 1024)] = Field(
        1024 * 1024 * 1024, description="Bytes of memory that decoding one image may take, the file included."
    )
    cores: Count = Field(
        default_factory=usable_cores,
        description="CPU cores to use, for decoding and for a model on the CPU; default: all that the process may.",
    )
    remember: Annotated[int, Field(ge=0)] = Field(
        10_000, description="Images whose features are kept, so that a repeat costs a hash; 0: none."
    )


class Policies(BaseModel, frozen=True):
    """What is looked for."""

    policies: Path = Field(SHIPPED_POLICIES, description="Folder of policy files; default: the shipped ones.")


class State(BaseModel, frozen=True):
    """What a restart finds again."""

    state: Path | None = Field(
        default_factory=state_folder,
        description="Folder to keep the last good policies in, for a restart beside bad ones, the dtype that"
        " suits this CPU, features of sentences, and what the console has seen; default: the user's.",
    )


class Brake(BaseModel, frozen=True):
    """When a worker takes no more images because it fails at too many."""

    brake_run: Annotated[int, Field(ge=0)] = Field(
        100,
        description="Dead letters in a row, for reasons of the worker's own, at which it takes no more; 0: off.",
    )
    brake_ratio: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="Share of such dead letters in the last 200 answers at which it takes no more; 0: off."
    )
    brake_trial_interval: Seconds = Field(
        10.0,
        description="Seconds between two trials while the brake is on; five good ones take it off.",
    )


class Service(BaseModel, frozen=True):
    """Where a process answers for its health, and how it stops."""

    metrics_host: str = Field(
        "127.0.0.1",
        description="Address of /metrics, /healthz and /readyz, or the absolute path of a Unix socket;"
        " 0.0.0.0: every address of this machine, for probes and scrapers elsewhere.",
    )
    metrics_port: Port = Field(9108, description="Port of /metrics, /healthz and /readyz; 0: any free one.")
    stall_after: Seconds = Field(
        120.0, description="/healthz fails when a batch has been inside that long, delivery_timeout at least."
    )
    drain_timeout: Seconds = Field(30.0, description="Seconds to finish what is in flight when told to stop.")


class Log(BaseModel, frozen=True):
    """What is logged, and in which form."""

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, else json. json: why a command ends is JSON as well."
    )
