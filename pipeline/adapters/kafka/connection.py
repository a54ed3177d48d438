"""How to reach Kafka: one value for every client, and one translation of what goes wrong on the way."""

from __future__ import annotations

import logging
import socket
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

from kafka import errors
from kafka.record import util

from pipeline.adapters.kafka.format import missing_codecs
from pipeline.adapters.kafka.network import Client
from pipeline.errors import ServiceError, SettingsError

PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")

_PROBE_SECONDS = 1.0
_SOON = 30.0
T = TypeVar("T")


class BrokerAwayError(ServiceError):
    """No broker answers, which waiting may mend: it is worth trying again for `patience` seconds.

    Nobody listening is a broker that restarts, or a wrong address. Somebody who accepts and says nothing that Kafka
    would say may be a load balancer before a broker that is away, yet is a wrong port or protocol more often.
    """

    def __init__(self, message: str, patience: float) -> None:
        self.patience = patience
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """Where Kafka is and how to be let in; the same for every client.

    `bootstrap_servers` is ``host:port`` or several of them with commas. Raises `SettingsError` for a combination that
    cannot work.
    """

    bootstrap_servers: str = "localhost:9092"
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ssl_cafile: str | None = None
    ssl_certfile: str | None = None
    ssl_keyfile: str | None = None
    client_id: str = "sluice"
    patience: float = 8.0
    """Seconds that a client looks for its first broker before it gives up."""

    def __post_init__(self) -> None:
        if not self.servers:
            raise SettingsError("Kafka's bootstrap servers are empty: name at least one host:port")
        if self.security_protocol not in PROTOCOLS:
            raise SettingsError(
                f"Kafka's security protocol is {self.security_protocol!r}, not one of {', '.join(PROTOCOLS)}"
            )
        if self.security_protocol.startswith("SASL") and not (self.username and self.password):
            raise SettingsError(
                f"Kafka's security protocol {self.security_protocol} needs a user name and a password"
            )

    @property
    def servers(self) -> list[str]:
        return [server.strip() for server in self.bootstrap_servers.split(",") if server.strip()]

    def settings(self) -> dict[str, Any]:
        """Keyword arguments that any client of kafka-python takes."""
        return {
            "bootstrap_servers": self.servers,
            "client_id": self.client_id,
            "security_protocol": self.security_protocol,
            "ssl_cafile": self.ssl_cafile,
            "ssl_certfile": self.ssl_certfile,
            "ssl_keyfile": self.ssl_keyfile,
            "sasl_mechanism": self._mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
            "bootstrap_timeout_ms": int(self.patience * 1000),
            "kafka_client": Client,
        }

    @contextmanager
    def reaching(self) -> Iterator[None]:
        """Turn whatever fails inside the ``with`` block into a `ServiceError` that says what to do."""
        with overheard("kafka.net.manager") as reasons:
            try:
                yield
            except errors.KafkaConfigurationError as error:
                raise SettingsError(f"these Kafka settings cannot work: {error}") from error
            except errors.KafkaTimeoutError as error:
                raise self._explained(_weightiest(reasons, error)) from error
            except (errors.KafkaError, OSError, ValueError) as error:
                # Among them files of certificates that are missing or hold something else.
                raise self._explained(error) from error

    def client(self, make: Callable[..., T], **settings: Any) -> T:
        """Make a client of kafka-python, with `settings` on top of this connection's.

        Where that fails, the library leaves the client's thread and sockets behind, once for each attempt: they are
        closed here.
        """
        with ExitStack() as failed:

            def network(**configs: Any) -> Client:
                made = Client(**configs)
                failed.callback(made.close)
                return made

            client = make(**{**self.settings(), **settings, "kafka_client": network})
            failed.pop_all()
        return client

    @property
    def _mechanism(self) -> str | None:
        return self.sasl_mechanism or ("PLAIN" if self.security_protocol.startswith("SASL") else None)

    def listening(self) -> list[str]:
        """Which of the servers take a connection; blocks for up to a second for each that does not."""
        return [server for server in self.servers if _accepts(server)]

    def away(self) -> BrokerAwayError:
        """The error to raise when none of the servers takes a connection."""
        return BrokerAwayError(
            f"no Kafka broker answers at {self.bootstrap_servers}; start one, or set the bootstrap servers", inf
        )

    def explained(self, met: Sequence[Exception]) -> ServiceError:
        """What to say where no broker takes us in, by all that attempts have met; may block as `listening` does."""
        return self._explained(_weightiest(met, errors.KafkaTimeoutError("no broker answers")))

    def _explained(self, error: Exception) -> ServiceError:
        if isinstance(error, errors.SaslAuthenticationFailedError):
            return ServiceError(f"Kafka at {self.bootstrap_servers} does not admit user {self.username!r}: {error}")
        if isinstance(error, errors.IllegalSaslStateError):
            return ServiceError(
                f"Kafka at {self.bootstrap_servers} wants no user there: name the broker's port for SASL, or set"
                " security_protocol to what that port speaks (PLAINTEXT or SSL)"
            )
        if isinstance(error, errors.BrokerResponseError) and not isinstance(error, errors.RequestTimedOutError):
            refusal = f"Kafka at {self.bootstrap_servers} refuses: {error}"
            passes = isinstance(error, errors.RetriableError)  # it has only just started
            return BrokerAwayError(refusal, _SOON) if passes else ServiceError(refusal)
        listening = self.listening()
        if not listening:
            return self.away()
        if self._mechanism and "disconnected" in str(error):
            # A broker's "no" and its hanging up often arrive together, and then the library reads only the latter.
            return ServiceError(
                f"Kafka at {self.bootstrap_servers} hangs up on user {self.username!r}: the user name, the password"
                f" or the mechanism {self._mechanism} is probably wrong"
            )
        return BrokerAwayError(
            f"{', '.join(listening)} accepts connections but does not answer as a Kafka broker with security protocol"
            f" {self.security_protocol} ({error}); check the protocol, the port and the certificates",
            _SOON,
        )


