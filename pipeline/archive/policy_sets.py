"""Policy sets that were live, each kept once, so that decisions of any day can be made again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

import msgspec

from pipeline.errors import StoreError
from pipeline.ports import Store
from pipeline.rules.archive.names import POLICY_SETS
from pipeline.rules.archive.set_parts import joined
from pipeline.signals import Provenance
from pipeline.wire import AssetRecord, PolicySetPart, PolicySetRecord

SEEN_BY = "@"
"""Between a version and what saw its examples, and in the paths of parts; no version has one itself."""


class _KeptPart(msgspec.Struct, frozen=True, kw_only=True):
    """The object of a part: files that are UTF-8 as text, so that a person can read them, others in base64."""

    files: dict[str, str] = {}
    files_base64: dict[str, str] = {}
    assets: dict[str, AssetRecord] = {}

    def all_files(self) -> dict[str, bytes]:
        """Raises ``ValueError`` for what is no base64."""
        files = {name: text.encode() for name, text in self.files.items()}
        return files | {name: b64decode(data, validate=True) for name, data in self.files_base64.items()}


class _Kept(_KeptPart, frozen=True, kw_only=True):
    """The object of a set."""

    version: str
    live_at: str
    parts: list[str] = []


def policy_set_path(version: str, seen_by: Provenance | None = None) -> str:
    """Where the policy set of that version lies, or the one with the features that a model made of its examples."""
    parts = [version] if seen_by is None else [version, seen_by.model.fingerprint, seen_by.preprocess]
    return f"{POLICY_SETS}{SEEN_BY.join(quote(part, safe='') for part in parts)}.json"


def part_path(digest: str) -> str:
    """Where a part of policy sets lies."""
    return f"{POLICY_SETS}part{SEEN_BY}{quote(digest, safe='')}.json"


def keep_policy_set_part(store: Store, part: PolicySetPart) -> None:
    """Keep a part of a set, which comes before the set. Raises `StoreError`."""
    text, other = _as_text(part.files)
    kept = _KeptPart(files=text, files_base64=other, assets=part.assets)
    store.create(part_path(part.digest), msgspec.json.encode(kept))


def keep_policy_set(store: Store, record: PolicySetRecord) -> bool:
    """Keep the files of a policy set; False where they are kept already. Raises `StoreError`.

    A set with examples is kept once for each model, since of those the features are kept.
    """
    text, other = _as_text(record.files)
    kept = _Kept(
        version=record.version,
        live_at=record.live_at,
        files=text,
        files_base64=other,
        assets=record.assets,
        parts=record.parts,
    )
    whole = msgspec.json.format(msgspec.json.encode(kept), indent=1)
    new = store.create(policy_set_path(record.version), whole)
    if record.model is not None:
        new |= store.create(policy_set_path(record.version, Provenance(record.model, record.preprocess)), whole)
    return new


def policy_set(store: Store, version: str, seen_by: Provenance | None = None) -> PolicySetRecord:
    """The policy set of that version, with what that model made of its examples, if it ever did.

    Raises ``FileNotFoundError``, or `StoreError` for one that is damaged or not whole.
    """
    path = policy_set_path(version)
    try:
        content = store.read(path)
        with suppress(FileNotFoundError):
            if seen_by is not None:
                content = store.read(policy_set_path(version, seen_by))
                path = policy_set_path(version, seen_by)
        kept = msgspec.json.decode(content, type=_Kept)
        found = PolicySetRecord(
            version=kept.version, files=kept.all_files(), live_at=kept.live_at, assets=kept.assets
        )
    except ValueError as error:
        raise StoreError(f"{store.address}: {path} is damaged: {error}") from error
    return joined(found, (_part(store, path, digest) for digest in kept.parts))


def _part(store: Store, of: str, digest: str) -> PolicySetPart:
    path = part_path(digest)
    try:
        kept = msgspec.json.decode(store.read(path), type=_KeptPart)
        return PolicySetPart(digest=digest, files=kept.all_files(), assets=kept.assets)
    except FileNotFoundError as error:
        raise StoreError(f"{store.address}: {of} is not whole: its part {path} is not there") from error
    except ValueError as error:
        raise StoreError(f"{store.address}: {path} is damaged: {error}") from error


def _as_text(files: Mapping[str, bytes]) -> tuple[dict[str, str], dict[str, str]]:
    """Those that are UTF-8, and the others in base64."""
    text, other = {}, {}
    for name, data in sorted(files.items()):
        try:
            text[name] = data.decode()
        except UnicodeDecodeError:
            other[name] = b64encode(data).decode()
    return text, other
