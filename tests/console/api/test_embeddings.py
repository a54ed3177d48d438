"""POST /v1/embeddings: the features that the path judges by, and those of sentences."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.rules.heads.ensembles import average
from pipeline.rules.policies.templates import fill
from tests.console.api.served import JPEG, KNIFE, POLICIES, RAINBOW, Api, serve, settings_for, until
from workers.assembly import Judge
from workers.embed.texts import text_features

TEMPLATES = ("a photo of {}.", "{}")


def _vectors(answer: Any) -> np.ndarray:
    return np.array([each["features"] for each in answer.json()["vectors"]], np.float32)


def _exact(answer: Any) -> np.ndarray:
    return np.array([np.frombuffer(b64decode(each["features"]), "<f4") for each in answer.json()["vectors"]])


def test_features_of_an_image_are_those_that_are_judged(api: Api, judge: Judge) -> None:
    decoded = judge.model.decoder.decode(KNIFE)
    expected = judge.model.encoder.encode_images(decoded.pixels).astype(np.float16).astype(np.float32)
    exact = api.post("/v1/embeddings?encoding=base64", KNIFE, JPEG)
    assert (_exact(exact) == expected).all()
    np.testing.assert_allclose(_vectors(api.post("/v1/embeddings", KNIFE, JPEG)), expected, atol=1e-7)
    said, spec = exact.json(), judge.model.encoder.spec
    assert said["model"]["fingerprint"] == spec.fingerprint
    assert (said["preprocess"], said["logit_scale"]) == (judge.model.decoder.name, spec.logit_scale)
    assert said["vectors"][0]["region"] == {"frame": 0, "box": [0.0, 0.0, 1.0, 1.0]}


def test_sentences_go_through_the_templates_of_the_policies_unless_raw(api: Api, judge: Judge) -> None:
    assert all(each in POLICIES["_defaults.yaml"] for each in TEMPLATES)
    texts, encoder = ["a kitchen knife", "a rainbow", "a kitchen knife"], judge.model.encoder
    answer = api.post("/v1/embeddings?encoding=base64", json={"texts": texts})
    filled = [sentence for text in texts for sentence in fill(text, TEMPLATES)]
    np.testing.assert_allclose(_exact(answer), average(encoder.encode_texts(filled), 2), atol=1e-6)
    assert [each["text"] for each in answer.json()["vectors"]] == texts
    raw = api.post("/v1/embeddings?encoding=base64", json={"texts": texts[:2], "raw": True})
    np.testing.assert_allclose(_exact(raw), encoder.encode_texts(texts[:2]), atol=1e-6)


def test_a_picture_is_nearest_to_the_words_for_it(api: Api) -> None:
    words = _vectors(api.post("/v1/embeddings", json={"texts": ["a kitchen knife", "a rainbow"]}))
    for image, nearest in ((KNIFE, 0), (RAINBOW, 1)):
        views = _vectors(api.post("/v1/embeddings", files={"image": image}))
        assert int((views @ words.T).max(axis=0).argmax()) == nearest


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"{}", "texts"),
        (b'{"texts": []}', "texts"),
        (b'{"texts": [""]}', "texts"),
        (b'{"texts": "a knife"}', "texts"),
        (b'{"texts": ["a"], "template": 1}', "template"),
        (b'{"texts": ["\xff"]}', "UTF-8"),
        (b"nonsense", "JSON"),
        (b'{"texts": ["' + b"knife " * 900 + b'"]}', "texts[0]"),
        (b'{"texts": [' + b", ".join([b'"a"'] * 257) + b"]}", "256"),
    ],
)
def test_sentences_that_do_not_hold_are_422_and_the_answer_says_why(api: Api, body: bytes, said: str) -> None:
    answer = api.post("/v1/embeddings", body, {"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert said.lower() in answer.json()["detail"].lower()


def test_what_is_no_picture_is_422_and_another_encoding_400(api: Api) -> None:
    assert api.post("/v1/embeddings", b"text", JPEG).json()["reason"] == "not_an_image"
    assert api.post("/v1/embeddings?encoding=hex", KNIFE, JPEG).status_code == 400


def test_features_of_sentences_are_those_that_the_command_line_gives(api: Api, judge: Judge, tmp_path: Path) -> None:
    for name, text in POLICIES.items():
        (tmp_path / name).write_text(text)
    settings, texts = settings_for(policies=str(tmp_path)), ["a kitchen knife", "a rainbow"]
    for raw in (False, True):
        expected = text_features(settings, judge.model.encoder, texts, raw=raw)
        answer = api.post("/v1/embeddings?encoding=base64", json={"texts": texts, "raw": raw})
        assert (_exact(answer) == np.array([expected[text] for text in texts])).all()


def test_sentences_that_nobody_waits_for_any_more_are_not_begun(judge: Judge) -> None:
    with serve(judge) as api:
        api.encoder.gate.clear()

        def asked(text: str, deadline: str) -> Any:
            body = json.dumps({"texts": [text], "raw": True}).encode()
            headers = {"Content-Type": "application/json", "Sluice-Deadline": deadline}
            return api.posts("/v1/embeddings", [body], headers)[0]

        first = asked("first", "10")
        until(lambda: api.encoder.sentences == ["first"])
        assert asked("late", "0.2").result().status_code == 504
        last = asked("last", "10")
        api.encoder.gate.set()
        assert [first.result().status_code, last.result().status_code] == [200, 200]
        assert api.encoder.sentences == ["first", "last"]
