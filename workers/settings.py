"""All settings, declared once: each is a flag, an environment variable and a line of the config file.

This is the only place that reads the environment. Precedence: flag, ``SLUICE_...`` variable, config file, default.
"""

from __future__ import annotations

import os
import site
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_serializer, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from pipeline.errors import SettingsError
from pipeline.rules.images.views import Coverage
from pipeline.wire import DEAD_LETTERS_TOPIC, DECISIONS_TOPIC, IMAGES_TOPIC
from workers.cores import usable_cores
from workers.mistakes import PLAINLY, meant
from workers.redaction import check_redis_url, redacted

ENV_PREFIX = "SLUICE_"
SHIPPED_POLICIES = Path(__file__).resolve().parent.parent / "policies"
"""Beside this package in a checkout and in an installation alike."""

Count = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Hosts = Annotated[tuple[str, ...], NoDecode]


def _state() -> Path | None:
    """As the XDG base directory specification has it; None for a user without a home."""
    try:
        return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "sluice"
    except RuntimeError:
        return None


class Settings(BaseSettings):
    """Frozen; built once, at the start of a command. Which belong together stands in `workers.setting_groups`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, extra="forbid", frozen=True, env_ignore_empty=True, hide_input_in_errors=True
    )

    bootstrap_servers: str = Field("localhost:9092", description="Kafka brokers, host:port, comma-separated.")
    group: str = Field("sluice", description="Consumer group; its workers share the partitions.")
    images_topic: str = Field(IMAGES_TOPIC, description="Topic of images in.")
    decisions_topic: str = Field(DECISIONS_TOPIC, description="Topic of decisions out.")
    dead_letters_topic: str = Field(DEAD_LETTERS_TOPIC, description="Topic of what could not be moderated.")
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
    commit_interval: Annotated[float, Field(ge=0, allow_inf_nan=False)] = Field(
        1.0, description="Seconds that a commit may be held back; a crash repeats at most that much."
    )
    session_timeout: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        45.0, description="Seconds of silence after which the group takes a crashed worker's partitions away."
    )
    revocation_timeout: Seconds = Field(
        15.0, description="Seconds to finish and commit what is in flight of partitions that go to another worker."
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

    redis_url: str | None = Field(
        None,
        description="Redis to share features by, redis://HOST:PORT/DB or rediss:// for TLS; none: not shared.",
        repr=False,
    )
    redis_password: SecretStr | None = Field(None, description="Password for Redis.")
    redis_cafile: Path | None = Field(None, description="CA certificates (PEM) that Redis's must chain to.")
    redis_timeout: Seconds = Field(0.05, description="Seconds to wait for Redis before doing without.")
    share_image_features: bool = Field(
        False, description="Share features of images through Redis too: one worker encodes an image for all of them."
    )
    image_features_ttl: Annotated[float, Field(ge=1, allow_inf_nan=False)] = Field(
        86_400.0, description="Seconds that Redis keeps an image's features: 2.8 KB of its memory for 512 floats."
    )

    model: str = Field("bundled", description="'bundled', an open_clip architecture, or local-dir:FOLDER.")
    pretrained: str | None = Field(None, description="Published tag or checkpoint file; none: random weights.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field("auto", description="Of the image tower.")
    encoder_socket: Path | None = Field(
        None, description="Encode through the `sluice encoder` that serves this socket; none: in this process."
    )
    moderators: Count = Field(
        1, description="Moderator processes around one encoder process; 1: all in this process."
    )
    max_batch: Count = Field(
        64,
        description="Most views in a batch: what may wait before a stage, and what the model takes in a pass."
        " An image is one view until it is decoded.",
    )
    preprocess: Literal["fast", "exact"] = Field(
        "fast", description="exact: open_clip's own transform; fast: scaled JPEG decode, cosine >= 0.99 with it."
    )
    coverage: Coverage = Field(
        "whole",
        description="How much of a still is in view: whole; close: small things too, for several times the work;"
        " centre: open_clip's crop, all that --preprocess exact has.",
    )
    jpeg_decoder: Literal["pillow", "nvjpeg"] = Field(
        "pillow",
        description="nvjpeg: ordinary JPEGs on the CUDA device, everything else through Pillow.",
    )
    max_frames: Count = Field(8, description="Most frames sampled from an animation.")
    max_inflight_bytes: Count = Field(
        512 * 1024 * 1024, description="Bytes of images under way in a worker; past that it polls no further."
    )
    max_pixels: Count = Field(64_000_000, description="An image of more pixels is a dead letter.")
    max_views: Annotated[int, Field(ge=4)] = Field(
        32, description="Most views of one image, over all its frames; each is one image for the model."
    )
    cores: Count = Field(
        default_factory=usable_cores,
        description="CPU cores to use, for decoding and for a model on the CPU; default: all that the process may.",
    )
    remember: Annotated[int, Field(ge=0)] = Field(
        10_000, description="Images whose features are kept, so that a repeat costs a hash; 0: none."
    )

    policies: Path = Field(SHIPPED_POLICIES, description="Folder of policy files; default: the shipped ones.")
    state: Path | None = Field(
        default_factory=_state,
        description="Folder to keep the last good policies in, for a restart beside bad ones; default: the user's.",
    )

    fetch_allowed_hosts: Hosts = Field(
        (), description="Hosts that claim checks may point to, such as cdn.example.com,*.s3.example.com,minio:9000."
    )
    fetch_allow_private: bool = Field(False, description="Let claim checks reach private addresses.")
    fetch_allow_http: bool = Field(False, description="Let claim checks use http:// besides https://.")
    fetch_max_bytes: Count = Field(50_000_000, description="Most bytes of a fetched image.")
    fetch_timeout: Seconds = Field(10.0, description="Seconds for one fetch, redirects included.")
    fetch_patience: Seconds = Field(
        300.0,
        description="Seconds that claim checks wait for a store that does not answer, then dead letters.",
    )

    metrics_host: str = Field(
        "0.0.0.0",  # noqa: S104
        description="Address of /metrics, /healthz and /readyz, or the absolute path of a Unix socket.",
    )
    metrics_port: Port = Field(9108, description="Port of /metrics, /healthz and /readyz; 0: any free one.")
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
    stall_after: Seconds = Field(
        120.0, description="/healthz fails when a batch has been inside that long, delivery_timeout at least."
    )
    drain_timeout: Seconds = Field(30.0, description="Seconds to finish what is in flight when told to stop.")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level logged.")
    log_format: Literal["auto", "console", "json"] = Field(
        "auto", description="auto: console on a terminal, else json."
    )

    @field_validator("fetch_allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("share_image_features")
    @classmethod
    def _with_redis(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("redis_url", "refused") is None:
            raise PydanticCustomError("needs_redis", "needs a redis_url to share them by")
        return value

    @field_validator("redis_url")
    @classmethod
    def _that_redis_takes(cls, url: str | None) -> str | None:
        if url is not None:
            check_redis_url(url)
        return url

    @field_serializer("redis_url", when_used="json-unless-none")
    def _without_secrets(self, url: str) -> str:
        return redacted(url)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flags, then the environment, then the config file that the flag or the environment names."""
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls)


