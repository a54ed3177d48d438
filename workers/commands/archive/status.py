"""``sluice archive status``: what there is."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import asdict, astuple, dataclass

from rich.table import Table

from pipeline.archive.holdings import Aside, aside, contents_of
from pipeline.archive.listing import listed
from pipeline.rules.archive.names import Group
from workers.archive.opening import opened_archive
from workers.archive.options import ArchiveAt
from workers.commands.options import AsJson
from workers.settings import Settings
from workers.settings.options import with_settings
from workers.terminal.console import Terminal, told
from workers.terminal.plain import one_line


@dataclass(slots=True)
class Sum:
    """Of segments of one group, or of all."""

    segments: int = 0
    events: int = 0
    rows: int = 0
    bytes: int = 0

    def add(self, other: Sum) -> None:
        self.segments += other.segments
        self.events += other.events
        self.rows += other.rows
        self.bytes += other.bytes


@with_settings("store", "fetch", "log")
def status(settings: Settings, archive: ArchiveAt = None, as_json: AsJson = False) -> None:
    """Say what an archive holds: by model and day, its reviews, policy sets, and what is erased."""
    terminal, groups = Terminal(), defaultdict[Group, Sum](Sum)
    with opened_archive(settings, archive) as opened:
        segments, void = listed(opened.store)
        with terminal.counting("reading what segments say", len(segments)) as counter:
            for segment, of in contents_of(opened.store, segments, counter.advance):
                groups[segment.name.group].add(Sum(1, of.events, of.rows, segment.stored.bytes))
        beside, address = aside(opened.store), opened.store.address
    if as_json:
        terminal.json(json.dumps(_as_json(address, groups, len(void), beside)))
        return
    terminal.out.print(_table(groups))
    terminal.print(told(f"{address}: {_in_words(len(void), beside)}"))


def _as_json(address: str, groups: dict[Group, Sum], void: int, beside: Aside) -> dict[str, object]:
    told_of = [
        {"model": group.fingerprint, "preprocess": group.preprocess, "day": group.day.isoformat(), **asdict(of)}
        for group, of in sorted(groups.items())
    ]
    return {"archive": address, "groups": told_of, "merged_away": void, **asdict(beside)}


def _table(groups: dict[Group, Sum]) -> Table:
    table, total = Table(), Sum()
    for name in ("model", "preprocess", "day"):
        table.add_column(name)
    for name in ("segments", "events", "rows", "MB"):
        table.add_column(name, justify="right")
    for group, of in sorted(groups.items()):
        total.add(of)
        table.add_row(one_line(group.fingerprint), one_line(group.preprocess), group.day.isoformat(), *_numbers(of))
    table.add_section()
    table.add_row("all", "", "", *_numbers(total))
    return table


def _numbers(of: Sum) -> list[str]:
    *counts, size = astuple(of)
    return [*(f"{count:,}" for count in counts), f"{size / 1e6:,.1f}"]


def _in_words(void: int, beside: Aside) -> str:
    merged = f"{void:,} segments that were merged into others and are about to go; " if void else ""
    unreadable = f"{beside.unreadable:,} files of records that could not be read; " if beside.unreadable else ""
    return (
        f"{merged}{unreadable}{beside.reviews:,} files of reviews; {beside.policy_sets:,} policy sets;"
        f" {beside.denied:,} images, subjects and events erased, in {beside.erasures:,} objects"
    )
