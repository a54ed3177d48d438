"""Policies' own tests as JUnit XML, the form that CI systems read.

There is no one standard; this holds under both schemas in common use, that of Apache Ant's reports (Windy Road's
``JUnit.xsd``) and that of Jenkins (xunit-plugin's ``junit-10.xsd``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from xml.etree import ElementTree as ET

# Whatever XML 1.0 has no way to write (section 2.2), not even escaped: a file's name may hold it.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One case of a policy's suite. It passed where nothing is `said`."""

    policy: str
    name: str
    said: str = ""
    """What is wrong, in full."""
    message: str = ""
    """The same in short, where that differs."""
    kind: str = "threshold"
    """What kind of failure or error it is, in a word."""
    unread: bool = False
    """Whether the case could not be judged at all, which is an error and no failure."""


def junit_xml(cases: Sequence[Case], seconds: float, now: float, remarks: Mapping[str, str] | None = None) -> bytes:
    """A suite for each policy with its cases, which come policy by policy.

    Images are judged in batches, so the `seconds` of the whole run are shared out evenly. `now` is in seconds since
    the epoch. `remarks` are what else there is to say of policies.
    """
    root = ET.Element("testsuites")
    share = seconds / len(cases) if cases else 0.0
    started = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for number, (policy, group) in enumerate(groupby(cases, key=lambda case: case.policy)):
        suite = _suite(root, number, policy, list(group), share, started)
        ET.SubElement(suite, "system-out").text = _writable((remarks or {}).get(policy, "")) or None
        ET.SubElement(suite, "system-err")
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _suite(
    root: ET.Element, number: int, policy: str, cases: Sequence[Case], share: float, started: str
) -> ET.Element:
    suite = ET.SubElement(
        root,
        "testsuite",
        name=policy,
        package="policies",
        id=str(number),
        timestamp=started,
        hostname="localhost",  # the Ant schema wants one, and says to write this rather than nothing
        tests=str(len(cases)),
        failures=str(sum(bool(case.said) and not case.unread for case in cases)),
        errors=str(sum(case.unread for case in cases)),
        time=f"{share * len(cases):.3f}",
    )
    ET.SubElement(suite, "properties")
    for case in cases:
        element = ET.SubElement(
            suite, "testcase", name=_writable(case.name), classname=f"policies.{policy}", time=f"{share:.3f}"
        )
        if case.said:
            message = _writable(case.message or case.said)
            wrong = ET.SubElement(element, "error" if case.unread else "failure", type=case.kind, message=message)
            wrong.text = _writable(case.said)
    return suite


def _writable(text: str) -> str:
    """The text with what XML cannot hold escaped as Python would."""
    return _UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
