"""One encoder for several processes of a machine: a server beside the device, and clients that are `Encoder`s.

Pixels and features lie in memory that a client shares with the server; what goes over the socket is small.
"""

from __future__ import annotations

from pipeline.adapters.shared_encoder.client import SharedEncoder
from pipeline.adapters.shared_encoder.server import EncoderServer

__all__ = ["EncoderServer", "SharedEncoder"]
