"""Of all that was met while a broker was looked for, the error tells what says most."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from kafka import errors

from pipeline.adapters.kafka.connection import KafkaConnection
from pipeline.errors import ServiceError
from tests.services.processes import HOST

TURNED_DOWN = errors.SaslAuthenticationFailedError("invalid credentials")
HUNG_UP = errors.KafkaConnectionError("socket disconnected")
CUT_SHORT = errors.KafkaConnectionError("Connection timed out")
UNANSWERED = errors.RequestTimedOutError("Request timed out after 400 ms")


@pytest.fixture
def address() -> Iterator[str]:
    """Somebody listens there, and that is all."""
    with socket.create_server((HOST, 0)) as server:
        yield f"{HOST}:{server.getsockname()[1]}"


def explained(address: str, *met: Exception) -> str:
    """What is said when attempts met these errors in turn, and patience was over then."""
    connection = KafkaConnection(
        address, security_protocol="SASL_SSL", sasl_mechanism="SCRAM-SHA-512", username="sluice", password="guess"
    )

    def look_for_a_broker() -> None:
        with connection.reaching():
            for error in met:
                logging.getLogger("kafka.net.manager").warning("Bootstrap connection failed: %s", error)
            raise errors.KafkaTimeoutError("Unable to bootstrap")

    with pytest.raises(ServiceError) as raised:
        look_for_a_broker()
    return str(raised.value)


def test_one_attempt_that_is_turned_down_says_more_than_those_after_it(address: str) -> None:
    said = explained(address, TURNED_DOWN, HUNG_UP, CUT_SHORT)

    assert "does not admit user 'sluice'" in said
    assert "invalid credentials" in said


@pytest.mark.parametrize("last", [CUT_SHORT, UNANSWERED])
def test_an_attempt_cut_short_by_the_end_of_patience_hides_nothing_before_it(address: str, last: Exception) -> None:
    assert "hangs up on user 'sluice'" in explained(address, HUNG_UP, HUNG_UP, last)


def test_where_no_attempt_met_anything_else_time_was_all_that_failed(address: str) -> None:
    assert "Connection timed out" in explained(address, CUT_SHORT)


def test_a_port_that_asks_for_no_user_is_told_with_what_to_do(address: str) -> None:
    said = explained(address, errors.IllegalSaslStateError())
    assert "security_protocol" in said
    assert "Error 34" not in said
