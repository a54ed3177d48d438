"""One Kafka node's life: format, start, stop, crash, come back with the same data on the same port."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Self

from tests.services import ServiceMissingError
from tests.services.certificates import Certificate
from tests.services.kafka.client import BrokerClient
from tests.services.kafka.config import PASSWORD, SCRAM, USERNAME, BrokerConfig, SecureListener
from tests.services.kafka.jars import java, kafka_jars, shared_classes
from tests.services.processes import HOST, ChildProcess
from tests.services.service import Service

# The serial collector and the first compiler alone: they start soonest, on a broker that lives for minutes.
_JVM = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
_CLUSTER_ID = "c2x1aWNlLXRlc3RzLWthZg"  # any 16 bytes in base64; nothing outside this broker sees it
_STARTED = r"Kafka Server started"
_formatted: dict[str, bytes] = {}
"""The files of a storage that was formatted in this process: all brokers begin with the same."""


class KafkaBroker(Service, BrokerClient):
    """A real broker on loopback, with the questions that tests ask of one (inherited from `BrokerClient`)."""

    def __init__(
        self,
        folder: Path,
        *,
        certificate: Certificate | None = None,
        advertised_port: int | None = None,
        guarded: bool = False,
    ) -> None:
        """Nothing starts yet. With a certificate there is a SASL_SSL listener as well (`secure`).

        One that is `guarded` lets its user `GUEST` do only what ACLs say.

        With an advertised port there is a side door (`side_port`), whose clients are sent to that port whatever they
        asked first: to a proxy, say. The front door stays what it is.
        """
        self._config = BrokerConfig.on_free_ports(folder, certificate, advertised_port, guarded=guarded)
        super().__init__(f"{HOST}:{self._config.port}")

    @property
    def secure(self) -> SecureListener:
        """The SASL_SSL door; RuntimeError on a broker made without a certificate."""
        if self._config.certificate is None:
            raise RuntimeError("this broker was made without a certificate")
        return SecureListener(f"{HOST}:{self._config.secure_port}", self._config.certificate.cert)

    @property
    def port(self) -> int:
        """The port of the plain listener."""
        return self._config.port

    @property
    def side_port(self) -> int:
        """The port of the side door, where what stands at the advertised port is to lead."""
        return self._config.side_port

    def start(self, within: float = 90.0, *, archive: Path | None = None) -> Self:
        """Format the storage the first time, start, and wait until it serves; write an archive of classes at the end.

        Raises ServiceMissingError where Java, Maven or the jars cannot be had.
        """
        server, logging = self._config.write()
        jars = kafka_jars()
        classes = (
            f"-XX:ArchiveClassesAtExit={archive}" if archive else f"-XX:SharedArchiveFile={shared_classes(jars)}"
        )
        arguments = [*_JVM, f"-Dlog4j2.configurationFile={logging}", "-cp", f"{jars}/*"]
        if not self._config.data.exists():
            self._format([java(), *arguments, "kafka.tools.StorageTool", "format"], server)
        # A new pair of files for every start, or the last start's "started" would pass for this one's.
        name = f"broker-{len(list(self._config.folder.glob('broker-*.out'))) + 1}"
        process = ChildProcess(
            [java(), classes, *arguments, "kafka.Kafka", str(server)], self._config.folder, name=name
        )
        return self._serve(process, lambda it: it.wait_for_line(_STARTED, within))

    def restart(self) -> None:
        """Stop it if it runs, and start it with the same data on the same port."""
        if self._running().running:
            self.stop()
        self.start()

    def _format(self, command: list[str], server: Path) -> None:
        data = self._config.data
        if not _formatted:
            _format(command, server)
            _formatted.update({path.name: path.read_bytes() for path in data.iterdir()})
            return
        data.mkdir()
        for name, content in _formatted.items():
            (data / name).write_bytes(content)


def _format(command: list[str], server: Path) -> None:
    user = f"{SCRAM}=[name={USERNAME},password={PASSWORD}]"
    argv = [*command, "-t", _CLUSTER_ID, "-c", str(server), "--add-scram", user]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        said = (done.stdout + done.stderr)[-2000:]
        if "UnsupportedClassVersionError" in said:
            raise ServiceMissingError("Kafka needs Java 17 or later, and this machine's is older")
        raise ChildProcessError(f"the storage could not be formatted:\n{said}")
