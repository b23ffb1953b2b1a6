"""GPUs: which this machine shows, and how they are divided among processes."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import EngineUnavailable


def gpus_here() -> int:
    """How many NVIDIA devices this machine shows."""
    return len(list(Path("/dev").glob("nvidia[0-9]*")))


def check_gpus(gpus: float) -> None:
    """Raise `EngineUnavailable` when GPUs are asked for on a machine without any."""
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


def shares(gpus: float, asked: Iterable[float], devices: Sequence[str]) -> Shares:
    """Divide `gpus` GPUs among processes that ask for as many, or as small a part of one, as `asked` says.

    Where the machine does not show that many devices, since its operator declared what stands for them, none is named.
    """
    wanted = [one for one in asked if one]
    if not wanted or not gpus:
        return Shares()
    at_once = math.ceil(max(wanted))
    groups = int(gpus) // at_once
    joined = (",".join(devices[at_once * n : at_once * (n + 1)]) for n in range(groups))
    named = tuple(joined) if len(devices) >= gpus else (None,) * groups
    return Shares(named, math.floor(1 / min(wanted)) if max(wanted) <= 1 else 1)
