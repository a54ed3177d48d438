"""The OpenAPI document is one, and the page for people needs no script."""

from __future__ import annotations

import re

from openapi_spec_validator import validate

from tests.console.api.served import Api


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
