"""Whether what settings say of the console's visitors is sound."""

from __future__ import annotations

import re
from ipaddress import ip_network

from pydantic_core import PydanticCustomError

ROLES = ("viewer", "reviewer", "editor")
LEAST_TOKEN = 16
_NAME = re.compile(r"[A-Za-z0-9._@+-]{1,100}")


def check_network(text: str) -> str:
    """An address or a network, which is returned as it is."""
    try:
        ip_network(text)
    except ValueError as error:
        raise PydanticCustomError("network", "is no network: write 10.0.0.7 or 10.0.0.0/8") from error
    return text


def check_role_of(text: str) -> str:
    """``NAME:ROLE``, which is returned as it is."""
    name, _, role = text.rpartition(":")
    if role not in ROLES or not (name == "*" or _NAME.fullmatch(name)):
        raise PydanticCustomError("role", "is not NAME:ROLE, with a role of {roles}", {"roles": ", ".join(ROLES)})
    return text


def check_token(text: str) -> tuple[str, str, str]:
    """``NAME:ROLE:TOKEN`` as its three parts. What is wrong is said without the token."""
    name, role, token = [*text.strip().split(":", 2), "", ""][:3]
    if role not in ROLES or not _NAME.fullmatch(name):
        raise PydanticCustomError(
            "token", "has an entry that is not NAME:ROLE:TOKEN, with a role of {roles}", {"roles": ", ".join(ROLES)}
        )
    if len(token) < LEAST_TOKEN:
        raise PydanticCustomError(
            "token", "{name}'s token has fewer than {least} characters", {"name": name, "least": LEAST_TOKEN}
        )
    return name, role, token
