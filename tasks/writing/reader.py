"""Where something is written in a picture, and what: PP-OCRv6 (small) inside the package rapidocr, both Apache-2.0.

The package's own networks, boxes and decoding are used; sessions are opened here, so that threads are bounded as those
of every other network and nothing is ever downloaded. A picture is looked at as it is; only where its lines are small
is it enlarged and looked at again. What was read a picture before, and looks the same, is not read again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.onnx import onnx_session
from cinelake.lake.packaged import Package, PackagedFile
from cinelake.spec.arrays import Floats, PixelArray
from tasks.shared.pictures import grey
from tasks.writing.lacking import LACKING, STEP, without_unread

PACKAGE = Package("rapidocr", "3.10.0", "rapidocr", "Apache License 2.0 (networks: PaddleOCR's, Apache License 2.0)")
DETECTOR = PackagedFile(PACKAGE, "models/PP-OCRv6_det_small.onnx", "7c78ed85d15e4f17d2d84dc1320dc27e")
RECOGNISER = PackagedFile(PACKAGE, "models/PP-OCRv6_rec_small.onnx", "570fcee388d4475f46627fc4da2ce845")
SIDE = 32
"""The detector takes sides that are multiples of this."""
GLANCE = 480
"""Width at which a picture is looked at first (`python -m benchmarks.writing` measures what is found)."""
SMALL, LARGE, MOST_TIMES = 16, 30, 3.0
"""A picture whose lines (half of them at least; as the boxes are, with a margin) are less than `SMALL` pixels high then
is looked at again, so large that they have `LARGE`, at most enlarged so many times: small letters run together."""
SCALED = (np.arange(256, dtype=np.float32) / 255 - 0.5) / 0.5
"""What the networks take for each byte."""
LINE_HEIGHT, LEAST_WIDTH, MOST_WIDTH = 48, 320, 3200
LINES_TOGETHER = 6
UPRIGHT = 1.5
"""What is so many times as high as it is wide is turned before it is read."""
AGREED = 2
"""A line is read until so many readings in a row agree; while it looks the same it is not read again then."""
SHIFT, INNER, PATCH, DIFFERENT = 8, 3, 4, 0.1
"""Two lines look the same where, laid over each other, no patch of `PATCH` pixels differs by more than this part of
their contrast in the mean: a full stop for a colon makes more, a line that rolls less. Boxes of a line differ by up to
`SHIFT` pixels from picture to picture; what is sought is a box without `INNER` of its edge."""
MOST_LINES = 400
"""Boxes of one picture that are read: a wall of text is no reason to stop a night."""


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class WrittenLine:
    """One line of a picture. Box as fractions of the picture. text: '' where nothing could be read, with `LACKING`
    behind it where a letter could not. score: of the reading, or, where there is none, of the box. is_foreign: of a
    script that the reader does not know, or with a letter that it does not know."""

    text: str
    score: float
    x: float
    y: float
    width: float
    height: float
    box_score: float = 1.0
    is_foreign: bool = False

    @property
    def middle(self) -> tuple[float, float]:
        """The centre of its box."""
        return self.x + self.width / 2, self.y + self.height / 2


def weights() -> dict[str, str]:
    """Digests of the networks' files. Raises `WeightsMissing`, `ModelUnusable` for files of another version."""
    for file in (DETECTOR, RECOGNISER):
        file.path()
    return {"detector": DETECTOR.digest, "recogniser": RECOGNISER.digest}


class ReadLine(NamedTuple):
    """Where a line is (left, top, right, bottom in pixels), what it says, and how many readings in a row said so."""

    place: Box
    text: str
    score: float
    agreed: int


class Networks(NamedTuple):
    """The two networks, and the package's own code around them."""

    detector: Any
    boxes: Any
    recogniser: Any
    decode: Any


@lru_cache(maxsize=1)
def _networks() -> Networks:
    """Loaded once per worker process."""
    try:
        from rapidocr.ch_ppocr_det.utils import DBPostProcess
        from rapidocr.ch_ppocr_rec.utils import CTCLabelDecode
    except ImportError as error:
        raise ModelUnusable(f"{PACKAGE.name} is another version than {PACKAGE.version}: {error}") from error
    recogniser = onnx_session(RECOGNISER.path())
    characters = recogniser.get_modelmeta().custom_metadata_map["character"].splitlines()
    return Networks(
        onnx_session(DETECTOR.path()),
        DBPostProcess(thresh=0.3, box_thresh=0.5, unclip_ratio=1.6, use_dilation=True),
        recogniser,
        CTCLabelDecode(character=characters),
    )


