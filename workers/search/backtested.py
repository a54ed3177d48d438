"""What a policy that a search wrote would have done to the very images that were searched."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pipeline.archive.archive import Archive, Segment
from pipeline.lab.backtest.record import Asked
from pipeline.rules.times import Window
from workers import assembly
from workers.backtest.asked import question
from workers.backtest.run import bytes_of, run
from workers.search.run import Loaded
from workers.settings import Settings
from workers.terminal.backtest import NEAREST, show
from workers.terminal.console import Terminal


def show_backtest(
    settings: Settings,
    archive: Archive,
    segments: Sequence[Segment],
    window: Window,
    loaded: Loaded,
    path: Path,
    terminal: Terminal,
) -> None:
    """Judge the segments by the policy and print what `sluice backtest` prints of it."""
    model = loaded.model
    asking = question(path, None, model.encoder, model.decoder, loaded.texts, NEAREST)
    spec = model.encoder.spec
    asked = Asked(
        archive=archive.store.address,
        since=_time(window.since),
        until=_time(window.until),
        model=spec.name,
        fingerprint=spec.fingerprint,
        preprocess=model.decoder.name,
        policies=str(path),
        policy_set=asking.now.policy_set.version,
        nearest=asking.nearest,
    )
    screen = assembly.screen(settings, asking.sets)
    with terminal.counting("judging, bytes", bytes_of(segments)) as counter:
        record = run(archive, segments, asking, asked, window, None, counter.advance, screen)
    show(record, terminal.out, asking.only)


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
