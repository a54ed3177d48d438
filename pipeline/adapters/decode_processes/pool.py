"""The decode processes of a worker: as many as there are threads that need one, each used by one thread at a time."""

from __future__ import annotations

from collections.abc import Callable
from threading import Condition, Lock
from time import monotonic, sleep

import structlog

from pipeline.adapters.decode_processes.limits import Limits
from pipeline.adapters.decode_processes.messages import Call, Outcome
from pipeline.adapters.decode_processes.nursery import NoProcessError, Nursery
from pipeline.adapters.decode_processes.process import DeathError, Process, StaleError
from pipeline.ports import Decoder, Hooks

PATIENCE = 30.0
"""Seconds to go on trying to start a process, which fails where there is no memory or no pid for one."""
_PAUSE = 0.5
_log = structlog.get_logger(__name__)


class DecodeProcesses:
    """Up to `most` processes, which are forked as they are needed. Safe to call from many threads.

    They end with it, or when nobody refers to it any more, and with this process, however that ends.
    """

    def __init__(
        self, make: Callable[..., Decoder], limits: Limits, *, most: int, hooks: Hooks, patience: float = PATIENCE
    ) -> None:
        """Begin to import what `make` needs, and go on. Raises `NoProcessError`."""
        self._make = make
        self._limits = limits
        self._most = most
        self._hooks = hooks
        self._patience = patience
        self._arguments: tuple[object, ...] = ()
        self._nursery = Nursery(make, limits)
        self._nursing = Lock()
        self._changed = Condition()
        self._free: list[Process] = []
        self._busy: set[Process] = set()
        self._starting = 0
        self._trouble: tuple[float, str] | None = None
        self._moved = monotonic()

    def ready(self, *arguments: object) -> str:
        """Have the decoder made with these arguments, and a first process. Returns the decoder's name.

        Raises `NoProcessError`.
        """
        self._arguments = arguments
        name = self._nursery.ready(arguments)
        self._free.append(Process(self._nursery, self._limits))
        return name

    def ask(self, call: Call, image: bytes, *, fresh: bool = False) -> Outcome:
        """What came of the image, if need be in a `fresh` process. Waits while all processes are busy.

        Raises `DeathError` where the process ended, and `NoProcessError` where there is none and none can be started.
        """
        while True:
            process, keep = self._take(fresh=fresh), False
            try:
                found, leaves = process.ask(call, image)
                keep = not leaves
            except StaleError:
                self._hooks.decode_process_ended(process.bury().cause)
                continue
            except DeathError as death:
                self._hooks.decode_process_ended(death.cause)
                raise
            finally:
                self._let_go(process, keep=keep)
            return found

    def trouble(self) -> str | None:
        """Why no process can be started, and for how long; None while all is well."""
        trouble = self._trouble
        return None if trouble is None else f"{trouble[1]} (for {monotonic() - trouble[0]:.0f} s)"

    def quiet(self) -> float:
        """Seconds since an image was last through, be it decoded, refused or lost."""
        return monotonic() - self._moved

    def close(self) -> None:
        """End all processes. Idempotent."""
        self._nursery.close()
        with self._changed:
            for each in self._free:
                each.close()

    def _take(self, *, fresh: bool) -> Process:
        with self._changed:
            self._changed.wait_for(lambda: self._free or len(self._busy) + self._starting < self._most)
            process = self._free.pop() if self._free else None
            if process is not None and not fresh:
                self._busy.add(process)
                return process
            self._starting += 1
        if process is not None:
            process.bury()
        return self._started()

    def _let_go(self, process: Process, *, keep: bool) -> None:
        if not keep:
            process.bury()
        self._moved = monotonic()
        with self._changed:
            self._busy.discard(process)
            if keep:
                self._free.append(process)
            self._changed.notify()

    def _started(self) -> Process:
        process = None
        try:
            process = self._patiently()
        finally:
            with self._changed:
                self._starting -= 1
                if process is not None:
                    self._busy.add(process)
                self._changed.notify()
        return process

    def _patiently(self) -> Process:
        began = monotonic()
        while True:
            try:
                process = Process(self._living_nursery(), self._limits)
            except NoProcessError as error:
                if self._trouble is None:
                    _log.error("no_decode_process", error=str(error), consequence="nothing is decoded meanwhile")
                self._trouble = self._trouble or (began, str(error))
                if monotonic() - began >= self._patience:
                    raise
                sleep(_PAUSE)
            else:
                self._trouble = None
                return process

    def _living_nursery(self) -> Nursery:
        """The nursery; another where it has gone, by the killer of processes say."""
        with self._nursing:
            if not self._nursery.close.alive:
                _log.warning("decode_processes_lost", consequence="they are started again")
                self._nursery = Nursery(self._make, self._limits)
                self._nursery.ready(self._arguments)
            return self._nursery
