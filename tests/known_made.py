"""Lists of known pictures for tests."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from pipeline.rules.known.csv_file import HEADER, read_entries
from pipeline.rules.policies.policy_set import AssetName, KnownList, Lists, Location
from pipeline.signals import PDQ, Pdqs

SHA256, FIRST = "5a" * 32, bytes(range(32))


def csv(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def of_lines(*lines: str, path: str = "lists/known.csv") -> KnownList:
    content = csv(*lines)
    entries, wrong = read_entries(content)
    assert entries is not None, wrong
    return KnownList(AssetName(path, sha256(content).hexdigest(), Location("p/weapons.yaml", 9)), entries)


def known(block: Sequence[str] = (), allow: Sequence[str] = ()) -> Lists:
    """Of kinds, each with one entry, or of lines."""
    lines = {"sha256": f"sha256,{SHA256},,,", "pdq": f"pdq,{FIRST.hex()},,,"}
    sides = [[lines.get(each, each) for each in side] for side in (block, allow)]
    paths = ("lists/known.csv", "lists/ours.csv")
    made = [(of_lines(*side, path=path),) if side else () for side, path in zip(sides, paths, strict=True)]
    return Lists(*made)


def hashed(*hashes: bytes, quality: int = 100) -> Pdqs:
    found = np.zeros(len(hashes), PDQ)
    found["hash"] = [np.frombuffer(each, ">u8") for each in hashes]
    found["quality"] = quality
    return found


def off_by(count: int, of: bytes = FIRST) -> bytes:
    """A hash with so many bits changed, spread over all of it."""
    changed = bytearray(of)
    for bit in range(count):
        at = bit * 37 % 256
        changed[at // 8] ^= 1 << at % 8
    return bytes(changed)
