"""Python imports this as it starts, where the folder is on its path: from then on Pillow obeys the marks."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image

_open = Image.open


def _obeying(file: Any, *arguments: Any, **options: Any) -> Any:
    if isinstance(file, BytesIO):
        from tests.poison import obey

        obey(file.getvalue())
    return _open(file, *arguments, **options)


Image.open = _obeying
