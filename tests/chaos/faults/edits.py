"""Edits of policy files: good, bad, and written in two halves."""

from __future__ import annotations

from tests.chaos.faults.fault import Fault
from tests.chaos.rig import Rig
from tests.e2e.policies_under_test import FILES, edit, policy

NAME = "gambling.yaml"
BAD = ("title: [", "nonsense: true\n", "\x00\xff", "", "title: G\nprompts: []\nactions: {review: 7}\n")


class PolicyGood(Fault):
    """Takes a sentence more and another threshold; the next good edit is another one."""

    name = "policy-good"
    in_a_deck = 2

    def begin(self, rig: Rig) -> None:
        prompts = ["dice", "a slot machine", self.draw.choice(["playing cards", "a roulette wheel", "chips"])]
        least = round(self.draw.uniform(0.05, 0.6), 3)
        edit(rig.policies, NAME, policy("Gambling", prompts, {"review": least}))
        self.told = f"review from {least}"


class PolicyBad(Fault):
    """A file that does not validate, for long enough that a worker may start beside it."""

    name = "policy-bad"
    lasts = 8.0

    def begin(self, rig: Rig) -> None:
        self.told = repr(bad := self.draw.choice(BAD))
        edit(rig.policies, NAME, bad)

    def end(self, rig: Rig) -> None:
        edit(rig.policies, NAME, FILES[NAME])


class PolicyHalfWritten(Fault):
    """Written in place, as careless editors do, with a pause in the middle of a line."""

    name = "policy-half-written"
    lasts = 1.5

    def begin(self, rig: Rig) -> None:
        self._text = policy("Gambling", ["dice", "a slot machine", "a casino"], {"label": 0.1, "review": 0.3})
        half = self.draw.randrange(len(self._text))
        (rig.policies / NAME).write_text(self._text[:half])
        self.told = f"{half} of {len(self._text)} bytes"

    def end(self, rig: Rig) -> None:
        (rig.policies / NAME).write_text(self._text)
