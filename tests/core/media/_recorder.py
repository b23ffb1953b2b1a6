"""A consumer that keeps what it is given."""

import hashlib
from collections.abc import Mapping

import numpy as np

from cinelake.media.batches import Batch, FrameBatch
from cinelake.media.reader import DecodeReport
from cinelake.spec.task import Stream


class Recorder:
    def __init__(self, name: str = "recorder", /, **streams: Stream):
        self.name, self.streams = name, streams
        self.batches: dict[str, list[Batch]] = {label: [] for label in streams}
        self.report: DecodeReport | None = None

    def on_batches(self, batches: Mapping[str, Batch]) -> None:
        for label, batch in batches.items():
            self.batches[label].append(batch)

    def finish(self, report: DecodeReport) -> None:
        self.report = report

    def column(self, label: str, name: str) -> np.ndarray:
        parts = [getattr(batch, name) for batch in self.batches[label] if len(batch)]
        return np.concatenate(parts) if parts else np.empty(0)

    def frames(self, label: str) -> list[int]:
        return self.column(label, "frames").tolist()

    def pixels(self, label: str) -> np.ndarray:
        return self.column(label, "pixels")

    def samples(self, label: str) -> np.ndarray:
        return self.column(label, "samples")

    def digest(self, label: str) -> str:
        digest = hashlib.sha256()
        for batch in self.batches[label]:
            digest.update(np.ascontiguousarray(batch.pixels if isinstance(batch, FrameBatch) else batch.samples))
        return digest.hexdigest()
