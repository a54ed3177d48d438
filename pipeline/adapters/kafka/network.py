"""How long kafka-python holds on to a connection that says nothing, and how often it tries one that hangs up.

It waits 30 s for every answer, so that four seconds of bytes that went nowhere (a firewall that forgets, a failed
node) cost three quarters of a minute. And it calls a connection good once it is open: an address that accepts and
hangs up is tried dozens of times a second, each time with an error in the log. Here

- a connection with a question under way that brings no byte for `SILENCE` seconds is closed, and one that brings an
  answer, however slowly, is not;
- whoever hangs up before a connection has lasted `SETTLED` seconds is tried again after 50 ms, 100 ms and so on, up
  to `MOST_WAIT`;
- what was met instead of a broker that takes us in is kept, to be told.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from typing import Any

from kafka.net import manager
from kafka.net.compat import KafkaNetClient
from kafka.net.connection import KafkaConnection
from kafka.net.selector import NetworkSelector

SILENCE = 10.0
SETTLED = 5.0
MOST_WAIT = 2.0

_AT_LAST = 120.0
"""Seconds after which even an answer that keeps coming is given up."""
_CONNECT_MS = 5_000
_MET = 32
"""Attempts of which it is remembered what they met: a broker tells why it turns a user down at one of several."""
_MOST_CONNECT_MS = 10_000


class Connection(KafkaConnection):
    """A connection whose answers may take as long as they keep coming."""

    def _request_timed_out(self, future: Any, sent_at: float, timeout_at: float) -> None:
        transport, now = self.transport, time.monotonic()
        if transport is None or self.closed or future.is_done:
            return
        moved = transport.last_write if transport._write_buffer else transport.last_read  # noqa: SLF001 - no other way
        if now - moved < SILENCE and now - sent_at < _AT_LAST:
            self.net.call_at(moved + SILENCE, lambda: self._request_timed_out(future, sent_at, timeout_at))
        else:
            super()._request_timed_out(future, sent_at, timeout_at)


class Manager(manager.KafkaConnectionManager):
    """Backs off from what hangs up as from what refuses."""

    def __init__(self, net: Any, **configs: Any) -> None:
        super().__init__(net, **configs)
        self._met: deque[Exception] = deque(maxlen=_MET)
        self.config["socket_connection_setup_timeout_ms"] = _CONNECT_MS
        self.config["socket_connection_setup_timeout_max_ms"] = _MOST_CONNECT_MS
        self.config["reconnect_backoff_max_ms"] = MOST_WAIT * 1000

    async def _connect(
        self, node: Any, conn: Any, reset_backoff_on_connect: bool = True, timeout_at: float | None = None
    ) -> None:
        before = self._failures(node.node_id)
        await super()._connect(node, conn, reset_backoff_on_connect=False, timeout_at=timeout_at)
        if not conn.connected:
            if isinstance(conn.init_future.exception, Exception):
                self._met.append(conn.init_future.exception)
            if self._failures(node.node_id) == before:
                self.update_backoff(node.node_id)
        elif reset_backoff_on_connect:
            self._connected(node.node_id, conn)

    def _connected(self, node_id: Any, conn: Any) -> None:
        """Let a node be used at once, and forgive its failures once the connection has lasted."""
        self._met.clear()
        failures, _, patience = self._backoff.get(node_id, (0, 0, _CONNECT_MS))
        self._backoff[node_id] = (failures, 0, patience)
        since = time.monotonic()

        def closed(_: object) -> None:
            if not self.closed and time.monotonic() - since < SETTLED:
                self.update_backoff(node_id)

        def lasted() -> None:
            if conn.connected:
                self.reset_backoff(node_id)

        conn.close_future.add_both(closed)
        self._net.call_later(SETTLED, lasted)

    def reaches_a_broker(self) -> bool:
        """Whether a broker has taken us in and the connection still stands. May be asked on any thread."""
        return any(connection.connected for connection in list(self._conns.values()))

    def met(self) -> Sequence[Exception]:
        """What attempts to connect have met since a broker last took us in. May be asked on any thread."""
        return list(self._met)

    def _failures(self, node_id: Any) -> int:
        failures: int = self._backoff.get(node_id, (0, 0, 0))[0]
        return failures


class Client(KafkaNetClient):
    """What any client of the library takes as its ``kafka_client``."""

    def __init__(self, net: Any = None, manager: Any = None, **configs: Any) -> None:
        selector = NetworkSelector(**configs) if net is None else net
        super().__init__(selector, Manager(selector, **configs) if manager is None else manager, **configs)


def _replace(connections: Any) -> None:
    connections.KafkaConnection = Connection


_replace(manager)
