"""The API in this process: every answer is held against the OpenAPI document, and the encoder waits at a gate."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

import httpx2
import numpy as np
from jsonschema import Draft202012Validator
from prometheus_client import CollectorRegistry

from pipeline.adapters.memory import MemoryFeatureCache
from pipeline.errors import StopError
from pipeline.items import Pixels
from pipeline.ports import Encoder, Hooks, Publisher
from pipeline.signals import Features
from workers import assembly
from workers.assembly import Judge, Model
from workers.console.access.visitors import access_of
from workers.console.api.desk import Desk
from workers.console.api.ends import DeskPublisher, DeskSource
from workers.console.api.run import desk_of, moderate, on_the_path, serving
from workers.settings import Settings, load_settings

PATIENCE = 20.0
SAMPLES = Path(__file__).resolve().parents[3] / "policies" / "samples"
KNIFE = (SAMPLES / "kitchen-knife-01.jpg").read_bytes()
RAINBOW = (SAMPLES / "rainbow-01.webp").read_bytes()
JPEG = {"Content-Type": "image/jpeg"}
POLICIES = {
    "_defaults.yaml": 'templates: ["a photo of {}.", "{}"]\n'
    "background: _background.txt\nallow_thin_background: true\n",
    "_background.txt": "a rainbow\na dog\na house\na tree\na spoon\n",
    "weapons.yaml": "title: Weapons\nprompts: [a kitchen knife]\nactions: {block: 0.5}\n",
}


class Gated(Encoder):
    """The encoder, which waits at a gate and counts. With `broken` set, it fails for good; or it gives `nonsense`."""

    def __init__(self, encoder: Encoder) -> None:
        self.spec = encoder.spec
        self._encoder = encoder
        self.gate, self.reached = Flag(), Flag()
        self.views = list[int]()
        self.sentences = list[str]()
        self.broken: StopError | None = None
        self.nonsense = False
        self.gate.set()

    def encode_images(self, pixels: Pixels) -> Features:
        self.views.append(len(pixels))
        self.reached.set()
        assert self.gate.wait(PATIENCE)
        if self.broken is not None:
            raise self.broken
        features = self._encoder.encode_images(pixels)
        return features * np.nan if self.nonsense else features

    def encode_texts(self, texts: Sequence[str]) -> Features:
        self.sentences += texts
        assert self.gate.wait(PATIENCE)
        if self.broken is not None:
            raise self.broken
        return self._encoder.encode_texts(texts)

    def count_tokens(self, text: str) -> int:
        return self._encoder.count_tokens(text)


def small_judge(folder: Path) -> Judge:
    """The bundled model with a policy and a short background, which remembers no image."""
    for name, text in POLICIES.items():
        (folder / name).write_text(text)
    settings = settings_for(policies=str(folder))
    model = assembly.load_model(settings)
    model = Model(Gated(model.encoder), model.decoder, model.where)
    return assembly.judge(settings, model, Hooks(), features=MemoryFeatureCache(0))


def settings_for(**given: Any) -> Settings:
    base = {"cores": 1, "decode_in": "threads", "dtype": "float32", "drain_timeout": 10.0, "api_port": 0}
    return load_settings({**base, **given})


@dataclass
class Api:
    """The API as a client sees it, and what is behind it."""

    address: str
    port: int
    desk: Desk
    encoder: Gated
    registry: CollectorRegistry
    stop: Flag
    braked: Callable[[], str | None]
    errors: list[BaseException] = field(default_factory=list)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(32))

    def post(
        self,
        path: str,
        content: bytes | Iterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> httpx2.Response:
        """The answer, which is as the document says."""
        with httpx2.Client(timeout=PATIENCE) as client:
            sent = [(name.encode(), value.encode("latin-1")) for name, value in (headers or {}).items()]
            answer = client.post(f"{self.address}{path}", content=content, headers=sent, **more)
        see_that_it_is_as_described(path.partition("?")[0], answer)
        return answer

    def posts(self, path: str, contents: Sequence[bytes], headers: Mapping[str, str] = JPEG) -> list[Any]:
        """Futures of that many answers, asked for at the same time."""
        return [self._pool.submit(self.post, path, each, headers) for each in contents]

    def get(self, path: str) -> httpx2.Response:
        with httpx2.Client(timeout=PATIENCE) as client:
            return client.get(f"{self.address}{path}")

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    def close(self) -> None:
        self.encoder.gate.set()
        self._pool.shutdown()


def until(true: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < ends
        time.sleep(0.005)


_document: dict[str, Any] = {}


def see_that_it_is_as_described(path: str, answer: httpx2.Response) -> None:
    responses = _document["paths"][path]["post"]["responses"]
    said = responses[str(answer.status_code)]
    if "$ref" in said:
        said = _document["components"]["responses"][said["$ref"].rpartition("/")[2]]
    kind = answer.headers["content-type"].partition(";")[0]
    schema = said["content"][kind]["schema"]
    if kind != "text/plain":
        whole = {**schema, "components": _document["components"]}
        Draft202012Validator(whole).validate(answer.json())
    for name, header in said.get("headers", {}).items():
        if kind == "application/problem+json" or name in answer.headers:
            Draft202012Validator(header["schema"]).validate(int(answer.headers[name]))


@contextmanager
def serve(judge: Judge, behind: Publisher | None = None, **given: Any) -> Iterator[Api]:
    """The API until the context is left, which stops it as SIGTERM does."""
    settings, stop, registry, hooks = settings_for(**given), Flag(), CollectorRegistry(), Hooks()
    encoder = judge.model.encoder
    assert isinstance(encoder, Gated)
    encoder.reached.clear()
    encoder.views.clear()
    encoder.sentences.clear()
    desk = desk_of(settings, stop)
    access = access_of(settings, "api_host")
    with ExitStack() as held:
        fetcher = held.enter_context(closing(assembly.claim_fetcher(settings)))
        ends = DeskSource(desk), DeskPublisher(desk, behind)
        moderator = held.enter_context(assembly.moderator(on_the_path(settings), judge, *ends, fetcher, hooks))
        server = held.enter_context(serving(settings, judge, desk, moderator.braked, access, registry))
        api = Api(f"http://127.0.0.1:{server.port}", server.port, desk, encoder, registry, stop, moderator.braked)

        def run() -> None:
            try:
                moderate(moderator, desk)
            except StopError as error:
                api.errors.append(error)

        thread = Thread(target=run, name="sluice-test-api", daemon=True)
        thread.start()
        if not _document:
            _document.update(json.loads(api.get("/v1/openapi.json").content))
        try:
            yield api
        finally:
            stop.set()
            api.close()
            thread.join(PATIENCE)
            assert thread not in threading.enumerate()
            encoder.broken, encoder.nonsense = None, False
