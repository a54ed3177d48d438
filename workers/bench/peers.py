"""What people write without Sluice, on the same images: the loop of CLIP tutorials, and a loop over a DataLoader.

Both are open_clip's own recipe in float32: its transform, ``encode_image``, ``encode_text``, softmax.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from pipeline.adapters.open_clip import Parts, load_parts
from workers.bench.limits import Cost, measured

TEXTS = 32
"""Sentences that the tutorial's loop scores each image against, encoding them every time."""
BATCH = 32
LOADERS = 2
SECONDS = 6.0


class _Pictures(Dataset[torch.Tensor]):
    def __init__(self, images: Sequence[bytes], transform: Callable[[Image.Image], torch.Tensor]) -> None:
        self._images = images
        self._transform = transform

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._transform(Image.open(io.BytesIO(self._images[index])).convert("RGB"))


def peers(model: str, pretrained: str | None, images: Sequence[bytes], cores: int) -> dict[str, Cost]:
    """Measure both loops for `SECONDS` each, with a torch thread for each core as a script would have them."""
    before = torch.get_num_threads()
    torch.set_num_threads(cores)
    try:
        parts = load_parts(model, pretrained)
        transform = image_transform_v2(PreprocessCfg(**parts.config["preprocess_cfg"]), is_train=False)
        pictures = _Pictures(images, transform)
        with torch.inference_mode():
            return {"tutorial": _tutorial(parts, pictures), "dataloader": _dataloader(parts, pictures)}
    finally:
        torch.set_num_threads(before)


def _tutorial(parts: Parts, pictures: _Pictures) -> Cost:
    """One image at a time, and all sentences encoded anew for each."""
    clip: Any = parts.module
    texts = [f"a photo of thing number {number}" for number in range(TEXTS)]

    def one(index: int) -> None:
        image = clip.encode_image(pictures[index].unsqueeze(0), normalize=True)
        text = clip.encode_text(parts.tokenizer(texts), normalize=True)
        (clip.logit_scale.exp() * image @ text.T).softmax(dim=-1)

    one(0)

    def work() -> int:
        end, done = time.perf_counter() + SECONDS, 0
        while time.perf_counter() < end:
            one(done % len(pictures))
            done += 1
        return done

    return measured(work)


def _dataloader(parts: Parts, pictures: _Pictures) -> Cost:
    """Batches from worker processes, sentences encoded once. The clock starts with the first batch."""
    clip: Any = parts.module
    text = clip.encode_text(parts.tokenizer([f"a photo of thing number {n}" for n in range(TEXTS)]), normalize=True)
    context = "fork" if torch.get_num_threads() == 1 else "forkserver"
    batches = iter(DataLoader(pictures, BATCH, num_workers=LOADERS, multiprocessing_context=context))
    next(batches)

    def work() -> int:
        end, done = time.perf_counter() + SECONDS, 0
        for batch in batches:
            (clip.logit_scale.exp() * clip.encode_image(batch, normalize=True) @ text.T).softmax(dim=-1)
            done += len(batch)
            if time.perf_counter() > end:
                break
        return done

    return measured(work)
