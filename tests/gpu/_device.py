"""Whether there is an NVIDIA device to try things on, with packages that use it, and how near its numbers must be."""

from __future__ import annotations

from pathlib import Path

from cinelake.spec.installed import installed_versions

TOLERANCE = 5e-3
"""Of the largest number: GPUs round products to TF32 (10 bits: one part in 1024), and sum in another order."""


def why_not() -> str:
    """Why nothing here can run on a GPU; empty where it can."""
    if not any(Path("/dev").glob("nvidia[0-9]*")):
        return "this machine has no NVIDIA device (/dev/nvidia0 is not there)"
    if not installed_versions(["onnxruntime-gpu"]):
        return "the packages are those for processors: `make test-gpu VENV=.venv-cuda` installs requirements/cuda.txt"
    return ""
