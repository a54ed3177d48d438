"""Lists of known pictures decide in the middle of a stream, and an edit of one is live as an edit of a policy is."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

from tests.e2e.pictures import picture
from tests.e2e.policies_under_test import ConfigMap
from tests.e2e.standing import Standing
from tests.e2e.stream import Stream
from tests.services.deadline import until

KNOWN, OURS = picture(7001), picture(7002)


def listed(*lines: str) -> str:
    return "\n".join(["kind,hash,action,note", *lines, ""])


def line(content: bytes, note: str) -> str:
    return f"sha256,{sha256(content).hexdigest()},,{note}"


@pytest.fixture
def policies(standing: Standing) -> Iterator[ConfigMap]:
    mounted = standing.policies
    before = {name: mounted.files[name] for name in ("gambling.yaml", "weapons.yaml")}
    yield mounted
    for name, text in before.items():
        mounted.change(name, text)


def decided(stream: Stream, name: str, content: bytes) -> dict[str, Any]:
    """The decision on a picture that is sent now."""
    stream.producer.send(stream.topic, content, key=name.encode())
    start = len(stream.decisions)

    def probe() -> dict[str, Any] | None:
        stream.look()
        return next((each for each in stream.decisions[start:] if each["image_id"] == name), None)

    return until(probe, 20, f"a decision on {name}")


def evidence(decision: dict[str, Any], policy: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = [each["evidence"] for each in decision["matches"] if each["policy"] == policy]
    return found[0] if found else None


def test_a_known_picture_is_blocked_an_allowed_one_is_so_for_its_own_policy_and_an_edit_of_a_list_is_live(
    policies: ConfigMap, stream: Stream
) -> None:
    before = stream.next_decisions(1)[-1]["policy_set"]
    policies.change("known.csv", listed(line(KNOWN, "seen in May"), line(OURS, "")))
    policies.change("ours.csv", listed(line(OURS, "our logo")))
    policies.change("gambling.yaml", policies.files["gambling.yaml"] + "  block: 1.0\nlists: {block: [known.csv]}\n")
    gambling = stream.wait_for_set(other_than=before, within=30)["policy_set"]
    policies.change("weapons.yaml", policies.files["weapons.yaml"] + "lists: {allow: [ours.csv]}\n")
    live = stream.wait_for_set(other_than=gambling, within=30)["policy_set"]

    known, ours = decided(stream, "known", KNOWN), decided(stream, "ours", OURS)
    assert known["policy_set"] == live
    assert (known["verdict"], known["scores"]["gambling"]) == ("block", 1)
    said = evidence(known, "gambling")
    assert said is not None
    assert (said["list"], said["kind"], said["line"], said["note"]) == ("known.csv", "sha256", 2, "seen in May")
    assert (ours["verdict"], ours["scores"]["gambling"], ours["scores"]["weapons"]) == ("block", 1, 0)
    assert evidence(ours, "weapons") is None

    policies.change("known.csv", listed(line(OURS, "")))
    assert stream.wait_for_set(other_than=live, within=30)["scores"].keys() == known["scores"].keys()
    again = decided(stream, "known-again", KNOWN)
    assert again["scores"]["gambling"] < 1
    assert (evidence(again, "gambling") or {}).get("list") is None
    assert decided(stream, "ours-again", OURS)["scores"] == ours["scores"]
