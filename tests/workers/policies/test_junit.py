"""JUnit XML of policies' own tests: what CI systems' schemas ask for, whatever a sample is called."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from typer.testing import CliRunner

from workers.cli import app
from workers.policies.junit import junit_xml as xml_of
from workers.policies.tests import Trial

TRIALS = [
    Trial("gore", "a.png", True, 0.9, 0.5),
    Trial("gore", "b.png", True, 0.4, 0.5),
    Trial("gore", "c.png", False, None, 0.5, "not an image"),
    Trial("weapons", "a.png", False, 0.1, 0.3),
]
NOW = 1_700_000_000.0


def junit_xml(trials: list[Trial], seconds: float, now: float) -> bytes:
    return xml_of([trial.as_case() for trial in trials], seconds, now)


def suites(trials: list[Trial], seconds: float = 2.0) -> list[ET.Element]:
    root = ET.fromstring(junit_xml(trials, seconds, NOW))
    assert (root.tag, root.attrib) == ("testsuites", {}), "Ant's schema takes no attributes here"
    return list(root)


def test_a_suite_for_each_policy_and_a_case_for_each_sample() -> None:
    gore, weapons = suites(TRIALS)
    counts = [tuple(suite.get(name) for name in ("name", "tests", "failures", "errors")) for suite in (gore, weapons)]
    assert counts == [("gore", "3", "1", "1"), ("weapons", "1", "0", "0")]
    passed, failed, unread = gore.iter("testcase")
    assert (passed.get("name"), passed.get("classname"), list(passed)) == ("must_flag a.png", "policies.gore", [])
    (failure,), (error,) = failed, unread
    assert (failure.tag, failure.get("message")) == ("failure", "gore: b.png scores 0.400, wanted at least 0.5")
    assert (error.tag, error.get("message"), unread.get("name")) == ("error", "not an image", "must_pass c.png")


def test_times_are_seconds_and_sum_up() -> None:
    gore, weapons = suites(TRIALS, seconds=2.0)
    assert [suite.get("time") for suite in (gore, weapons)] == ["1.500", "0.500"]
    assert [case.get("time") for case in gore.iter("testcase")] == ["0.500"] * 3


def test_everything_that_the_schemas_require_is_there_in_order() -> None:
    """Windy Road's JUnit.xsd (Ant) requires the most; junit-10.xsd (Jenkins) takes what it takes."""
    for number, suite in enumerate(suites(TRIALS)):
        assert set(suite.attrib) == {
            *("name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time"),
        }
        assert suite.get("id") == str(number)
        assert suite.get("timestamp") == "2023-11-14T22:13:20", "no time zone"
        order = [child.tag for child in suite]
        assert order[0] == "properties"
        assert order[-2:] == ["system-out", "system-err"]
        assert set(order[1:-2]) == {"testcase"}
        for case in suite.iter("testcase"):
            assert set(case.attrib) == {"name", "classname", "time"}
            assert len(case) <= 1
            assert all(set(child.attrib) == {"type", "message"} for child in case)


def test_without_a_sample_there_is_no_suite() -> None:
    assert suites([]) == []


@given(st.text(min_size=1), st.text())
def test_it_is_well_formed_whatever_a_sample_is_called(name: str, problem: str) -> None:
    """Control characters and lone surrogates, which XML has no way to write, are spelled out."""
    (suite,) = suites([Trial("gore", name, True, None, 0.5, problem)])
    (case,) = suite.iter("testcase")
    if re.fullmatch(r"[\t\n -\ud7ff\ue000-\ufffd]*", name):
        assert case.get("name") == f"must_flag {name}"
    assert "must_flag \\x01" in junit_xml([Trial("gore", "\x01", True, 0.1, 0.5)], 1, NOW).decode()
    assert "must_flag \\ud800" in junit_xml([Trial("gore", "\ud800", True, 0.1, 0.5)], 1, NOW).decode()


def test_the_command_writes_it_and_exits_as_without(tmp_path: Path) -> None:
    """One sample out of three comes out as the policy says; one is a failure, one an error."""
    name = "blue <sky> & \u00fc\u0001.png"
    Image.new("RGB", (64, 64), (90, 120, 200)).save(tmp_path / name)
    (tmp_path / "weapons.yaml").write_text(
        "title: Weapons\nprompts: [a knife]\nunless: [a blue sky]\nactions: {block: 1.0}\n"
        f"tests: {{must_flag: [{json.dumps(name)}, absent.png], must_pass: [{json.dumps(name)}]}}\n"
    )
    junit = tmp_path / "reports" / "junit.xml"
    arguments = ["policy", "test", "--policies", str(tmp_path), "--junit", str(junit)]
    shown = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert shown.return_value == 1
    assert "1 of 3 samples" in shown.output
    (suite,) = ET.parse(junit).getroot()
    assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["3", "1", "1"]
    assert [case.get("name") for case in suite.iter("testcase")] == [
        "must_flag blue <sky> & \u00fc\\x01.png",
        "must_flag absent.png",
        "must_pass blue <sky> & \u00fc\\x01.png",
    ]
    assert [path.name for path in junit.parent.iterdir()] == ["junit.xml"]
