"""How stores are reached: endpoints, limits, certificates. Credentials come from where each cloud's tools look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from pipeline.errors import ServiceError
from pipeline.rules.claims import Location

if TYPE_CHECKING:  # the library's types exist for type checkers alone
    from obstore.store import ClientConfig, RetryConfig

Connection = S3Store | GCSStore | AzureStore
_LONGEST_CONNECT = 5.0
_RETRIES = 2


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """Where stores are, as far as the clouds' own variables do not say it. `certificates` are PEM."""

    s3_endpoint: str | None = None
    s3_region: str | None = None
    gcs_endpoint: str | None = None
    azure_account: str | None = None
    azure_endpoint: str | None = None
    certificates: bytes | None = None


def connect(store: Location, options: StoreOptions, timeout: float, *, keep: bool) -> Connection:
    """A client of the bucket, whose connections are kept for other requests or not; connects to nothing yet.

    Raises `ServiceError` where the options, or what the environment says of credentials, do not hold.
    """
    make, config = _config(store, options)
    endpoint = next((value for name, value in config.items() if name in {"endpoint", "base_url"}), "")
    client: ClientConfig = {
        "timeout": timedelta(seconds=timeout),
        "connect_timeout": timedelta(seconds=min(timeout, _LONGEST_CONNECT)),
        "user_agent": "sluice",
    }
    if endpoint.startswith("http://"):
        client["allow_http"] = True
    if options.certificates is not None:
        client["root_certificate"] = options.certificates
    if not keep:
        client["pool_max_idle_per_host"] = "0"
    retry: RetryConfig = {
        "max_retries": _RETRIES,
        "retry_timeout": timedelta(seconds=timeout),
        "backoff": {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=1), "base": 2},
    }
    try:
        connection: Connection = make(store.bucket, client_options=client, retry_config=retry, **config)
    except (BaseError, ValueError) as error:
        told = str(error).partition("\n\nDebug source")[0]
        advice = "look at the settings that begin with fetch_, and at what the environment says of credentials"
        raise ServiceError(f"{store.scheme}://{store.bucket} cannot be set up: {told}; {advice}") from error
    return connection


def _config(store: Location, options: StoreOptions) -> tuple[Any, Mapping[str, Any]]:
    if store.scheme == "s3":
        return S3Store, _given(endpoint=options.s3_endpoint, region=options.s3_region)
    if store.scheme == "gs":
        return GCSStore, _given(base_url=options.gcs_endpoint)
    return AzureStore, _given(account_name=options.azure_account, endpoint=options.azure_endpoint)


def _given(**options: str | None) -> dict[str, str]:
    return {name: value for name, value in options.items() if value is not None}
