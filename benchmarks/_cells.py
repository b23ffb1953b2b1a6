"""Results that are kept one by one, so that a benchmark of many trainings goes on where it was cut off."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import say
from cinelake.keys import digest
from cinelake.model import Scores
from cinelake.task import Params


class Cells:
    """Scores by name, in a JSON file. What was measured with another configuration is in another file.

    The code is not asked: after a change of it begin in a new folder.
    """

    def __init__(self, folder: Path, name: str, config: Params):
        self._file = file = folder / f"{name}_{digest(config.model_dump(mode='json'))[:8]}.json"
        self._found: dict[str, Scores] = json.loads(file.read_text()) if file.is_file() else {}

    def get(self, name: str, measure: Callable[[], Scores]) -> Scores:
        """The scores of this name; measured if they are not there yet."""
        if name not in self._found:
            self._found[name] = {key: float(value) for key, value in measure().items()}
            unfinished = self._file.with_suffix(".part")
            unfinished.write_text(json.dumps(self._found, indent=1))
            unfinished.replace(self._file)
            say(f"{name}: " + ", ".join(f"{key} {value:.3f}" for key, value in self._found[name].items()))
        return self._found[name]
