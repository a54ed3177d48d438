"""What a process says of itself over its Unix socket."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path

import httpcore

PATIENCE = 2.0
"""Seconds for an answer: less than half of what probes usually allow, and long for a process that lives."""


def ask(socket: Path, question: str) -> tuple[int, str] | None:
    """Status and text of a GET, such as ``/healthz``; None while nobody listens, as when a process is being started.

    One that listens and does not answer, because it is frozen or stuck, has the status 504.
    """
    timeout = dict.fromkeys(("connect", "read", "write", "pool"), PATIENCE)
    try:
        with httpcore.ConnectionPool(uds=str(socket)) as pool:
            answer = pool.request("GET", f"http://localhost{question}", extensions={"timeout": timeout})
            return answer.status, answer.content.decode()
    except httpcore.TimeoutException:
        return HTTPStatus.GATEWAY_TIMEOUT, f"no answer within {PATIENCE:g} s"
    except (httpcore.NetworkError, httpcore.ProtocolError):  # not there yet, or gone in the middle
        return None
