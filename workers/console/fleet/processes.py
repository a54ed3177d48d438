"""What is known of each process that was looked at."""

from __future__ import annotations

from dataclasses import dataclass, replace

from workers.console.fleet.pages import Page

NO_PAGE = Page(0.0, {})


@dataclass(frozen=True, slots=True)
class Process:
    """The last two looks at a process; `away_since` is since when it does not answer, None while it does."""

    address: str
    last: Page = NO_PAGE
    before: Page = NO_PAGE
    away_since: float | None = None

    @property
    def kind(self) -> str:
        """Which command it runs, as far as its metrics tell."""
        names = {name for name, _ in self.last.values}
        if "sluice_assigned_partitions" in names or "sluice_images_total" in names:
            return "worker"
        if "sluice_canary_total" in names:
            return "canary"
        return "archiver" if "sluice_archive_records_total" in names else "process" if names else ""

    @property
    def version(self) -> str:
        """Of Sluice, which it runs."""
        return self.last.said("sluice_build_info", "version")

    @property
    def started(self) -> float:
        return self.last.of("process_start_time_seconds") or 0.0

    @property
    def cares(self) -> list[str]:
        """What somebody should look into, in words."""
        said = {
            "sluice_kafka_away": "no Kafka broker takes it in",
            "sluice_brake_on": "its brake is on: it takes trials alone",
            "sluice_policies_refused": "it refuses the newest policy files",
            "sluice_policies_last_good": "it decides by the last good policies",
            "sluice_policy_held": "it holds a policy that flags too much: what that would block goes to review",
            "sluice_absent_stores": "stores of claim checks do not answer",
        }
        found = [words for name, words in said.items() if self.last.of(name)]
        if self.kind == "worker" and self.last.of("sluice_assigned_partitions") == 0:
            found.append("it has no partitions")
        return found

    def rate(self, name: str, **labels: str) -> float | None:
        """By how much a counter rises in a second, between the last two looks. A series that is new began at 0."""
        now, then = self.last.of(name, **labels), self.before.of(name, **labels) or 0.0
        seconds = self.last.at - self.before.at
        return None if now is None or not self.before.values or now < then else (now - then) / seconds

    def after(self, page: Page | None, now: float) -> Process:
        """What is known after another look."""
        if page is None:
            return replace(self, away_since=self.away_since or now)
        return replace(self, last=page, before=self.last, away_since=None)
