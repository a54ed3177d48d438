"""Which sentences are longer than the model reads, so that their ends would be cut off, and what else nobody sees."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pipeline.rules.policies.backgrounds import numbered_lines
from pipeline.rules.policies.bounds import too_long
from pipeline.rules.policies.templates import fill
from pipeline.rules.policies.yaml_words import odd_in_background


class TokenCounter:
    """How long a sentence may be for one model: ``count`` its tokens, ``limit`` how many the model reads."""

    def __init__(self, count: Callable[[str], int], limit: int) -> None:
        self.count = count
        self.limit = limit

    def excess(self, sentence: str) -> int:
        """Tokens past the limit. A token stands for at least one byte, so short sentences need no tokeniser."""
        if len(sentence.encode()) + 2 <= self.limit:
            return 0
        return max(0, self.count(sentence) - self.limit)


def cut_off(sentence: str, templates: Sequence[str], counter: TokenCounter) -> str | None:
    """What is wrong with the length of a sentence; None where the model reads all of it through each template."""
    excess = max(map(counter.excess, fill(sentence, templates)))
    return (
        f"{excess} tokens past the model's {counter.limit}; the end would be cut off: shorten it" if excess else None
    )


def wrong_lines(text: str, templates: Sequence[str], counter: TokenCounter | None) -> Iterable[tuple[int, str]]:
    """The lines of a background that are too long or hold what nobody sees, by number, each with what is wrong."""
    for number, line in numbered_lines(text):
        said = odd_in_background(line) or too_long(line) or (counter and cut_off(line, templates, counter))
        if said:
            yield number, said
