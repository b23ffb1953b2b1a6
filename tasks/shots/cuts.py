"""Where shots begin: cuts among reduced pictures, and what fades and dissolves (`boundaries`) are told by.

A change is a cut when the pictures on its two sides differ more than those on either side differ among themselves,
and it happens in one step, or in two with a blend of both sides between. A dissolve is spread over more steps. A fade
goes down to black (up to white, into one colour) over several pictures and comes out of it so: black with hard edges
between two pictures is a shot of its own, with a cut on either side. Every decision about a frame is a function of the
pictures within `CONTEXT` frames of it, however the film was cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cinelake.spec.arrays import Floats, Integers
from tasks.shots.pictures import ReducedPictures, distance, no_pictures

CONTEXT = 72
"""Frames on both sides that a decision may look at."""
STRIDE = 24
"""Frames that are decided at once, by the rate around the first of them."""
NEAR_FRAMES = 24
"""Of these, frames that the decision about a cut may look at."""
SIDE_S = 0.29
"""How long before and after a change pictures are compared: 7 frames at 24 and 25 a second."""
MIN_CHANGE = 0.1
"""A smaller distance between two pictures is never a cut."""
ACROSS, WITHIN, JUMP, OFFSET = 5.9, 4.4, 2.4, -1.1
"""Weights of `sureness`."""
STILLS_WITHIN, STILLS_JUMP = 0.22, 0.7
"""What is assumed of both where pictures are further apart than `SIDE_S` (stills, slide shows): a fixed threshold."""
STEP_S = 0.13
"""How long before and after a cut the pictures must not go the same way: at least 4 frames."""
MAX_SPREAD = 1.2
"""Steps beside a cut that go the same way, added up: more than this share of the cut itself, and it is not a cut."""
BLEND_ERROR = 0.1
"""How far the middle of a blend may be from the mean of its ends, in squared differences of these."""
PLAIN_SPREAD = 3.0
"""A picture whose luma has a smaller standard deviation shows nothing: black, white, or one colour."""
NEAR_BLACK = 20.0
"""How far a plain picture's colour may be from black, or from white, to count as that (0 to 255)."""
SHOWS, BLACK, WHITE, COLOUR = range(4)
"""What a picture is: one that shows something, or a plain one."""


@dataclass(frozen=True, order=True)
class Boundary:
    """The first frame of a shot, how the shot begins, and how sure that is (0 to 1)."""

    frame: int
    transition: str
    score: float

    @property
    def is_gradual(self) -> bool:
        """Whether one shot becomes the other over several frames."""
        return self.transition in ("fade", "dissolve")


