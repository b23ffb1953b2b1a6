"""Types of arrays, named once."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Device = Literal["cpu", "cuda"]
Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]
PixelArray = npt.NDArray[np.uint8]
"""Pictures, or one of them: 0 … 255."""
