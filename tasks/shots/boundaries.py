"""All boundaries among reduced pictures: cuts, and what is gradual, fades and dissolves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from cinelake.spec.arrays import Array, Floats
from tasks.shots.cuts import (
    BLACK,
    BLEND_ERROR,
    COLOUR,
    CONTEXT,
    MIN_CHANGE,
    NEAR_FRAMES,
    SHOWS,
    Boundary,
    Window,
    contrast,
    from_black,
    from_white,
    median,
    sureness,
)
from tasks.shots.pictures import distance

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
SAME_HUE = 0.97
"""Cosine of two colours, seen from black or from white, above which one is the other in another light."""
PLAIN_FRAMES = 40
"""The next shot begins within so many of a plain run's last frames, however long the run is."""
JUDGED = CONTEXT - NEAR_FRAMES - 2
"""So many frames behind one that is decided cuts are judged."""
RISE, RISEN = 3, 0.1
"""Pictures before a plain run at which an explosion has not yet begun: less than this share of its light is there."""
BLINK_S = 0.2
"""A plain run shorter than this after which the same picture comes back, as far as it moves, is a flash or a blink."""


def find_boundaries(film: Window, first: int, last: int, gradual: bool) -> list[Boundary]:
    """Boundaries with first ≤ frame < last, in order. Cuts must be judged as far as anything is known."""
    sure = np.array(film.cut)
    boundaries = [Boundary(at, "cut", film.cut[at]) for at in range(first, last) if sure[at] >= 0.5]
    if gradual:
        boundaries += find_fades(film, first, last)
        boundaries += find_dissolves(film, first, last)
    return sorted(boundaries)


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
    off = np.zeros(end - start) if kind == COLOUR else from_black(colour) if kind == BLACK else from_white(colour)
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
    if shown_s >= BLINK_S:
        return False
    if film.rules == 1:
        return bool(distance(film.pictures[before : before + 1], film.pictures[after : after + 1])[0] < 2 * MIN_CHANGE)
    across, within = contrast(film, before, after)
    return across < 2 * max(MIN_CHANGE, within if _rises_at_once(film, before, start) else 0.0)


def _rises_at_once(film: Window, before: int, start: int) -> bool:
    """Whether nothing of a plain run's colour was there `RISE` pictures earlier: an explosion, not a fade."""
    clear, earlier, plain = film.pictures.colour[[before, max(0, start - RISE), start]]
    return bool(np.abs(earlier - clear).sum() < RISEN * np.abs(plain - clear).sum())


def _is_flash(film: Window, start: int, end: int) -> bool:
    """Whether a plain run is short and comes at once, by the pictures just before it alone."""
    shown_s = film.pictures.times_s[end] - film.pictures.times_s[start]
    return bool(shown_s < BLINK_S) and _rises_at_once(film, max(0, start - 5), start)


def _clearest(film: Window, at: int, step: int) -> int:
    """Where pictures stop to come out of a plain run that ends or starts at frame `at`."""
    spread = film.pictures.spread
    for _ in range(NEAR_FRAMES):
        if not 0 <= at + step < len(film) or spread[at + step] < spread[at] + 0.25:
            break
        at += step
    return at


def find_dissolves(film: Window, first: int, last: int, slack: float = 1.0) -> list[Boundary]:
    """Pictures that are the mean of an earlier and a later one which show different places.

    slack: above 1 those are found, too, that miss a bound by so much.
    """
    best: dict[int, tuple[float, int]] = {}
    for half in _half_lengths(film, first):
        for at, error in _blends(film, first, last, half, BLEND_ERROR * slack):
            if at not in best or error < best[at][0] + EQUAL_ERROR:
                best[at] = (error, half)
    boundaries = []
    for at, (error, half) in best.items():
        across, within = contrast(film, at - half, at + half)
        sure = sureness(across, within, 1.0, film.sensitivity)
        least = COLOUR_CHANGE if film.kind[at] == COLOUR else DISSOLVE_CHANGE
        if sure >= 0.5 / slack and across * film.sensitivity >= least / slack:
            score = sure * (1 - error) * min(1.0, across) * (0.9 + 0.1 * half / MAX_HALF)
            score *= 1.0 if film.rules == 1 else _evenness(film, at, half)
            boundaries.append(Boundary(at, "dissolve", score))
    return boundaries


