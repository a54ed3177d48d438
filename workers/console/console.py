"""What every page has to work with."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib.metadata import version

from workers.console.access.audit import AuditTopic
from workers.console.access.journal import Journal
from workers.console.access.visitors import Access
from workers.console.desk.desk import Desk
from workers.console.fleet.fleet import Fleet
from workers.console.pictures.pictures import Pictures
from workers.console.policies.recent import Recent
from workers.console.reach import Reach
from workers.console.stream.feed import Feed
from workers.settings import Settings


@dataclass(frozen=True)
class Console:
    """The parts that pages share; `app.create` makes the application of it."""

    settings: Settings
    reach: Reach
    access: Access
    feed: Feed
    fleet: Fleet
    pictures: Pictures
    desk: Desk
    recent: Recent
    journal: Journal
    audit: AuditTopic | None
    """None where the log alone says who did what."""
    version: str = field(default_factory=lambda: version("sluice"))

    def start(self) -> None:
        self.feed.start()
        self.fleet.start()

    def close(self) -> None:
        self.fleet.close()
        self.feed.close()
        self.pictures.close()
        self.desk.close()
        if self.audit is not None:
            self.audit.close()


def console_of(settings: Settings, reach: Reach, access: Access) -> Console:
    """The parts, put together; nothing is read until `Console.start`."""
    feed = Feed(reach.answers, reach.listening, settings.dead_letters_topic)
    fleet = Fleet(reach.standings, reach.metrics, feed.changes)
    pictures = Pictures(reach, settings)
    desk = Desk(reach, settings, erased=pictures.erased)
    feed.heard_by(desk.queues.take)
    recent = Recent(feed, pictures, reach.judge)
    audit = AuditTopic(reach.text_writer, settings.audited_on) if settings.audited_on else None
    journal = Journal(audit.keep if audit else None)
    return Console(settings, reach, access, feed, fleet, pictures, desk, recent, journal, audit)
