"""Policy sets that were live, each kept once, so that decisions of any day can be made again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from contextlib import suppress
from urllib.parse import quote

import msgspec

from pipeline.errors import StoreError
from pipeline.ports import Store
from pipeline.rules.archive.names import POLICY_SETS
from pipeline.signals import Provenance
from pipeline.wire import AssetRecord, PolicySetRecord

SEEN_BY = "@"
"""Between a version and the model and preprocessing that saw its examples; no part of the path has one itself."""


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The object: files that are UTF-8 as text, so that a person can read them, others in base64."""

    version: str
    live_at: str
    files: dict[str, str]
    files_base64: dict[str, str] = {}
    assets: dict[str, AssetRecord] = {}


def policy_set_path(version: str, seen_by: Provenance | None = None) -> str:
    """Where the policy set of that version lies, or the one with the features that a model made of its examples."""
    parts = [version] if seen_by is None else [version, seen_by.model.fingerprint, seen_by.preprocess]
    return f"{POLICY_SETS}{SEEN_BY.join(quote(part, safe='') for part in parts)}.json"


def keep_policy_set(store: Store, record: PolicySetRecord) -> bool:
    """Keep the files of a policy set; False where they are kept already. Raises `StoreError`.

    A set with examples is kept once for each model, since of those the features are kept.
    """
    text, other = {}, {}
    for name, data in sorted(record.files.items()):
        try:
            text[name] = data.decode()
        except UnicodeDecodeError:
            other[name] = b64encode(data).decode()
    kept = _Kept(version=record.version, live_at=record.live_at, files=text, files_base64=other, assets=record.assets)
    whole = msgspec.json.format(msgspec.json.encode(kept), indent=1)
    new = store.create(policy_set_path(record.version), whole)
    seen = next((each for each in record.assets.values() if each.model is not None), None)
    if seen is not None and seen.model is not None:
        new |= store.create(policy_set_path(record.version, Provenance(seen.model, seen.preprocess)), whole)
    return new


def policy_set(store: Store, version: str, seen_by: Provenance | None = None) -> PolicySetRecord:
    """The policy set of that version, with what that model made of its examples, if it ever did.

    Raises ``FileNotFoundError``, or `StoreError` for one that is damaged.
    """
    path = policy_set_path(version)
    try:
        content = store.read(path)
        with suppress(FileNotFoundError):
            if seen_by is not None:
                content = store.read(policy_set_path(version, seen_by))
                path = policy_set_path(version, seen_by)
        kept = msgspec.json.decode(content, type=_Kept)
        files = {name: text.encode() for name, text in kept.files.items()}
        files |= {name: b64decode(data, validate=True) for name, data in kept.files_base64.items()}
    except ValueError as error:
        raise StoreError(f"{store.address}: {path} is damaged: {error}") from error
    return PolicySetRecord(version=kept.version, files=files, live_at=kept.live_at, assets=kept.assets)
