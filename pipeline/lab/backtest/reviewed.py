"""What reviews say of the policies of a backtest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pipeline.lab import pages
from pipeline.lab.backtest import words
from pipeline.lab.backtest.moves import ACTIONS
from pipeline.lab.backtest.record import PolicyRecord, Record
from pipeline.lab.reviews.reviewed import Numbers, Population, Reviewed


def population(policy: PolicyRecord) -> Population:
    """How many images reach each of the policy's thresholds, of all that were looked through."""
    reach, after = {}, policy.moves.after
    for each in policy.thresholds:
        reach[each.threshold] = sum(after[action] for action in ACTIONS[ACTIONS.index(each.action) :])
    return Population.of(policy.moves.events, reach)


def numbers(record: Record, reviews: Mapping[str, Reviewed]) -> Iterator[tuple[str, str, Reviewed, Numbers]]:
    """Yield policy, action, its reviews, and what its threshold does, for each policy that has any."""
    for policy in record.policies:
        found = reviews.get(policy.policy)
        if found is not None and policy.judged:
            for each in policy.thresholds:
                yield policy.policy, each.action, found, found.at(each.threshold)


def in_numbers(record: Record, reviews: Mapping[str, Reviewed]) -> str:
    """A section of the page."""
    rows, open_ends = [], []
    for policy, action, found, at in numbers(record, reviews):
        looked = f"{len(found.scores):,}", f"{int(found.unsure.sum()):,}"
        rows.append(
            (policy, f"{action} {at.threshold:g}", words.share(at.precision), words.share(at.recall), *looked)
        )
        open_ends += [f"{policy} {action}: {remark}" for remark in at.remarks()]
    columns = ("policy", "action", "precision", "recall", "reviewed", "unsure")
    differ = [
        f"{policy}: reviewers differ on {found.reviews.disputed:,} of the {found.reviews.by_several:,} images that"
        " several judged."
        for policy, found in reviews.items()
        if found.reviews.by_several
    ]
    return pages.section(
        "What do reviews say?",
        pages.rows(columns, rows, figures=range(2, 6)),
        pages.note(
            "Of the stream, with 95 % intervals: each reviewed image counts for as many as it was chosen from. "
            "Unsure ones count neither way."
        ),
        pages.listed([*open_ends, *differ]),
    )
