"""``sluice`` as a program for scripts, whose every call forks from the warm interpreter."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.services.warm import Streams, WarmProcess

_ASKING = """\
#!{python} -SE
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    call = dict(words=sys.argv[1:], pid=os.getpid(), env=dict(os.environ), folder=os.getcwd())
    asked.sendall(json.dumps(call).encode() + b"\\n")
    sys.exit(int(asked.makefile().readline()))
"""


class _Calls(socketserver.ThreadingUnixStreamServer):
    daemon_threads = False


class _Call(socketserver.StreamRequestHandler):
    """One call: the command has the caller's streams, environment and folder, and the caller its exit status."""

    def handle(self) -> None:
        call = json.loads(self.rfile.readline())
        streams = Streams(*(Path(f"/proc/{call['pid']}/fd/{number}") for number in range(3)))
        process = WarmProcess(call["words"], streams, call["env"], Path(call["folder"]))
        try:
            self.wfile.write(b"%d\n" % process.wait())
        finally:
            process.kill()


@contextmanager
def sluice_in(folder: Path) -> Iterator[Path]:
    """A program of that name in the folder, which works as long as this lasts."""
    program = folder / "sluice"
    with TemporaryDirectory() as aside, _Calls(f"{aside}/calls", _Call) as server:
        program.write_text(_ASKING.format(python=sys.executable, address=f"{aside}/calls"))
        program.chmod(0o755)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield program
        finally:
            server.shutdown()
            thread.join()
