"""The producer with the ledger: a thread that sends at a steady rate, and puts in what a fault hands it."""

# mypy: disallow-untyped-calls=False

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any, Self

from kafka import KafkaProducer

from tests.chaos.images import Picture, ordinary
from tests.chaos.ledger import LEDGER_HEADER, Ledger, Sent

MOST_OUTSTANDING = 400
"""Events under way at which nothing is sent: a broker that is away is waited for."""


@dataclass
class Stream:
    """The topic as it is now."""

    topic: str
    epoch: str
    partitions: int
    begins: dict[str, float] = field(default_factory=dict)
    """When each epoch began, in seconds since 1970."""


class Producer:
    """Sends `ordinary` pictures over all partitions until it is closed."""

    def __init__(self, servers: str, stream: Stream, ledger: Ledger, rate: float, seed: int) -> None:
        self._servers = servers
        self._stream = stream
        self._ledger = ledger
        self._rate = rate
        self._draw = Random(f"producer {seed}")
        self._pictures = ordinary()
        self._lock = threading.RLock()
        self._outstanding = 0
        self._number = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-producer", daemon=True)
        self._client: Any = None

    def __enter__(self) -> Self:
        self._client = self._made()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._close()

    @property
    def sent(self) -> int:
        """How many events were sent, acknowledged or not."""
        return self._number

    def stop(self) -> None:
        """Send no more, and wait until all that is under way is acknowledged or given up."""
        self._ended.set()
        if self._thread.ident is not None:
            self._thread.join()
        with suppress(Exception), self._lock:
            self._client.flush(timeout=180)

    def put(self, picture: Picture, partition: int) -> None:
        """Send one event now."""
        with self._lock:
            self._send(picture, partition)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Nothing is sent or under way inside; behind it is a new client, which knows nothing of the old topic."""
        with self._lock:
            self._client.flush(timeout=60)
            self._close()
            try:
                yield
            finally:
                self._client = self._made()

    def _run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            due = max(due + 1 / self._rate, time.monotonic() - 1)
            self._ended.wait(max(0.0, due - time.monotonic()))
            if self._outstanding < MOST_OUTSTANDING:
                with self._lock:
                    picture = self._draw.choice(self._pictures)
                    self._send(picture, self._draw.randrange(self._stream.partitions))

    def _send(self, picture: Picture, partition: int) -> None:
        number, self._number = self._number, self._number + 1
        key = b"ledger-%d" % number + picture.key_tail if picture.keyed else None
        headers = [*picture.headers, (LEDGER_HEADER, b"%d" % number)]
        # Ours, and not what an acknowledgement says: to a batch that it has already, a broker gives one time for all.
        stamp = time.time_ns() // 1_000_000 if picture.timestamp_ms is None else picture.timestamp_ms
        epoch = self._stream.epoch
        digest = hashlib.sha256(picture.value or b"").hexdigest()

        def acknowledged(at: Any) -> None:
            self._outstanding -= 1
            place = (at.topic, epoch, at.partition, at.offset, stamp)
            self._ledger.acknowledged(Sent(number, picture.kind, *place, key, digest))

        def failed(error: Exception) -> None:
            self._outstanding -= 1
            self._ledger.failed(f"{number} ({picture.kind}): {error!r}")

        try:
            future = self._client.send(
                self._stream.topic,
                key=key,
                value=picture.value,
                headers=headers,
                partition=partition,
                timestamp_ms=stamp,
            )
        except Exception as error:  # noqa: BLE001 - what was not sent is owed no answer
            self._ledger.failed(f"{number} ({picture.kind}): {error!r}")
            return
        self._outstanding += 1
        future.add_callback(acknowledged)
        future.add_errback(failed)

    def _made(self) -> Any:
        return KafkaProducer(
            bootstrap_servers=self._servers,
            acks="all",
            enable_idempotence=True,
            linger_ms=5,
            max_request_size=32 << 20,
            delivery_timeout_ms=300_000,
            request_timeout_ms=10_000,
            max_block_ms=180_000,
        )

    def _close(self) -> None:
        with suppress(Exception):
            self._client.close(timeout=10)
