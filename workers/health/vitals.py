"""Is the worker alive, is it ready: what /healthz and /readyz answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.ports import EncoderSpec, Hooks
from workers.health.stacks import Stacks

Check = Callable[[], str | None]
"""None when all is well, else the reason in one line. Called on the health server's threads; must not block."""


class Vitals(Hooks):
    """Listens to the hooks, and asks whoever has registered a check.

    Alive means that every loop makes progress and every thread that must run does, and never that Kafka or Redis are
    up: a restart would mend neither. What people should see though no restart would mend it, such as a worker that
    has paused itself, is a *notice*: it stands in the answers and fails none.
    """

    def __init__(self, stall_after: float) -> None:
        self._stall_after = stall_after
        self._checks: dict[str, Check] = {}
        self._notices: dict[str, Check] = {}
        self._stacks = Stacks()
        self._model = ""
        self._partitions: int | None = None

    @property
    def checks(self) -> tuple[Check, Check, Callable[[], Sequence[str]]]:
        """`alive`, `ready` and `notices`, as a `HealthServer` takes them."""
        return self.alive, self.ready, self.notices

    def watch(self, name: str, check: Check) -> None:
        """From now on ``/healthz`` fails while `check` gives a reason: only for what a restart mends."""
        self._checks[name] = check

    def watch_progress(self, name: str, stalled: Callable[[], float]) -> None:
        """From now on ``/healthz`` fails while `stalled`, seconds since anything moved, is above `stall_after`."""
        self.watch(name, lambda: self._too_long(stalled()))

    def notice(self, name: str, check: Check) -> None:
        """From now on both answers show what `check` says, and fail for none of it."""
        self._notices[name] = check

    def model_loaded(self, spec: EncoderSpec) -> None:
        self._model = spec.name

    def assigned(self, partitions: int) -> None:
        self._partitions = partitions

    def kafka_away(self, why: str | None) -> None:
        self._notices["kafka"] = lambda: why

    def alive(self) -> str | None:
        """Why a restart is called for, from every check that finds a reason.

        The first such answer after a good one logs what every thread is in, before anybody acts on it.
        """
        reason = "; ".join(_said(self._checks)) or None
        self._stacks.heed(reason)
        return reason

    def notices(self) -> Sequence[str]:
        """What people should see, a line each."""
        return _said(self._notices)

    def ready(self) -> str | None:
        """Why the worker takes no images yet, if so. One for which there is no partition is never ready."""
        if not self._model:
            return "the model is loading"
        if not self._partitions:
            return "no partitions are assigned"
        return None

    def _too_long(self, seconds: float) -> str | None:
        return f"nothing has moved for {seconds:.0f} s" if seconds > self._stall_after else None


def _said(checks: dict[str, Check]) -> list[str]:
    return [f"{name}: {reason}" for name, check in list(checks.items()) if (reason := _asked(check))]


def _asked(check: Check) -> str | None:
    """What the check says. One that raises has found that something is wrong, if not what."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001
        return f"its check failed: {type(error).__name__}: {error}"
