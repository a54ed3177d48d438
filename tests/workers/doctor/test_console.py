"""What the checks of the console and the API make of what they find."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from pipeline.adapters.pillow import PillowDecoder
from tests.console.served import served
from tests.services.processes import HOST, free_port
from workers.assembly.decoding import NO_MODEL
from workers.doctor.console import api, console
from workers.health.server import HealthServer
from workers.settings import Settings, load_settings

TOKENS = "ann:editor:" + "x" * 16


@pytest.fixture
def settings(tmp_path: Path) -> Callable[..., Settings]:
    def make(**changed: object) -> Settings:
        given = {"state": tmp_path, "console_port": free_port(), "api_port": free_port()}
        return load_settings(given | changed)

    return make


def test_what_a_laptop_has_is_well(settings: Callable[..., Settings]) -> None:
    found = console(settings())
    assert found.status == "ok", found
    assert "this machine alone comes in" in found.found
    assert api(settings()).status == "ok"


def test_an_address_that_others_reach_unasked_fails_and_tokens_mend_it(settings: Callable[..., Settings]) -> None:
    for check, at in ((console, "console_host"), (api, "api_host")):
        found = check(settings(**{at: "0.0.0.0"}))
        assert found.status == "fail"
        assert found.found == f"{at} 0.0.0.0 can be reached by others"
        assert "console_tokens" in found.todo
        assert check(settings(**{at: "0.0.0.0", "console_tokens": TOKENS})).status == "ok"


def test_a_port_that_something_else_has_is_a_warning_and_one_of_ours_is_well(
    settings: Callable[..., Settings],
) -> None:
    with socket.create_server((HOST, 0)) as other:
        other.settimeout(0.1)
        found = console(settings(console_port=other.getsockname()[1]))
        assert found.status == "warn"
        assert "taken by something else" in found.found
    with served(settings(), PillowDecoder(NO_MODEL)) as made:
        assert "a Sluice process's own" in console(settings(console_port=made.serving.port)).found


def test_workers_that_are_named_and_do_not_answer_are_a_warning(settings: Callable[..., Settings]) -> None:
    there = HealthServer(HOST, 0, CollectorRegistry(), lambda: None, lambda: None)
    try:
        named = f"{HOST}:{there.port},{HOST}:1"
        found = console(settings(console_workers=named))
        assert (found.status, found.found) == ("warn", f"1 of 2 console_workers do not answer: {HOST}:1")
        assert console(settings(console_workers=f"{HOST}:{there.port}")).status == "ok"
    finally:
        there.close()


def test_a_state_that_cannot_be_kept_is_a_warning(settings: Callable[..., Settings]) -> None:
    assert console(settings(state="/proc/self/none")).status == "warn"
