"""When a process that died is started again, and when that would mend nothing. No process and no clock here."""

from __future__ import annotations

from dataclasses import dataclass

EXIT_USAGE = 2
"""How `sluice` ends where a person has to mend something: a setting, a policy file, a missing topic."""
PAUSES = (0.0, 1.0, 2.0, 4.0)
"""Seconds before the next start, after one early death, two, ...; one more is the last."""
PROVEN = 60.0
"""Seconds; a process that has lived that long does not die early, and the count begins anew."""


@dataclass
class Restarts:
    """The deaths of one process."""

    deaths: int = 0
    early: int = 0
    """In a row, up to the last one."""

    def died(self, status: int, lived: float) -> float | None:
        """Count a death with that exit status after `lived` seconds.

        Returns the seconds to wait before the next start, or None to give up: after as many early deaths in a row as
        there are pauses and one more, or when the very first start ended in a mistake that a person must mend.
        """
        first = self.deaths == 0
        self.deaths += 1
        self.early = self.early + 1 if lived < PROVEN else 0
        if (first and status == EXIT_USAGE) or self.early > len(PAUSES):
            return None
        return PAUSES[max(0, self.early - 1)]


def exit_status(returncode: int) -> int:
    """What the supervisor ends with after giving up on a process: its status, by the shell's rule for a signal.

    A process that ends well, and again and again, is a failure all the same.
    """
    return 128 - returncode if returncode < 0 else returncode or 1