INSTALL = "pip install 'kafka-python[crc32c,lz4,snappy,zstd]'"


def check_libraries() -> None:
    """Refuse to work without the C library for checksums (in pure Python 15 ms for 100 KB) or without a codec.

    A batch that cannot be decompressed would be lost. Raises `ServiceError`.
    """
    missing = missing_codecs() + (["crc32c"] if getattr(util, "crc32c_c", None) is None else [])
    if missing:
        which = f"library {missing[0]} is" if len(missing) == 1 else f"libraries {', '.join(missing)} are"
        raise ServiceError(f"the {which} missing or cannot be loaded, and Kafka cannot do without: {INSTALL}")


class _Overheard(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.reasons: deque[Exception] = deque(maxlen=8)

    def emit(self, record: logging.LogRecord) -> None:
        arguments = record.args if isinstance(record.args, tuple) else ()
        self.reasons += [
            each
            for each in arguments
            if isinstance(each, Exception) and not isinstance(each, errors.KafkaTimeoutError)
        ]


@contextmanager
def overheard(logger: str) -> Iterator[deque[Exception]]:
    """Collect the exceptions that a logger is told of.

    While it looks for a broker, kafka-python retries everything, a wrong password included, and raises a bare timeout
    in the end: why it failed goes to its log and nowhere else.
    """
    log, handler = logging.getLogger(logger), _Overheard()
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.WARNING)  # however quiet the library is told to be
    log.propagate = False
    try:
        yield handler.reasons
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def _weightiest(reasons: Iterable[Exception], otherwise: Exception) -> Exception:
    """The exception that explains best why no broker was reached.

    A broker that turns a password down may say so at one attempt and just hang up at the next. The last attempt is
    cut short by our own patience: that it timed out says less than what any before it met.
    """
    said = list(reasons)
    turned_down = [each for each in said if isinstance(each, errors.SaslAuthenticationFailedError)]
    met = [each for each in said if not (isinstance(each, errors.RequestTimedOutError) or "timed out" in str(each))]
    return (turned_down or met or said or [otherwise])[-1]


def _accepts(server: str) -> bool:
    host, _, port = server.rpartition(":")
    try:
        with socket.create_connection((host.strip("[]") or server, int(port or 9092)), timeout=_PROBE_SECONDS):
            return True
    except (OSError, ValueError):
        return False
