"""decide: an item's signals are judged by the policies that are live by now, which gives its decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.errors import StopError
from pipeline.items import Batch, Item
from pipeline.path.each import each
from pipeline.rules.archive.remembered import remembered
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import Judgement, judge
from pipeline.rules.verdicts import decision
from pipeline.signals import Signals
from pipeline.wire import Decision, subject_of


class Decide:
    """`live` is asked once a batch, so that all items of a batch are decided by the same policies.

    Where the archive is to remember what is decided, `remembers` names the header that says whom an image is of.
    """

    name = "decide"

    def __init__(
        self, live: Callable[[], CompiledPolicies], now: Callable[[], float], remembers: str | None = None
    ) -> None:
        self._live = live
        self._now = now
        self._remembers = remembers

    def __call__(self, batch: Batch) -> Batch:
        """Fill `decision`, and `features` where the archive is to remember it.

        What cannot be judged or answered is that item's failure alone.
        """
        ready = [(item, item.signals) for item in batch.unfailed() if item.signals is not None]
        if not ready:
            return batch
        compiled, now = self._live(), self._now()
        judgements = _together([signals for _, signals in ready], compiled)
        found = dict(zip((id(item) for item, _ in ready), judgements, strict=True))
        version = compiled.policy_set.version

        def answer(item: Item) -> None:
            if item.signals is not None:
                judgement = found[id(item)] or judge([item.signals], compiled)[0]
                item.decision = decision(item, item.signals, judgement, version, now)
                if self._remembers is not None:
                    _remember(item, item.decision, item.signals, judgement, compiled.background, self._remembers)

        return each(self.name, batch, answer)


def _remember(
    item: Item, made: Decision, signals: Signals, judgement: Judgement, background: str, header: str
) -> None:
    sums = judgement.background_lse()
    item.features = remembered(
        made,
        signals,
        background="" if sums is None else background,
        background_lse=sums,
        subject=subject_of(item.event, item.claim, header),
    )


def _together(images: Sequence[Signals], compiled: CompiledPolicies) -> Sequence[Judgement | None]:
    """The judgement of each image, from one call for all; None for each where that call raised for one of them."""
    try:
        return judge(images, compiled)
    except StopError:
        raise
    except Exception:  # noqa: BLE001 - judged one by one, only the image that raises fails
        return [None] * len(images)
