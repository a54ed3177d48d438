"""The CPU clock of a bench: this process and its decode processes."""

from __future__ import annotations

import time

from pipeline.adapters import decode_processes


def cpu_seconds() -> float:
    """CPU seconds of all threads of this process, and of the processes that decode for it where the system tells."""
    return time.process_time() + decode_processes.cpu_seconds()
