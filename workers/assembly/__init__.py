"""Settings -> parts: here and in `workers.services` adapters are chosen, and nowhere else.

`model` loads what sees an image, `judgement` puts policies to it, and `path` joins both ends of a stream by it.
"""

from workers.assembly.judgement import Judge, build_feature_cache, judge
from workers.assembly.model import Model, load_encoder, load_model
from workers.assembly.path import moderator

__all__ = [
    "Judge",
    "Model",
    "build_feature_cache",
    "judge",
    "load_encoder",
    "load_model",
    "moderator",
]
