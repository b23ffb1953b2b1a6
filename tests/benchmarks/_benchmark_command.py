"""Benchmarks as people call them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


def call(name: str, *arguments: str) -> str:
    """What a benchmark prints."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def figures(name: str, *arguments: str) -> dict[str, Any]:
    """Its figures by name, after one repetition."""
    report = json.loads(call(name, "--json", "--repeat", "1", *arguments))
    return {figure["name"]: figure for figure in report["figures"]}
