"""The settings of the console: a group as those in `groups`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from workers.settings.addresses import check_host, check_prometheus
from workers.settings.console_access import check_network, check_role_of, check_token
from workers.settings.kinds import Port

Hosts = Annotated[tuple[Annotated[str, AfterValidator(check_host)], ...], NoDecode]
Networks = Annotated[tuple[Annotated[str, AfterValidator(check_network)], ...], NoDecode]
Roles = Annotated[tuple[Annotated[str, AfterValidator(check_role_of)], ...], NoDecode]


class Console(BaseModel, frozen=True):
    """Where `sluice console` is, who may come in, and which workers it looks at."""

    console_host: str = Field(
        "127.0.0.1",
        description="Address of the console's pages; any that is not loopback needs console_tokens or"
        " console_trusted_proxies.",
    )
    console_port: Port = Field(8321, description="Port of the console's pages; 0: any free one.")
    console_names: Hosts = Field(
        (),
        description="Names by which browsers may call the console, such as sluice.example.com; none: on loopback"
        " localhost, elsewhere any.",
    )
    console_tokens: SecretStr | None = Field(
        None,
        description="Who may come in by a token, NAME:ROLE:TOKEN, comma-separated, ROLE one of viewer, reviewer,"
        " editor.",
    )
    console_trusted_proxies: Networks = Field(
        (), description="Addresses or networks of proxies that say in console_user_header who comes."
    )
    console_user_header: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")] = Field(
        "X-Forwarded-User", description="Header in which a trusted proxy names the visitor."
    )
    console_roles: Roles = Field(
        (), description="Roles of those whom a proxy names, NAME:ROLE; *:ROLE is everybody else's. None: no one's."
    )
    console_workers: Hosts = Field(
        ("127.0.0.1:9108",),
        description="Where workers, archivers and canaries serve /metrics, HOST:PORT; a name stands for all its"
        " addresses.",
    )

    prometheus_url: Annotated[str, AfterValidator(check_prometheus)] | None = Field(
        None,
        description="Prometheus that scrapes the workers, such as http://prometheus:9090, for charts of a week and a"
        " month; none: an hour and a day, of what the console has seen itself.",
    )

    @field_validator("console_names", "console_trusted_proxies", "console_roles", "console_workers", mode="before")
    @classmethod
    def _parts(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("console_tokens")
    @classmethod
    def _tokens_sound(cls, value: SecretStr | None) -> SecretStr | None:
        entries = [check_token(each) for each in value.get_secret_value().split(",")] if value else []
        names = [name for name, _, _ in entries]
        if twice := {name for name in names if names.count(name) > 1}:
            raise PydanticCustomError("token", "two tokens are {name}'s", {"name": min(twice)})
        owners = {token.strip(): name for name, _, token in entries}
        if shared := set(names) - set(owners.values()):
            raise PydanticCustomError("token", "{name}'s token is somebody else's too", {"name": min(shared)})
        return value
