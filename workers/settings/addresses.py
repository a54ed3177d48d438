"""Whether the addresses in settings are ones: hosts, stores, endpoints. Said before a claim asks for one."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from pydantic_core import PydanticCustomError

from pipeline.rules.claims import allowed_location

_HOST = re.compile(r"(\*\.)?([A-Za-z0-9_-]+\.)*[A-Za-z0-9_-]+\.?|\[[0-9A-Fa-f:.]+\]")


def check_host(pattern: str) -> str:
    """A line of the allow list of hosts, which is returned as it is."""
    name, port = (found[1], found[3]) if (found := re.fullmatch(r"(.*?)(:(\d{1,5}))?", pattern)) else ("", None)
    if not _HOST.fullmatch(name) or (port is not None and not 0 < int(port) < 1 << 16):
        raise PydanticCustomError("host", "is no host: write cdn.example.com, *.example.com or minio:9000")
    return pattern


def check_store(text: str) -> str:
    """A line of the allow list of stores, which is returned as it is."""
    try:
        _location(text)
    except ValueError as error:
        form = "s3://bucket, gs://bucket/part, az://container or file:///folder"
        raise PydanticCustomError("store", "{why}; write {form}", {"why": str(error), "form": form}) from error
    return text


def _location(text: str) -> None:
    """See that it is one. What a signed address has behind a ``?`` is a secret, and would count as a part of it."""
    if "?" in text:
        raise ValueError("the address holds a '?'; credentials come from the environment")
    allowed_location(text)


def check_archive(text: str) -> str:
    """The address of an archive, which is returned as it is."""
    if "://" not in text and text:
        return text
    try:
        _location(text)
    except ValueError as error:
        form = "a folder, s3://bucket/part, gs://bucket/part or az://container/part"
        raise PydanticCustomError("archive", "{why}; write {form}", {"why": str(error), "form": form}) from error
    return text


def check_brokers(servers: str) -> str:
    """Kafka's brokers, which are returned as they are. Secrets have no place in them."""
    if "@" in servers:
        raise PydanticCustomError("brokers", "holds a user; give that as sasl_username and sasl_password")
    return servers


def check_endpoint(url: str) -> str:
    """The address of a service that speaks like a cloud's own. Secrets have no place in it."""
    return _service(url, "credentials come from the environment")


def check_prometheus(url: str) -> str:
    """The address of a Prometheus. It is asked without credentials, so none have a place in it."""
    return _service(url, "none are sent: name a Prometheus, or a proxy before it, that wants none")


def _service(url: str, of_secrets: str) -> str:
    try:
        parts = urlsplit(url)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        sound = False
    if not sound or parts.query or parts.fragment:
        raise PydanticCustomError("endpoint", "is no address: write http://HOST:PORT or https://HOST")
    if parts.username is not None or parts.password is not None:
        raise PydanticCustomError("endpoint", "holds a user or password; {of_secrets}", {"of_secrets": of_secrets})
    return url
