"""A client that costs little, in a process of its own: sockets on threads, each posting one image after the other.

Read from standard input, a line each: the port, the file of images, and orders. An order is JSON
``{"clients": N, "count": M}``; its answer, a line on standard output, has the seconds of each request.
"""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from threading import Lock, Thread

HEAD = "POST /v1/judge HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\n\r\n"
_CHUNK = 1 << 16


def framed(images: Sequence[bytes]) -> bytes:
    """Images as the client reads them: before each, its length in four bytes."""
    return b"".join(len(image).to_bytes(4, "big") + image for image in images)


def _unframed(data: bytes) -> list[bytes]:
    images, at = list[bytes](), 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        images.append(data[at + 4 : at + 4 + size])
        at += 4 + size
    return images


def main() -> None:
    """Do what standard input says until it ends."""
    port, file = int(sys.stdin.readline()), Path(sys.stdin.readline().rstrip("\n"))
    images = cycle([HEAD.format(len(image)).encode() + image for image in _unframed(file.read_bytes())])
    connections = list[socket.socket]()
    for line in sys.stdin:
        order = json.loads(line)
        while len(connections) < order["clients"]:
            connections.append(socket.create_connection(("127.0.0.1", port)))
            connections[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sys.stdout.write(json.dumps(_done(connections[: order["clients"]], images, order["count"])) + "\n")
        sys.stdout.flush()


def _done(connections: Sequence[socket.socket], images: Iterator[bytes], count: int) -> dict[str, object]:
    """That many requests by a client on each connection, which waits for its answer before it sends the next."""
    requests = [next(images) for _ in range(count)]
    waiting, lock, seconds, failures = iter(requests), Lock(), list[float](), list[int]()

    def work(connection: socket.socket) -> None:
        while True:
            with lock:
                request = next(waiting, None)
            if request is None:
                return
            started = time.perf_counter()
            connection.sendall(request)
            status = _status(connection)
            seconds.append(time.perf_counter() - started)
            if status != 200:  # noqa: PLR2004 - OK
                failures.append(status)

    threads = [Thread(target=work, args=(connection,)) for connection in connections]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {"wall": time.perf_counter() - started, "seconds": seconds, "failures": failures}


def _status(connection: socket.socket) -> int:
    """Read one whole answer; returns its status."""
    data = b""
    while (end := data.find(b"\r\n\r\n")) < 0:
        data += _received(connection)
    head = data[:end].lower()
    length = int(head.split(b"content-length: ")[1].split(b"\r\n")[0])
    left = end + 4 + length - len(data)
    while left > 0:
        left -= len(_received(connection))
    return int(head.split()[1])


def _received(connection: socket.socket) -> bytes:
    data = connection.recv(_CHUNK)
    if not data:
        raise ConnectionError("the server hung up")
    return data


if __name__ == "__main__":
    main()
