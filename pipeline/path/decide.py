"""decide: an item's signals are judged by the policies that are live by now, which gives its decision."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.errors import StopError
from pipeline.items import Batch, Item
from pipeline.path.each import each
from pipeline.path.limits import PolicyLimits
from pipeline.rules.archive.remembered import remembered
from pipeline.rules.heads import CompiledPolicies
from pipeline.rules.judging import Judgement, judge
from pipeline.rules.limits.holding import held_back, notes_of
from pipeline.rules.verdicts import decision
from pipeline.signals import Signals
from pipeline.wire import Decision, subject_of


class Decide:
    """`live` is asked once a batch, so that all items of a batch are decided by the same policies.

    With `limits`, policies that flag a multiple of what they may are held: what they would block goes to review.
    Where the archive is to remember what is decided, `remembers` names the header that says whom an image is of.
    `review_sample` is the share of allowed images that are drawn to be reviewed.
    """

    name = "decide"

    def __init__(
        self,
        live: Callable[[], CompiledPolicies],
        now: Callable[[], float],
        remembers: str | None = None,
        limits: PolicyLimits | None = None,
        review_sample: float = 0.0,
    ) -> None:
        self._live = live
        self._now = now
        self._remembers = remembers
        self._limits = limits
        self._review_sample = review_sample

    def __call__(self, batch: Batch) -> Batch:
        """Fill `decision`, and `features` where the archive is to remember it.

        What cannot be judged or answered is that item's failure alone.
        """
        ready = [(item, item.signals) for item in batch.unfailed() if item.signals is not None]
        if not ready:
            return batch
        now = self._now()
        compiled = self._live().at(now)  # a decision can be made again as of the time that it bears
        judgements = _together([signals for _, signals in ready], compiled)
        found = dict(zip((id(item) for item, _ in ready), judgements, strict=True))
        version = compiled.policy_set.version

        def answer(item: Item) -> None:
            if item.signals is not None:
                judgement = self._limited(item, item.signals, found[id(item)], compiled, now)
                item.decision = decision(item, item.signals, judgement, version, now, self._review_sample)
                if self._remembers is not None:
                    _remember(item, item.decision, item.signals, judgement, compiled.background, self._remembers)

        return each(self.name, batch, answer)

    def _limited(
        self, item: Item, signals: Signals, judged: Judgement | None, compiled: CompiledPolicies, now: float
    ) -> Judgement:
        """The judgement, milder where a policy is held; the item's notes say so."""
        judgement = judged or judge([signals], compiled)[0]
        if self._limits is None:
            return judgement
        held = self._limits.held_after(item.content_sha256, signals, judgement, compiled, now)
        if held:
            judgement = held_back(judgement, held)
            item.notes = (*item.notes, *notes_of(judgement, held))
        return judgement


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
