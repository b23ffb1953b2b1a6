"""Where shots begin: cuts, fades and dissolves among reduced pictures.

A change is a cut when the pictures on its two sides differ more than those on either side differ among themselves,
and it happens in one step, or in two with a blend of both sides between. A dissolve is spread over more steps. A fade
goes down to black (up to white, into one colour) over several pictures and comes out of it so: black with hard edges
between two pictures is a shot of its own, with a cut on either side. Every decision about a frame is a function of the
pictures within `CONTEXT` frames of it, however the film was cut into batches.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from cinelake.spec.arrays import Floats
from tasks.shots.pictures import ReducedPictures, distance, no_pictures, pixel_difference

CONTEXT = 72
"""Frames on both sides that a decision may look at."""
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
EQUAL_ERROR = 0.01
"""A longer blend whose error is larger by less than this is preferred: a part of a blend is a blend too."""
DISSOLVE_S = (0.15, 0.3, 0.6, 1.0)
"""Half lengths of the dissolves that are sought."""
MAX_HALF = 40
"""Most frames of half a dissolve."""
DISSOLVE_CHANGE, COLOUR_CHANGE = 0.4, 0.2
"""Ends of a dissolve are at least this far apart: a title that fades in over a picture is not a new shot. Plain
colours have no structure that could differ."""
RELIT = 0.7
"""Ends of a blend that correlate more show one place in two lights."""
PLAIN_SPREAD = 3.0
"""A picture whose luma has a smaller standard deviation shows nothing: black, white, or one colour."""
NEAR_BLACK = 20.0
"""How far a plain picture's colour may be from black, or from white, to count as that (0 to 255)."""
SHOWS, BLACK, WHITE, COLOUR = range(4)
"""What a picture is: one that shows something, or a plain one."""
SAME_HUE = 0.97
"""Cosine of two colours, seen from black or from white, above which one is the other in another light."""
PLAIN_FRAMES = 40
"""The next shot begins within so many of a plain run's last frames, however long the run is."""
BLINK_S = 0.2
"""A plain run shorter than this after which the same picture comes back is a flash or a blink, not a fade."""


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
    begins: whether nothing came before that differs in kind from the first picture.
    """

    def __init__(self, sensitivity: float = 1.0) -> None:
        self.pictures = no_pictures()
        self.kind = np.zeros(0, np.int64)
        self.change = self.pixels = np.zeros(0, np.float32)
        self.cut: list[float] = []
        self.begins = True
        self.sensitivity = sensitivity

    def __len__(self) -> int:
        return len(self.pictures)

    def add(self, more: ReducedPictures) -> None:
        """Append pictures, and judge the cuts for which enough is known."""
        known = self.pictures[-1:] if len(self) else more[:1]
        both = known.joined(more if len(self) else more[1:])
        opening = np.zeros(0 if len(self) else 1, np.float32)
        pixels = pixel_difference(both[:-1], both[1:])
        self.change = np.concatenate([self.change, opening, distance(both[:-1], both[1:], pixels)])
        self.pixels = np.concatenate([self.pixels, opening, pixels])
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
        self.change, self.pixels = self.change[count:], self.pixels[count:]


def kinds(pictures: ReducedPictures) -> npt.NDArray[np.int64]:
    """(n,) what each picture is: SHOWS, BLACK, WHITE or COLOUR."""
    kind = np.full(len(pictures), SHOWS, np.int64)
    plain = np.flatnonzero(pictures.spread < PLAIN_SPREAD)
    if len(plain):
        black, white = (off(pictures.colour[plain]) < NEAR_BLACK for off in (_from_black, _from_white))
        kind[plain] = np.where(black, BLACK, np.where(white, WHITE, COLOUR))
    return kind


def _from_black(colour: Floats) -> Floats:
    """(n, 3) Y, Cr, Cb → (n,) how far from black; dark blue is far from it although its luma is small."""
    return np.asarray(colour[:, 0] + np.abs(colour[:, 1:] - 128).sum(1))


def _from_white(colour: Floats) -> Floats:
    return np.asarray(255 - colour[:, 0] + np.abs(colour[:, 1:] - 128).sum(1))


def find_boundaries(film: Window, first: int, last: int, gradual: bool) -> list[Boundary]:
    """Boundaries with first ≤ frame < last, in order. Cuts must be judged as far as anything is known."""
    sure = np.array(film.cut)
    boundaries = [Boundary(at, "cut", film.cut[at]) for at in range(first, last) if sure[at] >= 0.5]
    if gradual:
        boundaries += find_fades(film, first, last)
        boundaries += find_dissolves(film, first, last)
    return sorted(boundaries)


def _cut_at(film: Window, at: int) -> float:
    """How sure it is that a shot begins at frame `at` with a cut; cheap tests first."""
    change = film.change[at]
    if at > 0 and film.pictures.times_s[at] - film.pictures.times_s[at - 1] > SIDE_S:
        return sureness(float(change), STILLS_WITHIN, STILLS_JUMP, film.sensitivity)
    if at == 0 or change * film.sensitivity < MIN_CHANGE or change < film.change[at - 1 : at + 2].max():
        return 0.0
    jump = _jump(film, at, at)
    sides = film.change[max(1, at - 3) : at], film.change[at + 1 : at + 4]
    motion = 0.35 * sum(_median(side) for side in sides if len(side))
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
    medians = [_median(side) for side in inside if len(side)]
    return float(distances[: len(across)].min()), float(np.mean(medians)) if medians else 0.0


def _gaps(film: Window, at: int) -> npt.NDArray[np.int64]:
    """Which frames beside a change are looked at: at most seven within `SIDE_S`, always the nearest two."""
    times = film.pictures.times_s
    after = int(np.searchsorted(times, times[at] + SIDE_S)) - at - 1
    before = at - int(np.searchsorted(times, times[at] - SIDE_S, side="right"))
    most = min(max(after, before, 2), NEAR_FRAMES)
    return np.unique(np.round(np.linspace(1, most, min(most, 7))).astype(np.int64))


def _median(values: Floats) -> float:
    """What `numpy.median` gives, to the last bit; for a few values that takes ten times as long."""
    ordered, half = np.sort(values), len(values) // 2
    return float(ordered[half] if len(values) % 2 else (ordered[half - 1] + ordered[half]) / 2)


def find_fades(film: Window, first: int, last: int) -> list[Boundary]:
    """Plain pictures between two shots, entered and left gradually: a shot begins where they are plainest."""
    kind = np.concatenate([[-1], film.kind, [-1]])
    turns = np.flatnonzero(np.diff(kind)).tolist()
    boundaries = []
    for start, end in pairwise(turns):
        if film.kind[start] == SHOWS or end == len(film) or (start == 0 and film.begins):
            continue
        middle = _plainest(film, max(start, end - PLAIN_FRAMES), end)
        if first <= middle < last and _is_nothing(film, start, end, middle) and not _abrupt(film, start, end):
            boundaries.append(Boundary(middle, "fade", 1.0))
    return boundaries


def _plainest(film: Window, start: int, end: int) -> int:
    """The middle of the darkest pictures of a black run, of the lightest of a white one."""
    colour, kind = film.pictures.colour[start:end], film.kind[start]
    off = np.zeros(end - start) if kind == COLOUR else _from_black(colour) if kind == BLACK else _from_white(colour)
    least = np.flatnonzero(off < off.min() + 1)
    return start + int(least[0] + least[-1] + 1) // 2


def _is_nothing(film: Window, start: int, end: int, middle: int) -> bool:
    """Whether a plain run is nothing between two shots.

    Black is. Another colour is where there is a picture on both sides, white also between two other colours, but not
    where grey rises to it from black.
    """
    kind, known = film.kind[start], film.kind[: middle + CONTEXT]
    if kind == BLACK:
        return True
    sides = known[max(0, middle - CONTEXT) : start][::-1], known[end:]
    if kind == COLOUR:
        return all(side[:1].tolist() == [SHOWS] for side in sides)
    return all(side[side != COLOUR][:1].tolist() != [BLACK] for side in sides)


def _abrupt(film: Window, start: int, end: int) -> bool:
    """Whether a plain run begins or ends with a cut, or is a mere blink."""
    if max(film.cut[max(0, start - 1) : start + 2] + film.cut[end - 1 : end + 2]) >= 0.5:
        return True
    shown_s = film.pictures.times_s[end] - film.pictures.times_s[start]
    before, after = min(_clearest(film, start, -1), max(0, start - 5)), _clearest(film, end - 1, 1)
    after = min(len(film) - 1, max(after, end + 4))
    across = distance(film.pictures[before : before + 1], film.pictures[after : after + 1])[0]
    return bool(shown_s < BLINK_S and across < 2 * MIN_CHANGE)


def _clearest(film: Window, at: int, step: int) -> int:
    """Where pictures stop to come out of a plain run that ends or starts at frame `at`."""
    spread = film.pictures.spread
    for _ in range(NEAR_FRAMES):
        if not 0 <= at + step < len(film) or spread[at + step] < spread[at] + 0.25:
            break
        at += step
    return at


def find_dissolves(film: Window, first: int, last: int) -> list[Boundary]:
    """Pictures that are the mean of an earlier and a later one which show different places."""
    best: dict[int, tuple[float, int]] = {}
    for half in _half_lengths(film, first):
        for at, error in _blends(film, first, last, half):
            if at not in best or error < best[at][0] + EQUAL_ERROR:
                best[at] = (error, half)
    boundaries = []
    for at, (error, half) in best.items():
        across, within = contrast(film, at - half, at + half)
        sure = sureness(across, within, 1.0, film.sensitivity)
        least = COLOUR_CHANGE if film.kind[at] == COLOUR else DISSOLVE_CHANGE
        if sure >= 0.5 and across * film.sensitivity >= least:
            score = sure * (1 - error) * min(1.0, across) * (0.9 + 0.1 * half / MAX_HALF)
            boundaries.append(Boundary(at, "dissolve", score))
    return boundaries


def _half_lengths(film: Window, at: int) -> list[int]:
    """`DISSOLVE_S` in frames, at the rate around frame `at`."""
    times = film.pictures.times_s[max(0, at - 12) : at + 12]
    step_s = _median(np.diff(times)) if len(times) > 1 else 1.0
    halves = {min(MAX_HALF, round(seconds / max(step_s, 1e-3))) for seconds in DISSOLVE_S}
    return sorted(half for half in halves if half >= 2)


def _blends(film: Window, first: int, last: int, half: int) -> list[tuple[int, float]]:
    """Frames in the middle of a blend over 2 · half frames, without a cut or a plain picture in it: (frame, error)."""
    tiny = film.pictures.tiny
    at = np.arange(max(first, half) - 1, min(last, len(film) - half - 1) + 1)
    at = at[(at >= half) & (at + half < len(film))]
    if not len(at):
        return []
    first_at, end = int(at[0]), int(at[-1]) + 1  # one after the other: parts of the pictures, not copies
    whole = np.square(tiny[first_at + half : end + half] - tiny[first_at - half : end - half]).mean((1, 2, 3))
    error, apart = np.full(len(at), np.inf), np.flatnonzero(whole > 100)
    middle = at[apart]
    off = tiny[middle] - (tiny[middle - half] + tiny[middle + half]) / 2
    error[apart] = np.square(off).mean((1, 2, 3)) / whole[apart]
    middles = []
    for index in np.flatnonzero(error < BLEND_ERROR):
        frame = int(at[index])
        least = error[max(0, index - 1) : index + 2].min()
        if first <= frame < last and error[index] == least and _steady_blend(film, frame, half):
            middles.append((frame, float(error[index])))
    return middles


def _steady_blend(film: Window, at: int, half: int) -> bool:
    """Whether all that lies between the ends is a mixture of both, with no cut there and no fade nearby."""
    start, end = at - half, at + half
    if max(film.cut[start + 1 : end + 1]) >= 0.5:
        return False
    a, b = film.pictures.tiny[start], film.pictures.tiny[end]
    if (film.kind[start : end + 1] == COLOUR).all():
        if _same_hue(*film.pictures.colour[[start, end]]):
            return False
    elif film.kind[max(0, start - NEAR_FRAMES) : end + NEAR_FRAMES].any() or _likeness(a[..., 0], b[..., 0]) > RELIT:
        return False
    across = (b - a) / np.sqrt(((b - a) ** 2).sum())
    inner = film.pictures.tiny[[at - half // 2, at + half // 2]] - a
    share = (inner * across).sum((1, 2, 3))
    rest = ((inner - share[:, None, None, None] * across) ** 2).sum((1, 2, 3))
    return bool((rest < 2 * BLEND_ERROR * ((b - a) ** 2).sum()).all())


def _likeness(a: Floats, b: Floats) -> float:
    """Correlation of two luma pictures, bars that are black in both left out: near 1 for one place in two lights."""
    seen = np.maximum(a, b) > 24
    if seen.sum() < 32 or a[seen].std() < 1 or b[seen].std() < 1:
        return 0.0
    return float(np.corrcoef(a[seen], b[seen])[0, 1])


def _same_hue(a: Floats, b: Floats) -> bool:
    """Whether one colour is the other nearer to black or to white."""
    for pole in (0.0, 255.0):
        one, other = a - (pole, 128, 128), b - (pole, 128, 128)
        if one @ other > SAME_HUE * np.sqrt((one @ one) * (other @ other)):
            return True
    return False
