"""A self-signed certificate for loopback, made anew for each run, so that TLS settings meet real TLS."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.services import ServiceMissingError


@dataclass(frozen=True)
class Certificate:
    """PEM files: `cert` is what a client trusts, `key` is the server's own, `both` is the two in one."""

    cert: Path
    key: Path
    both: Path


def make_certificate(folder: Path, name: str = "server", *, authority: bool = True) -> Certificate:
    """Make a certificate for `localhost` and 127.0.0.1 in `folder`; ServiceMissingError without openssl.

    It is an authority's as well unless told otherwise: rustls takes none of these for a server's own.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        raise ServiceMissingError("openssl is not installed: apt-get install openssl")
    made = Certificate(folder / f"{name}.crt", folder / f"{name}.key", folder / f"{name}.pem")
    argv = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-nodes", "-days", "2"]
    argv += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    argv += [] if authority else ["-addext", "basicConstraints=critical,CA:FALSE"]
    argv += ["-keyout", str(made.key), "-out", str(made.cert)]
    subprocess.run(argv, check=True, capture_output=True)
    made.both.write_text(made.key.read_text() + made.cert.read_text())
    return made
