"""Policies' own tests as JUnit XML, the form that CI systems read.

There is no one standard; this holds under both schemas in common use, that of Apache Ant's reports (Windy Road's
``JUnit.xsd``) and that of Jenkins (xunit-plugin's ``junit-10.xsd``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from xml.etree import ElementTree as ET

from workers.policies.tests import Trial

# Whatever XML 1.0 has no way to write (section 2.2), not even escaped: a file's name may hold it.
_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(trials: Sequence[Trial], seconds: float, now: float) -> bytes:
    """A suite for each policy, a case for each of its samples.

    A sample that came out otherwise is a failure, one that could not be read an error. Samples are judged in batches,
    so the `seconds` of the whole run are shared out evenly. `now` is in seconds since the epoch.
    """
    root = ET.Element("testsuites")
    share = seconds / len(trials) if trials else 0.0
    started = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    for number, (policy, group) in enumerate(groupby(trials, key=lambda trial: trial.policy)):
        _suite(root, number, policy, list(group), share, started)
    ET.indent(root)
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def _suite(root: ET.Element, number: int, policy: str, trials: Sequence[Trial], share: float, started: str) -> None:
    errors = sum(trial.score is None for trial in trials)
    suite = ET.SubElement(
        root,
        "testsuite",
        name=policy,
        package="policies",
        id=str(number),
        timestamp=started,
        hostname="localhost",  # the Ant schema wants one, and says to write this rather than nothing
        tests=str(len(trials)),
        failures=str(sum(not trial.passed for trial in trials) - errors),
        errors=str(errors),
        time=f"{share * len(trials):.3f}",
    )
    ET.SubElement(suite, "properties")
    for trial in trials:
        _case(suite, trial, share)
    ET.SubElement(suite, "system-out")
    ET.SubElement(suite, "system-err")


def _case(suite: ET.Element, trial: Trial, share: float) -> None:
    name = f"{'must_flag' if trial.must_flag else 'must_pass'} {trial.sample}"
    case = ET.SubElement(
        suite, "testcase", name=_writable(name), classname=f"policies.{trial.policy}", time=f"{share:.3f}"
    )
    if trial.score is None:
        ET.SubElement(case, "error", type="unreadable", message=_writable(trial.problem)).text = _writable(str(trial))
    elif not trial.passed:
        ET.SubElement(case, "failure", type="threshold", message=_writable(str(trial))).text = _writable(str(trial))


def _writable(text: str) -> str:
    """The text with what XML cannot hold escaped as Python would."""
    return _UNWRITABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
