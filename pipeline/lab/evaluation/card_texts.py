"""What a model card says in words."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.lab.hands.fetch import SETS
from pipeline.lab.training.record import TrainingRecord


def head(folder: str, record: TrainingRecord) -> str:
    """What a model of scenes is, and is not; begun from somebody's weights it may know more than scenes taught."""
    return EMOJI_HEAD if record.is_ours else _OTHER_HEAD.format(folder=folder, began_from=record.began_from)


def scenes(classes: int, record: TrainingRecord) -> str:
    """What a model of scenes was shown, beside Noto's drawings by other hands."""
    hands = record.hands
    others = f", and by {listed(hands)}, whole, as outlines, posterised and flat;" if hands else ","
    whose = _NOBODY if record.is_ours else _SOMEBODY
    return _SCENES.format(classes=f"{classes:,}", others=others, whose=whose)


def blind(record: TrainingRecord) -> str:
    if not record.is_ours:
        return PAIRS_BLIND
    hands = record.hands
    return _BLIND.format(styles=_ANY_HAND if hands else _ONE_HAND, poses=_ANY_POSE if hands else _UPRIGHT)


def licences(record: TrainingRecord) -> str:
    hands = record.hands
    known = {each.name: each.licence for each in SETS}
    each = [f"{hand}, {known.get(hand, 'a folder of its own')}" for hand in hands]
    others = f"\nDrawings that it learned from, none of which is included: {'; '.join(each)}." if hands else ""
    weights = "as Sluice itself" if record.is_ours else f"as those allow that they began from, {record.began_from}"
    return _LICENCES.format(others=others, weights=weights)


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


EMOJI_HEAD = """# Sluice's bundled model

A small CLIP that Sluice trains itself, so that a newcomer can see the pipeline work with nothing to download. It
knows what emoji look like, in their words, and nothing else.

**It knows nothing of photographs.** On a photograph its scores mean nothing at all, neither the flags nor their
absence. For real images set `SLUICE_MODEL` and `SLUICE_PRETRAINED` to any open_clip model, for example `ViT-B-32` and
`laion2b_s34b_b79k`; nothing else changes.

`sluice card` measures every figure below again and writes this page.
"""

_OTHER_HEAD = """# {folder}

A CLIP model that `sluice train` fitted to rendered emoji scenes, begun from {began_from}. What it knows beyond
emoji it has from there, and how much of that the scenes left is not measured here: measure it on images of your own
with `sluice evaluate`.

`sluice card FOLDER` measures every figure below again and writes this page.
"""

METHOD = """\
Fresh scenes of seeds that no run trains on, drawn at 224 px, saved as JPEG, then read, decoded and encoded by the
code that moderates ({preprocess} preprocessing, the machine's own number format). {scenes} scenes of each kind, every
emoji as often as the others; the right name among all {classes}, three templates ensembled. In brackets: 95%
intervals (Wilson).
"""

WORDS = """\
Words that it was not trained on. About 15% of the CLDR keywords were held out of every caption. A few of them
then stand for their emoji's name, among the names of all others:
"""

PLACES = """\
By the shape of the picture and the place of the thing in it: what is found of the policies' things (a quarter or 0.6
of the short side), and how many pictures of harmless things are flagged; {about} of the ones and {harmless} of the
others in each row. Scenes are those of `pipeline/lab/scenes/placed.py`.
"""
POLICY_METHOD = """\
Each policy: {positives} scenes of its things, and {negatives} that all policies share, of every emoji in turn and
of empty clutter. What a policy is about, and what may be seen either way, is written in
`pipeline/lab/scenes/truth.py`.
"""

NOT_MEASURED = "Nothing: too few pairs that can be read were kept from training (`--held-out`).\n"

PAIRS_BLIND = """## What it is blind to

Whatever its data, and the data of the weights it began from, do not show. Measure it on images of your own with
`sluice evaluate`, and set thresholds with `sluice policy calibrate`, before policies are enforced with it.
"""

_SCENES = """\
A scene shows one or several of {classes} emoji of Noto Color Emoji{others} turned, stretched and recoloured, on
gradients, noise, stripes, shapes, lines of text and scraps of other emoji; some are small, blurred, grained, grey
or squeezed by JPEG. Captions are Unicode CLDR short names and keywords through varied templates, naming one or
several of the things. {whose}
"""
_NOBODY = "No photograph, no person's data and nobody else's weights went into it."
_SOMEBODY = """\
No photograph and no person's data are in them; what the weights that it began from were trained on is not known
here."""

_BLIND = """\
## What it is blind to

- Photographs, {styles}, text in images, video.
- Whatever has no emoji: it answers with the nearest thing that has one. It knows a pistol only as a toy one.
- Words: names and keywords of emoji it knows, and little beyond; see the table of held-out words. Paraphrase,
  negation, counting and relations ("a man holding a knife") it was never taught.
- {poses}
"""
_ONE_HAND = "drawings in other styles, other vendors' emoji"
_ANY_HAND = "hands unlike those that it learned from (the table by hand says how it falls)"
_UPRIGHT = """\
Small things: the table by size says how it falls; under a fifth of the frame it has seen none.
- Things turned by more than 30 degrees; hues far from the emoji's own; what only a colour tells apart, in grey."""
_ANY_POSE = """\
Small things: the table by size says how it falls; under a seventh of the frame it has seen none.
- Things turned by some 45 degrees; what only a colour tells apart, in grey or in another hue."""

HANDS = """\
By whose drawings it is shown, things alone as in the first row. Precision and recall are those of the
policies at their lowest actions, all their scenes together:
"""

_LICENCES = """\
## Licences

Glyphs: Noto Color Emoji, SIL Open Font License 1.1; the font is not included.{others}
Names and keywords: Unicode CLDR, Unicode-DFS-2016, (c) 1991-2022 Unicode, Inc. The weights: {weights}.
"""
