"""The motion of a shot: a histogram of optical flow, gathered while the film passes."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import Floats, PixelArray
from tasks.shots.pictures import WIDTH

PAIRS_A_SECOND = 4.0
"""How often the flow from one picture to the next is measured."""
DIRECTIONS = 8
SPEEDS = (0.02, 0.1, 0.4)
"""Speeds in picture widths a second: below the first is still; then slow, medium and fast."""
MOTION_SIZE = DIRECTIONS * len(SPEEDS) + 2


class Motion:
    """Flow histograms by time, until the shot that they belong to has ended."""

    def __init__(self) -> None:
        self.measured: deque[tuple[float, float, Floats]] = deque()
        """When both pictures of a pair are shown, and the flow between them."""
        self.before: tuple[float, PixelArray] | None = None
        self.next_s = -np.inf

    @cached_property
    def _flow(self) -> Any:
        """Dense inverse search (Kroeger et al., ECCV 2016), made for small pictures.

        It keeps pictures between calls, so each thread that measures needs one of its own.
        """
        import cv2

        flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        flow.setFinestScale(0)
        flow.setPatchSize(8)
        flow.setPatchStride(6)
        flow.setVariationalRefinementIterations(0)
        return flow

    def add(self, batch: FrameBatch) -> None:
        """Measure the flow into the pictures that are due."""
        assert batch.pixels is not None
        pairs: list[tuple[float, float]] = []
        flows: list[Floats] = []
        for index, time_s in enumerate(batch.times_s.tolist()):
            grey = None
            if self.before is not None:
                grey = _grey(batch.pixels[index])
                flows.append(self._flow.calc(self.before[1], grey, None)[::2, ::2])
                pairs.append((self.before[0], time_s))
                self.before = None
            if time_s >= self.next_s:
                self.before = (time_s, _grey(batch.pixels[index]) if grey is None else grey)
                self.next_s = time_s + 1.0 / PAIRS_A_SECOND
        if pairs:
            steps_s = np.array([max(1e-3, after_s - before_s) for before_s, after_s in pairs])
            histograms = flow_histograms(np.stack(flows), steps_s)
            self.measured += [(*pair, histogram) for pair, histogram in zip(pairs, histograms, strict=True)]

    def take(self, start_s: float, end_s: float) -> Floats:
        """(26,) mean over the pairs within the shot; a shot too short to have been measured stands still."""
        inside = []
        while self.measured and self.measured[0][1] < end_s:
            before_s, _, histogram = self.measured.popleft()
            if before_s >= start_s:
                inside.append(histogram)
        return np.mean(inside, axis=0, dtype=np.float32) if inside else _still()


def _still() -> Floats:
    histogram = np.zeros(MOTION_SIZE, np.float32)
    histogram[-2] = 1.0
    return histogram


def flow_histograms(flows: Floats, steps_s: npt.NDArray[np.float64]) -> Floats:
    """(n, 18, 32, 2) flows in pixels, every second one each way, and (n,) their times → (n, 26).

    Each: shares by direction and speed, share that is still, mean speed. Patches are six pixels apart: between every
    second pixel there is no more to be seen.
    """
    count, steps = len(flows), steps_s[:, None]
    x, y = (np.ascontiguousarray(flows[..., axis]).reshape(count, -1) for axis in (0, 1))
    speed = np.hypot(x, y) / (WIDTH * steps).astype(np.float32)
    direction = np.rint(np.arctan2(y, x) * np.float32(DIRECTIONS / (2 * np.pi))).astype(int) % DIRECTIONS
    level = np.searchsorted(np.array(SPEEDS), speed, side="right")
    bins = np.where(level == 0, DIRECTIONS * len(SPEEDS), (level - 1) * DIRECTIONS + direction)
    bins += np.arange(count)[:, None] * (MOTION_SIZE - 1)
    counts = np.bincount(bins.ravel(), minlength=count * (MOTION_SIZE - 1)).reshape(count, -1)
    return np.hstack([counts / bins.shape[1], speed.mean(1)[:, None]]).astype(np.float32)


def _grey(picture: PixelArray) -> PixelArray:
    import cv2

    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY))
