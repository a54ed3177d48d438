"""What is wrong with a policy though each of its keys holds: what does not go together."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from pipeline.rules.policies.bounds import too_many_sentences
from pipeline.rules.policies.forms import PolicyForm
from pipeline.rules.policies.lengths import TokenCounter, cut_off
from pipeline.rules.policies.numbers import told
from pipeline.rules.policies.policy_set import Defaults
from pipeline.rules.policies.yaml_lines import Located
from pipeline.wire import Action

Found = tuple[int, str]
"""A line of the file, and a reason."""

_STRAIGHT = str.maketrans(
    dict.fromkeys("\u2018\u2019\u201a\u201b", "'") | dict.fromkeys("\u201c\u201d\u201e\u201f", '"')
)
_WIDE_OR_JOINED = re.compile("[\uff01-\uffee\ufb00-\ufb06]+")


def inconsistent(
    form: PolicyForm, located: Located, defaults: Defaults, counter: TokenCounter | None
) -> Iterator[Found]:
    """What does not go together in a policy's form."""
    if said := too_many_sentences(form.prompts, form.unless):
        yield located.line(("prompts",)), said
        return
    yield from _order_problems(form.actions, located)
    yield from _reached_by_all(form, located)
    lists = {"prompts": form.prompts, "unless": form.unless}
    yield from _duplicates(lists, located)
    yield from _cut_off(lists, defaults, counter, located)


def as_the_model_reads(sentence: str) -> str:
    """The sentence as tokenisers clean it: by neither case nor blanks, nor ways to write a sign, is it another."""
    text = html.unescape(html.unescape(sentence)).translate(_STRAIGHT)
    text = _WIDE_OR_JOINED.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return _plain(unicodedata.normalize("NFC", text))


def _plain(sentence: str) -> str:
    return " ".join(sentence.casefold().split())


def _order_problems(actions: Mapping[Action, float], located: Located) -> Iterator[Found]:
    ordered: list[Action] = ["label", "review", "block"]
    present = [action for action in ordered if action in actions]
    for milder, severer in pairwise(present):
        if actions[severer] < actions[milder]:
            least, most = told(actions[severer], actions[milder])
            said = f"{severer} ({least}) must not be below {milder} ({most})"
            yield located.line(("actions", severer)), said


def _reached_by_all(form: PolicyForm, located: Located) -> Iterator[Found]:
    """An image that a list allows has a score of 0, which would reach a threshold of 0."""
    if form.mode == "off" or not form.lists.allow:
        return
    for action, least in form.actions.items():
        if least <= 0:
            said = f"{action!r} from 0 on is reached by every image, also by those that 'lists.allow' allows"
            yield located.line(("actions", action)), f"{said}; write 0.000001, or leave one of the two out"


def _duplicates(lists: Mapping[str, Sequence[str]], located: Located) -> Iterator[Found]:
    seen: dict[str, tuple[str, int, str]] = {}
    for key, sentences in lists.items():
        for index, sentence in enumerate(sentences):
            read = as_the_model_reads(sentence)
            line = located.line((key, index))
            if read in seen:
                first, at, other = seen[read]
                same = "" if _plain(sentence) == _plain(other) else f" as {other!r}, the same to the model,"
                yield line, f"{sentence!r} stands{same} in {first} already, in line {at}; keep one"
            seen.setdefault(read, (key, line, sentence))


def _cut_off(
    lists: Mapping[str, Sequence[str]], defaults: Defaults, counter: TokenCounter | None, located: Located
) -> Iterable[Found]:
    if counter is None:
        return
    for key, sentences in lists.items():
        for index, sentence in enumerate(sentences):
            if said := cut_off(sentence, defaults.templates, counter):
                yield located.line((key, index)), said