def load_settings(flags: dict[str, Any], config: Path | None = None) -> Settings:
    """Resolve the settings. `flags` holds what was given on the command line. Raises `SettingsError`."""
    path = config or (Path(named) if (named := os.environ.get(f"{ENV_PREFIX}CONFIG")) else None)
    if path is not None and not path.is_file():
        raise SettingsError(f"no config file at {path}; give one with --config or {ENV_PREFIX}CONFIG")

    class Resolved(Settings):
        model_config = SettingsConfigDict(toml_file=path)

    try:
        return Resolved(**flags)
    except ValidationError as error:
        raise SettingsError("; ".join(_reason(dict(each), flags, path) for each in error.errors())) from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not UTF-8 text; a config file is TOML, 'setting = value' a line") from error
    except ValueError as error:  # TOML that does not parse
        raise SettingsError(f"{path}: {error}") from error
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error


def unknown_variables() -> list[str]:
    """A line for each variable of the environment that is named like a setting and is none: mistyped, most likely."""
    known = {ENV_PREFIX + name.upper() for name in (*Settings.model_fields, "config")}
    unknown = sorted(name for name in os.environ if name.upper().startswith(ENV_PREFIX) and name.upper() not in known)
    return [f"{name} is no setting and changes nothing{meant(name.upper(), known)}" for name in unknown]


def own_environment() -> dict[str, str]:
    """What a process of ours inherits: this one's environment, and where this package lies."""
    home = str(Path(__file__).resolve().parent.parent)
    if home in {*site.getsitepackages(), site.getusersitepackages()}:
        return dict(os.environ)
    return os.environ | {"PYTHONPATH": os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])}


def environment_for(settings: Settings) -> dict[str, str]:
    """The environment for a process of ours that is to resolve these very settings.

    Settings go that way because arguments are shown to every user of the machine, and some settings are secrets.
    """
    inherited = {name: value for name, value in own_environment().items() if not name.startswith(ENV_PREFIX)}
    values = {name: getattr(settings, name) for name in Settings.model_fields}
    return inherited | {
        ENV_PREFIX + name.upper(): _as_text(value) for name, value in values.items() if value not in {None, ()}
    }


def _as_text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _reason(error: dict[str, Any], flags: dict[str, Any], path: Path | None) -> str:
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return (
            f"{path}: unknown setting {name!r}{meant(name, Settings.model_fields)}; 'sluice config show' lists them"
        )
    if name in flags:
        place = "--" + name.replace("_", "-")
    elif ENV_PREFIX + name.upper() in os.environ:
        place = ENV_PREFIX + name.upper()
    else:
        place = f"{path}: {name}"
    said = PLAINLY.get(error["type"], error["msg"])
    return f"{place}: {said[0].lower()}{said[1:]}{_got(name, error['input'])}"


def _got(name: str, value: object) -> str:
    """The value that does not hold, unless it is a secret."""
    if name == "redis_url":
        return f", got {redacted(value)!r}" if isinstance(value, str) else ""
    secret = "SecretStr" in str(Settings.model_fields[name].annotation)
    return "" if secret else f", got {value!r}"
