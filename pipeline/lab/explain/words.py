"""What a person reads of an explanation, on a page and in a terminal alike."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.lab.explain.record import Explanation, HeatRecord, Margin, SeenView, Why
from pipeline.lab.explain.why import ROUNDING
from pipeline.signals import WHOLE
from pipeline.wire import Region


def verdict(found: Explanation) -> str:
    """The verdict as a question has it that begins with "Why is it"."""
    return {"allow": "allowed", "label": "labelled", "review": "to be reviewed", "block": "blocked"}[found.verdict]


def outcome(why: Why) -> str:
    """In a sentence, what the score leads to, and how far it is from the thresholds."""
    if not why.margins:
        return f"{why.score:.3f} leads to nothing: the policy has no actions."
    leads = "allow" if why.action is None else why.action
    mode = " in shadow" if why.mode == "shadow" else ""
    return f"{why.score:.3f} leads to {leads}{mode}: {', '.join(map(margin, why.margins))}."


def nearest(why: Why) -> str:
    """How far the score is from the threshold that is nearest to it."""
    return margin(min(why.margins, key=lambda each: abs(each.margin))) if why.margins else "no actions"


def margin(each: Margin) -> str:
    side = "above" if each.margin >= 0 else "below"
    return f"{abs(each.margin):.3f} {side} {each.action} ({each.threshold:g})"


def region(seen: Region, *, animated: bool = False) -> str:
    """Where a view was taken; of what is `animated` the first frame is named, too."""
    frame = f"frame {seen.frame}, " if seen.frame or animated else ""
    how = (
        "" if seen.turned is None else f", {'mirrored' if seen.turned == 'mirrored' else f'turned by {seen.turned}'}"
    )
    return f"{frame}{part(seen.box)}{how}"


def part(box: tuple[float, float, float, float]) -> str:
    """A part of the picture in whole percents."""
    if box == WHOLE:
        return "the whole picture"
    left, top, right, bottom = (f"{edge:.0%}" for edge in box)
    return f"{left} to {right} across, {top} to {bottom} down"


def proof(why: Why) -> Iterator[str]:
    """What the map says, and what shows that it is true to the score; nothing without a map."""
    heat = why.heat
    if heat is None:
        return
    own = _own(why)
    if not _same(own, why.score):
        yield f"The head {why.decided_by} decides, and no view: the map is of the {own:.3f} that the view scores."
    if not says_where(why):
        yield f"A score of {own:.3f} comes from no part of the picture: its map says nothing."
        return
    yield f"It comes from {part(heat.box)}, most of all from {_point(heat)}."
    for each in heat.without:
        how = "filled with the colours around" if each.filled == "surroundings" else "blurred"
        yield f"With its hottest tenth {how}, it scores {each.score:.3f}; with another tenth, {each.elsewhere:.3f}."


def says_where(why: Why) -> bool:
    """Whether there is a map, and in three digits a score that could come from somewhere."""
    return why.heat is not None and round(_own(why), 3) > 0


def effort(found: Explanation) -> str:
    """What the maps cost; empty without any."""
    return f"The model was shown {found.passes:,} views more for this." if found.passes else ""


def sentence_rows(why: Why) -> list[tuple[str, str, str]]:
    """The sentences for the policy and against it, the strongest first: text, kind, share."""
    ordered = sorted([*why.prompts, *why.against], key=lambda each: -each.share)
    return [(each.text, each.kind, f"{each.share:.4f}") for each in ordered]


def head_rows(why: Why) -> list[tuple[str, str, str]]:
    """The heads: name, what it says, score."""
    return [
        (each.head + (" (decides)" if each.head == why.decided_by else ""), each.says, f"{each.score:.4f}")
        for each in why.heads
    ]


def view_rows(why: Why) -> list[tuple[str, str, str]]:
    """The views, those with the greatest score first: where, score, a remark."""
    ordered = sorted(why.views, key=lambda each: -each.score)
    animated = any(each.region.frame for each in ordered)
    return [(region(each.region, animated=animated), f"{each.score:.4f}", _remark(each, why)) for each in ordered]


def _remark(seen: SeenView, why: Why) -> str:
    decides = "decides" if seen.region == why.view and _same(seen.score, why.score) else ""
    bar = f"second look, counts from {seen.counts_from:g} on" if seen.counts_from else ""
    return "; ".join(filter(None, (decides, bar)))


def _own(why: Why) -> float:
    """What the view scores that the map is of."""
    return next((seen.score for seen in why.views if seen.region == why.view), why.score)


def _point(heat: HeatRecord) -> str:
    return f"{heat.peak[0]:.0%} across and {heat.peak[1]:.0%} down"


def _same(one: float, other: float) -> bool:
    return abs(one - other) <= ROUNDING
