"""Types of arrays, named once."""

from __future__ import annotations

from typing import Any, Literal

import numpy.typing as npt

Device = Literal["cpu", "cuda"]


Array = npt.NDArray[Any]


Arrays = dict[str, Array]
