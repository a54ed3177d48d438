"""An explanation as one HTML page."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping

from PIL import Image

from pipeline.lab.explain import words
from pipeline.lab.explain.maps import Map
from pipeline.lab.explain.overlay import png
from pipeline.lab.explain.record import Explanation, Why
from pipeline.lab.pages import document, figure, listed, note, pictures, rows, section, unveil, veiled


def page(found: Explanation, maps: Mapping[str, Map]) -> str:
    """The page, with the maps that there are."""
    model = f"{found.model.name}@{found.model.fingerprint} {found.model.dtype} {found.preprocess}"
    said = f"policy set {found.policy_set}" + (f", decision {found.decision_id}" if found.decision_id else "")
    return document(
        f"Why is {found.image} {words.verdict(found)}?",
        said,
        model,
        _cards(found),
        [
            unveil() if maps else "",
            *(_policy(each, maps.get(each.policy)) for each in found.policies),
            _all(found),
            _notes(found),
        ],
    )


def _cards(found: Explanation) -> Iterator[tuple[str, str, str]]:
    yield "Verdict", found.verdict, "of all policies in mode enforce"
    for each in found.policies:
        yield each.policy, f"{each.score:.3f}", words.nearest(each)


def _all(found: Explanation) -> str:
    ordered = sorted(found.scores.items(), key=lambda pair: -pair[1])
    return section(
        "What does every policy say?",
        rows(("policy", "score"), [(name, f"{s:.4f}") for name, s in ordered], figures=(1,)),
    )


def _policy(why: Why, made: Map | None) -> str:
    blocks = [note(words.outcome(why))]
    if made is not None:
        blocks += [_pictures(why, made)] if words.says_where(why) else []
        blocks.append(listed(words.proof(why)))
    blocks.append(rows(("sentence", "is", "share"), words.sentence_rows(why), figures=(2,)))
    if len(why.heads) > 1:
        blocks.append(rows(("head", "says", "score"), words.head_rows(why), figures=(2,)))
    if len(why.views) > 1:
        blocks.append(rows(("view", "score", ""), words.view_rows(why), figures=(1,)))
    return section(f"{why.policy}: {why.title}", *blocks)


def _pictures(why: Why, made: Map) -> str:
    shown = {
        "The picture": (made.plain, "as it is"),
        "Where the score comes from": (made.heated, "hot is bright; the line is around the hottest tenth"),
        "Without that": (made.without, "the view, and the colours around its hottest tenth"),
    }
    return pictures(
        (
            figure(veiled(_data(picture), f"{title}, {why.policy}", said), title, (said,))
            for title, (picture, said) in shown.items()
        ),
        large=True,
    )


def _notes(found: Explanation) -> str:
    said = [*found.notes, *filter(None, [words.effort(found)])]
    return section("What else is to be known?", *map(note, said)) if said else ""


def _data(picture: Image.Image) -> str:
    return f"data:image/png;base64,{b64encode(png(picture)).decode()}"
