"""`python -m tests.services.kafka`: fetch the broker ahead of time, let it start sooner, and print where it is."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.services import ServiceMissingError
from tests.services.kafka.broker import KafkaBroker
from tests.services.kafka.jars import kafka_jars, shared_classes


def archive_classes(archive: Path) -> None:
    """Write, at the end of a broker that serves nobody, what its Java has loaded."""
    partial = archive.with_suffix(".partial")
    with TemporaryDirectory() as folder:
        broker = KafkaBroker(Path(folder))
        try:
            broker.start(archive=partial).stop()
        finally:
            broker.close()
    partial.rename(archive)


try:
    jars = kafka_jars()
except ServiceMissingError as missing:
    sys.exit(str(missing))
if not shared_classes(jars).exists():
    archive_classes(shared_classes(jars))
sys.stdout.write(f"{jars}\n")
