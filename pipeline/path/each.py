"""How a stage works on items one by one, if need be on several threads: one item's failure is its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from pipeline.errors import StopError
from pipeline.items import Batch, Item


class Threads:
    """A pool of `count - 1` threads that work beside the calling one."""

    def __init__(self, count: int, name: str) -> None:
        self._others = count - 1
        self._pool = ThreadPoolExecutor(max(1, self._others), thread_name_prefix=f"sluice-{name}")

    def for_each(self, work: Callable[[Item], None], items: list[Item]) -> None:
        """Call `work` on every item. Raises what `work` raises, once no thread works on these items any more.

        Each thread takes the next item when it has finished one: a future for each item would cost more than a hash.
        """
        waiting = iter(items)
        helping = [self._pool.submit(_work_off, work, waiting) for _ in range(min(self._others, len(items) - 1))]
        try:
            _work_off(work, waiting)
        finally:
            for other in helping:
                other.result()

    def close(self) -> None:
        """Join the threads. Idempotent."""
        self._pool.shutdown()


def _work_off(work: Callable[[Item], None], waiting: Iterable[Item]) -> None:
    for item in waiting:
        work(item)


def each(name: str, batch: Batch, work: Callable[[Item], None], threads: Threads | None = None) -> Batch:
    """Call `work` on every item that has not failed; whatever it raises but `StopError` becomes that item's failure.

    Any type of exception can come out of a stranger's bytes, so nothing narrower is caught.
    """

    def guarded(item: Item) -> None:
        try:
            work(item)
        except StopError:
            raise
        except Exception as error:  # noqa: BLE001
            item.fail(name, error)

    items = list(batch.unfailed())
    if threads is None:
        _work_off(guarded, items)
    else:
        threads.for_each(guarded, items)
    return batch
