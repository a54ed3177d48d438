"""What radar found, on the terminal."""

from __future__ import annotations

from pipeline.lab.radar.record import Radar, Seen
from workers.terminal.console import Terminal, told


def show(record: Radar, terminal: Terminal) -> None:
    """Print each cluster with its examples and the command that goes on from it, and what was looked at."""
    for number, each in enumerate(record.clusters, 1):
        terminal.print(told(f"{number}. {each.size:,} images: ", (named(each), "bold")))
        terminal.print(told(("   " + ", ".join(example.image_id for example in each.examples), "dim")))
        terminal.print(told(f"   {each.next_step}"))
    terminal.print(told((in_words(record), "dim" if record.clusters else "")))


def named(cluster: Seen) -> str:
    return " / ".join(phrase.text for phrase in cluster.phrases)


def in_words(record: Radar) -> str:
    """What was looked at, and what it took to be called new."""
    found = f"{len(record.clusters):,} new things" if len(record.clusters) != 1 else "1 new thing"
    return (
        f"{found if record.clusters else 'nothing new'} on {record.day}:"
        f" {record.unlike:,} of {record.images:,} images are unlike the {record.month:,} of the month before (on any"
        f" day some {record.unlike_on_any_day:,} are); {record.enough:,} or more that are alike make a new thing"
    )
