"""The last good policy set, kept on disk so that a restart beside a bad policy folder goes on deciding."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from hashlib import sha256
from pathlib import Path

import structlog

from pipeline.adapters.local.policy_folder import Reading
from pipeline.rules.policies.assets import NO_ASSETS, Asset, Assets
from pipeline.rules.policies.files import BUILT_IN

SCHEMA = "sluice.last-good-policies.v1"

_log = structlog.get_logger(__name__)


class LastGood:
    """One file for each policy folder and consumer group, so that no two mix up theirs. No call raises.

    It holds the bytes of the files that the set was made of, which are validated again when they are used. The files
    that they name beside themselves lie in a folder next to it, each called by its sha256 and written once.
    """

    def __init__(self, state: Path, policies: Path, group: str) -> None:
        # Not resolved: a folder behind a link that is swapped at every release stays the same folder.
        self._policies = os.path.abspath(policies)  # noqa: PTH100
        self._group = group
        name = sha256(os.fsencode(f"{self._policies}\n{group}")).hexdigest()[:16]
        self.path = state / f"last-good-policies-{name}.json"
        self._beside = state / f"last-good-policies-{name}"
        self._kept = ""
        self._warned = False

    def keep(self, files: Mapping[str, bytes], assets: Assets = NO_ASSETS) -> None:
        """Write these in place of those before, whole or not at all. Where that fails, it is logged once."""
        texts = {_name(path): content.decode() for path, content in files.items()}
        beside = {path: asset.sha256 for path, asset in assets.items()}
        digest = _digest(texts, beside)
        if digest == self._kept:
            return
        whole = {"schema": SCHEMA, "policies": self._policies, "group": self._group, "sha256": digest, "files": texts}
        try:
            self._keep_beside(assets)
            write_whole(self.path, json.dumps(whole | ({"assets": beside} if beside else {}), indent=1).encode())
            self._tidy(set(beside.values()))
        except OSError as error:
            if not self._warned:
                self._warned = True
                reason = f"{error.strerror}; a restart beside a bad policy folder will fail: see --state"
                _log.warning("last_good_policies_not_kept", file=str(self.path), reason=reason)
        else:
            self._kept = digest

    def _keep_beside(self, assets: Assets) -> None:
        for asset in assets.values():
            if asset.sha256 and not (self._beside / asset.sha256).exists():
                write_whole(self._beside / asset.sha256, asset.content)

    def _tidy(self, wanted: AbstractSet[str]) -> None:
        """Delete what the set that is kept now does not need."""
        if self._beside.is_dir():
            for path in self._beside.iterdir():
                if path.name not in wanted:
                    path.unlink(missing_ok=True)

    def read(self) -> Reading | None:
        """The files and assets; None where none are kept, or the file is not as it was written."""
        try:
            content = self.path.read_bytes()
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                _log.warning("last_good_policies_unreadable", file=str(self.path), reason=str(error.strerror))
            return None
        found = self._texts(content)
        if found is None:
            _log.warning("last_good_policies_unreadable", file=str(self.path), reason="damaged, or of another folder")
            return None
        texts, beside = found
        assets = {path: self._asset(path, digest) for path, digest in beside.items()}
        return Reading({self._path(name): text.encode() for name, text in texts.items()}, assets=assets)

    def _asset(self, path: str, digest: str) -> Asset:
        """The asset, as it was written; one that is not there or not as it was says so."""
        try:
            content = (self._beside / digest).read_bytes()
        except (OSError, ValueError):
            content = b""
        if sha256(content).hexdigest() == digest:
            return Asset(path, digest, content)
        return Asset(path, "", problem=f"is damaged, or not there, in {self._beside}")

    def _texts(self, content: bytes) -> tuple[dict[str, str], dict[str, str]] | None:
        """The files by name, and the digests of assets by path."""
        try:
            whole = json.loads(content)
            mine = (whole["schema"], whole["policies"], whole["group"]) == (SCHEMA, self._policies, self._group)
            texts: dict[str, str] = whole["files"]
            beside: dict[str, str] = whole.get("assets", {})
            return (texts, beside) if mine and _digest(texts, beside) == whole["sha256"] else None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return None

    def _path(self, name: str) -> str:
        return name if name == BUILT_IN else f"{Path(self._policies).as_posix()}/{name}"


def _name(path: str) -> str:
    return path if path == BUILT_IN else path.rpartition("/")[2]


def _digest(texts: Mapping[str, str], beside: Mapping[str, str]) -> str:
    """Of a set without assets it is that of its files alone, as it was before there were any."""
    whole = [texts, beside] if beside else texts
    return sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


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
