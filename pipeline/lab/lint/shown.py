"""What pictures show of policies: prompts that never win, thresholds that are never reached, lines in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from pipeline.lab.lint.finding import Finding
from pipeline.lab.lint.folder import Folder
from pipeline.lab.lint.pool import Pool, Sample

ENOUGH = 30
"""Flagged pictures of a policy from which on a prompt that describes none of them best is named: it had less than a
tenth of them, with 95% confidence."""
FEW = 3
"""Samples that must be flagged from which on a threshold is named that none of them reaches."""
SEVERAL = 2
"""Samples that a line keeps from being flagged from which on it is named: one alone is often a chance of its picture.
Of wordings that no line is in the way of, one sample or more were taken for 15%."""
MANY = 300
"""Pictures of a stream from which on it is said that none reaches a threshold: less than one in a hundred does then,
with 95% confidence."""
CERTAIN = 0.9999
"""A threshold beyond which hardly any score lies, whatever is shown."""


def idle_prompts(folder: Folder) -> Iterator[Finding]:
    """Prompts that describe none of a policy's flagged pictures best."""
    pool, of = _pool(folder)
    if pool is None:
        return
    for line in folder.lines("prompts"):
        flagged = pool.flagged[line.policy.id]
        if flagged >= ENOUGH and not pool.wins[line.policy.id, line.sentence]:
            reason = (
                f"{line.sentence!r} wins nothing: other prompts describe all {flagged:,} flagged pictures{of} better"
            )
            remedy = "leave it out, unless you wait for what it shows: it lets in what is near it"
            yield Finding(line.policy.id, line.where, line.sentence, reason, remedy)


def unreached(folder: Folder) -> Iterator[Finding]:
    """Thresholds that no score reaches."""
    for policy in folder.compiled.policies:
        for action, least in policy.actions.items():
            if reason := _unreached(folder, policy.id, action, least, policy.lowest):
                where = folder.places.of(policy, "actions", action)
                remedy = "lower it, or have it set by `sluice policy calibrate`"
                yield Finding(policy.id, where, action, reason, remedy)


def quiet(folder: Folder) -> Iterator[Finding]:
    """Policies of which no picture of a stream reaches any threshold."""
    stream = folder.stream
    if stream is None or stream.pictures < MANY:
        return
    for policy in folder.compiled.policies:
        if not stream.pool.flagged[policy.id] and policy.actions:
            action = min(policy.actions, key=policy.actions.__getitem__)
            highest = stream.pool.highest[policy.id]
            reason = f"no score of {stream.said} reaches {policy.lowest:g} ({action}); the highest is {highest:.3f}"
            remedy = "look at the highest with `sluice policy try`; lower it if they show what is meant"
            yield Finding(policy.id, folder.places.of(policy, "actions", action), action, reason, remedy)


def in_the_way(folder: Folder) -> Iterator[Finding]:
    """Lines of the background, or of `unless`, that alone keep samples from being flagged that must be."""
    if folder.pool is None:
        return
    for policy in folder.compiled.policies:
        samples = folder.pool.samples.get(policy.id, ())
        taken = Counter(each.against for each in samples if kept_from(each, policy.lowest))
        for line, count in taken.most_common():
            if count < min(SEVERAL, len(samples)):
                continue
            reason = f"without {line!r}, which stands against it, {count} of {len(samples)} samples more were flagged"
            remedy = "write it as a prompt, too, if it means the same; take it out of 'unless', if it stands there"
            yield Finding(policy.id, folder.places.of(policy, "prompts"), str(line), reason, remedy)


def _unreached(folder: Folder, policy: str, action: str, least: float, lowest: float) -> str | None:
    if least > CERTAIN:
        return f"hardly any score reaches {least:g}, whatever is shown"
    samples = folder.pool.samples.get(policy, ()) if folder.pool else ()
    if len(samples) >= FEW and max(each.score for each in samples) < least:
        best = max(each.score for each in samples)
        none = f"none of {len(samples)} samples that must be flagged"
        return f"{none} reaches {least:g} ({action}); the best has {best:.2f}"
    pool, of = _pool(folder)
    if pool and least > lowest and pool.flagged[policy] >= ENOUGH and not pool.reached[policy, action]:
        return f"none of {pool.flagged[policy]:,} flagged pictures{of} reaches {least:g} ({action})"
    return None


def _pool(folder: Folder) -> tuple[Pool | None, str]:
    """What was flagged of a stream, or else of samples, and of what these were some."""
    if folder.stream is not None:
        return folder.stream.pool, f" among {folder.stream.said}"
    return folder.pool, ""


def kept_from(sample: Sample, lowest: float) -> bool:
    """Whether the sample would reach that score if nothing but the strongest line against it were not there."""
    return sample.score < lowest <= sample.score / max(1.0 - sample.share, sample.score, 1e-9)
