"""Policy sets that were live, each kept once, so that decisions of any day can be made again."""

from __future__ import annotations

from base64 import b64decode, b64encode
from urllib.parse import quote

import msgspec

from pipeline.errors import StoreError
from pipeline.ports import Store
from pipeline.rules.archive.names import POLICY_SETS
from pipeline.wire import PolicySetRecord


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The object: files that are UTF-8 as text, so that a person can read them, others in base64."""

    version: str
    live_at: str
    files: dict[str, str]
    files_base64: dict[str, str] = {}


def policy_set_path(version: str) -> str:
    """Where the policy set of that version lies."""
    return f"{POLICY_SETS}{quote(version, safe='')}.json"


def keep_policy_set(store: Store, record: PolicySetRecord) -> bool:
    """Keep the files of a policy set; False where they are kept already. Raises `StoreError`."""
    text, other = {}, {}
    for name, data in sorted(record.files.items()):
        try:
            text[name] = data.decode()
        except UnicodeDecodeError:
            other[name] = b64encode(data).decode()
    kept = _Kept(version=record.version, live_at=record.live_at, files=text, files_base64=other)
    return store.create(policy_set_path(record.version), msgspec.json.format(msgspec.json.encode(kept), indent=1))


def policy_set(store: Store, version: str) -> PolicySetRecord:
    """The policy set of that version. Raises ``FileNotFoundError``, or `StoreError` for one that is damaged."""
    path = policy_set_path(version)
    try:
        kept = msgspec.json.decode(store.read(path), type=_Kept)
        files = {name: text.encode() for name, text in kept.files.items()}
        files |= {name: b64decode(data, validate=True) for name, data in kept.files_base64.items()}
    except ValueError as error:
        raise StoreError(f"{store.address}: {path} is damaged: {error}") from error
    return PolicySetRecord(version=kept.version, files=files, live_at=kept.live_at)
