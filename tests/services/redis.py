"""A Redis server that can be stopped, killed and frozen under the code that uses it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Self

import redis

from tests.services import ServiceMissingError
from tests.services.certificates import Certificate
from tests.services.processes import HOST, ChildProcess, free_port
from tests.services.service import Service


class RedisServer(Service):
    """One redis-server that keeps nothing on disk: after a restart it has the same address and no keys."""

    def __init__(self, folder: Path, *, password: str | None = None, certificate: Certificate | None = None) -> None:
        """Nothing starts yet. With a certificate the port speaks TLS and nothing else."""
        self.port = free_port()
        self.password = password
        self.certificate = certificate
        self._folder = folder

    @property
    def url(self) -> str:
        """The address as a client's settings take it, with the password in it if there is one."""
        scheme = "rediss" if self.certificate else "redis"
        secret = f":{self.password}@" if self.password else ""
        query = f"?ssl_ca_certs={self.certificate.cert}" if self.certificate else ""
        return f"{scheme}://{secret}{HOST}:{self.port}/0{query}"

    def client(self) -> redis.Redis:
        """A client for the test's own questions, which a frozen server fails and never hangs."""
        return redis.Redis.from_url(self.url, socket_timeout=5, socket_connect_timeout=5)

    def start(self) -> Self:
        """Start and wait until it accepts; raise ServiceMissingError where redis-server is not installed."""
        program = shutil.which("redis-server")
        if program is None:
            raise ServiceMissingError("redis-server is not installed: apt-get install redis-server")
        process = ChildProcess([program, *self._arguments()], self._folder, name="redis")
        return self._serve(process, lambda it: it.wait_for_port(self.port))

    def restart(self) -> None:
        """Stop it if it runs, and start it on the same port, empty."""
        self.close()
        self.start()

    def _arguments(self) -> list[str]:
        arguments = ["--bind", HOST, "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        if self.password:
            arguments += ["--requirepass", self.password]
        if self.certificate is None:
            return [*arguments, "--port", str(self.port)]
        return [
            *arguments,
            *("--port", "0", "--tls-port", str(self.port), "--tls-auth-clients", "no"),
            *("--tls-cert-file", str(self.certificate.cert), "--tls-key-file", str(self.certificate.key)),
        ]