def _evenness(film: Window, at: int, half: int) -> float:
    """1 where a picture has as much of what is shown before a blend as of what is shown after it, 0 where all of one.

    Any part of a blend is a blend too: what is shown lies up to as far again outside, but not behind a cut.
    """
    tiny, cut, reach = film.pictures.tiny, np.array(film.cut) >= 0.5, min(2 * half, JUDGED)
    earlier, later = cut[max(0, at - reach + 1) : at - half + 1], cut[at + half + 1 : at + reach + 1]
    start = max(0, at - half - (int(earlier[::-1].argmax()) if earlier.any() else len(earlier)))
    end = at + half + (int(later.argmax()) if later.any() else len(later))
    across = tiny[min(end, len(film) - 1)] - tiny[start]
    share = ((tiny[at] - tiny[start]) * across).sum() / ((across**2).sum() + 1e-6)
    return max(0.0, 1 - 2 * abs(float(share) - 0.5))


def _half_lengths(film: Window, at: int) -> list[int]:
    """`DISSOLVE_S` in frames, at the rate around frame `at`."""
    times = film.pictures.times_s[max(0, at - 12) : at + 12]
    step_s = median(np.diff(times)) if len(times) > 1 else 1.0
    halves = {min(MAX_HALF, round(seconds / max(step_s, 1e-3))) for seconds in DISSOLVE_S}
    return sorted(half for half in halves if half >= 2)


def _blends(film: Window, first: int, last: int, half: int, bound: float) -> list[tuple[int, float]]:
    """Frames in the middle of a blend over 2 · half frames, without a cut or a plain picture in it: (frame, error)."""
    tiny = film.pictures.tiny
    at = np.arange(max(first, half) - 1, min(last, len(film) - half - 1) + 1)
    at = at[(at >= half) & (at + half < len(film))]
    if not len(at):
        return []
    first_at, end = int(at[0]), int(at[-1]) + 1  # one after the other: parts of the pictures, not copies
    whole = _mean_square(tiny[first_at + half : end + half] - tiny[first_at - half : end - half])
    error, apart = np.full(len(at), np.inf), np.flatnonzero(whole > 100)
    if not len(apart):  # most stretches of a film
        return []
    middle = at[apart]
    off = tiny[middle] - (tiny[middle - half] + tiny[middle + half]) / 2
    error[apart] = _mean_square(off) / whole[apart]
    middles = []
    for index in np.flatnonzero(error < bound):
        frame = int(at[index])
        least = error[max(0, index - 1) : index + 2].min()
        if first <= frame < last and error[index] == least and _steady_blend(film, frame, half):
            middles.append((frame, float(error[index])))
    return middles


def _mean_square(off: Array) -> Floats:
    """(n, 18, 32, 3) → (n,) mean of the squares; `off` itself becomes these: new memory costs as much as the sums."""
    np.square(off, out=off)
    return np.asarray(off.mean((1, 2, 3)))


def _steady_blend(film: Window, at: int, half: int) -> bool:
    """Whether all that lies between the ends is a mixture of both, with no cut there and no fade nearby."""
    start, end = at - half, at + half
    if max(film.cut[start + 1 : end + 1]) >= 0.5:
        return False
    a, b = film.pictures.tiny[start], film.pictures.tiny[end]
    if (film.kind[start : end + 1] == COLOUR).all():
        if _same_hue(*film.pictures.colour[[start, end]]):
            return False
    elif _is_near_fade(film, start, end) or _likeness(a[..., 0], b[..., 0]) > RELIT:
        return False
    across = (b - a) / np.sqrt(((b - a) ** 2).sum())
    inner = film.pictures.tiny[[at - half // 2, at + half // 2]] - a
    share = (inner * across).sum((1, 2, 3))
    rest = ((inner - share[:, None, None, None] * across) ** 2).sum((1, 2, 3))
    return bool((rest < 2 * BLEND_ERROR * ((b - a) ** 2).sum()).all())


def _is_near_fade(film: Window, start: int, end: int) -> bool:
    """Whether plain pictures lie in or near a blend; by the second rules a flash beside it does not count."""
    first, last = max(0, start - NEAR_FRAMES), min(len(film), end + NEAR_FRAMES)
    plain = np.flatnonzero(film.kind[first:last]) + first
    if film.rules == 1 or not len(plain) or film.kind[start : end + 1].any():
        return bool(len(plain))
    runs = np.split(plain, np.flatnonzero(np.diff(plain) > 1) + 1)
    return not all(run[-1] < last - 1 and _is_flash(film, int(run[0]), int(run[-1]) + 1) for run in runs)


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