class Window:
    """The pictures under consideration; frames count from its first picture.

    change[t], pixels[t]: distance and mean difference of pixels from picture t − 1 (0 for a film's first).
    cut[t]: how sure it is that a shot begins at t with a cut, as far as it is judged.
    kind[t]: whether the picture shows something, or is black, white, or another colour.
    numbers[t]: the picture's number in the film. begins: whether nothing came before that differs in kind from the
    first picture. rules: those by which fades and dissolves are decided.
    """

    def __init__(self, sensitivity: float = 1.0, rules: int = 1) -> None:
        self.pictures = no_pictures()
        self.kind = self.numbers = np.zeros(0, np.int64)
        self.change = self.pixels = np.zeros(0, np.float32)
        self.cut: list[float] = []
        self.begins = True
        self.sensitivity, self.rules = sensitivity, rules

    def __len__(self) -> int:
        return len(self.pictures)

    def add(self, more: ReducedPictures, numbers: Integers, pixels: Floats) -> None:
        """Append pictures, and judge the cuts for which enough is known. pixels: to each from the one before it."""
        first = 0 if len(self) else 1
        both = self.pictures[-1:].joined(more)
        opening = np.zeros(first, np.float32)[: len(more)]
        self.change = np.concatenate([self.change, opening, distance(both[:-1], both[1:], pixels[first:])])
        self.pixels, self.numbers = np.concatenate([self.pixels, pixels]), np.concatenate([self.numbers, numbers])
        self.pictures = self.pictures.joined(more)
        self.kind = np.concatenate([self.kind, kinds(more)])
        self.judge(len(self) - NEAR_FRAMES - 2)

    def judge(self, until: int) -> None:
        """Judge cuts at the frames before `until`."""
        first = len(self.cut)
        if until <= first:
            return
        self.cut += [0.0] * (until - first)
        for at in (np.flatnonzero(self.worth_judging(first, until)) + first).tolist():
            self.cut[at] = max(_cut_at(self, at), _blended_cut_at(self, at))

    def worth_judging(self, first: int, until: int) -> npt.NDArray[np.bool_]:
        """Which frames may begin a shot with a cut."""
        steps_s = np.diff(self.pictures.times_s[max(0, first - 1) : until], prepend=self.pictures.times_s[0])
        changed = self.change[first:until] * self.sensitivity >= MIN_CHANGE
        return np.asarray(changed | (steps_s[-(until - first) :] > SIDE_S))

    def drop(self, count: int) -> None:
        """Forget the first pictures."""
        self.begins = self.begins and bool((self.kind[: count + 1] == self.kind[0]).all())
        self.pictures, self.cut, self.kind = self.pictures[count:], self.cut[count:], self.kind[count:]
        self.change, self.pixels, self.numbers = self.change[count:], self.pixels[count:], self.numbers[count:]


def kinds(pictures: ReducedPictures) -> npt.NDArray[np.int64]:
    """(n,) what each picture is: SHOWS, BLACK, WHITE or COLOUR."""
    kind = np.full(len(pictures), SHOWS, np.int64)
    plain = np.flatnonzero(pictures.spread < PLAIN_SPREAD)
    if len(plain):
        black, white = (off(pictures.colour[plain]) < NEAR_BLACK for off in (from_black, from_white))
        kind[plain] = np.where(black, BLACK, np.where(white, WHITE, COLOUR))
    return kind


def from_black(colour: Floats) -> Floats:
    """(n, 3) Y, Cr, Cb → (n,) how far from black; dark blue is far from it although its luma is small."""
    return np.asarray(colour[:, 0] + np.abs(colour[:, 1:] - 128).sum(1))


def from_white(colour: Floats) -> Floats:
    """(n, 3) Y, Cr, Cb → (n,) how far from white."""
    return np.asarray(255 - colour[:, 0] + np.abs(colour[:, 1:] - 128).sum(1))


def _cut_at(film: Window, at: int) -> float:
    """How sure it is that a shot begins at frame `at` with a cut; cheap tests first."""
    change = film.change[at]
    if at > 0 and film.pictures.times_s[at] - film.pictures.times_s[at - 1] > SIDE_S:
        return sureness(float(change), STILLS_WITHIN, STILLS_JUMP, film.sensitivity)
    if at == 0 or change * film.sensitivity < MIN_CHANGE or change < film.change[at - 1 : at + 2].max():
        return 0.0
    jump = _jump(film, at, at)
    sides = film.change[max(1, at - 3) : at], film.change[at + 1 : at + 4]
    motion = 0.35 * sum(median(side) for side in sides if len(side))
    if sureness(float(change), motion, jump, film.sensitivity) < 0.2:
        return 0.0
    if _is_gradual(film, at, at):
        return 0.0
    return sureness(*contrast(film, at - 1, at), jump, film.sensitivity)


def _blended_cut_at(film: Window, at: int) -> float:
    """The same for a cut whose frame is a blend of both shots (interlaced or converted films)."""
    steps = film.change[at : at + 2]
    if at < 2 or at + 2 >= len(film) or steps.min() * film.sensitivity < MIN_CHANGE:
        return 0.0
    if steps.min() < 2 * max(film.change[at - 1], film.change[at + 2]):
        return 0.0
    tiny = film.pictures.tiny
    off, whole = tiny[at] - (tiny[at - 1] + tiny[at + 1]) / 2, tiny[at + 1] - tiny[at - 1]
    if (off**2).sum() > 2 * BLEND_ERROR * (whole**2).sum() or _is_gradual(film, at, at + 1):
        return 0.0
    return sureness(*contrast(film, at - 1, at + 1), _jump(film, at, at + 1), film.sensitivity)


