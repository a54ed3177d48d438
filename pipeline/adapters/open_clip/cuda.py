"""Gives a flight what it needs of CUDA: a stream, page-locked memory, graphs."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch


def cuda_streams(device: torch.device, flights: int) -> list[CudaStream]:
    """One stream for each flight; none on a device that is not CUDA's."""
    return [CudaStream(device) for _ in range(flights)] if device.type == "cuda" else []


class CudaStream:
    """A `Stream` on one GPU, beside the default one, on which the text tower runs."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._stream = torch.cuda.Stream(device)
        # With blocking, a thread that waits sleeps. Otherwise it would spin, on a core that decoding could use.
        self._done = torch.cuda.Event(blocking=True)
        self._pool = torch.cuda.graph_pool_handle()
        self._graphs: list[torch.cuda.CUDAGraph] = []

    def on_host(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        with torch.cuda.device(self._device):
            return torch.zeros(shape, dtype=dtype, pin_memory=True)

    def on_device(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        memory = torch.zeros(shape, dtype=dtype, device=self._device)
        torch.cuda.synchronize(self._device)  # the zeros and the weights were queued on the default stream
        return memory

    def current(self) -> AbstractContextManager[object]:
        return torch.cuda.stream(self._stream)

    def wait(self) -> None:
        """Waits for this stream alone, not for the whole device."""
        self._done.record(self._stream)
        self._done.synchronize()

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """A CUDA graph, in one memory pool for all graphs of this stream, which never run side by side.

        The error mode is this thread's own: whatever other threads ask of CUDA meanwhile must not spoil the capture.
        """
        graph = torch.cuda.CUDAGraph()
        capture = torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local")
        with torch.cuda.device(self._device), capture:
            work()
        self._graphs.append(graph)
        return graph.replay

    def release(self) -> None:
        """A pool that lost its last graph takes no new ones, so there is a new pool, too."""
        for graph in self._graphs:
            graph.reset()
        self._graphs.clear()
        self._pool = torch.cuda.graph_pool_handle()
        torch.cuda.empty_cache()
