"""What every service of the tests can do once it is started: be ended in order, killed, frozen, and closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Self

from tests.services.processes import ChildProcess


class Service(ABC):
    """One child process. Use it as a context: entering starts it, leaving ends it at once."""

    _process: ChildProcess | None = None

    @abstractmethod
    def start(self) -> Self:
        """Start it and wait until it serves; raise ServiceMissingError where its program cannot be had."""

    def stop(self) -> None:
        """End it as an administrator does (SIGTERM): in order, and clients see their connections closed."""
        self._running().terminate()

    def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self._running().kill()

    def pause(self) -> None:
        """Freeze it (SIGSTOP): connecting still works, and nothing is answered until `resume`."""
        self._running().pause()

    def resume(self) -> None:
        """Let it go on: it answers all that has waited."""
        self._running().resume()

    def close(self) -> None:
        """End it at once, paused or not; no harm in doing it twice."""
        if self._process is not None:
            self._process.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self, process: ChildProcess, ready: Callable[[ChildProcess], object]) -> Self:
        """Take the process as this service's and wait until it is `ready`; if that fails, leave none behind."""
        self._process = process
        try:
            ready(process)
        except BaseException:
            process.close()
            raise
        return self

    def _running(self) -> ChildProcess:
        if self._process is None:
            raise RuntimeError(f"this {type(self).__name__} was never started")
        return self._process
