"""Reads structs in Thrift's compact protocol, in which Parquet's page headers are written.

https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from collections.abc import Callable
from mmap import mmap
from typing import Any

_LONGEST = 1 << 16
"""Bytes of text in a header: statistics hold a value, which is some kilobytes at most."""
_DEEPEST = 8


class ThriftError(Exception):
    """The bytes are no struct in the compact protocol."""


def struct_at(data: mmap | bytes, at: int) -> tuple[dict[int, Any], int]:
    """The fields of a struct by their numbers, and where what follows it starts. Raises `ThriftError`."""
    reader = _Reader(data, at)
    try:
        return reader.struct(), reader.at
    except IndexError as error:
        raise ThriftError("it ends within a struct") from error


class _Reader:
    def __init__(self, data: mmap | bytes, at: int) -> None:
        self._data = data
        self.at = at
        self._depth = 0

    def struct(self) -> dict[int, Any]:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise ThriftError("structs within structs within structs")
        fields, number = dict[int, Any](), 0
        while (head := self._byte()) != 0:
            number = number + (head >> 4) if head >> 4 else self._signed()
            fields[number] = self._value(head & 0xF)
        self._depth -= 1
        return fields

    def _value(self, kind: int) -> Any:
        if kind not in _READ:
            raise ThriftError(f"a value of type {kind}")
        return _READ[kind](self)

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._byte()
            found |= (byte & 0x7F) << shift
            if byte < 0x80:  # noqa: PLR2004 - the bit that says that more follow
                return found
            shift += 7
            if shift > 63:  # noqa: PLR2004 - the bits of the longest number
                raise ThriftError("a number of more than 64 bits")

    def _signed(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)

    def _skip(self, count: int) -> None:
        if count > _LONGEST:
            raise ThriftError("a text that is too long")
        self.at += count

    def _text(self) -> None:
        self._skip(self._varint())

    def _list(self) -> list[Any]:
        head = self._byte()
        count = head >> 4 if head >> 4 != 0xF else self._varint()  # noqa: PLR2004 - more than a half byte says
        if count > _LONGEST:
            raise ThriftError("a list that is too long")
        return [self._value(head & 0xF) for _ in range(count)]


_READ: dict[int, Callable[[_Reader], Any]] = {
    1: lambda _: True,
    2: lambda _: False,
    3: _Reader._byte,  # noqa: SLF001 - its own table
    4: _Reader._signed,  # noqa: SLF001
    5: _Reader._signed,  # noqa: SLF001
    6: _Reader._signed,  # noqa: SLF001
    7: lambda reader: reader._skip(8),  # noqa: SLF001
    8: _Reader._text,  # noqa: SLF001
    9: _Reader._list,  # noqa: SLF001
    10: _Reader._list,  # noqa: SLF001
    12: _Reader.struct,
}
"""By the number of a type: booleans, a byte, integers of 16, 32 and 64 bits, a double, text, list, set and struct."""
