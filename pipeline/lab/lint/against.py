"""What stands against a policy: `unless` lines that do nothing, and background lines that take what is its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.lab.lint.finding import Finding
from pipeline.lab.lint.folder import Folder, Line
from pipeline.lab.lint.unknown import known
from pipeline.rules.heads.head import Array
from pipeline.rules.policies.policy_set import Policy

ENOUGH = 30
"""Pictures that a policy would flag without its `unless` lines, from which on those of a stream say what a line does:
one that changes none of them had less than a tenth of them to change, with 95% confidence."""


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
    """The policy's `unless` lines of which an image just like them would score too low without them, too."""
    if folder.compiled.prompts.logit_bias is not None:
        return []
    lines = list(folder.of(policy, "unless"))
    scores = _without(folder, policy, lines)
    return [line for line, score in zip(lines, scores, strict=True) if score < policy.lowest]


def fights(folder: Folder) -> Iterator[Finding]:
    """Prompts that no line is left out for, since none means the same to the model: the nearest takes their images.

    Of the keywords that work, as `unknown` has it, but score below 0.1, 67% are found so, of those that fail 37%, and
    of those that score above 0.5, 2.7%; of names none.
    """
    if folder.compiled.prompts.logit_bias is not None:
        return
    too_close = folder.compiled.policy_set.defaults.too_close
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


def _without(folder: Folder, policy: Policy, lines: list[Line]) -> Array:
    """For each of the lines the score of an image with its features, with that line taken away."""
    if not lines:
        return np.zeros(0)
    scale = folder.compiled.prompts.logit_scale
    images = np.stack([line.features for line in lines]).astype(np.float64)
    prompts = np.stack([folder.features[prompt] for prompt in policy.prompts])
    standing = [folder.features[phrase] for phrase in folder.standing(policy)]
    stands = np.concatenate([np.stack(standing), images]) if standing else images
    logits = scale * (images @ stands.T)
    logits[:, len(stands) - len(lines) :][np.eye(len(lines), dtype=bool)] = -np.inf
    own = scale * (images @ prompts.T)
    return _share(own, logits)


def _share(own: Array, others: Array) -> Array:
    most = np.maximum(own.max(axis=1), others.max(axis=1))[:, np.newaxis]
    mine, rest = np.exp(own - most).sum(axis=1), np.exp(others - most).sum(axis=1)
    return np.asarray(mine / (mine + rest))
