"""The model, the preprocessing that fits it, and where both run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

from pipeline.adapters.decode_processes import DecodeProcesses
from pipeline.adapters.local.kept_choice import KeptChoice, processor
from pipeline.adapters.shared_encoder import SharedEncoder
from pipeline.path import topology
from pipeline.path.topology import FLIGHTS, Section, Where
from pipeline.ports import Decoder, Encoder, Hooks
from pipeline.signals import Provenance
from workers.assembly.decoding import Decoding
from workers.process.startup import no_collection
from workers.settings import Settings

DTYPES = ("float32", "bfloat16")
"""Between which a trial chooses on a CPU."""


@dataclass(frozen=True)
class Model:
    """A loaded model with the preprocessing that fits it."""

    encoder: Encoder
    decoder: Decoder
    where: Where = Where.CORES
    decode_processes: DecodeProcesses | None = None
    """Those that the decoder works in; None where it works in this process."""

    @property
    def provenance(self) -> Provenance:
        return Provenance(self.encoder.spec.ref, self.decoder.name)


def load_model(
    settings: Settings, *, one_caller: bool = False, lasting: bool = False, hooks: Hooks | None = None
) -> Model:
    """Load and warm the model; takes seconds. Raises `ModelError` when it cannot be had.

    The encoder is made for the threads of a worker's sections; with `one_caller` for one thread, as the lab has it.
    `lasting` is as in `load_encoder`.

    Where another process serves the model, only its name and shape are loaded: then torch is not even imported,
    unless JPEGs are decoded on the device. Raises `ServiceError` when that process does not answer, `SettingsError`
    when there is no device to decode on.
    """
    decoding = Decoding(settings, hooks or Hooks())  # before the model: a device that is not there shows at once
    with no_collection():
        where = _where(settings)
        callers = 1 if one_caller else _callers(sections(settings, where))
        encoder = load_encoder(settings, spread=callers == 1, lasting=lasting)
    return Model(encoder, decoding.decoder(encoder.spec), where, decoding.processes)


def load_encoder(settings: Settings, *, spread: bool, lasting: bool = False) -> Encoder:
    """The encoder of `load_model` alone; `spread` as in `open_clip.load_encoder`. Raises what `load_model` raises.

    `lasting` is for processes that come again and must decide as before. What dtype suits this CPU is tried out once
    and kept under `state`: on a busy machine another trial may end otherwise, and the same event would be judged by
    other arithmetic under the same decision id.
    """
    if settings.encoder_socket is not None:
        return SharedEncoder(settings.encoder_socket, max_batch=settings.max_batch)
    from pipeline.adapters import open_clip  # seconds of imports, after the settings are known to hold

    choice = _dtype_choice(settings) if lasting else None
    encoder = open_clip.load_encoder(
        settings.model,
        settings.pretrained,
        device=settings.device,
        dtype=(choice.read(DTYPES) if choice else None) or settings.dtype,
        max_batch=settings.max_batch,
        threads=settings.cores,
        spread=spread,
        flights=FLIGHTS,
    )
    if choice is not None:
        choice.keep(encoder.spec.dtype)
    return encoder


def product_device(settings: Settings) -> str:
    """Where features are compared with each other: a CUDA device where there is one, else the cores."""
    from pipeline.adapters.open_clip import choose_device

    chosen = choose_device(settings.device)
    return str(chosen) if chosen.type == "cuda" else "cpu"


def _dtype_choice(settings: Settings) -> KeptChoice | None:
    """Where the dtype of that model on this CPU is kept; None where nothing is tried out, or nothing can be kept."""
    if settings.dtype != "auto" or settings.state is None or _where(settings) is not Where.CORES:
        return None
    about = (settings.model, settings.pretrained or "", processor(), version("torch"))
    return KeptChoice(settings.state, "dtype", about)


def sections(settings: Settings, where: Where) -> Sequence[Section]:
    """The sections of a worker with these settings whose model computes there."""
    return topology.sections(
        where,
        settings.cores,
        jpegs_on_device=settings.jpeg_decoder != "pillow",
        looks_again=settings.second_look != "off",
        thumbnails=settings.archive == "thumbnails",
    )


def _callers(of: Sequence[Section]) -> int:
    """Threads that call the encoder."""
    return sum(section.threads for section in of if "encode" in section.stages)


def _where(settings: Settings) -> Where:
    if settings.encoder_socket is not None:
        return Where.SOCKET
    from pipeline.adapters.open_clip import choose_device

    return Where.CORES if choose_device(settings.device).type == "cpu" else Where.DEVICE
