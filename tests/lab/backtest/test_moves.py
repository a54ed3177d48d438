from __future__ import annotations

from pipeline.lab.backtest.moves import OUTCOMES, Moves


def test_what_is_new_let_go_severer_and_milder_is_told_apart() -> None:
    cells = [0] * 16
    ways = {("allow", "allow"): 90, ("allow", "block"): 3, ("label", "allow"): 2, ("review", "review"): 5}
    ways |= {("label", "block"): 4, ("block", "review"): 7}
    for (before, after), count in ways.items():
        cells[4 * OUTCOMES.index(before) + OUTCOMES.index(after)] = count  # type: ignore[arg-type]
    moves = Moves(tuple(cells))
    assert (moves.events, moves.new, moves.let_go, moves.severer, moves.milder) == (111, 3, 2, 4, 7)
    assert (moves.flagged_before, moves.flagged) == (18, 19)
    assert moves.before == {"allow": 93, "label": 6, "review": 5, "block": 7}
    assert moves.after == {"allow": 92, "label": 0, "review": 12, "block": 7}
    assert (moves + moves).events == 222
