from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.console.api.served import Api, serve, small_judge
from workers.assembly import Judge


@pytest.fixture(scope="session")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Judge:
    return small_judge(tmp_path_factory.mktemp("policies"))


@pytest.fixture(scope="module")
def api(judge: Judge) -> Iterator[Api]:
    """One for the tests of a module; who stops it or fills it up serves their own."""
    with serve(judge, api_max_bytes=200_000) as served:
        yield served
