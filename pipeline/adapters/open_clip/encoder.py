"""The Encoder port on open_clip, in this process.

The two towers are kept apart. The image tower runs in whatever number format is fast and close enough on its device.
The text tower always runs in float32, on batches whose shape depends on a sentence's own length alone, so that text
features are the same on every machine of a fleet and can be shared whatever each one's images are encoded in.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from typing import TypeVar

import numpy as np
import structlog
import torch

from pipeline.adapters.open_clip.device import Device, EagerDevice, Forward, unit
from pipeline.adapters.open_clip.flight import Stream
from pipeline.adapters.open_clip.flights import Flights
from pipeline.adapters.open_clip.passes import best_pass
from pipeline.adapters.open_clip.text import TextTower, Tokenizer, fixed_batches
from pipeline.adapters.open_clip.towers import ImageTower
from pipeline.errors import EncoderError
from pipeline.items import Pixels
from pipeline.ports import EncoderSpec
from pipeline.signals import Features

A = TypeVar("A")
B = TypeVar("B")

log = structlog.get_logger()


class OpenClipEncoder:
    """A CLIP model on a device.

    With `streams`, one for each batch in flight, that many calls are under way at once, and further ones wait (see
    `flights`). Without streams, passes run side by side if there are several lanes, and take turns on a single one.

    On a CPU a batch is spread over `lanes` threads, each of which runs the whole tower on its share. Torch's own way,
    all threads on each operation, makes them wait for each other at every one, and longer when others want the cores:
    on two cores the bundled model does 2,000 img/s in lanes against 1,060 to 1,570, and beside one busy process 1,300
    against 640. Without `spread` the callers stand side by side themselves, one to a core, and each call for images
    stays on its caller's thread; sentences are spread all the same.

    `image_tower` takes normalised ``dtype[B,3,H,W]`` on `device`, `text_tower` takes ``int64[N,L]``; both give
    features that are not normalised yet.
    """

    def __init__(
        self,
        spec: EncoderSpec,
        image_tower: ImageTower,
        text_tower: TextTower,
        tokenizer: Tokenizer,
        *,
        device: torch.device | None = None,
        dtype: torch.dtype = torch.float32,
        max_batch: int = 64,
        short_texts: bool = False,
        lanes: int = 1,
        spread: bool = True,
        streams: Sequence[Stream] = (),
    ) -> None:
        self.spec = spec
        self.max_batch = max_batch
        self._text_tower = text_tower
        self._tokenizer = tokenizer
        self._where = device or torch.device("cpu")
        self._short_texts = short_texts
        self._lanes = lanes
        self._lanes_a_call = lanes if spread else 1
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="sluice-encode")
        self._turn = threading.Lock() if lanes == 1 and not streams else nullcontext()
        self._halving = threading.Lock()
        self._on_cores = self._where.type == "cpu" and not streams
        self._pass = max_batch
        forward = Forward(spec, image_tower, self._where, dtype)
        self._images: Device = Flights(streams, forward, max_batch) if streams else EagerDevice(forward, self._where)

    def encode_images(self, pixels: Pixels) -> Features:
        """``uint8[B,H,W,3]`` to L2-normalised ``float32[B,D]``; raises `EncoderError` when the device fails."""
        expected = (*self.spec.image_size, 3)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != expected:
            raise ValueError(
                f"pixels must be uint8[B,{','.join(map(str, expected))}], not {pixels.dtype}{pixels.shape}"
            )
        return self._on_lanes(pixels, self._lanes_a_call)

    def _on_lanes(self, pixels: Pixels, lanes: int) -> Features:
        share = max(1, -(-len(pixels) // lanes))
        shares = [pixels[start : start + share] for start in range(0, len(pixels), share)]
        parts = [part for lane in self._spread(self._encode_share, shares) for part in lane]
        return np.concatenate(parts) if parts else np.empty((0, self.spec.features), np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Features:
        """N sentences to L2-normalised ``float32[N,D]``; `EncoderError` when the device or the weights fail."""
        features = np.empty((len(texts), self.spec.features), np.float32)
        if texts:
            batches = fixed_batches(self._tokenizer(texts), short=self._short_texts)
            encoded = self._spread(self._encode_tokens, [tokens for _, tokens in batches])
            for (rows, _), vectors in zip(batches, encoded, strict=True):
                features[rows.numpy()] = vectors[: len(rows)]
        return features

    def count_tokens(self, text: str) -> int:
        """Tokens of a sentence, its start and end marks included, before anything is cut off."""
        return self._tokenizer.count_tokens(text)

    def warm_up(self) -> None:
        """Pay now for what the first batches would wait for: kernels loaded, memory claimed, graphs captured.

        On a CPU it also finds out how many images a core takes best in one pass.
        """
        sizes = None
        while sizes is None:
            sizes = self._guarded(partial(self._images.warm_up, self.max_batch), self.max_batch)
        if self._on_cores:
            self._pass = best_pass(self._trial, max(1, self.max_batch // self._lanes))
        log.debug("warm", max_batch=self.max_batch, prepared=sizes, images_in_a_pass=self._pass)

    def _trial(self, images: int) -> tuple[float, float]:
        """Seconds of CPU time and of the clock for a pass of that many images on every lane."""
        pixels = np.zeros((images * self._lanes, *self.spec.image_size, 3), np.uint8)
        self._pass = images
        cpu, clock = time.process_time(), time.perf_counter()
        self._on_lanes(pixels, self._lanes)
        return time.process_time() - cpu, time.perf_counter() - clock

    def _spread(self, work: Callable[[A], B], parts: Sequence[A]) -> list[B]:
        """`work` on each part, side by side on the lanes where there are several of both."""
        if self._lanes == 1 or len(parts) == 1:
            return [work(part) for part in parts]
        return list(self._threads.map(work, parts))

    def _encode_share(self, pixels: Pixels) -> list[Features]:
        """Features of one lane's share, in passes of a like size; `max_batch` shrinks when memory runs out."""
        parts: list[Features] = []
        start = 0
        while start < len(pixels):
            part = pixels[start : start + self._next_pass(len(pixels) - start)]
            features = self._guarded(partial(self._images.encode, part), len(part))
            if features is not None:
                parts.append(features)
                start += len(part)
        return parts

    def _next_pass(self, left: int) -> int:
        """Images in the next pass. On a CPU what is left is split evenly; graphs are captured for whole batches."""
        most = min(self._pass, self.max_batch)
        passes = -(-left // most)
        return -(-left // passes) if self._on_cores else most

    def _encode_tokens(self, tokens: torch.Tensor) -> Features:
        def encode() -> Features:
            features: Features = unit(self._text_tower(tokens.to(self._where))).cpu().numpy()
            return features

        features = self._guarded(encode, len(tokens))
        if features is None:
            raise EncoderError("the device has too little memory for a batch of sentences")
        if not np.isfinite(features).all():
            raise EncoderError("the model returned text features that are not finite; its weights are damaged")
        return features

    def _guarded(self, work: Callable[[], B], images: int) -> B | None:
        """What `work` gives, or None after the device ran out of memory and `max_batch` was halved."""
        try:
            with self._turn, torch.inference_mode():
                return work()
        except torch.OutOfMemoryError as error:
            if images <= 1:
                raise EncoderError("the device has too little memory for one image") from error
        except RuntimeError as error:
            raise EncoderError(f"the device failed: {error}") from error
        self._halve(images)  # only here: until it is handled, the error keeps alive what the pass had allocated
        return None

    def _halve(self, images: int) -> None:
        with self._halving:
            self.max_batch = min(self.max_batch, max(1, images // 2))
            log.warning("out of device memory, batch halved", max_batch=self.max_batch)
            self._images.release()
