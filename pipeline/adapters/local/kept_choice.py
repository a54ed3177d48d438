"""What a trial has chosen on this machine, kept on disk: a restart chooses the same, however busy the machine is."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import structlog

from pipeline.adapters.local.last_good import write_whole

_LONGEST = 64
_CPUINFO = Path("/proc/cpuinfo")
_log = structlog.get_logger(__name__)


class KeptChoice:
    """One choice of a name. `about` is all that it depends on: anything else has another file. No call raises."""

    def __init__(self, state: Path, name: str, about: Sequence[str]) -> None:
        self.path = state / f"{name}-{sha256(chr(0).join(about).encode()).hexdigest()[:16]}"

    def read(self, among: Sequence[str]) -> str | None:
        """What was chosen; None where nothing was, or the file holds something else than one of these."""
        try:
            said = self.path.read_bytes()[:_LONGEST].decode(errors="replace").strip()
        except OSError:
            return None
        return said if said in among else None

    def keep(self, chosen: str) -> None:
        try:
            write_whole(self.path, chosen.encode())
        except OSError as error:
            _log.warning("choice_not_kept", file=str(self.path), reason=error.strerror)


def processor() -> str:
    """What CPU this machine has, as far as the system tells."""
    try:
        lines = _CPUINFO.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
