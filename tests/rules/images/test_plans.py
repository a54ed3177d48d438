"""Plans of stills: the views, where each is taken, and how large it shows the still."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rules.images.plans import plan_for, plan_of
from pipeline.rules.images.views import Piece, bounds, views

SQUARE = (224, 224)
SIZES = [(640, 480), (1920, 1080), (540, 1170), (4000, 3000), (6000, 200)]


@pytest.mark.parametrize("coverage", ["whole", "close", "centre"])
@pytest.mark.parametrize("size", SIZES)
def test_a_plan_is_the_views_of_a_size_and_where_they_are(size: tuple[int, int], coverage: str) -> None:
    plan = plan_for(size, SQUARE, "shortest", coverage)  # type: ignore[arg-type]
    wanted = views(size, SQUARE, "shortest", coverage)  # type: ignore[arg-type]
    assert plan.views == tuple(wanted)
    assert plan.regions["frame"].tolist() == [0] * len(wanted)
    assert plan.regions["box"].tolist() == np.array([bounds(view, size) for view in wanted], np.float32).tolist()


def test_nobody_changes_what_images_share() -> None:
    with pytest.raises(ValueError, match="read-only"):
        plan_for((640, 480), SQUARE, "shortest", "whole").regions["frame"] = 1


def test_the_scale_is_that_of_the_view_and_the_direction_where_it_is_most() -> None:
    assert plan_for((448, 672), SQUARE, "squash", "whole").scale == pytest.approx(0.5)
    close_up = (Piece((0.0, 0.0, 112.0, 224.0), SQUARE),)
    assert plan_of([*views((448, 448), SQUARE, "squash"), close_up], (448, 448)).scale == pytest.approx(2.0)
