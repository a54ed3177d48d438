"""The broker's jars: resolved once per machine through Maven, kept outside the tree, shared by parallel runs."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

from tests.services import ServiceMissingError
from tests.services.downloads import downloaded

_POM = Path(__file__).with_name("pom.xml")
_PATIENCE = 300.0  # seconds for 45 jars and 43 MB; seconds are usual, a slow mirror is not an error


def java() -> str:
    """The path of the Java runtime; raise ServiceMissingError where there is none."""
    program = shutil.which("java")
    if program is None:
        raise ServiceMissingError("Kafka needs Java 17 or later: apt-get install default-jre-headless")
    return program


def kafka_jars() -> Path:
    """The folder that holds the broker and all it needs, downloaded if it is not there yet.

    The folder's name is a hash of the pom, so another version is another folder. Whoever comes second
    waits for the first. Raises ServiceMissingError where Maven is missing or cannot reach its repository.
    """
    return downloaded(f"kafka-{hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]}", _download)


def shared_classes(jars: Path) -> Path:
    """The archive of classes with which a broker starts in half the time, once there is one (`archive_classes`)."""
    return jars / "classes.jsa"


def _download(jars: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise ServiceMissingError("the Kafka broker is fetched by Maven: apt-get install maven")
    argv = [maven, "--quiet", "--batch-mode", "--file", str(_POM), "dependency:copy-dependencies"]
    argv += ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    if done.returncode != 0:
        raise ServiceMissingError(f"Maven could not fetch the Kafka broker:\n{(done.stdout + done.stderr)[-2000:]}")
