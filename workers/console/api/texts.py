"""Sentences through the model, one request after the other, as a policy's prompts go through it or as they stand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

from starlette.exceptions import HTTPException

from pipeline.adapters.memory import MemoryTextCache
from pipeline.errors import StopError
from pipeline.path.live import PromptFeatures
from pipeline.ports import Encoder
from pipeline.rules.policies.lengths import TokenCounter, cut_off
from pipeline.signals import Features
from workers.console.api.desk import stopping

AS_IT_STANDS = ("{}",)


class Texts:
    """Encodes on a thread of its own, all sentences of a request in one call.

    What strangers ask for is kept in no cache. `templates` are those of the live policies; `failed` is told of what
    ends the process.
    """

    def __init__(
        self, encoder: Encoder, templates: Callable[[], Sequence[str]], failed: Callable[[StopError], None]
    ) -> None:
        self._encoder = encoder
        self._templates = templates
        self._failed = failed
        self._counter = TokenCounter(encoder.count_tokens, encoder.spec.context_length)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sluice-texts")

    def features(self, texts: Sequence[str], *, raw: bool) -> asyncio.Future[Mapping[str, Features]]:
        """``float32[D]`` of each sentence. The future fails with 422 for one that the model would cut off.

        Nothing is begun of which the future is done by then: nobody waits for it any more.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Mapping[str, Features]] = loop.create_future()

        def resolve(job: Future[Mapping[str, Features]]) -> None:
            if future.done():
                return
            if job.cancelled():
                future.set_exception(stopping())
            elif (error := job.exception()) is not None:
                future.set_exception(error)
            else:
                future.set_result(job.result())

        def ended(job: Future[Mapping[str, Features]]) -> None:
            with suppress(RuntimeError):  # the loop has ended, and with it whoever asked
                loop.call_soon_threadsafe(resolve, job)

        templates = AS_IT_STANDS if raw else self._templates()
        job = self._thread.submit(self._encoded, texts, templates)
        job.add_done_callback(ended)
        future.add_done_callback(lambda _: job.cancel())
        return future

    def close(self) -> None:
        """Join the thread. Idempotent."""
        self._thread.shutdown(cancel_futures=True)

    def _encoded(self, texts: Sequence[str], templates: Sequence[str]) -> Mapping[str, Features]:
        for index, text in enumerate(texts):
            if said := cut_off(text, templates, self._counter):
                raise HTTPException(422, f"texts[{index}]: {said}")
        try:
            return PromptFeatures(self._encoder, MemoryTextCache()).of(texts, templates, {})
        except StopError as error:
            self._failed(error)
            raise HTTPException(503, "the model has failed", {"Retry-After": "1"}) from error
