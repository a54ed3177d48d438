"""The policy files of the folder, read and replaced as a person with an editor would: the file stays the truth."""

from __future__ import annotations

import codecs
import difflib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from io import StringIO
from pathlib import Path
from threading import Lock

from pipeline.adapters.local.policy_folder import look_at
from pipeline.errors import PolicyError, Problem, ServiceError, UsageError
from pipeline.lab.files import write_atomically
from pipeline.rules.policies.edits import newline_of
from pipeline.rules.policies.files import FILE_LIMIT
from pipeline.rules.policies.names import SUFFIXES
from workers.policies.written import write_new


class ChangedError(UsageError):
    """A file is no longer what it was when its editor was opened; nothing was written."""


@dataclass(frozen=True)
class PolicyFile:
    """A policy file as it was read."""

    id: str
    path: Path
    content: bytes

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest()

    @cached_property
    def text(self) -> str:
        """Its text, with the line breaks of browsers. Raises `UsageError` for no UTF-8 and for one too long."""
        self.check_whole()
        try:
            text = self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsageError(f"{self.path}: not UTF-8; save it as that with an editor of yours") from error
        return _plain(text)

    def check_whole(self) -> None:
        """Raises `UsageError` for a file that is longer than a policy may be: only its begin was read."""
        if len(self.content) > FILE_LIMIT:
            raise UsageError(f"{self.path}: more than {FILE_LIMIT:,} bytes; split it with an editor of yours")

    def with_text(self, text: str) -> bytes:
        """What the file holds once it has that text: its byte-order mark and its line breaks stay as they are."""
        mark = codecs.BOM_UTF8 if self.content.startswith(codecs.BOM_UTF8) else b""
        newline = newline_of(self.content.decode("utf-8", "replace"))
        return mark + _plain(text).replace("\n", newline).encode("utf-8", "replace")

    def diff(self, text: str) -> str:
        """The edit as a patch that `git apply` takes at the folder's parent."""
        before, after = _lines(self.content), _lines(self.with_text(text))
        name = f"{self.path.parent.name}/{self.path.name}"
        return "".join(_ended(difflib.unified_diff(before, after, f"a/{name}", f"b/{name}")))


class PolicyFiles:
    """The folder's policy files by the ids of their policies. Safe to call from many threads.

    A path is never made of what somebody asks for: an id is looked up among the files that are there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writing = Lock()

    @property
    def writable(self) -> bool:
        return self.folder.is_dir() and os.access(self.folder, os.W_OK)

    def all(self) -> Mapping[str, PolicyFile]:
        """Every policy file that can be read. Raises `PolicyError` where the folder cannot."""
        return self._look()[0]

    def get(self, policy: str) -> PolicyFile | None:
        """The file of that policy; None where there is none. Raises `PolicyError` where it cannot be read.

        What else of the folder cannot be read is no matter: it does not keep anybody from mending this one.
        """
        found, problems = self._look()
        if policy not in found and (own := [each for each in problems if Path(each.file).stem == policy]):
            raise PolicyError(own)
        return found.get(policy)

    def save(self, opened: PolicyFile, text: str, base: str) -> PolicyFile:
        """Replace the file, which is whole at any time, unless it is no longer what `base` is the digest of.

        Raises `ChangedError` then, and `ServiceError` where it cannot be written.
        """
        content = opened.with_text(text)
        with self._writing:
            now = self.get(opened.id)
            if now is None or now.digest != base:
                raise ChangedError(f"{opened.path} was changed by another hand meanwhile; nothing was written")
            now.check_whole()
            try:
                # Resolved, so that a link goes on being one.
                write_atomically(now.path.resolve(), lambda temporary: temporary.write_bytes(content))
            except OSError as error:
                raise ServiceError(f"cannot write {now.path}: {error.strerror}") from error
        return PolicyFile(now.id, now.path, content)

    def create(self, path: Path, text: bytes) -> None:
        """Write a file that is not there yet. Raises `UsageError` where it is, or cannot be written."""
        with self._writing:
            write_new(path, text)

    def _look(self) -> tuple[Mapping[str, PolicyFile], Sequence[Problem]]:
        """The policy files by id, and what cannot be read."""
        reading = look_at(self.folder)
        if not reading.files:  # not even the built-in background: there is no folder
            raise PolicyError(list(reading.problems))
        read = reading.files
        paths = sorted(path for path in read if path.endswith(SUFFIXES) and not Path(path).name.startswith("_"))
        files = {Path(path).stem: PolicyFile(Path(path).stem, Path(path), read[path]) for path in paths}
        return files, reading.problems


def _lines(content: bytes) -> list[str]:
    """The lines as git parts them, which takes a line feed alone for a break, and as they are written."""
    return list(StringIO(content.decode("utf-8", "replace"), newline="\n"))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _ended(lines: Iterable[str]) -> Iterator[str]:
    """The lines of a patch; one that has no line break says so, as `diff` does."""
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
