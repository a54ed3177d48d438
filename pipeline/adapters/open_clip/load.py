"""Loads a model by its name into an encoder that is warm on its device."""

from __future__ import annotations

from dataclasses import replace

import torch

from pipeline.adapters.open_clip.cuda import cuda_streams
from pipeline.adapters.open_clip.encoder import OpenClipEncoder
from pipeline.adapters.open_clip.frozen import frozen
from pipeline.adapters.open_clip.origin import find_model
from pipeline.adapters.open_clip.text import text_tower, tokenizer_of
from pipeline.adapters.open_clip.towers import choose_device, choose_dtype, settle, to_device, tower_of
from pipeline.adapters.open_clip.weights import create_model, describe


def load_encoder(
    model: str,
    pretrained: str | None = None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    max_batch: int = 64,
    threads: int | None = None,
    spread: bool = True,
    flights: int = 1,
) -> OpenClipEncoder:
    """Load a model and warm it up; raises `ModelError` with one line that says what to do.

    `model` and `pretrained` are open_clip's (see `pipeline.adapters.open_clip.origin`), or ``bundled``. Without
    `pretrained` an architecture gets random weights, which the log and ``spec.name`` say. `threads` is how many CPU
    threads the model may use; where it runs on the CPU they become lanes, and torch's own number is set to one, for
    this whole process. Then `spread` tells whether each call for images is shared out over the lanes; a call for
    sentences always is. On a CUDA device `flights` calls are under way at a time, each with memory of its own.
    """
    origin = find_model(model, pretrained)
    where = choose_device(device)
    lanes = (threads or torch.get_num_threads()) if where.type == "cpu" else 1
    if where.type == "cpu":
        torch.set_num_threads(1)
    form = choose_dtype(dtype, where)
    tokenizer = tokenizer_of(origin)
    whole = create_model(origin)
    spec = describe(origin, whole, tokenizer)
    if form is None:
        visual, form = settle(whole.visual, spec.image_size)
    else:
        visual = to_device(whole.visual, where, form)
    whole.visual = torch.nn.Identity()  # what is left is the text side, which keeps float32
    texts, short = text_tower(whole.to(where))
    encoder = OpenClipEncoder(
        replace(spec, dtype=str(form).removeprefix("torch.")),
        frozen(visual, spec.image_size, form) if where.type == "cpu" else tower_of(visual),
        texts,
        tokenizer,
        device=where,
        dtype=form,
        max_batch=max_batch,
        short_texts=short,
        lanes=lanes,
        spread=spread,
        streams=cuda_streams(where, flights),
    )
    encoder.warm_up()
    return encoder
