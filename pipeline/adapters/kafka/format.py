"""Records as strangers write them: what kafka-python's parser refuses, and what it reads without a limit.

Four things of its record format are replaced here, and a version other than the one that was read is refused:

- A header's name that is not UTF-8 (librdkafka and sarama write them) refuses the whole fetch. Such names are read as
  text that says so and turns back into the very bytes when it is written (`name_from`, `name_bytes`).
- A header without a value can be read but not written. `sendable` puts `NULL` there, which is written as no value.
- What a batch inflates to has no limit: 1 MB of zeros in zstd is gigabytes. Past `INFLATED_BYTES` a batch is corrupt.
- Nor has the number of a record's headers: 6 KB of gzip are three million empty ones, in Python 200 MB and seconds.
  It stands before them; where it is over `HEADERS_READ`, they are passed over and `Unread` stands for them.
"""

from __future__ import annotations

import gzip
import io
import struct
from collections.abc import Callable
from typing import Any, Final

from kafka import codec as kafka_codec
from kafka import version
from kafka.errors import CorruptRecordError
from kafka.record import default_records, legacy_records, memory_records
from kafka.record.util import decode_varint

from pipeline.wire import Headers
from pipeline.wire.names import HEADERS_ADDED, HEADERS_LIMIT

INFLATED_BYTES = 128 * 1024 * 1024
"""Most bytes of one batch once it is decompressed; the topics that we make take batches of 16 MiB as sent."""

HEADERS_READ = HEADERS_LIMIT + HEADERS_ADDED
"""Most headers that a record is read with: a dead letter has those of its event and its own."""

ESCAPE = "\ufffd"
"""Begins the text of a header's name that is not UTF-8; each character behind it stands for one byte (Latin-1)."""

codec: Any = kafka_codec
_READ_IN = "3.0."
_XERIAL_HEADER = 16
_MORE = 0x80
_LEAST_HEADER = 2
"""Bytes of a header with an empty name and an empty value: the two lengths."""


class _Null(bytes):
    """A type of its own, because Python has only one empty `bytes`."""


NULL: Final[bytes] = _Null()
"""Stands for no value: empty `bytes` to the producer, told from a header's empty value by identity when written."""


class Unread(list[tuple[str, bytes | None]]):
    """Stands for headers that are too many to be read: none, and how many there are."""

    __slots__ = ("total",)

    def __init__(self, total: int) -> None:
        super().__init__()
        self.total = total


def sendable(headers: Headers) -> list[tuple[str, bytes]]:
    """Headers as the producer takes them: it refuses one without a value before `BatchBuilder` sees it."""
    return [(name, NULL if value is None else value) for name, value in headers]


class InflatedError(CorruptRecordError):
    """A batch is more than `INFLATED_BYTES` once it is decompressed."""


def name_from(raw: bytes) -> str:
    """A header's name as text, whatever its bytes; `name_bytes` is the way back."""
    try:
        name = raw.decode()
    except UnicodeDecodeError:
        return ESCAPE + raw.decode("latin-1")
    return ESCAPE + raw.decode("latin-1") if name.startswith(ESCAPE) else name


def name_bytes(name: str) -> bytes:
    """The bytes that a header's name came as, or is to be written as."""
    if name.startswith(ESCAPE):
        try:
            return name[1:].encode("latin-1")
        except UnicodeEncodeError:
            pass  # not from `name_from`: somebody's own idea of a name
    return name.encode("utf-8", "backslashreplace")


class _Name(str):
    """Encodes itself, because the builder of a batch encodes names as UTF-8."""

    __slots__ = ()

    def encode(self, *_: object) -> bytes:
        return name_bytes(str(self))


class Batch(default_records.DefaultRecordBatch):
    """A batch of records whose headers may have any names."""

    __slots__ = ()

    def _read_msg(self, decode_varint: Callable[..., tuple[int, int]] = decode_varint) -> Any:
        """Read a record as the library does, but for the names; raises ValueError or IndexError for nonsense."""
        buffer = self._buffer
        length, start = decode_varint(buffer, self._pos)
        delta, pos = decode_varint(buffer, start + 1)  # behind the attributes, which nobody uses
        offset_delta, pos = decode_varint(buffer, pos)
        key, pos = _nullable(buffer, pos)
        value, pos = _nullable(buffer, pos)
        headers, pos = _headers(buffer, pos, start + length)
        if pos - start != length or pos > len(buffer):
            raise ValueError(f"a record of {length} bytes that ends after {pos - start}")
        self._pos = pos
        appended = self.timestamp_type == self.LOG_APPEND_TIME
        timestamp = self.max_timestamp if appended else self.first_timestamp + delta
        made = default_records.ControlRecord if self.is_control_batch else default_records.DefaultRecord
        offset = self.base_offset + offset_delta
        return made(length, offset, timestamp, self.timestamp_type, key, value, headers)


