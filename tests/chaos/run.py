"""A run from its start to its evidence: without faults first, then round by round, then the end in order."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.chaos.evidence import Evidence, Memory, RoundDone, Struck
from tests.chaos.memory import resident_now
from tests.chaos.plan import Plan
from tests.chaos.reading import dead_letter_given, decision_given, read_logs
from tests.chaos.rig import DEAD_LETTERS, DECISIONS, Rig, rig
from tests.chaos.schedule import Round, Strike, rounds
from tests.chaos.waits import recovered
from tests.services.deadline import until

START = 240.0
"""Seconds until every partition has its first commit."""
REST = 2.0
"""Seconds at least between two rounds."""
PATIENCE = 120.0
"""Seconds that a round is waited for: what has not recovered by then is a breach, and the run goes on."""
DRAIN = 300.0
STOP = 60.0

Tell = Callable[[str], None]


def run(plan: Plan, folder: Path, tell: Tell) -> Evidence:
    """Do all that the plan says, in that folder; the evidence is complete when this returns."""
    with rig(plan, folder) as made:
        return _Run(made, tell).all()


class _Run:
    def __init__(self, made: Rig, tell: Tell) -> None:
        self._rig = made
        self._plan = made.plan
        self._tell = tell
        self._began = time.monotonic()
        self._rounds: list[RoundDone] = []
        self._memory: list[Memory] = []

    def all(self) -> Evidence:
        quiet, steady = self._start()
        self._play()
        drained = self._drain()
        self._remember("end")
        self._stop()
        return self._evidence(quiet, steady, drained=drained)

    def _start(self) -> tuple[tuple[float, float], float]:
        """Start everything, and leave it alone for a while. Returns that phase, and when it was steady."""
        began, made = time.monotonic(), self._rig
        if self._plan.moderators <= 1:
            made.add_encoder()
        for _ in range(self._plan.workers):
            made.add_worker()
        until(lambda: recovered(made.watcher.samples, began), START, lambda: f"first commits: {self._state()}")
        steady = time.monotonic()
        self._say(f"every partition has its first commit, {steady - began:.1f} s after the start of the workers")
        time.sleep(self._plan.quiet)
        self._remember("start")
        return (began, time.monotonic()), steady

    def _play(self) -> None:
        """Round by round until the time is over; without faults, until then or until enough was sent."""
        began = time.monotonic()
        schedule = rounds(self._plan.seed, self._plan.faults)
        halfway = False
        while not self._over(began):
            if not halfway and self._share_done(began) >= 0.5:
                halfway = True
                self._remember("middle")
            if (planned := next(schedule, None)) is None:
                time.sleep(0.5)
            else:
                self._rounds.append(self._played(planned))

    def _over(self, began: float) -> bool:
        return self._share_done(began) >= 1

    def _share_done(self, began: float) -> float:
        if self._plan.rounds is not None:
            return len(self._rounds) / self._plan.rounds
        if self._plan.events is not None:
            return self._rig.producer.sent / self._plan.events
        return (time.monotonic() - began) / (self._plan.minutes * 60)

    def _played(self, planned: Round) -> RoundDone:
        """Do its faults, each at its time and on a thread of its own, then wait until every partition moves on.

        On threads, because a fault may have to wait for a broker that another one has taken away.
        """
        began = time.monotonic()
        with ThreadPoolExecutor(len(planned)) as pool:
            struck = list(pool.map(lambda strike: self._struck(strike, began), planned))
        for each in struck:
            self._say(f"{each.name}: {each.told}")
        ended = max(each.ended for each in struck)
        self._rest(ended)
        return RoundDone(struck, ended, time.monotonic())

    def _struck(self, strike: Strike, began: float) -> Struck:
        fault = strike.fault()
        time.sleep(max(0.0, began + strike.after - time.monotonic()))
        since = time.monotonic()
        try:
            fault.begin(self._rig)
        except Exception as error:  # noqa: BLE001 - such as a broker that has no answer, since another fault took it
            fault.told = f"not done: {error!r}"
        time.sleep(fault.lasts)
        fault.end(self._rig)
        return Struck(fault.name, since, time.monotonic(), fault.kills, fault.told, getattr(fault, "hit", None))

    def _rest(self, since: float) -> None:
        time.sleep(REST)
        deadline = since + PATIENCE
        while time.monotonic() < deadline and not recovered(self._rig.watcher.samples, since):
            time.sleep(0.2)
        waited = time.monotonic() - since
        if waited > 15:
            self._say(f"  {waited:.1f} s until every partition moved on; {self._state()}")

    def _drain(self) -> bool:
        """No more events; wait until all that was sent is committed."""
        self._rig.producer.stop()
        stopped, deadline = time.monotonic(), time.monotonic() + DRAIN
        while time.monotonic() < deadline:
            last = self._rig.watcher.samples[-1]
            if last.at > stopped and all(last.waiting(partition) <= 0 for partition in last.events):
                return True
            time.sleep(0.2)
        self._say(f"not all is committed: {self._state()}")
        return False

    def _stop(self) -> None:
        self._rig.units.stop_all("worker", STOP)
        self._rig.units.stop_all("encoder", STOP)

    def _evidence(self, quiet: tuple[float, float], steady: float, *, drained: bool) -> Evidence:
        made = self._rig
        read = made.kafka.read_all
        answers = [decision_given(DECISIONS, record) for record in read(DECISIONS)]
        answers += [dead_letter_given(DEAD_LETTERS, record) for record in read(DEAD_LETTERS)]
        return Evidence(
            seed=self._plan.seed,
            sent=made.ledger.sent(),
            answers=answers,
            samples=list(made.watcher.samples),
            rounds=self._rounds,
            exits=list(made.units.exits),
            leftovers=list(made.units.leftovers),
            log=read_logs(made.units.folder),
            epochs=dict(made.stream.begins),
            quiet=quiet,
            steady=steady,
            unacknowledged=made.ledger.failures,
            drained=drained,
            memory=self._memory,
            minutes=(time.monotonic() - self._began) / 60,
        )

    def _remember(self, when: str) -> None:
        self._memory.append(Memory(when, resident_now(self._rig)))

    def _state(self) -> str:
        samples = self._rig.watcher.samples
        waiting = {each: samples[-1].waiting(each) for each in samples[-1].events} if samples else "no sample"
        lives = {unit.name: unit.lives for unit in self._rig.units.all if unit.running}
        return f"waiting {waiting}, running {lives}"

    def _say(self, what: str) -> None:
        self._tell(f"{time.monotonic() - self._began:7.1f} s  {what}")
