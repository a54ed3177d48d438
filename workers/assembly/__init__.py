"""Settings -> parts: here and in `workers.services` adapters are chosen, and nowhere else.

`model` loads a model, `texts` says where features of sentences are kept, `judgement` puts policies to the model,
`claims` says where claim checks are fetched from, and `path` builds the moderator that judges a stream by them.
"""

from workers.assembly.claims import claim_fetcher
from workers.assembly.decoding import decoder_alone, decoder_here, preprocess_of
from workers.assembly.judgement import Judge, build_feature_cache, judge, judge_by
from workers.assembly.model import Model, load_encoder, load_model, product_device
from workers.assembly.path import moderator
from workers.assembly.screens import screen
from workers.assembly.texts import text_cache

__all__ = [
    "Judge",
    "Model",
    "build_feature_cache",
    "claim_fetcher",
    "decoder_alone",
    "decoder_here",
    "judge",
    "judge_by",
    "load_encoder",
    "load_model",
    "moderator",
    "preprocess_of",
    "product_device",
    "screen",
    "text_cache",
]