class TextReader:
    """Reads pictures that follow each other."""

    def __init__(self) -> None:
        self._networks = _networks()
        self._before: PixelArray = np.empty((0, 0), np.uint8)
        self._known: list[ReadLine] = []

    def lines(self, picture: PixelArray) -> list[WrittenLine]:
        """The lines of a picture, (height, width, 3) RGB, from top to bottom; none where nothing is written."""
        luma, width = grey(picture), picture.shape[1]
        times = min(1.0, GLANCE / width)
        boxes, scores = self._detect(picture, times)
        if not len(boxes):
            return []
        height = times * float(np.median([min(_sides(box)) for box in boxes]))
        if height < SMALL:
            times = min(MOST_TIMES, times * LARGE / height)
            picture = _enlarged(picture, max(1.0, times))
            boxes, scores = self._detect(picture, min(1.0, times))
        order = sorted(range(len(boxes)), key=lambda n: (boxes[n][:, 1].min(), boxes[n][:, 0].min()))[:MOST_LINES]
        places = [_place(boxes[n] * (width / picture.shape[1])) for n in order]
        self._known = self._read_new([_crop(picture, boxes[n]) for n in order], places, luma)
        self._before = luma
        return [
            _line(read.text, read.score, boxes[n], scores[n], picture)
            for n, read in zip(order, self._known, strict=True)
        ]

    def _detect(self, picture: PixelArray, times: float) -> tuple[Any, Any]:
        """Boxes of four corners, in pixels of the picture, and their scores, as found at so many times its size."""
        import cv2

        height, width = (max(SIDE, round(times * size / SIDE) * SIDE) for size in picture.shape[:2])
        how = cv2.INTER_AREA if times < 1 else cv2.INTER_LINEAR
        scaled = cv2.resize(picture, (width, height), interpolation=how)
        rows = np.empty((1, 3, height, width), np.float32)  # blue first
        for row, channel in zip(rows[0], reversed(cv2.split(scaled)), strict=True):
            cv2.LUT(channel, SCALED, row)
        found = _run(self._networks.detector, rows)
        return self._networks.boxes(found, picture.shape[:2])

    def _read_new(self, crops: list[PixelArray], places: list[Box], luma: PixelArray) -> list[ReadLine]:
        """The reading of each crop; those that look as one did a picture before are read until two readings agree."""
        before = [
            next((known for known in self._known if same_line(self._before, known.place, luma, place)), None)
            for place in places
        ]
        unread = [n for n, known in enumerate(before) if known is None or not known.text or known.agreed < AGREED]
        texts = dict(zip(unread, self._read([crops[n] for n in unread]), strict=True))
        result = []
        for n, (place, known) in enumerate(zip(places, before, strict=True)):
            text, score = texts.get(n, (known.text, known.score) if known else ("", 0.0))
            agreed = known.agreed if known and known.text == text else 0
            result.append(ReadLine(place, text, score, agreed + (n in texts)))
        return result

    def _read(self, crops: list[PixelArray]) -> list[tuple[str, float]]:
        """Text and score of each crop; those of a like width go through the network together."""
        result = [("", 0.0)] * len(crops)
        order = sorted(range(len(crops)), key=lambda n: crops[n].shape[1] / crops[n].shape[0])
        for start in range(0, len(order), LINES_TOGETHER):
            some = order[start : start + LINES_TOGETHER]
            rows = _rows([crops[n] for n in some])
            steps, texts = self._texts(rows)
            for n, row, at, (text, score) in zip(some, rows, steps, texts, strict=True):
                lacks = self._lacks_a_letter(row[:, :, : _width(crops[n])], at, text)
                result[n] = (text + LACKING * lacks, score)
        return result

    def _texts(self, rows: Floats) -> tuple[Floats, list[tuple[str, float]]]:
        """How likely each sign is at each step of some lines, and what they say."""
        steps = _run(self._networks.recogniser, rows)
        return steps, [(" ".join(text.split()), float(score)) for text, score in self._networks.decode(steps)[0]]

    def _lacks_a_letter(self, row: Floats, steps: Floats, text: str) -> bool:
        """Whether a letter can be taken away from a line, and it says the same; also where it lies half a step on."""
        if not self._says_the_same_without(row, steps, text):
            return False
        moved = np.pad(row, ((0, 0), (0, 0), (STEP // 2, 0)), mode="edge")
        (steps,), ((text, _),) = self._texts(_padded(moved))
        return self._says_the_same_without(moved, steps, text)

    def _says_the_same_without(self, row: Floats, steps: Floats, text: str) -> bool:
        return any(
            _squeezed(again) == _squeezed(text)
            for line in without_unread(row, steps, text)
            for again, _ in self._texts(_padded(line))[1]
        )


def open_reader() -> TextReader:
    """A reader of pictures that follow each other. Raises `WeightsMissing`, `ModelUnusable`."""
    return TextReader()


def same_line(before: PixelArray, old: Box, now: PixelArray, new: Box) -> bool:
    """Whether a line of a grey picture looks the same as one of the picture before, wherever it has moved to."""
    import cv2

    sizes = np.subtract(old[2:], old[:2]), np.subtract(new[2:], new[:2])
    if before.shape != now.shape or np.abs(sizes[0] - sizes[1]).max() > SHIFT or sizes[0].min() < 3 * INNER:
        return False
    inner = before[old[1] + INNER : old[3] - INNER, old[0] + INNER : old[2] - INNER]
    left, top = max(0, new[0] - SHIFT), max(0, new[1] - SHIFT)
    around = now[top : new[3] + SHIFT, left : new[2] + SHIFT]
    if (np.array(around.shape) < inner.shape).any():
        return False
    at = cv2.minMaxLoc(cv2.matchTemplate(around, inner, cv2.TM_SQDIFF))[2]
    moved = np.array([left + at[0] - INNER - old[0], top + at[1] - INNER - old[1]])
    first = np.minimum(old[:2], new[:2] - moved).clip(np.maximum(0, -moved))
    last = np.maximum(old[2:], new[2:] - moved).clip(max=np.array(now.shape[::-1]) - np.maximum(0, moved))
    (x, y), (right, bottom), (across, down) = first, last, moved
    difference = cv2.absdiff(before[y:bottom, x:right], now[y + down : bottom + down, x + across : right + across])
    return float(cv2.blur(difference, (PATCH, PATCH)).max()) <= DIFFERENT * float(np.ptp(np.percentile(inner, (2, 98))))


def _place(box: Any) -> Box:
    (left, top), (right, bottom) = np.floor(box.min(0)).clip(0), np.ceil(box.max(0))
    return int(left), int(top), int(right), int(bottom)


def _run(session: Any, rows: Floats) -> Floats:
    return np.asarray(session.run(None, {session.get_inputs()[0].name: rows})[0], np.float32)


def _enlarged(picture: PixelArray, times: float) -> PixelArray:
    import cv2

    size = (round(picture.shape[1] * times), round(picture.shape[0] * times))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_CUBIC), np.uint8)


def _sides(box: Any) -> tuple[float, float]:
    """Width and height of a box of four corners, which run clockwise from the upper left."""
    sides = np.linalg.norm(box - np.roll(box, -1, axis=0), axis=1)
    return float(max(sides[0], sides[2])), float(max(sides[1], sides[3]))


def _crop(picture: PixelArray, box: Any) -> PixelArray:
    """What a box of four corners holds, upright, and where it is smaller as high as the network reads it."""
    import cv2

    width, height = _sides(box)
    is_upright = height >= UPRIGHT * width
    times = float(np.clip(LINE_HEIGHT / max(1.0, width if is_upright else height), 1.0, MOST_TIMES))
    width, height = max(1, round(width * times)), max(1, round(height * times))
    upright = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(np.asarray(box, np.float32), upright)
    cropped = cv2.warpPerspective(
        picture, turn, (width, height), borderMode=cv2.BORDER_REPLICATE, flags=cv2.INTER_CUBIC
    )
    return np.asarray(np.rot90(cropped) if is_upright else cropped, np.uint8)


def _rows(crops: list[PixelArray]) -> Floats:
    """(n, 3, 48, width): all as wide as the widest, padded with grey."""
    import cv2

    widths = [_width(crop) for crop in crops]
    rows = np.zeros((len(crops), 3, LINE_HEIGHT, max(LEAST_WIDTH, *widths)), np.float32)
    for row, crop, width in zip(rows, crops, widths, strict=True):
        scaled = cv2.resize(np.ascontiguousarray(crop[..., ::-1]), (width, LINE_HEIGHT))
        row[:, :, :width] = (np.asarray(scaled, np.float32).transpose(2, 0, 1) / 255 - 0.5) / 0.5
    return rows


def _padded(row: Floats) -> Floats:
    """A line by itself, (1, 3, 48, width), as `_rows` makes it."""
    return np.pad(row, ((0, 0), (0, 0), (0, max(0, LEAST_WIDTH - row.shape[2]))))[None]


def _squeezed(text: str) -> str:
    """A reading without its spaces: a letter that was taken away leaves a gap."""
    return "".join(text.split())


def _width(crop: PixelArray) -> int:
    """Of a crop as the recogniser takes it, without padding."""
    return min(MOST_WIDTH, max(1, int(np.ceil(LINE_HEIGHT * crop.shape[1] / crop.shape[0]))))


def _line(text: str, score: float, box: Any, box_score: float, picture: PixelArray) -> WrittenLine:
    corners = np.asarray(box, np.float64) / (picture.shape[1], picture.shape[0])
    (left, top), (right, bottom) = np.clip(corners.min(0), 0, 1), np.clip(corners.max(0), 0, 1)
    return WrittenLine(text, score, float(left), float(top), float(right - left), float(bottom - top), float(box_score))
