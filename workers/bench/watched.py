"""A bench that can be ended at any moment, and then tells what it has measured so far.

It measures on a thread of its own: the main thread would not hear Ctrl-C before a forward pass is through, which may
take a minute.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from threading import Event, Thread

from workers.bench.budget import Budget
from workers.bench.starts import end_children
from workers.process.interrupts import keeping, leave_at_once

EXIT_TIME = 2
"""The status where the time was up amid a part; one that does not begin for want of time is no failure."""


def watched(measure: Callable[[], None], budget: Budget, show: Callable[[], None]) -> None:
    """Call `measure`, then `show` once, with the time that there is. Raises what `measure` raises, once it is shown.

    Where the time is up before `measure` is, or Ctrl-C is pressed, the process ends after `show`.
    """
    through, errors = Event(), list[BaseException]()

    def run() -> None:
        # Processes started from here inherit the mask: of Ctrl-C this one tells, in one line.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            measure()
        except BaseException as error:  # noqa: BLE001 - raised again by the main thread
            errors.append(error)
        through.set()

    def interrupted() -> str:
        return f"interrupted; above is what was measured before, {_cut_off(budget, show)}"

    with keeping(interrupted):
        Thread(target=run, name="sluice-bench", daemon=True).start()
        in_time = through.wait(max(0.0, budget.seconds - budget.elapsed))
    if not in_time:
        leave_at_once(EXIT_TIME, f"sluice: the time is up, {_cut_off(budget, show)}; give it more --minutes")
    show()
    if errors:
        raise errors[0]


def _cut_off(budget: Budget, show: Callable[[], None]) -> str:
    """Show what has been measured; returns the words for what is missing in it."""
    end_children()
    budget.missing.append(f"{budget.doing}: not measured, it was cut off")
    show()
    return f"without {budget.doing}"
