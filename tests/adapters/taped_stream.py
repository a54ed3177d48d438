"""A stream that keeps a CPU to a GPU's rules: queued work happens later, a graph replays on its own memory.

Whatever is called inside `current` goes on a tape, in-place operations and copies unexecuted, until `wait` plays it.
What `capture` tapes is played only by its replays, with the same tensors in and out. So code that reads too early,
overwrites a buffer too soon, or hands a graph memory of one batch alone gives wrong features here, as on a GPU.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Tape(TorchDispatchMode):
    """The operations of one thread, in order, with the tensors that they took and gave."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Callable[[], None]] = []
        self.rows = 0
        """Of what was written to last."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func._schema.is_mutable:
            self.steps.append(lambda: func(*args, **kwargs))
            self.rows = len(args[0])
            return args[0]
        given = func(*args, **kwargs)
        self.steps.append(lambda: write_over(given, func(*args, **kwargs)))
        return given

    def play(self) -> None:
        for step in self.steps:
            step()


def write_over(given: Any, again: Any) -> None:
    """Into the very tensors that the operation gave when it was taped; a view is in its place already."""
    for old, new in zip(tree_leaves(given), tree_leaves(again), strict=True):
        if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
            old.copy_(new)


class TapedStream:
    """A `Stream` on the CPU. `errors` are raised by its captures in turn, where they are not None."""

    def __init__(self, *errors: Exception | None) -> None:
        self.captured: list[int] = []
        self.replayed: list[int] = []
        self._errors = list(errors)
        self._queue = Tape()

    def on_host(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.full(shape, 99, dtype=dtype)

    def on_device(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype)

    @contextmanager
    def current(self) -> Iterator[None]:
        with self._queue:
            yield

    def wait(self) -> None:
        queue, self._queue = self._queue, Tape()
        queue.play()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        graph = Tape()
        with Capturing(), graph:
            work()
        if self._errors and (error := self._errors.pop(0)):
            raise error
        generation = self.captured
        generation.append(graph.rows)

        def replay() -> None:
            assert generation is self.captured, "replayed after its memory was freed"
            self.replayed.append(graph.rows)
            self._queue.steps.append(graph.play)

        return replay

    def release(self) -> None:
        self.captured = []


class Capturing(TorchDispatchMode):
    """Refuses to hand the host a value, as CUDA does while it captures."""

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        if func in {torch.ops.aten.item.default, torch.ops.aten._local_scalar_dense.default}:
            raise RuntimeError("operation not permitted when stream is capturing")
        return func(*args, **(kwargs or {}))
