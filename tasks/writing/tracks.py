"""The same writing over several pictures: still, or moving as rolled credits do."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tasks.writing.reader import WrittenLine

NEAR = 0.05
"""How far, in heights and widths of the picture, writing may lie from where it is expected."""
LIKE = 0.6
"""Readings at the expected place are of one line if they are alike by this ratio; one may be a misreading."""
EDGE = 0.004
"""A box that reaches so near to the upper or lower edge may be cut: its reading counts only where there is no other."""


@dataclass
class LineTrack:
    """One line of writing: its readings with the times of their pictures, in order."""

    seen: list[tuple[float, WrittenLine]] = field(default_factory=list)
    end_s: float = 0.0
    missed: int = 0

    def add(self, time_s: float, line: WrittenLine) -> None:
        """One more reading."""
        self.seen.append((time_s, line))
        self.missed = 0

    @property
    def last(self) -> WrittenLine:
        """The last reading."""
        return self.seen[-1][1]

    @property
    def best(self) -> tuple[float, WrittenLine]:
        """The most certain reading of the text that most of the readings, by their scores, agree in.

        That it is of another script, or lacks a letter, is a reading too, and without a text.
        """
        whole = [(time_s, line) for time_s, line in self.seen if not _is_cut(line)] or self.seen
        votes: dict[str, float] = {}
        for _, line in whole:
            votes[line.text] = votes.get(line.text, 0.0) + (line.score if line.text else float(line.is_foreign))
        text = max(votes, key=lambda name: (votes[name], name))
        return max(((t, line) for t, line in whole if line.text == text), key=lambda seen: seen[1].score)

    @property
    def speed(self) -> float:
        """Heights of the picture a second that it moves; negative upwards, 0 for what is still."""
        if len(self.seen) < 2:
            return 0.0
        times, tops = np.array([(time_s, line.middle[1]) for time_s, line in self.seen]).T
        moved = float(np.polyfit(times, tops, 1)[0]) if np.ptp(times) > 0 else 0.0
        return moved if abs(moved) * np.ptp(times) > NEAR else 0.0


class Tracks:
    """Follows writing from picture to picture."""

    def __init__(self) -> None:
        self.open: list[LineTrack] = []
        self._time_s = 0.0
        self._motion = 0.0  # heights of the picture a second

    def add(self, time_s: float, lines: Sequence[WrittenLine]) -> list[LineTrack]:
        """The lines of the next picture that was read; returns the tracks that have ended before it.

        Boxes of one line may part from one picture to the next, or join: a part of a line that is followed is no line.
        What was seen apart in several pictures stays one: most readings of the other line are without it.
        """
        moved = self._moved(lines, time_s - self._time_s)
        free, before = list(lines), [track.last for track in self.open]
        for track in self.open:
            track.missed += 1
            wanted = min(free, key=lambda line: self._cost(track.last, line, moved), default=None)
            if wanted is not None and self._cost(track.last, wanted, moved) < np.inf:
                free.remove(wanted)
                track.add(time_s, wanted)
            elif track.missed == 1:
                track.end_s = time_s
        followed = [(old, track.last) for old, track in zip(before, self.open, strict=True) if not track.missed]
        ended = [track for track in self.open if track.missed]
        ended = [
            track
            for track in ended
            if len(track.seen) > 1 or not any(_is_part(track.last, now, moved) for _, now in followed)
        ]
        free = [line for line in free if not any(_is_part(line, old, -moved) for old, _ in followed)]
        self.open = [track for track in self.open if not track.missed]
        self.open += [LineTrack([(time_s, line)]) for line in free]
        self._time_s = time_s
        return ended

    def close(self, end_s: float) -> list[LineTrack]:
        """All that are left, as they end with the film, a cut or a picture that was not read."""
        for track in self.open:
            track.end_s = end_s
        ended, self.open, self._motion = self.open, [], 0.0
        return ended

    def _moved(self, lines: Sequence[WrittenLine], elapsed_s: float) -> float:
        """How far lines have moved since the last picture: the median of those whose text is there once before and now,
        else as far as they moved before."""
        before = Counter(track.last.text for track in self.open)
        now = Counter(line.text for line in lines)
        places = {line.text: line.middle[1] for line in lines if now[line.text] == 1}
        moves = [
            places[track.last.text] - track.last.middle[1]
            for track in self.open
            if track.last.text in places and before[track.last.text] == 1 and track.last.text
        ]
        if moves and elapsed_s > 0:
            self._motion = float(np.median(moves)) / elapsed_s
        return self._motion * elapsed_s

    def _cost(self, before: WrittenLine, now: WrittenLine, moved: float) -> float:
        """How far a line is from where another is expected, and from its text; infinite where they are not one."""
        across, down = (b - a for a, b in zip(before.middle, now.middle, strict=True))
        astray = max(abs(across), abs(down - moved))
        if astray > NEAR:
            return float(np.inf)
        unsure = not before.text or not now.text
        alike = 1.0 if before.text == now.text else LIKE if unsure else _ratio(before.text, now.text)
        return astray + 1 - alike if alike >= LIKE or _is_cut(before) or _is_cut(now) else float(np.inf)


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.casefold(), other.casefold(), autojunk=False).ratio()


def _is_part(part: WrittenLine, whole: WrittenLine, moved: float) -> bool:
    """Whether a line is what a longer one says in its place, a picture later (it has moved so far) or before."""
    if not part.text or part.text == whole.text or part.text.casefold() not in whole.text.casefold():
        return False
    x, y = part.middle
    return whole.x <= x <= whole.x + whole.width and whole.y <= y + moved <= whole.y + whole.height


def _is_cut(line: WrittenLine) -> bool:
    return line.y <= EDGE or line.y + line.height >= 1 - EDGE
