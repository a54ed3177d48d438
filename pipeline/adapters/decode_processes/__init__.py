"""Decodes strangers' bytes in processes of their own, so that a decoder that dies or hangs takes one image with it.

The worker parses nothing of an image itself. Each of its decode threads hands an image to a process and waits, so it
is known which image each process has in hand. The processes are forked by another, the *nursery*, which has imported
the decoder and nothing else, and so makes a new one in milliseconds.

An image and its pixels go through a socket, which costs 10 us more than shared memory for 100 KB: that is not worth
memory which a decoder gone wild could cut off under the worker's feet. The whole exchange takes 40 us of CPU for 5 KB
and 55 us for 100 KB on a machine that does little else.
"""

from __future__ import annotations

from pipeline.adapters.decode_processes.decoder import ProcessDecoder
from pipeline.adapters.decode_processes.limits import Limits
from pipeline.adapters.decode_processes.nursery import NoProcessError
from pipeline.adapters.decode_processes.pool import DecodeProcesses
from pipeline.adapters.decode_processes.spent import cpu_seconds

__all__ = ["DecodeProcesses", "Limits", "NoProcessError", "ProcessDecoder", "cpu_seconds"]