def _is_gradual(film: Window, first: int, last: int) -> bool:
    """Whether the change from `first` to `last` is a part of one that goes the same way before or after."""
    times = film.pictures.times_s
    before = min(first - 4, int(np.searchsorted(times, times[first - 1] - STEP_S)))
    after = max(last + 4, int(np.searchsorted(times, times[last] + STEP_S, side="right")) - 1)
    start, end = max(0, first - NEAR_FRAMES, before), min(after, last + NEAR_FRAMES, len(film) - 1)
    steps = np.diff(film.pictures.tiny[start : end + 1].reshape(end + 1 - start, -1), axis=0)
    here = slice(first - start - 1, last - start)
    whole = steps[here].sum(0)
    share = steps @ whole / (whole @ whole + 1e-6)
    share[here] = 0
    return bool(np.maximum(share, 0).sum() > MAX_SPREAD)


def _jump(film: Window, first: int, last: int) -> float:
    """How far the pixels' change from `first` to `last` is above that of the three frames on both sides.

    The logarithm of the ratio to the second largest of these: a single flash beside a cut does not hide it.
    """
    here = film.pixels[first : last + 1].sum()
    beside = np.sort(np.concatenate([film.pixels[max(1, first - 3) : first], film.pixels[last + 1 : last + 4]]))
    return float(np.log(here + 1.0) - np.log((beside[-2] if len(beside) > 1 else 0.0) + 1.0))


def sureness(across: float, within: float, jump: float, sensitivity: float = 1.0) -> float:
    """Distances across and within the two sides of a change, and its jump → how sure it is a cut, 0 to 1.

    A logistic regression on logarithms; `benchmarks/shots.py` measures what it is worth.
    """
    if across * sensitivity < MIN_CHANGE:
        return 0.0
    logit = ACROSS * np.log(across * sensitivity + 0.02) - WITHIN * np.log(within + 0.02) + JUMP * jump + OFFSET
    return float(1 / (1 + np.exp(-logit)))


def contrast(film: Window, left: int, right: int) -> tuple[float, float]:
    """How far pictures up to `left` are from those from `right` on, and how far apart those on one side are.

    Across it is the least distance, which is small for a flash or a shake (what was there comes back); within, the
    mean over both sides of the median distance to `left` and to `right`, which is large for fast motion.
    """
    gaps = _gaps(film, right)
    before, after = left - gaps[gaps <= left], right + gaps[right + gaps < len(film)]
    across = [(left, right), *((left, frame) for frame in after), *((frame, right) for frame in before)]
    across += list(zip(before, after, strict=False))[: len(gaps) // 2]
    sides = [(frame, left) for frame in before] + [(right, frame) for frame in after]
    one, other = np.array(across + sides).T
    distances = distance(film.pictures[one], film.pictures[other])
    inside = np.split(distances[len(across) :], [len(before)])
    medians = [median(side) for side in inside if len(side)]
    return float(distances[: len(across)].min()), float(np.mean(medians)) if medians else 0.0


def _gaps(film: Window, at: int) -> npt.NDArray[np.int64]:
    """Which frames beside a change are looked at: at most seven within `SIDE_S`, always the nearest two."""
    times = film.pictures.times_s
    after = int(np.searchsorted(times, times[at] + SIDE_S)) - at - 1
    before = at - int(np.searchsorted(times, times[at] - SIDE_S, side="right"))
    most = min(max(after, before, 2), NEAR_FRAMES)
    return np.unique(np.round(np.linspace(1, most, min(most, 7))).astype(np.int64))


def median(values: Floats) -> float:
    """What `numpy.median` gives, to the last bit; for a few values that takes ten times as long."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)
