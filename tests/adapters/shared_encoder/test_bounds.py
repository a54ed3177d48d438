"""What a client does costs the others nothing, and a server that fails in any way ends, and leaves nobody waiting."""

from __future__ import annotations

import os
import random
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.adapters.shared_encoder import EncoderServer, SharedEncoder, server
from pipeline.adapters.shared_encoder.guests import Guests
from pipeline.adapters.shared_encoder.messages import Attach, ClosedError, EncodeImages, Welcome, receive, send
from pipeline.adapters.shared_encoder.segment import create
from pipeline.errors import EncoderError, ServiceError
from pipeline.path.topology import FLIGHTS
from pipeline.ports import Hooks
from tests.adapters.shared_encoder.test_client import SPEC, CountingEncoder, some_pixels
from tests.services.deadline import until

PATIENCE = 30.0


class Serving:
    """A server on a thread, and how it ended."""

    def __init__(self, path: Path, encoder: CountingEncoder | None = None) -> None:
        self.path = path
        self.encoder = encoder or CountingEncoder()
        self.server = EncoderServer(self.encoder, path, Hooks(), max_batch=16, flights=FLIGHTS)
        self.stop = threading.Event()
        self._thread = ThreadPoolExecutor(1)
        self.ended = self._thread.submit(self.server.run, self.stop)

    def stranger(self) -> socket.socket:
        """Somebody who has been welcomed."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE)
        connection.connect(str(self.path))
        assert isinstance(receive(connection)[0], Welcome)
        return connection

    def hangs_up_on(self, connection: socket.socket) -> bool:
        with suppress(ConnectionError):
            while connection.recv(1000):
                pass
        return True

    def still_serves(self) -> bool:
        with closing(SharedEncoder(self.path, patience=5)) as client:
            answer = client.encode_images(some_pixels(2))
        return bool(np.array_equal(answer, CountingEncoder().encode_images(some_pixels(2))))


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    made: list[Serving] = []

    def start(encoder: CountingEncoder | None = None) -> Serving:
        made.append(Serving(tmp_path / f"{len(made)}.sock", encoder))
        return made[-1]

    yield start
    for each in made:
        each.stop.set()
        each.encoder.gate.set()
        with suppress(EncoderError):
            each.ended.result(PATIENCE)


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class TestWhateverIsRaised:
    @pytest.mark.parametrize("error", [MemoryError(), RuntimeError("odd"), SystemExit(3), EncoderError("gone")])
    def test_in_a_flight_ends_the_server_and_everybody_hears_of_it(
        self, serving: Callable[..., Serving], error: BaseException
    ) -> None:
        """Those in the flight, and those who wait for the next: two that were out of memory left all waiting."""
        it = serving()
        it.encoder.gate.clear()
        clients = [SharedEncoder(it.path, patience=0.3) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            asked = [pool.submit(client.encode_images, some_pixels(3)) for client in clients]
            time.sleep(0.3)
            it.encoder.error = error  # type: ignore[assignment]
            it.encoder.gate.set()
            for each in asked:
                with pytest.raises(EncoderError, match="stays away"):
                    each.result(PATIENCE)
        with pytest.raises(EncoderError, match="gone" if isinstance(error, EncoderError) else type(error).__name__):
            it.ended.result(PATIENCE)

    def test_before_and_after_the_device_too(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        it.encoder.encode_images = lambda pixels: np.zeros((1, 99), np.float32)  # type: ignore[method-assign]
        with closing(SharedEncoder(it.path, patience=0.3)) as client, pytest.raises(EncoderError):
            client.encode_images(some_pixels(3))
        with pytest.raises(EncoderError, match="broadcast"):
            it.ended.result(PATIENCE)

    def test_where_clients_are_let_in(self, serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch) -> None:
        it = serving()
        monkeypatch.setattr(it.server._guests, "enter", lambda _: 1 / 0)
        with closing(socket.socket(socket.AF_UNIX)) as connection:
            connection.connect(str(it.path))
            with pytest.raises(EncoderError, match="ZeroDivisionError"):
                it.ended.result(PATIENCE)

    def test_by_memory_that_runs_out_over_texts(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        it.encoder.encode_texts = lambda texts: bytearray(1 << 62)  # type: ignore[assignment, method-assign]
        with closing(SharedEncoder(it.path, patience=0.3)) as client, pytest.raises(EncoderError):
            client.encode_texts(["a"])
        with pytest.raises(EncoderError, match="MemoryError"):
            it.ended.result(PATIENCE)

    def test_by_texts_alone_is_said_to_who_sent_them(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        with closing(SharedEncoder(it.path, patience=5)) as client:
            it.encoder.count_tokens = lambda text: 1 // 0  # type: ignore[method-assign]
            with pytest.raises(EncoderError, match="refuses these texts: ZeroDivisionError"):
                client.count_tokens("a")
            assert client.encode_texts(["a"]).shape == (1, 5)
        assert it.still_serves()


class TestAClient:
    def test_that_sends_garbage_is_sent_away(self, serving: Callable[..., Serving]) -> None:
        it = serving()

        @settings(max_examples=100)
        @given(st.binary(max_size=200), st.booleans())
        def garbage(rubbish: bytes, framed: bool) -> None:
            with closing(it.stranger()) as rude:
                rude.sendall(struct.pack("<I", len(rubbish)) + rubbish if framed else rubbish)
                rude.shutdown(socket.SHUT_WR)
                assert it.hangs_up_on(rude)

        garbage()
        assert it.still_serves()

    @pytest.mark.parametrize("views", [0, -1, 1_000_000, 2**62])
    def test_that_brings_too_much_memory_is_sent_away(self, serving: Callable[..., Serving], views: int) -> None:
        it = serving()
        fd = create(SPEC, 4)
        with closing(it.stranger()) as rude:
            send(rude, Attach(views), fd)
            assert it.hangs_up_on(rude)
        os.close(fd)
        assert it.still_serves()

    def test_that_could_cut_its_memory_off_is_sent_away(self, serving: Callable[..., Serving]) -> None:
        """To touch what has been cut off is a bus error, and the end of the server's process."""
        it = serving()
        with tempfile.TemporaryFile() as file, closing(it.stranger()) as rude:
            os.ftruncate(file.fileno(), 10_000)
            send(rude, Attach(4), file.fileno())
            assert it.hangs_up_on(rude)
        fd = create(SPEC, 4)
        with pytest.raises(PermissionError):
            os.ftruncate(fd, 0)
        os.close(fd)
        assert it.still_serves()

    def test_that_asks_for_more_than_it_has_memory_for_is_sent_away(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        fd = create(SPEC, 4)
        for views in (0, 5, -1):
            with closing(it.stranger()) as rude:
                send(rude, Attach(4), fd)
                send(rude, EncodeImages(views))
                assert it.hangs_up_on(rude)
        os.close(fd)
        assert it.still_serves()

    def test_that_hands_over_files_nobody_asked_for_leaves_none_open(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        assert it.still_serves()
        before = open_files()
        for number in range(30):
            with tempfile.TemporaryFile() as file, closing(it.stranger()) as rude:
                send(rude, EncodeImages(number), file.fileno())
                assert it.hangs_up_on(rude)
            with tempfile.TemporaryFile() as file, closing(it.stranger()) as rude:
                rude.sendmsg([b"\xff"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, struct.pack("i", file.fileno()))])
                rude.sendall(b"\xff\xff\xff")
                assert it.hangs_up_on(rude)
        until(lambda: open_files() <= before, 60, lambda: f"{open_files()} open files, not {before}")

    def test_that_stops_in_the_middle_of_a_message_is_sent_away(
        self, serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "MESSAGE", 0.2)
        it = serving()
        with closing(it.stranger()) as half:
            half.sendall(struct.pack("<I", 1000) + b"half a")
            assert it.still_serves()
            assert it.hangs_up_on(half)

    def test_that_never_says_a_word_is_sent_away_and_one_that_has_may_be_silent(
        self, serving: Callable[..., Serving], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(server, "GREETING", 0.3)
        it = serving()
        with closing(SharedEncoder(it.path)) as client, closing(it.stranger()) as silent:
            client.count_tokens("a")
            assert it.hangs_up_on(silent)
            time.sleep(0.5)
            monkeypatch.setattr(client._texts, "connect", lambda *_: pytest.fail("it was sent away"))
            monkeypatch.setattr(client._images, "connect", lambda *_: pytest.fail("it was sent away"))
            assert client.count_tokens("a b") == 4
            assert client.encode_images(some_pixels(1)).shape == (1, 5)

    def test_that_comes_when_all_places_are_taken_by_silent_ones_is_served(
        self, serving: Callable[..., Serving]
    ) -> None:
        it = serving()
        it.server._guests = Guests(connections=8)
        with closing(SharedEncoder(it.path)) as old:
            old.count_tokens("a")
            crowd = [socket.socket(socket.AF_UNIX) for _ in range(60)]
            for each in crowd:
                each.settimeout(PATIENCE)
                each.connect(str(it.path))
            assert it.still_serves()
            assert len([each for each in threading.enumerate() if each.name == "sluice-client"]) <= 20
            assert old.count_tokens("still there") == 4
            for each in crowd:
                each.close()


class TestPlaces:
    def test_nobody_who_works_is_sent_away_for_a_new_one(self) -> None:
        guests = Guests(connections=2)
        pairs = [socket.socketpair() for _ in range(3)]
        for ours, _ in pairs[:2]:
            assert guests.enter(ours)
            guests.knows(ours)
        assert not guests.enter(pairs[2][0])
        guests.leave(pairs[0][0])
        assert guests.enter(pairs[2][0])
        for pair in pairs:
            for each in pair:
                each.close()

    def test_memory_is_counted_once_for_each_and_given_back(self) -> None:
        guests = Guests(memory=100)
        pairs = [socket.socketpair() for _ in range(2)]
        first, second = (ours for ours, _ in pairs)
        guests.enter(first)
        guests.enter(second)
        for _ in range(5):
            guests.take_memory(first, 60)
        with pytest.raises(ValueError, match="60 bytes of memory beside 60"):
            guests.take_memory(second, 60)
        guests.leave(first)
        guests.take_memory(second, 60)
        for pair in pairs:
            for each in pair:
                each.close()


class TestAServer:
    @pytest.fixture
    def mute(self, tmp_path: Path) -> Iterator[Path]:
        """It accepts, and says nothing."""
        with closing(socket.socket(socket.AF_UNIX)) as listener:
            listener.bind(str(tmp_path / "mute.sock"))
            listener.listen()
            yield tmp_path / "mute.sock"

    def test_that_accepts_and_says_nothing_is_given_up(self, mute: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pipeline.adapters.shared_encoder.client.WELCOME", 0.2)
        with pytest.raises(ServiceError, match="no encoder answers"):
            SharedEncoder(mute, patience=0.5)

    def test_that_takes_a_question_and_never_answers_is_given_up(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        it.encoder.gate.clear()
        with (
            closing(SharedEncoder(it.path, patience=30, answer=0.3)) as client,
            pytest.raises(EncoderError, match=r"not answered it for 0.3 s"),
        ):
            client.encode_images(some_pixels(1))

    def test_that_comes_back_after_a_long_question_is_still_waited_for(self, serving: Callable[..., Serving]) -> None:
        """The patience is for its absence, and not for the time that it worked before."""
        it = serving()
        it.encoder.gate.clear()
        with closing(SharedEncoder(it.path, patience=2.0)) as client, ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.encode_images, some_pixels(2))
            time.sleep(2.2)
            it.encoder.error = EncoderError("gone")
            it.encoder.gate.set()
            with pytest.raises(EncoderError):
                it.ended.result(PATIENCE)
            again = Serving(it.path)
            assert asked.result(PATIENCE).shape == (2, 5)
            again.stop.set()
            again.ended.result(PATIENCE)

    def test_that_hangs_on_its_device_still_stops_in_time(self, serving: Callable[..., Serving]) -> None:
        it = serving()
        it.encoder.gate.clear()
        with closing(SharedEncoder(it.path, patience=0.1)) as client, ThreadPoolExecutor(1) as pool:
            asked = pool.submit(client.encode_images, some_pixels(2))
            until(lambda: it.server.stalled() > 0, 60, "a question")
            it.stop.set()
            it.ended.result(3 * server.LAST_FLIGHTS)
            with pytest.raises(EncoderError):
                asked.result(PATIENCE)


def test_a_message_that_stops_anywhere_is_the_end_of_a_connection() -> None:
    whole = bytearray()

    class Tape:
        def sendall(self, data: bytes) -> None:
            whole.extend(data)

    send(Tape(), Welcome.of(SPEC))  # type: ignore[arg-type]
    for cut in random.Random(1).sample(range(len(whole)), 20):
        ours, theirs = socket.socketpair()
        with closing(ours), closing(theirs):
            theirs.sendall(whole[:cut])
            theirs.close()
            with pytest.raises(ClosedError):
                receive(ours)
