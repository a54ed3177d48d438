"""`python -m tests.services.kafka`: fetch the broker ahead of time and print where it is."""

from __future__ import annotations

import sys

from tests.services import ServiceMissingError
from tests.services.kafka.jars import kafka_jars

try:
    sys.stdout.write(f"{kafka_jars()}\n")
except ServiceMissingError as missing:
    sys.exit(str(missing))
