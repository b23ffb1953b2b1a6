"""What a search finds: moments of films, ranked; neighbouring pictures of a shot are one moment."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class SearchWarning(UserWarning):
    """What a search tells beside its answer: films or lines that were left out, an index that is out of date."""


@dataclass(frozen=True)
class FoundMoment:
    """A moment of a film. score: cosine similarity of its best picture, or the relevance of its conditions.

    time_s, frame: its best picture, or where it begins. start_s, end_s (exclusive): its shot, or the span in which all
    conditions hold. what: the conditions that hold. thumbnail: the file that was written, if any.
    """

    movie_id: str
    score: float
    time_s: float
    start_s: float
    end_s: float
    shot: int | None = None
    frame: int | None = None
    what: str = ""
    thumbnail: str | None = None

    @property
    def timecode(self) -> str:
        """Its time as HH:MM:SS.mmm."""
        return timecode(self.time_s)

    def to_json(self) -> dict[str, Any]:
        """The moment for machines."""
        return {**asdict(self), "timecode": self.timecode}


@dataclass(frozen=True)
class Samples:
    """Pictures of one film: their times, numbers and shots (null where a table has none), in the order of vectors."""

    movie_id: str
    times_s: npt.NDArray[np.float64]
    frames: pa.ChunkedArray
    shots: pa.ChunkedArray

    def __len__(self) -> int:
        return len(self.times_s)


@dataclass(frozen=True)
class Hit:
    """One picture with its similarity. moment: identifies its moment: film and shot, or itself."""

    score: float
    movie_id: str
    time_s: float
    shot: int | None
    frame: int | None

    @property
    def moment(self) -> tuple[str, int | float]:
        """Pictures of one shot are one moment; without a shot each is its own."""
        return self.movie_id, self.time_s if self.shot is None else self.shot

    @property
    def rank(self) -> tuple[float, str, float]:
        """The best first; equals by film and time, so that an answer is the same every time."""
        return -self.score, self.movie_id, self.time_s


def hits_of(samples: Samples, scores: npt.NDArray[np.float32], most: int, least: float = -np.inf) -> list[Hit]:
    """The best picture of each of the film's `most` best moments that score `least` or more.

    scores: (n,), −∞ for what is left out.
    """
    by_moment: dict[tuple[str, int | float], Hit] = {}
    candidates = np.flatnonzero(np.isfinite(scores) & (scores >= least))
    for at in candidates[np.argsort(-scores[candidates], kind="stable")]:
        if len(by_moment) == most:
            break
        hit = hit_at(samples, int(at), float(scores[at]))
        by_moment.setdefault(hit.moment, hit)
    return list(by_moment.values())


def hit_at(samples: Samples, at: int, score: float) -> Hit:
    """One picture as a hit."""
    return Hit(
        score, samples.movie_id, float(samples.times_s[at]), samples.shots[at].as_py(), samples.frames[at].as_py()
    )


def best(hits: Iterable[Hit], most: int) -> list[Hit]:
    """The best `most` moments' best pictures, the best first."""
    by_moment: dict[tuple[str, int | float], Hit] = {}
    for hit in sorted(hits, key=lambda hit: hit.rank):
        by_moment.setdefault(hit.moment, hit)
    return heapq.nsmallest(most, by_moment.values(), key=lambda hit: hit.rank)


def timecode(time_s: float) -> str:
    """Seconds as HH:MM:SS.mmm."""
    milliseconds = round(max(0.0, time_s) * 1000)
    minutes, milliseconds = divmod(milliseconds, 60_000)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{milliseconds // 1000:02d}.{milliseconds % 1000:03d}"
