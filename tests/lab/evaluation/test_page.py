"""The page of an evaluation: complete in itself, well formed whatever it names, and saying what the JSON says."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from rich.console import Console

from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import Extracted, Unreadable
from pipeline.lab.evaluation.evaluate import Evaluation, evaluate
from pipeline.lab.evaluation.page import page
from pipeline.lab.evaluation.record import Record
from pipeline.lab.evaluation.zero_shot import ClassTexts
from pipeline.ports import EncoderSpec
from tests.signals_made import split
from workers.terminal.evaluation import show

HOSTILE = '<script>alert("1")</script> & [red]$x[/] {}'
CLASSES = (HOSTILE, "dice", *(f"class {number}" for number in range(5)))
SPEC = EncoderSpec("tiny", "f" * 8, "float32", (2, 2), (0.5,), (0.5,), "bicubic", "shortest", 7, 77, 10.0, None)
VOID = {"meta", "br", "img", "line", "rect", "circle"}


def measured(name: str, spec: EncoderSpec = SPEC, *, shift: bool = True) -> Evaluation:
    """Sixty images in two groups, of which one is always right and the other seldom; some cannot be read."""
    random = np.random.default_rng(3)
    wanted = np.arange(60) % len(CLASSES)
    features = np.eye(len(CLASSES), dtype=np.float32)[np.where(np.arange(60) < 30, wanted, (wanted + 1) % 7)]
    features += random.normal(0, 0.01, features.shape).astype(np.float32)
    examples = [
        Example("x", lambda: b"", (CLASSES[each],), HOSTILE if index < 30 else "the others " * 5)
        for index, each in enumerate(wanted)
    ]
    lost = tuple(Unreadable(f"{HOSTILE}{number}.jpg", "empty", "no bytes") for number in range(12))
    dataset = Dataset(name, [*examples, *(Example(each.name, lambda: b"") for each in lost)], CLASSES)
    extracted = Extracted(tuple(examples), split(features, [1] * 60), lost)
    texts = ClassTexts(CLASSES, np.eye(7, dtype=np.float32), np.eye(7, dtype=np.float32))
    others = [(replace(dataset, name="other"), extracted)] if shift else []
    return evaluate(dataset, extracted, texts, ("a photo of {}.", HOSTILE), spec, others=others)


class Balance(HTMLParser):
    """Keeps what is written, and fails on a tag that is not closed where it must be."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(document)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("shift", [True, False])
@pytest.mark.parametrize("bias", [None, -10.0])
def test_it_is_well_formed_and_asks_for_nothing_from_outside(shift: bool, bias: float | None) -> None:
    spec = replace(SPEC, logit_bias=bias)
    document = page(Record(spec, "fast-2", measured(HOSTILE, spec, shift=shift)))
    found = Balance(document)
    assert {tag for tag, _ in found.tags}.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert not any({"src", "href", "onload", "onclick"} & set(attributes) for _, attributes in found.tags)
    assert "url(" not in document
    assert "@import" not in document
    assert "http://" not in document
    assert "https://" not in document
    assert HOSTILE in found.text
    charts = re.findall(r"<svg.*?</svg>", document, re.DOTALL)
    assert len(charts) == (4 if shift else 3)
    for chart in charts:
        root = ET.fromstring(chart)
        assert root.find("title") is not None
        assert {"nan", "inf"}.isdisjoint(re.findall(r"[a-z]+", " ".join(root.itertext())))


def test_it_follows_the_readers_light_or_dark() -> None:
    document = page(Record(SPEC, "fast-2", measured("d")))
    assert "prefers-color-scheme: dark" in document
    assert 'name="viewport"' in document


def test_page_terminal_and_json_say_the_same() -> None:
    record = Record(SPEC, "fast-2", measured("photos"))
    said = json.loads(record.as_json())
    out = StringIO()
    show(record, Console(file=out, width=120, highlight=False))
    for text in (Balance(page(record)).text, out.getvalue()):
        assert f"{100 * said['top'][0]['accuracy']['value']:.1f} %" in text
        assert f"{100 * said['calibration']['ece']:.1f} %" in text
        assert f"{100 * said['gap']['difference']['value']:+.1f} points" in text
        assert f"{100 * said['shift']['kept']['value']:.1f} %" in text
        assert said["by_class"][0]["name"] in text
        assert said["unreadable"][0]["name"] in text
    assert (said["schema"], said["model"]["name"], said["images"]) == ("sluice.evaluation.v1", "tiny", 72)
    assert said["images"] == said["scored"] + said["unlabelled"] + len(said["unreadable"])
    assert "and 14 more" in out.getvalue()
