"""What the console remembers over its own restart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.ports import Decoder
from pipeline.wire import Event
from tests.console.served import Served, served
from workers.console.fleet.samples import Samples
from workers.console.pages.live_figures import series_of
from workers.console.stream import history as keeping
from workers.console.stream.counts import Steps
from workers.console.stream.feed import Feed
from workers.console.stream.history import History, history_of
from workers.settings import Settings


class _Silent:
    """Answers that never come."""

    def read(self, _: float) -> Sequence[Event]:
        return []

    def close(self) -> None: ...


class _Time:
    """A console's memory at a time that the test sets."""

    def __init__(self, folder: Path) -> None:
        self.now = 100_000.0
        self._path = folder / "history.msgpack"

    def started(self) -> tuple[Feed, Samples, History]:
        feed, samples = Feed(_Silent, lambda: True, "letters", lambda: self.now), Samples()
        history = History(self._path, feed, samples, lambda: self.now)
        history.start()
        return feed, samples, history


@pytest.fixture
def time(tmp_path: Path) -> _Time:
    return _Time(tmp_path)


@pytest.fixture
def stream(settings: Settings, decoder: Decoder) -> Iterator[Served]:
    with served(settings, decoder) as made:
        yield made


def test_counts_figures_and_changes_are_there_after_a_restart_and_what_changed_meanwhile_is_a_change(
    time: _Time, stream: Served
) -> None:
    for verdict in ("block", "allow", "allow"):
        stream.decided(stream.sent(b"x"), verdict=verdict, policy_set="before")
    stream.read(3)
    answers = stream.console.feed.newest(3)[::-1]
    feed, samples, history = time.started()
    for answer in answers:
        feed.take(answer)
    samples.add(time.now, {"lag": 7.0})
    history.close()

    time.now += 900
    feed, samples, history = time.started()
    try:
        steps, since = feed.steps(3600)
        assert [step.counts["verdict", "allow"] for step in steps.since(since)] == [2]
        assert samples.since(since, 3600) == [(100_000.0, {"lag": 7.0})]
        assert (100_000.0, time.now) in feed.unread()
        stream.decided(stream.sent(b"x"), policy_set="after")
        stream.read(4)
        feed.take(stream.console.feed.newest(1)[0])
        assert [each.what for each in feed.changes.since(0)] == [
            "the console looks on again; it had not since 1970-01-02T03:46:40.000Z",
            "policy set after decides",
        ]
    finally:
        history.close()


def test_a_time_in_which_nothing_was_read_is_a_gap_of_the_charts_and_no_zero(stream: Served) -> None:
    feed = stream.console.feed
    stream.decided(stream.sent(b"x"))
    stream.read(1)
    now = feed.newest(1)[0].at + 100
    kept = feed.remembered()
    feed.recall(kept, now - 100, now)
    series = series_of(stream.console, 3600.0, now)
    allowed = next(each["values"] for each in series["answers"]["lines"] if each["name"] == "allow")
    assert allowed[0] == 0.1
    assert None in allowed[1:-1]


@pytest.mark.parametrize("content", [b"", b"\xff" * 30, b"\x80", b"{}"])
def test_a_file_that_is_damaged_is_no_hindrance(time: _Time, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "history.msgpack").write_bytes(content)
    feed, _, history = time.started()
    history.close()
    assert not feed.changes.since(0)
    assert len((tmp_path / "history.msgpack").read_bytes()) > len(content)


def test_a_history_that_is_too_large_or_cannot_be_written_is_not_kept(
    time: _Time, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "MOST_BYTES", 1)
    _, _, history = time.started()
    history.close()
    assert not list(tmp_path.iterdir())
    (tmp_path / "file").write_bytes(b"")
    feed, samples, _ = time.started()
    History(tmp_path / "file" / "below", feed, samples).keep()


def test_consoles_of_other_topics_share_no_history(settings: Settings, tmp_path: Path) -> None:
    feed, samples = Feed(_Silent, lambda: True, "letters"), Samples()
    paths = set()
    for topic in ("one", "two"):
        changed = settings.model_copy(update={"state": tmp_path, "decisions_topic": topic})
        made = history_of(changed, feed, samples)
        assert made is not None
        made.keep()
        paths |= set(tmp_path.iterdir())
    assert len(paths) == 2
    assert history_of(settings.model_copy(update={"state": None}), feed, samples) is None


@given(st.lists(st.tuples(st.floats(0, 9000), st.sampled_from("abc")), max_size=60), st.floats(0, 5000))
def test_recalled_counts_are_those_that_were_kept_as_far_as_they_are_not_too_old(
    came: list[tuple[float, str]], later: float
) -> None:
    before, after = Steps(10.0, 360), Steps(10.0, 360)
    for at, name in sorted(came):
        before.add(at, iter([("kind", name)]))
    now = max((at for at, _ in came), default=0.0) + later
    after.recall(before.rows(), now)
    wanted = [step for step in before.since(0) if step.at > now - 3600]
    assert after.since(0) == wanted
