"""Choosing the decoder of JPEGs: what cannot work is said before a model is loaded."""

from __future__ import annotations

import pytest

from pipeline.errors import SettingsError
from workers import assembly
from workers.settings import load_settings


def test_nvjpeg_without_a_cuda_device_is_refused_before_the_model_is_looked_for() -> None:
    settings = load_settings({"jpeg_decoder": "nvjpeg", "device": "cpu", "model": "no such model"})
    with pytest.raises(SettingsError, match="nvjpeg needs a CUDA device, and --device cpu gives none") as refused:
        assembly.load_model(settings)
    assert "\n" not in str(refused.value)
