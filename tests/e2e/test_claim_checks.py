"""Images too large for Kafka: an event says where one is, and the worker fetches it if it may."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.e2e.answers import Answer, dead_letter_problems
from tests.e2e.pictures import picture
from tests.e2e.standing import Standing
from tests.services.deadline import until
from tests.services.kafka import Record
from tests.services.processes import HOST

IMAGE = picture(9_000)
RIGHT = sha256(IMAGE).hexdigest()
WRONG = sha256(b"something else").hexdigest()


class _Images(BaseHTTPRequestHandler):
    """Serves one image and nothing else."""

    def do_GET(self) -> None:
        found = self.path == "/image.jpg"
        self.send_response(200 if found else 404)
        self.send_header("Content-Length", str(len(IMAGE) if found else 0))
        self.end_headers()
        self.wfile.write(IMAGE if found else b"")

    def log_message(self, *_: object) -> None:
        """Nothing of it belongs on the output of the tests."""


@contextmanager
def image_host(port: int) -> Iterator[None]:
    """An HTTP server on that port of loopback."""
    with ThreadingHTTPServer((HOST, port), _Images) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield
        server.shutdown()
        thread.join()


def test_claim_checks_are_redeemed_or_become_dead_letters(standing: Standing) -> None:
    port = standing.image_port
    allowed, other = f"http://{HOST}:{port}", f"http://localhost:{port}"
    with image_host(port):
        claims = {
            "found": {"uri": f"{allowed}/image.jpg", "sha256": RIGHT, "id": "the claim's own id"},
            "checksum_mismatch": {"uri": f"{allowed}/image.jpg", "sha256": WRONG},
            "fetch_failed": {"uri": f"{allowed}/absent.jpg"},
            "fetch_refused": {"uri": f"{other}/image.jpg", "sha256": RIGHT},
            "malformed_claim": {"url": f"{allowed}/image.jpg"},
        }
        events = {name: _claim(standing, claim) for name, claim in claims.items()}
        answers = {name: _answer(standing, event) for name, event in events.items()}

    found_as = answers.pop("found")
    found = found_as.decision
    assert found is not None, found_as
    assert (found["image_id"], found["content_sha256"]) == ("the claim's own id", RIGHT)
    assert {name: answer.reason for name, answer in answers.items()} == {name: name for name in answers}
    for name, answer in answers.items():
        assert dead_letter_problems(answer.record, events[name], standing.pipeline.images) == []


def _claim(standing: Standing, claim: dict[str, str]) -> Record:
    headers = [("content-type", b"application/json")]
    return standing.pipeline.kafka.produce(standing.pipeline.images, json.dumps(claim).encode(), headers=headers)


def _answer(standing: Standing, event: Record) -> Answer:
    ref = (event.partition, event.offset)
    [answer] = until(lambda: standing.pipeline.answers().by_event.get(ref), 30, f"an answer to {event.value!r}")
    return answer
