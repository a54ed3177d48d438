"""The OpenAPI document is one, and the page for people needs no script."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
from openapi_spec_validator import validate

from tests.console.api.served import KNIFE, PATIENCE, Api
from tests.documents import Document
from tests.services.processes import child_env
from workers.console.api.examples import ADDRESS, EMBED, EXAMPLES, JUDGE, PYTHON, SENTENCES


def test_the_document_is_openapi(api: Api) -> None:
    document = api.get("/v1/openapi.json").json()
    validate(document)
    assert set(document["paths"]) == {"/v1/judge", "/v1/embeddings"}
    assert "decision_id" in document["components"]["schemas"]["Decision"]["properties"]


def test_the_page_names_all_of_it_and_brings_no_script(api: Api) -> None:
    page = api.get("/v1/")
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.text
    assert "style=" not in page.text
    assert not re.findall(r"(?:src|href)=\"?(?:https?:)?//", page.text)
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for word in ("/v1/judge", "/v1/embeddings", "Sluice-Deadline", "Sluice-Image-Id", "429", "422"):
        assert word in page.text
    assert api.get("/v1/page.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize(
    ("example", "said"),
    [
        (["bash", "-ec", JUDGE], '"verdict":"block"'),
        ([sys.executable, "-c", PYTHON], "block [('weapons', "),
        (["bash", "-ec", EMBED], '"encoding":"base64"'),
        (["bash", "-ec", SENTENCES], '"text":"a rainbow"'),
    ],
    ids=["judge", "python", "embed", "sentences"],
)
def test_the_examples_that_people_are_shown_run(api: Api, tmp_path: Path, example: list[str], said: str) -> None:
    (tmp_path / "picture.jpg").write_bytes(KNIFE)
    words = [each.replace(ADDRESS, api.address) for each in example]
    done = subprocess.run(
        words, cwd=tmp_path, env=child_env({}), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_the_documents_show_the_same_examples(api: Api) -> None:
    deploy = Document(Path("deploy/README.md"))
    assert PYTHON in [block.text for block in deploy.blocks]
    for document in (deploy, Document(Path("README.md"))):
        assert any(JUDGE in block.text for block in document.blocks)
    page = html.unescape(api.get("/v1/").text)
    assert all(example in page for examples in EXAMPLES.values() for example in examples)
