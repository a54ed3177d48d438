"""Lines of a background: what nobody sees in one stands against every policy, and is refused with its line."""

from __future__ import annotations

import pytest

from pipeline.errors import PolicyError
from pipeline.rules.policies.backgrounds import LEAST_BACKGROUND
from pipeline.rules.policies.files import parse_policies
from tests.rules.policies.test_files import EVERYDAY, with_background


@pytest.mark.parametrize("odd", ["\0", "\x1b[2J", "\u200b", "\u202e", "\u3164", "\u061c", "\U000e0041"])
def test_a_background_line_with_what_nobody_sees_is_refused_with_its_line(odd: str) -> None:
    with pytest.raises(PolicyError, match=rf"things.txt:{LEAST_BACKGROUND + 1}: an invisible character") as refused:
        parse_policies(with_background(EVERYDAY + f"a {odd}tree\n".encode()))
    assert len(refused.value.problems) == 1


def test_blanks_of_other_widths_and_emoji_in_a_background_are_fine() -> None:
    flag = "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in "gbeng") + "\U000e007f"
    lines = ["a\u00a0tree", "a\u3000cup", f"the flag {flag}", "a \u2764\ufe0f", "1\ufe0f\u20e3"]
    found = parse_policies(with_background(EVERYDAY + "\n".join(lines).encode())).defaults.background
    assert found[-len(lines) :] == tuple(lines)
