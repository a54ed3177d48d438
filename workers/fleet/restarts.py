"""When a process that died is started again, and when that would mend nothing. No process and no clock here."""

from __future__ import annotations

from dataclasses import dataclass

EXIT_USAGE = 2
"""How `sluice` ends where a person has to mend something: a setting, a policy file, a missing topic."""
PAUSES = (0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)
"""Seconds before the next start after one early death, two, ...; the last one stands for all further."""
PROVEN = 60.0
"""Seconds; a process that has lived that long does not die early, and its count begins anew."""
TROUBLED = 4
"""Early deaths in a row; one more, and somebody should look."""


@dataclass
class Restarts:
    """The deaths of one process."""

    deaths: int = 0
    early: int = 0
    """Early deaths in a row, up to the last death."""
    mistakes: int = 0
    """Early deaths by a mistake that a person must mend."""
    last: int = 0
    """The exit status of the last death."""

    def died(self, status: int, lived: float) -> float:
        """Count a death with that exit status after `lived` seconds. Returns the seconds until the next start."""
        self.deaths += 1
        self.last = status
        early = lived < PROVEN
        self.early = self.early + 1 if early else 0
        self.mistakes += early and status == EXIT_USAGE
        return PAUSES[min(max(0, self.early - 1), len(PAUSES) - 1)]

    @property
    def keeps_dying(self) -> bool:
        """Whether it died early again and again, so that somebody should look."""
        return self.early > TROUBLED

    @property
    def never_worked(self) -> bool:
        """Whether every start so far ended in a mistake that a person must mend."""
        return 0 < self.deaths == self.mistakes


def exit_status(returncode: int) -> int:
    """What the supervisor ends with for a process that ended so: its status, by the shell's rule for a signal."""
    return 128 - returncode if returncode < 0 else returncode
