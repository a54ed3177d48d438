"""An evaluation together with what was evaluated, and its JSON form."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pipeline.lab.evaluation.evaluate import Evaluation
from pipeline.ports import Decoder, EncoderSpec

SCHEMA = "sluice.evaluation.v1"


@dataclass(frozen=True)
class Record:
    """An evaluation and the model it is of; ``preprocess`` is the decoder's name."""

    model: EncoderSpec
    preprocess: str
    evaluation: Evaluation

    @classmethod
    def of(cls, spec: EncoderSpec, decoder: Decoder, evaluation: Evaluation) -> Record:
        return cls(spec, decoder.name, evaluation)

    @property
    def model_line(self) -> str:
        """The model in a few words: name, fingerprint, number format and preprocessing."""
        return f"{self.model.name}@{self.model.fingerprint} {self.model.dtype} {self.preprocess}"

    def as_json(self) -> str:
        """One JSON object: shares are in 0..1, and each estimate has ``value``, ``low`` and ``high``."""
        model = {name: getattr(self.model, name) for name in ("name", "fingerprint", "dtype", "logit_scale")}
        model |= {"logit_bias": self.model.logit_bias, "preprocess": self.preprocess}
        found = asdict(self.evaluation)
        first = next(iter(found["shifts"]), None)  # from before there could be several
        return json.dumps({"schema": SCHEMA, "model": model, **found, "shift": first}, ensure_ascii=False)
