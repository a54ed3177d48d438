"""What nobody foresaw of a file refuses that file by its name, so that the last good policies stay."""

from __future__ import annotations

import pytest

from pipeline.errors import EncoderError, PolicyError
from pipeline.rules.policies.files import BUILT_IN, parse_policies
from pipeline.rules.policies.lengths import TokenCounter
from tests.rules.policies.test_files import EVERYDAY, WEAPONS, with_background


def test_whatever_a_file_does_to_the_code_it_is_refused_with_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise IndexError("tuple index out of range")

    for part, file in (("inconsistent", "weapons.yaml"), ("_background_file", "_defaults.yaml")):
        with monkeypatch.context() as broken:
            broken.setattr(f"pipeline.rules.policies.files.{part}", fails)
            with pytest.raises(PolicyError) as refused:
                parse_policies(with_background(EVERYDAY))
        (problem,) = refused.value.problems
        assert str(problem).startswith(f"p/{file}: cannot be taken (IndexError: tuple index out of range); undo")


def test_what_counts_tokens_may_be_away_which_is_no_fault_of_the_file() -> None:
    def away(_: str) -> int:
        raise EncoderError("the device is gone")

    with pytest.raises(EncoderError):
        parse_policies({"p/weapons.yaml": WEAPONS, BUILT_IN: EVERYDAY}, TokenCounter(away, 4))
