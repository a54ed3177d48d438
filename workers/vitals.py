"""Is the worker alive, is it ready: what /healthz and /readyz answer."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.ports import EncoderSpec, Hooks


class Vitals(Hooks):
    """Listens to the hooks; its checks return None when all is well, else the reason in one line.

    Alive means that the loop makes progress, and never that Kafka or Redis are up: a restart would mend neither.
    """

    def __init__(self, stall_after: float) -> None:
        self._stall_after = stall_after
        self._stalled: Callable[[], float] = lambda: 0.0
        self._model = ""
        self._partitions: int | None = None

    @property
    def checks(self) -> tuple[Callable[[], str | None], Callable[[], str | None]]:
        """`live` and `ready`."""
        return self.live, self.ready

    def watch(self, stalled: Callable[[], float]) -> None:
        """Ask this for the seconds since anything last moved."""
        self._stalled = stalled

    def model_loaded(self, spec: EncoderSpec) -> None:
        """The model is warm."""
        self._model = spec.name

    def assigned(self, partitions: int) -> None:
        """The source now owns that many partitions."""
        self._partitions = partitions

    def live(self) -> str | None:
        """Whether anything has moved lately."""
        seconds = self._stalled()
        return f"nothing has moved for {seconds:.0f} s" if seconds > self._stall_after else None

    def ready(self) -> str | None:
        """Whether the model is warm and partitions are assigned; one worker more than partitions is never ready."""
        if not self._model:
            return "the model is loading"
        if not self._partitions:
            return "no partitions are assigned"
        return None
