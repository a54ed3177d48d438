"""What a request brings: an image's bytes as they are, in a form, or a claim check that says where it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from pipeline.wire import CLAIM_CONTENT_TYPE, CONTENT_TYPE, Headers
from workers.console.api.desk import Ticket

JSON = "application/json"
FORM = "multipart/form-data"
BYTES = "application/octet-stream"
MOST_JSON = 256 * 1024
"""Bytes of a claim check, or of sentences."""
AROUND = 64 * 1024
"""Bytes that a form may have around its image."""
FILE = "image"
"""The form's field that holds the image."""
ID = "sluice-image-id"
DEADLINE = "sluice-deadline"
LONGEST_ID = 1000
CARRIED = ("traceparent", "tracestate")
"""Headers that go along to the decision on the record, besides the one that names a subject."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the path is asked, as an event has it."""

    value: bytes
    headers: Headers = ()


def kind_of(request: Request, kinds: Sequence[str]) -> str:
    """The body's content type, without parameters; of any image ``image/*``. Raises 415 unless it is of `kinds`."""
    if (coding := request.headers.get("content-encoding", "identity").strip().lower()) != "identity":
        raise HTTPException(415, f"the body is {coding!r}; send it as it is, without Content-Encoding")
    if (coding := request.headers.get("transfer-encoding", "chunked").strip().lower()) != "chunked":
        raise HTTPException(415, f"the body is sent as {coding!r}; send it as it is, in chunks or as a whole")
    said = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    kind = "image/*" if said.startswith("image/") else said
    if kind not in kinds:
        what = f"Content-Type {said!r} is not taken here" if said else "there is no Content-Type"
        raise HTTPException(415, f"{what}; send {', '.join(kinds[:-1])} or {kinds[-1]}")
    return kind


async def question_of(request: Request, kind: str, ticket: Ticket, most: int, subject_header: str) -> Question:
    """The question that the body is. Of the request's headers those come along that a decision on the record carries.

    Raises 400 and 413 for what it may not be, such as more than `most` bytes, and 429 as `Ticket.grow` does.
    """
    carried = [
        (name, value.encode("latin-1"))
        for name in (*CARRIED, subject_header.lower())
        if (value := request.headers.get(name)) is not None
    ]
    if kind == JSON:
        body = await body_of(request, ticket, MOST_JSON)
        return Question(body, [*carried, (CONTENT_TYPE, CLAIM_CONTENT_TYPE.encode())])
    body = await _file(request, ticket, most) if kind == FORM else await body_of(request, ticket, most)
    return Question(body, carried)


async def body_of(request: Request, ticket: Ticket, most: int) -> bytes:
    """All of the body. Raises 413 once it is known to be over `most` bytes."""
    return b"".join([part async for part in _parts(request, ticket, most)])


async def _parts(request: Request, ticket: Ticket, most: int) -> AsyncGenerator[bytes, None]:
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said[:20]) > most:
        raise _too_large(most)
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise _too_large(most)
        ticket.grow(len(part))
        yield part


async def _file(request: Request, ticket: Ticket, most: int) -> bytes:
    """The one file of a form."""
    parser = _InMemory(
        request.headers, _parts(request, ticket, most + AROUND), max_files=1, max_fields=8, max_part_size=AROUND
    )
    try:
        form = await parser.parse()
    except (MultiPartException, ValueError) as error:
        raise HTTPException(400, f"the form cannot be read: {error}") from error
    try:
        upload = form.get(FILE)
        if not isinstance(upload, UploadFile):
            raise HTTPException(400, f"the form has no file in a field named {FILE!r}, or ends before the file does")
        content = await upload.read()
    finally:
        parser.close()
    if len(content) > most:
        raise _too_large(most)
    return content


class _InMemory(MultiPartParser):
    """Never writes a file to disk, on a thread: what is too large is refused before."""

    spool_max_size = 1 << 40

    def close(self) -> None:
        """Let go of all files: one that was cut off is none of the form's."""
        for file in self._files_to_close_on_error:
            file.close()


def _too_large(most: int) -> HTTPException:
    return HTTPException(413, f"the body has more than the {most:,} bytes that are taken here")
