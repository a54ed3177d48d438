"""Rows of float16 in float32 products: as tensors over the same memory, and how far such a product may err."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch.utils import dlpack

UNIT = 2.0**-24
"""What float32 rounds by, as a share of what is rounded."""


def of_product(dimension: int) -> float:
    """The most by which a product of two vectors of length 1 errs, in whatever order its terms are added.

    It is ``n * u / (1 - n * u)`` for n terms, fused or not: Higham, "Accuracy and Stability of Numerical Algorithms"
    (2002), section 3.1, and the inequality of Cauchy and Schwarz.
    """
    share = dimension * UNIT
    return share / (1 - share)


def tensor_of(features: NDArray[np.float16] | NDArray[np.int8]) -> torch.Tensor:
    """The same memory as a tensor, which is only read: torch warns of arrays that may not be written to."""
    contiguous = np.ascontiguousarray(features)
    kind = pa.from_numpy_dtype(contiguous.dtype)
    flat = pa.Array.from_buffers(kind, contiguous.size, [None, pa.py_buffer(contiguous)])
    return dlpack.from_dlpack(flat).view(contiguous.shape)
