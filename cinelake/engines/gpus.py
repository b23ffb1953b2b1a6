"""GPUs: which this machine has, and how they are divided among processes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import EngineUnavailable


def gpus_here() -> int:
    """How many NVIDIA devices this machine has."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def check_gpus(gpus: float) -> None:
    """Raise `EngineUnavailable` when GPUs are required on a machine without any."""
    if gpus and not gpus_here():
        raise EngineUnavailable(
            f"a task asks for {gpus:g} GPU, and this machine has no NVIDIA device (/dev/nvidia0 is not there). "
            "Set its resources to {gpus: 0} and its device to cpu, or name an engine that has GPUs."
        )


def visible() -> list[str]:
    """The devices that this process may use, as CUDA names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    return [str(number) for number in range(gpus_here())] if given is None else [d for d in given.split(",") if d]


@dataclass(frozen=True)
class Shares:
    """Who works on which GPU. groups: the devices of each, as CUDA names them, or None; each: processes of a group."""

    groups: tuple[str | None, ...] = ()
    each: int = 0


def shares(gpus: float, requested: Iterable[float], devices: Sequence[str]) -> Shares:
    """Divide `gpus` GPUs among processes; `requested`: how many, or which part of one, each kind of job needs.

    Where the machine has fewer devices than that (its operator declared a resource of this name), no device is named.
    """
    needed = [one for one in requested if one]
    if not needed or not gpus:
        return Shares()
    at_once = math.ceil(max(needed))
    groups = int(gpus) // at_once
    joined = (",".join(devices[at_once * n : at_once * (n + 1)]) for n in range(groups))
    named = tuple(joined) if len(devices) >= gpus else (None,) * groups
    return Shares(named, math.floor(1 / min(needed)) if max(needed) <= 1 else 1)
