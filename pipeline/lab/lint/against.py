"""What stands against a policy: `unless` lines that do nothing, and background lines that take what is its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.lab.lint.finding import Finding
from pipeline.lab.lint.folder import Folder, Line
from pipeline.lab.lint.unknown import known
from pipeline.rules.policies.policy_set import Policy

ENOUGH = 30
"""Pictures that a policy would flag without its `unless` lines, from which on those of a stream say what a line does:
one that changes none of them had less than a tenth of them to change, with 95% confidence."""
RISE, SHARES = 0.1, (0.0, 0.1, 0.2)
"""A line is idle without which no score rises by so much, of images like it and to these shares like a prompt. By an
image like the line alone, a third of those that change some decision on rendered scenes were taken for idle."""


def idle(folder: Folder) -> Iterator[Finding]:
    """`unless` lines that change nothing, on a stream or as far as words tell: one finding a policy."""
    for policy in folder.compiled.policies:
        shown = _on_stream(folder, policy)
        lines, why = (idle_lines(folder, policy), _BY_WORDS) if shown is None else shown
        if found := [line for line in lines if not folder.places.accepted(line.where)]:
            said = ", ".join(repr(line.sentence) for line in found)
            yield Finding(policy.id, found[0].where, said, f"under 'unless' {said} change nothing{why}", _REMEDY)


_BY_WORDS = ": the background describes what they do already"
_REMEDY = "leave them out, or keep them for those who read the file"


def _on_stream(folder: Folder, policy: Policy) -> tuple[list[Line], str] | None:
    """Those without which each picture of the stream is decided as it is; None where it shows too little."""
    stream = folder.stream
    if stream is None or stream.at_stake[policy.id] < ENOUGH:
        return None
    lines = [line for line in folder.of(policy, "unless") if not stream.changed[policy.id, line.sentence]]
    return lines, f" on {stream.said}, of which {stream.pool.flagged[policy.id]:,} are flagged"


def idle_lines(folder: Folder, policy: Policy) -> list[Line]:
    """The policy's `unless` lines of which an image just like them, or nearly, hardly scores higher without them."""
    if folder.compiled.prompts.logit_bias is not None:
        return []
    return [line for line in folder.of(policy, "unless") if _rise(folder, line) < RISE]


def _rise(folder: Folder, line: Line) -> float:
    """By how much a score rises at most without that line, of images that are like it and a bit like a prompt."""
    head, policy = folder.compiled.prompts, line.policy
    prompts = np.stack([folder.features[prompt] for prompt in policy.prompts])
    if line.sentence in folder.standing(policy) and (prompts @ line.features).max() < _too_close(folder):
        return 0.0  # as a line of the background it stands against the policy in any case
    images = np.concatenate([(1 - share) * line.features + share * prompts for share in SHARES])
    found = head.score(np.asarray(images / np.linalg.norm(images, axis=1, keepdims=True), np.float32))
    column, row = head.ids.index(policy.id), head.sentences.index(line.sentence)
    before, totals = found.scores[:, column], found.totals[:, column]
    without = before * totals / (totals - found.of_sentences[:, row])
    return float((without - before).max())


def _too_close(folder: Folder) -> float:
    return folder.compiled.policy_set.defaults.too_close


def fights(folder: Folder) -> Iterator[Finding]:
    """Prompts that no line is left out for, as none means the same to the model: the nearest takes what they mean."""
    if folder.compiled.prompts.logit_bias is not None:
        return
    too_close = _too_close(folder)
    for policy in folder.compiled.policies:
        standing = folder.standing(policy)
        for line in folder.of(policy, "prompts"):
            (phrase, cosine), *_ = folder.vocabulary.nearest(line.features, 1)
            if cosine < too_close and phrase in standing and known(folder, line):
                yield _fight(line, phrase, cosine, too_close)


def _fight(line: Line, phrase: str, cosine: float, too_close: float) -> Finding:
    reason = (
        f"{line.sentence!r} is to the model nearest to the background line {phrase!r} ({cosine:.2f}), and not so near"
        f" that the line is left out (too_close: {too_close:g}): the line takes most of what shows the prompt"
    )
    remedy = f"write {phrase!r} as a prompt, too, if it means the same; else find other words"
    return Finding(line.policy.id, line.where, line.sentence, reason, remedy)
