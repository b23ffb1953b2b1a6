"""What has been measured of a table, kept one by one: a benchmark of hours resumes where it was interrupted."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.figures import load, say
from cinelake.spec.code_stamp import stamped
from cinelake.spec.task import Params
from cinelake.storage.content import digest


class Kept:
    """The values of one benchmark in one file, with what they cost. code: the stamp of the code that is measured.

    A value measured with other code is used as it is, and this is reported: remove the file to measure all anew.
    """

    def __init__(self, file: Path, code: str):
        self._file, self._code = file, code
        self._kept: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else {}

    def __contains__(self, name: str) -> bool:
        return name in self._kept

    def value(self, name: str, measure: Callable[[], Any]) -> Any:
        """What is kept under the name, or the result of `measure` (JSON), which is kept."""
        if name not in self._kept:
            began = time.perf_counter()
            entry = {"value": measure(), "seconds": time.perf_counter() - began, "load": load(), "code": self._code}
            self._kept[name] = entry
            self._save()
            say(f"{name}: {_in_words(entry['value'])} after {entry['seconds']:.0f} s")
        elif self._kept[name]["code"] != self._code:
            say(f"{name}: measured with other code, {self._kept[name]['code']}; remove {self._file} to measure anew")
        return self._kept[name]["value"]

    def seconds(self, name: str) -> float:
        """How long the value took to measure."""
        return float(self._kept[name]["seconds"])

    def _save(self) -> None:
        unfinished = self._file.with_suffix(".part")
        unfinished.write_text(json.dumps(self._kept, indent=1))
        unfinished.replace(self._file)


def kept_for(folder: Path, name: str, config: Params, code: str) -> Kept:
    """The values of one configuration; another one's are in another file."""
    return Kept(folder / f"{name}_{digest(config.model_dump(mode='json'))[:8]}.json", code)


def _in_words(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.3f}"
    numbers = value.items() if isinstance(value, dict) else ()
    return ", ".join(f"{key} {number:.3f}" for key, number in numbers if isinstance(number, float)) or "done"


def code_of(model: str) -> str:
    """The digest of a model's present code."""
    return stamped()[f"models/{model}"].digest()