def _headers(buffer: bytearray, pos: int, end: int) -> tuple[list[tuple[str, bytes | None]], int]:
    """The headers of a record that ends at `end`, where they end too."""
    count, pos = decode_varint(buffer, pos)
    if not 0 <= count * _LEAST_HEADER <= end - pos:
        raise ValueError(f"{count} headers in {end - pos} bytes")
    if count > HEADERS_READ:
        return Unread(count), end
    headers = []
    for _ in range(count):
        name, pos = _nullable(buffer, pos)
        if name is None:
            raise ValueError("a header without a name")
        text, pos = _nullable(buffer, pos)
        headers.append((name_from(name), text))
    return headers, pos


def _nullable(buffer: bytearray, pos: int) -> tuple[bytes | None, int]:
    size, pos = decode_varint(buffer, pos)
    if size < 0:
        return None, pos
    end = pos + size
    if end > len(buffer):
        raise ValueError(f"{size} bytes where {len(buffer) - pos} are left")
    return bytes(buffer[pos:end]), end


class BatchBuilder(default_records.DefaultRecordBatchBuilder):
    """Writes the names and values of headers that `Batch` reads."""

    __slots__ = ()

    def append(self, offset: Any, timestamp: Any, key: Any, value: Any, headers: Any = (), *_: Any, **__: Any) -> Any:
        """Add a record; None where the batch has no room for it."""
        written = [(_Name(name), None if content is NULL else content) for name, content in headers]
        return super().append(offset, timestamp, key, value, written)


def _within(data: bytes) -> bytes:
    if len(data) > INFLATED_BYTES:
        raise InflatedError(f"a batch of more than {INFLATED_BYTES} bytes once it is decompressed")
    return data


def gunzip(data: Any) -> bytes:
    """Decompress gzip; raises `InflatedError`, and OSError, EOFError or zlib.error for what is not gzip."""
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
        return _within(file.read(INFLATED_BYTES + 1))


def unzstd(data: bytes) -> bytes:
    """Decompress zstd; raises `InflatedError`, and `zstandard.ZstdError` for what is not zstd."""
    with codec.zstd.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
        return _within(reader.read(INFLATED_BYTES + 1))


def unlz4(data: bytes) -> bytes:
    """Decompress an LZ4 frame; raises `InflatedError`, and RuntimeError or EOFError for what is not one."""
    reader = codec.lz4.LZ4FrameDecompressor()
    inflated = _within(reader.decompress(data, max_length=INFLATED_BYTES + 1))
    if not reader.eof:
        raise EOFError("an LZ4 frame that does not end")
    return bytes(inflated)


def unsnappy(data: bytes) -> bytes:
    """Decompress snappy, plain or in xerial's blocks; raises `InflatedError`, and others for what is not snappy."""
    if not codec._detect_xerial_stream(data):  # noqa: SLF001 - the library's own way to tell
        return _snappy_block(data, INFLATED_BYTES)
    blocks, left, at = [], INFLATED_BYTES, _XERIAL_HEADER
    while at < len(data):
        (size,) = struct.unpack_from("!i", data, at)
        if size < 0:
            raise ValueError("a snappy block of negative size")
        blocks.append(_snappy_block(data[at + 4 : at + 4 + size], left))
        left -= len(blocks[-1])
        at += 4 + size
    return b"".join(blocks)


def _snappy_block(data: bytes, most: int) -> bytes:
    """Decompress one block: it begins with its inflated size, to which the decompressor holds it."""
    size = shift = 0
    for byte in data[:5]:
        size |= (byte & 0x7F) << shift
        shift += 7
        if not byte & _MORE:
            break
    if size > most:
        raise InflatedError(f"a batch of more than {INFLATED_BYTES} bytes once it is decompressed")
    inflated: bytes = codec.snappy.decompress(data)
    return inflated


def missing_codecs() -> list[str]:
    """The codecs of batches whose libraries are missing or do not load; gzip is Python's own."""
    libraries = {"lz4": codec.lz4, "snappy": codec.snappy, "zstd": codec.zstd}
    return [name for name, library in libraries.items() if library is None]


def _replace(batches: Any, now: Any, before: Any) -> None:
    """Put our own where the library looks. Raises ImportError for another version than the one that was read."""
    if not version.__version__.startswith(_READ_IN):
        raise ImportError(f"kafka-python {_READ_IN}x is needed, not {version.__version__}: its insides are replaced")
    batches.DefaultRecordBatch = Batch
    batches.DefaultRecordBatchBuilder = BatchBuilder
    for module in (now, before):
        module.gzip_decode, module.snappy_decode, module.lz4_decode = gunzip, unsnappy, unlz4
    now.zstd_decode = unzstd


_replace(memory_records, default_records, legacy_records)
