"""`python -m tests.services.azurite`: fetch it ahead of time and print where it is."""

from __future__ import annotations

import sys

from tests.services import ServiceMissingError
from tests.services.azurite import azurite_folder

try:
    sys.stdout.write(f"{azurite_folder()}\n")
except ServiceMissingError as missing:
    sys.exit(str(missing))
