"""The OpenAPI 3.1 document, made of the schemas and structs that bodies are made of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import msgspec

from workers.console.api.answers import JSON, PROBLEM
from workers.console.api.bodies import BYTES, FILE, FORM, LONGEST_ID
from workers.console.api.models import Embeddings, Problem, Sentences
from workers.console.api.parts import Parts

WIRE = {"Decision": "decision.v2.json", "DeadLetter": "dead_letter.v1.json", "ClaimCheck": "claim.v1.json"}
"""The schemas of the wire that bodies have, by their names in the document."""
_REF = "#/components/schemas/{name}"
Json = dict[str, Any]

JUDGED = (
    "The same decision as a worker would publish, by the policies that are live now, through the same stages, batched"
    " with whatever else is being judged. Its source names no topic of Kafka's."
)
EMBEDDED = (
    "Features of one image, a vector for each view that is judged, or of sentences. Only vectors of one model"
    " fingerprint can be compared, those of images with one preprocessing."
)


def document(parts: Parts) -> Json:
    """The document as JSON has it."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sluice",
            "version": version("sluice"),
            "summary": "Images judged while the caller waits, by policies in plain English.",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}, {}],
        "paths": {"/v1/judge": {"post": _judge(parts)}, "/v1/embeddings": {"post": _embeddings(parts)}},
        "components": {
            "schemas": _schemas(),
            "parameters": _parameters(parts),
            "responses": _refusals(parts),
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token of console_tokens, of any role. Without any, only this machine can ask.",
                }
            },
        },
    }


def document_json(parts: Parts) -> bytes:
    return json.dumps(document(parts), indent=1).encode()


def _judge(parts: Parts) -> Json:
    return {
        "operationId": "judge",
        "summary": "Judge an image",
        "description": JUDGED,
        "parameters": [_parameter("ImageId"), _parameter("Deadline")],
        "requestBody": {
            "required": True,
            "description": f"An image of at most {parts.max_bytes:,} bytes, or a claim check that says where one is.",
            "content": _image_content() | {JSON: _schema("ClaimCheck")},
        },
        "responses": {"200": _answer("The decision.", "Decision"), **_not_judged(), **_refused()},
    }


def _embeddings(parts: Parts) -> Json:
    return {
        "operationId": "embed",
        "summary": "Features of an image or of sentences",
        "description": EMBEDDED,
        "parameters": [_parameter("ImageId"), _parameter("Deadline"), _parameter("Encoding")],
        "requestBody": {
            "required": True,
            "description": f"An image of at most {parts.max_bytes:,} bytes, or sentences.",
            "content": _image_content() | {JSON: _schema("Sentences")},
        },
        "responses": {"200": _answer("The features.", "Embeddings"), **_not_judged(), **_refused()},
    }


def _image_content() -> Json:
    picture = {"type": "string", "contentMediaType": "image/*"}
    form = {"type": "object", "required": [FILE], "properties": {FILE: {**picture, "description": "The file."}}}
    return {"image/*": {"schema": {}}, BYTES: {"schema": {}}, FORM: {"schema": form}}


def _not_judged() -> Json:
    """Statuses with a dead letter, or with a problem where there was no image to fail at."""
    either = {JSON: _schema("DeadLetter"), PROBLEM: _schema("Problem")}
    again = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}}
    return {
        "422": {
            "description": "It cannot be judged, however often it is sent: the dead letter has the reason. Or the"
            " sentences are not as described.",
            "content": either,
        },
        "500": {"description": "The fault is ours; the dead letter has the error.", "content": either},
        "503": {
            "description": "Not now: the process stops, takes only trials, has too many connections, or the store of"
            " a claim check is away.",
            "headers": again,
            "content": either,
        },
    }


REFUSALS: Mapping[str, tuple[str, str]] = {
    "400": ("Malformed", "It is no HTTP, a header or a parameter is not as described, or a form cannot be read."),
    "401": ("NoToken", "There is no token, or nobody has it."),
    "403": ("Forbidden", "A page of another site made a browser send this."),
    "408": ("SlowBody", "The headers did not come within ten seconds, or the body within the deadline."),
    "413": ("TooLarge", "The body is too large."),
    "415": ("NoSuchKind", "That Content-Type, or any coding of the body, is not taken."),
    "421": ("NotCalledSo", "The Host header has a name that is not in console_names."),
    "429": ("TooMany", "Too much is being answered; Retry-After says when to come back."),
    "431": ("LongHeaders", "The address and the headers have more than 64 KB."),
    "504": ("Late", "There was no answer within the deadline."),
}
"""By status: the name of the response in the document, and what it means."""


def _refused() -> Json:
    return {status: {"$ref": f"#/components/responses/{name}"} for status, (name, _) in REFUSALS.items()}


def _refusals(parts: Parts) -> Json:
    del parts
    made: Json = {}
    for status, (name, said) in REFUSALS.items():
        made[name] = {"description": said, "content": {PROBLEM: _schema("Problem")}}
        if status == "429":
            made[name]["headers"] = {
                "Retry-After": {"description": "Seconds.", "schema": {"type": "integer", "minimum": 1}}
            }
    return made


def _parameters(parts: Parts) -> Json:
    return {
        "ImageId": {
            "name": "Sluice-Image-Id",
            "in": "header",
            "description": "The image's id in its answer, printable UTF-8; without it, one is made up.",
            "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_ID},
        },
        "Deadline": {
            "name": "Sluice-Deadline",
            "in": "header",
            "description": "Seconds from the request's headers to the answer; then there is none, and no more work.",
            "schema": {
                "type": "number",
                "exclusiveMinimum": 0,
                "maximum": parts.deadline,
                "default": parts.deadline,
            },
        },
        "Encoding": {
            "name": "encoding",
            "in": "query",
            "description": "How vectors are written.",
            "schema": {"enum": ["float", "base64"], "default": "float"},
        },
    }


def _parameter(name: str) -> Json:
    return {"$ref": f"#/components/parameters/{name}"}


def _schema(name: str) -> Json:
    return {"schema": {"$ref": _REF.format(name=name)}}


def _answer(said: str, name: str) -> Json:
    return {"description": said, "content": {JSON: _schema(name)}}


@cache
def _schemas() -> Json:
    _, made = msgspec.json.schema_components([Sentences, Embeddings, Problem], ref_template=_REF)
    schemas = dict(made)
    for name, file in WIRE.items():
        schemas |= _hoisted(name, json.loads((files("pipeline") / "schemas" / file).read_text(encoding="utf-8")))
    return schemas


def _hoisted(name: str, schema: Json) -> Json:
    """A schema as components: what it defines itself stands beside it, as tools for OpenAPI look for it there."""
    own = schema.pop("$defs", {})
    schema.pop("$schema", None)
    schema.pop("$id", None)
    return {
        name: _pointed(name, schema),
        **{f"{name}.{each}": _pointed(name, definition) for each, definition in own.items()},
    }


def _pointed(name: str, node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: value.replace("#/$defs/", _REF.format(name=f"{name}.")) if key == "$ref" else _pointed(name, value)
            for key, value in node.items()
        }
    return [_pointed(name, each) for each in node] if isinstance(node, list) else node
