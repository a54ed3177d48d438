"""Work on each live item by itself, side by side where threads are given; one item's failure is its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor

from pipeline.errors import StopError
from pipeline.items import Batch, Item


def each(name: str, batch: Batch, work: Callable[[Item], None], threads: Executor | None = None) -> Batch:
    """Call `work` on every live item; whatever it raises but `StopError` becomes that item's failure.

    Any type of exception can come out of a stranger's bytes, so nothing narrower is caught.
    """

    def guarded(item: Item) -> None:
        try:
            work(item)
        except StopError:
            raise
        except Exception as error:  # noqa: BLE001
            item.fail(name, error)

    live = list(batch.live())
    if threads is None or len(live) < 2:  # noqa: PLR2004 - one item has nobody to run beside
        for item in live:
            guarded(item)
    else:
        for _ in threads.map(guarded, live):
            pass
    return batch
