"""The last good policy set, kept on disk so that a restart beside a bad policy folder goes on deciding."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import structlog

from pipeline.rules.policies.files import BUILT_IN

SCHEMA = "sluice.last-good-policies.v1"

_log = structlog.get_logger(__name__)


class LastGood:
    """One file for each policy folder and consumer group, so that no two mix up theirs. No call raises.

    It holds the bytes of the files that the set was made of, which are validated again when they are used.
    """

    def __init__(self, state: Path, policies: Path, group: str) -> None:
        # Not resolved: a folder behind a link that is swapped at every release stays the same folder.
        self._policies = os.path.abspath(policies)  # noqa: PTH100
        self._group = group
        name = sha256(os.fsencode(f"{self._policies}\n{group}")).hexdigest()[:16]
        self.path = state / f"last-good-policies-{name}.json"
        self._kept = ""
        self._warned = False

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Write these in place of those before, whole or not at all. Where that fails, it is logged once."""
        texts = {_name(path): content.decode() for path, content in files.items()}
        digest = _digest(texts)
        if digest == self._kept:
            return
        whole = {"schema": SCHEMA, "policies": self._policies, "group": self._group, "sha256": digest, "files": texts}
        try:
            write_whole(self.path, json.dumps(whole, indent=1).encode())
        except OSError as error:
            if not self._warned:
                self._warned = True
                reason = f"{error.strerror}; a restart beside a bad policy folder will fail: see --state"
                _log.warning("last_good_policies_not_kept", file=str(self.path), reason=reason)
        else:
            self._kept = digest

    def read(self) -> dict[str, bytes] | None:
        """The files by path; None where none are kept, or the file is not as it was written."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                _log.warning("last_good_policies_unreadable", file=str(self.path), reason=str(error.strerror))
            return None
        texts = self._texts(content)
        if texts is None:
            _log.warning("last_good_policies_unreadable", file=str(self.path), reason="damaged, or of another folder")
            return None
        return {self._path(name): text.encode() for name, text in texts.items()}

    def _texts(self, content: bytes) -> dict[str, str] | None:
        try:
            whole = json.loads(content)
            mine = (whole["schema"], whole["policies"], whole["group"]) == (SCHEMA, self._policies, self._group)
            texts: dict[str, str] = whole["files"]
            return texts if mine and _digest(texts) == whole["sha256"] else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _path(self, name: str) -> str:
        return name if name == BUILT_IN else f"{Path(self._policies).as_posix()}/{name}"


def _name(path: str) -> str:
    return path if path == BUILT_IN else path.rpartition("/")[2]


def _digest(texts: Mapping[str, str]) -> str:
    return sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of ours in place of the one before, whole or not at all. Raises ``OSError``."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
