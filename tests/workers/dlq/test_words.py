"""What a person reads of dead letters, may say of them, and is asked."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory import MemoryBroker, MemoryTopic
from pipeline.errors import ServiceError, UsageError
from pipeline.ports import Span
from pipeline.rules.dead_letters import Wanted, Window
from pipeline.wire import Event, Record, read_dead_letter
from tests.e2e.pictures import picture
from workers.dlq.asking import make_sure
from workers.dlq.filters import wanted_by
from workers.dlq.found import Found, counted, spans_for
from workers.dlq.lines import line_of, page_of, suffix_of
from workers.dlq.purging import Purge, up_to_offsets, up_to_time
from workers.dlq.saving import place_for, write_new

NO = (None, None, None, None, None, None, None)
HOSTILE = b"\x1b[2J\x9b\xe2\x80\xae\nforged"


def found(value: bytes | None, headers: list[tuple[str, bytes | None]] | None = None) -> Found:
    record = Event("dlq", 0, 3, HOSTILE, value, headers or [], 1.0)
    return Found(record, read_dead_letter(record))


def page(value: bytes | None, headers: list[tuple[str, bytes | None]] | None = None) -> str:
    return "\n".join(line.plain for line in page_of(found(value, headers)))


@given(
    st.none() | st.binary(max_size=200),
    st.lists(st.tuples(st.text(st.characters(exclude_categories=())), st.none() | st.binary(max_size=40))),
)
def test_whatever_it_holds_it_can_be_shown_and_not_obeyed(
    value: bytes | None, headers: list[tuple[str, bytes | None]]
) -> None:
    made = found(value, headers)
    for text in (line_of(made.letter).plain, page(value, headers)):
        assert not {"\x1b", "\x9b", "\u202e", "\u2028"} & set(text)
    assert "\n" not in line_of(made.letter).plain


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (picture(1), "pixels"),
        (b"%PDF-1.7", "starts like PDF"),
        (b"\xff\xd8\xff\xe0 no more", "JPEG"),
        (None, "none"),
        (b"", "0 bytes"),
    ],
)
def test_a_value_is_told_by_its_header_alone(value: bytes | None, said: str) -> None:
    assert said in page(value)


def test_a_claim_check_is_shown_as_text() -> None:
    assert '{"uri":"https://x/\\x1b"}' in page(b'{"uri":"https://x/\x1b"}', [("content-type", b"application/json")])


def test_counts_are_said_by_reason() -> None:
    assert counted(Counter({"empty": 1, "truncated": 3})) == "4 dead letters: 3 truncated, 1 empty"
    assert counted(Counter()) == "0 dead letters"


@pytest.mark.parametrize("said", [["trunkated"], [""], ["EMPTY"]])
def test_a_reason_that_there_is_not_is_refused_with_those_that_there_are(said: list[str]) -> None:
    with pytest.raises(UsageError, match=r"truncated"):
        wanted_by(said, *NO)


def test_a_reason_of_a_newer_version_is_taken_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert wanted_by(["from_the_future"], *NO).reasons == {"from_the_future"}
    assert "'from_the_future' is no reason that this version gives" in capsys.readouterr().err


def test_times_that_cannot_be_meant_are_refused_by_flag() -> None:
    with pytest.raises(UsageError, match=r"--since: 'soon' is no time"):
        wanted_by([], None, None, None, None, "soon", None, None)
    with pytest.raises(UsageError, match=r"not before"):
        wanted_by([], None, None, None, None, "1h", "2h", None)


def test_one_record_is_read_where_its_place_is_named_and_nothing_before_the_window_else() -> None:
    broker = MemoryBroker(partitions=2, clock=iter([10.0, 20.0, 30.0]).__next__)
    for _ in range(3):
        broker.append(Record("dlq", None, b"x", (), 1))
    topic = MemoryTopic(broker, "dlq")
    assert spans_for(topic, Wanted(id="dlq[1]@2")) == {1: Span(2, 3)}
    assert spans_for(topic, Wanted(id="dlq[1]@9")) == {}
    assert spans_for(topic, Wanted(window=Window(since=20.0)))[1] == Span(1, 3)
    assert spans_for(topic, Wanted(), {1: 2})[1] == Span(2, 3)
    assert spans_for(topic, Wanted(), {1: 99})[1] == Span(3, 3)


def test_beginnings_are_purged_by_time_and_by_offset() -> None:
    broker = MemoryBroker(partitions=2, clock=iter([10.0, 20.0, 30.0]).__next__)
    for _ in range(3):
        broker.append(Record("dlq", None, b"x", (), 1))
    topic = MemoryTopic(broker, "dlq")
    assert up_to_time(topic, 20.0) == [Purge(0, 0, 0), Purge(1, 1, 1)]
    assert up_to_offsets(topic, ["1=2"]) == [Purge(1, 2, 2)]
    assert up_to_offsets(topic, []) == [Purge(0, 0, 0), Purge(1, 3, 3)]
    broker.delete_before(("dlq", 1), 2)
    assert up_to_offsets(topic, ["1=2"]) == [Purge(1, 2, 0)]
    for wrong in ("1", "x=2", "1=x", "7=0", "1=4", "1=-1", "=", "1=2=3"):
        with pytest.raises(UsageError):
            up_to_offsets(topic, [wrong])


def test_a_files_name_says_nothing_that_a_stranger_wrote(tmp_path: Path) -> None:
    record = Event("dlq", 2, 17, b"../../etc/passwd", picture(1), (), 1.0)
    place = place_for(tmp_path, record, record.value or b"")
    assert place.parent == tmp_path
    assert place.name.startswith("2-17.")
    assert suffix_of(b"no picture") == ".bin"
    assert suffix_of(b"\xff\xd8\xff") == ".jpg"


def test_nothing_is_written_over_or_through_a_link_unless_it_is_forced(tmp_path: Path) -> None:
    there, link = tmp_path / "there", tmp_path / "link"
    there.write_bytes(b"mine")
    link.symlink_to(tmp_path / "elsewhere")
    for path in (there, link):
        with pytest.raises(UsageError, match="--force"):
            write_new(path, b"new", force=False)
    assert there.read_bytes() == b"mine"
    assert not (tmp_path / "elsewhere").exists()
    write_new(there, b"new", force=True)
    assert there.read_bytes() == b"new"
    with pytest.raises(ServiceError, match="cannot write"):
        write_new(there / "below", b"new", force=False)


def test_a_pipe_is_written_into_and_never_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(UsageError, match="--force"):
        write_new(pipe, b"new", force=False)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_new(pipe, b"new", force=True)
    assert os.read(reader, 9) == b"new"
    os.close(reader)
    assert pipe.is_fifo()


class Keyboard(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("answer", ["y\n", "n\n", "\n"])
def test_a_person_at_a_terminal_is_asked(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Keyboard(answer))
    monkeypatch.setattr(sys, "stderr", Keyboard())
    if answer == "y\n":
        make_sure("Really?", yes=False, otherwise="")
    else:
        with pytest.raises(typer.Abort):
            make_sure("Really?", yes=False, otherwise="")


def test_where_nobody_can_be_asked_it_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="--yes"):
        make_sure("Really?", yes=False, otherwise="")
    make_sure("Really?", yes=True, otherwise="")
