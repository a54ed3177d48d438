"""The page for people: the OpenAPI document as HTML, without a script, and a style sheet of its own beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import Any

from workers.console.api.document import document
from workers.console.api.examples import EXAMPLES
from workers.console.api.parts import Parts

STYLE = Path(__file__).with_name("page.css")


def style() -> str:
    """The style sheet."""
    return STYLE.read_text(encoding="utf-8")


def page(parts: Parts) -> str:
    """The page."""
    made = document(parts)
    info = made["info"]
    sections = "".join(_endpoint(path, methods["post"], made) for path, methods in made["paths"].items())
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="stylesheet" href="page.css">'
        f"<title>{escape(info['title'])} API</title></head><body>"
        f"<header><h1>{escape(info['title'])} API</h1><p>{escape(info['summary'])} Version"
        f' {escape(info["version"])}; for tools as <a href="openapi.json">openapi.json</a>.</p></header>'
        f"<main>{sections}</main></body></html>"
    )


def _endpoint(path: str, operation: Any, made: Any) -> str:
    body = operation["requestBody"]
    parameters = [_resolved(each, made) for each in operation["parameters"]]
    responses = {status: _resolved(each, made) for status, each in sorted(operation["responses"].items())}
    return (
        f"<section><h2>POST {escape(path)}</h2><p>{escape(operation['description'])}</p>"
        + "".join(f"<pre>{escape(line)}</pre>" for line in EXAMPLES[path])
        + f"<h3>Body</h3><p>{escape(body['description'])} Content-Type: {_codes(body['content'])}.</p>"
        + _table("Headers and parameters", ((each["name"], each["description"]) for each in parameters))
        + _table("Answers", ((status, _said(each)) for status, each in responses.items()))
        + "</section>"
    )


def _said(response: Any) -> str:
    names = [each["schema"].get("$ref", "").rpartition("/")[2] for each in response["content"].values()]
    return f"{response['description']} {' or '.join(name for name in names if name)}".strip()


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"<code>{escape(word)}</code>" for word in words)


def _table(title: str, rows: Iterable[Sequence[str]]) -> str:
    lines = "".join(f"<tr><td><code>{escape(name)}</code></td><td>{escape(said)}</td></tr>" for name, said in rows)
    return f"<h3>{escape(title)}</h3><div class=wide><table>{lines}</table></div>"


def _resolved(node: Any, made: Any) -> Any:
    if "$ref" not in node:
        return node
    for part in node["$ref"].removeprefix("#/").split("/"):
        made = made[part]
    return made
