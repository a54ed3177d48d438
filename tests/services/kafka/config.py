"""What a test's broker is told: one node that is its own controller, quick to start, small, and strict."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.services.certificates import Certificate
from tests.services.processes import HOST, free_port

USERNAME = "sluice"
PASSWORD = "let-me-in"
GUEST = "guest"
"""Another user, with the same password, whom only PLAIN lets in."""
SCRAM = "SCRAM-SHA-512"

_GUARDED = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:ANONYMOUS;User:{USERNAME}",
}

_COMMON = {
    "process.roles": "broker,controller",
    "node.id": 1,
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 2,  # 50 by default, each made of files at the first commit
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 2,
    "group.initial.rebalance.delay.ms": 0,  # a group forms at once: nobody else is coming
    "group.min.session.timeout.ms": 500,  # a test about a dead consumer need not wait 6 s for its funeral
    # After a crash the node must wait until its former self is declared dead: 9 s by default.
    "broker.session.timeout.ms": 4000,
    "broker.heartbeat.interval.ms": 500,
    "auto.create.topics.enable": "false",  # a mistyped topic is an error here, as it should be in production
    "message.max.bytes": 10 * 1024 * 1024,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,  # 128 MiB by default, a quarter of this broker's heap
}

_LOGGING = """\
status = error
appender.out.type = Console
appender.out.name = OUT
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d{ISO8601} %p %m (%c{1})%n
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = OUT
# Two pages of settings at every start.
logger.settings.name = org.apache.kafka.common.config
logger.settings.level = WARN
"""


@dataclass(frozen=True)
class SecureListener:
    """A broker's second door: TLS with a certificate of its own, and a user name with a password.

    It takes the mechanisms PLAIN and SCRAM-SHA-512. Topics and records are those of the first door.
    """

    bootstrap_servers: str
    ca_file: Path
    username: str = USERNAME
    password: str = PASSWORD

    def settings(self, mechanism: str = "PLAIN") -> dict[str, Any]:
        """Arguments that make any kafka-python client connect here."""
        return {
            "bootstrap_servers": self.bootstrap_servers,
            "security_protocol": "SASL_SSL",
            "ssl_cafile": str(self.ca_file),
            "sasl_mechanism": mechanism,
            "sasl_plain_username": self.username,
            "sasl_plain_password": self.password,
        }


@dataclass(frozen=True)
class BrokerConfig:
    """The ports of one broker; they and its folder stay the same over restarts."""

    folder: Path
    port: int
    controller_port: int
    secure_port: int
    certificate: Certificate | None
    advertised_port: int | None = None
    """Where clients of the side door are told to find it, if there is one: at a proxy's port, say."""
    side_port: int = 0
    guarded: bool = False
    """Whether `GUEST` may do only what ACLs let it."""

    @classmethod
    def on_free_ports(
        cls,
        folder: Path,
        certificate: Certificate | None,
        advertised_port: int | None = None,
        *,
        guarded: bool = False,
    ) -> BrokerConfig:
        """Choose ports; with a certificate there will be a SASL_SSL listener too."""
        ports = (free_port(), free_port(), free_port())
        return cls(folder, *ports, certificate, advertised_port, free_port(), guarded)

    @property
    def data(self) -> Path:
        """Where the broker keeps its records."""
        return self.folder / "data"

    def write(self) -> tuple[Path, Path]:
        """Write server.properties and log4j2.properties, and return their paths."""
        server, logging = self.folder / "server.properties", self.folder / "log4j2.properties"
        server.write_text("".join(f"{key}={value}\n" for key, value in self._properties().items()))
        logging.write_text(_LOGGING)
        return server, logging

    def _properties(self) -> dict[str, object]:
        listeners = {"PLAINTEXT": self.port, "CONTROLLER": self.controller_port}
        if self.certificate is not None:
            listeners["SASL_SSL"] = self.secure_port
        if self.advertised_port is not None:
            listeners["SIDE"] = self.side_port
        addresses = {name: f"{name}://{HOST}:{port}" for name, port in listeners.items()}
        told = {**addresses, "SIDE": f"SIDE://{HOST}:{self.advertised_port}"}
        return {
            **_COMMON,
            "controller.quorum.voters": f"1@{HOST}:{self.controller_port}",
            "listeners": ",".join(addresses.values()),
            "advertised.listeners": ",".join(told[name] for name in listeners if name != "CONTROLLER"),
            "listener.security.protocol.map": (
                "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SIDE:PLAINTEXT,SASL_SSL:SASL_SSL"
            ),
            "log.dirs": self.data,
            **self._secure_properties(),
            **(_GUARDED if self.guarded else {}),
        }

    def _secure_properties(self) -> dict[str, object]:
        if self.certificate is None:
            return {}
        login = "org.apache.kafka.common.security"
        prefix = "listener.name.sasl_ssl"
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.certificate.both,
            "sasl.enabled.mechanisms": f"PLAIN,{SCRAM}",
            f"{prefix}.plain.sasl.jaas.config": f"{login}.plain.PlainLoginModule required "
            f'user_{USERNAME}="{PASSWORD}" user_{GUEST}="{PASSWORD}";',
            f"{prefix}.{SCRAM.lower()}.sasl.jaas.config": f"{login}.scram.ScramLoginModule required;",
        }
