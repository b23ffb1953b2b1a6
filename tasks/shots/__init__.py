"""shots: the uninterrupted runs of a film's camera, found by cuts, fades and dissolves.

One pass with bounded memory: pictures are reduced batch by batch (`pictures`), those that repeat the one before are
left out by `rules: 2` (`repeats`), boundaries are decided with `CONTEXT` pictures on both sides (`cuts`, `boundaries`),
and a shot's row is emitted when its end is decided, at most `MAX_LAG_FRAMES` later. The output does not depend on the
size of batches.

Reading order: pictures, repeats, cuts, boundaries, motion, economical (the same from a part of the pictures), and the
task below.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.media.batches import FrameBatch
from cinelake.spec.arrow_values import arrow_array, as_numpy
from cinelake.spec.contract import ENUM, Column, Contract, Measure, Rule, vector
from cinelake.spec.roles import FromStills, Shots
from cinelake.spec.task import ADDED_LATER, Field, Film, Params, VideoStream, task
from tasks.shots.boundaries import find_boundaries
from tasks.shots.cuts import CONTEXT, NEAR_FRAMES, STRIDE, Boundary, Window
from tasks.shots.economical import find_in_part
from tasks.shots.motion import MOTION_SIZE, Motion
from tasks.shots.pictures import HEIGHT, WIDTH, no_pictures, reduce
from tasks.shots.repeats import RepeatFilter
from tasks.shots.stills import READS, still_shots

if TYPE_CHECKING:
    from cinelake.media.chosen import ChosenPictures

COUNTED_FPS = 32
"""A film with more frames a second may have shorter shots: these many frames count as a second."""
MAX_LAG_FRAMES = 168
"""When frame n has been seen, every shot that ends at n − 168 or before has been emitted."""


def _gaps(batch: pa.RecordBatch) -> pa.Array:
    starts, ends = (as_numpy(batch[name]) for name in ("start_frame", "end_frame"))
    return arrow_array(np.concatenate([[False], starts[1:] != ends[:-1]])[: len(starts)], pa.bool_())


SHOTS = Contract(
    table="shots",
    doc="The film's shots. They tile the film: each begins where the one before ends.",
    columns=[
        Column("shot", pa.int32(), "Number of the shot, from 0.", at_least=0),
        Column(
            "start_frame",
            pa.int64(),
            "First frame; of a fade the darkest, of a dissolve the middle.",
            False,
            0,
        ),
        Column("end_frame", pa.int64(), "Frame after the last: the next shot's first.", at_least=1),
        Column("start_s", pa.float64(), "Presentation time of the first frame in seconds."),
        Column("end_s", pa.float64(), "When the last frame ends: the next shot's start."),
        Column(
            "transition",
            ENUM,
            "How the shot begins: `start` of the film, `cut` within one frame, `fade` through black, white or "
            "one colour, `dissolve` of one picture into another.",
            one_of=("start", "cut", "fade", "dissolve"),
        ),
        Column("score", pa.float32(), "How clear the beginning is, 0 to 1 (1 for the first shot).", False, 0, 1),
        Column(
            "motion",
            vector(MOTION_SIZE),
            "Optical flow in the shot: 8 directions (from rightwards, clockwise) × 3 speeds as shares of the picture, "
            "the share that stands still, and the mean speed in picture widths a second.",
        ),
    ],
    key=("shot",),
    measures=[
        Measure("per_minute", "count(*) * 60 / nullif(max(end_s) - min(start_s), 0)", "Shots a minute.", "1/min"),
        Measure("median_s", "median(end_s - start_s)", "Median length of a shot.", "s"),
        Measure(
            "longest_share", "max(end_s - start_s) / nullif(max(end_s) - min(start_s), 0)", "Share of the longest shot."
        ),
    ],
    rules=[
        Rule("must end after it starts", "end_frame", lambda b: pc.less_equal(b["end_frame"], b["start_frame"])),
        Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"])),
        Rule("must begin where the one before ends", "start_frame", _gaps),
    ],
)


class ShotsParams(Params):
    """Parameters of `shots`."""

    sensitivity: float = Field(1.0, gt=0.2, lt=5)
    """Above 1 weaker changes count as cuts, below 1 only stronger ones do."""
    min_shot_s: float = Field(0.25, ge=0, le=1)
    """No shot is shorter: of two boundaries so close the clearer one stays.

    Above 32 frames a second the frames count: 0.25 s are at most 8, and never more than 24."""
    gradual: bool = True
    """Whether fades and dissolves are sought too, not only cuts."""
    decode: Annotated[Literal["exact", "economical"], ADDED_LATER] = "exact"
    """Which pictures are decoded where no other table of the film is made in the same decode.

    exact: all. economical: those that others refer to, and all where a shot may begin: of H.264, HEVC, MPEG-2 and
    MPEG-4 in MP4, MOV and Matroska, of even rate, upright and undamaged; other films are decoded as by exact, and the
    table's footer says why. Either way is fresh: a table is not made again for the other. Boundaries are the same on
    nearly all films (`benchmarks.economical` says on how many): all that the decision about a fade, a dissolve or a
    doubtful cut looks at is decoded. Motion is measured between pictures further apart. Damage in pictures that are
    never decoded is not seen."""
    rules: Annotated[Literal[1, 2], ADDED_LATER] = 1
    """By which rules boundaries are decided.

    2: pictures that repeat the one before (telecine, film of 24 a second shown at 30) are left out first, a flash
    before pictures that move is no fade and hides no dissolve, and a dissolve's middle is where both shots have equal
    shares: the same shots in more masters of a film, the same cuts on others. Best for a new project. 1: as tables and
    models that were made before know them; to go over to 2 makes `shots` and what reads it anew, and models that
    learned from shots are trained again."""


@dataclass
class OpenShot:
    """A shot whose end is not yet decided."""

    begins: Boundary
    start_s: float


@task(
    writes=SHOTS,
    reads=VideoStream(width=WIDTH, height=HEIGHT, pixel_format="rgb24"),
    params=ShotsParams,
    chooses=lambda params: params.decode == "economical",
    version=1,
    roles=[Shots("shot", "start_s", "end_s"), FromStills("pictures", READS, still_shots)],
)
class DetectShots:
    """Find the shots of a film and the motion in each."""

    def __init__(self, params: ShotsParams, film: Film) -> None:
        self.params, self.film = params, film
        self.repeats = RepeatFilter(params.rules)
        self.seen = Window(params.sensitivity, params.rules)
        self.decided = 0  # so many of the pictures that are kept
        self.waiting: OpenShot | None = None
        self.held: tuple[Boundary, float] | None = None
        self.motion = Motion()
        self.end, self.end_s = 0, 0.0
        self.shot = 0

    def on_batch(self, batch: FrameBatch) -> Iterator[pa.RecordBatch]:
        """Rows of the shots whose end is decided."""
        if not len(batch):
            return
        assert batch.pixels is not None
        if self.waiting is None:
            self.waiting = OpenShot(Boundary(int(batch.frames[0]), "start", 1.0), float(batch.times_s[0]))
        self.motion.add(batch)
        self.seen.add(*self.repeats.pass_on(reduce(batch.pixels, batch.times_s), batch.frames))
        self.end, self.end_s = int(batch.frames[-1]) + 1, float(batch.times_s[-1] + batch.durations_s[-1])
        while len(self.seen) - self.decided >= STRIDE + CONTEXT:
            yield from self._decide(self.decided + STRIDE)

    def on_choice(self, film: ChosenPictures) -> Iterator[pa.RecordBatch]:
        """All rows, of some of the film's pictures."""
        self.waiting = OpenShot(Boundary(0, "start", 1.0), float(film.times_s[0]))
        found = find_in_part(film, self.motion.add, self.params.gradual, self.params.sensitivity, self.params.rules)
        for boundary in found:
            yield from self._take(boundary, float(film.times_s[boundary.frame]))
        yield from self._settle()
        yield self._row(self.waiting, len(film), float(film.times_s[-1] + film.durations_s[-1]))

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Rows of the last shots."""
        if self.waiting is None:
            return
        self.seen.add(*self.repeats.pass_on(no_pictures(), np.zeros(0, np.int64), is_last=True))
        self.seen.judge(len(self.seen))
        yield from self._decide(len(self.seen))
        yield from self._settle()
        yield self._row(self.waiting, self.end, max(self.end_s, self.waiting.start_s + 1e-3))

    def _decide(self, until: int) -> list[pa.RecordBatch]:
        """Decide the first `until` of the pictures that are kept; returns the rows of shots that ended."""
        rows = []
        times, numbers = self.seen.pictures.times_s, self.seen.numbers
        for boundary in find_boundaries(self.seen, self.decided, until, self.params.gradual):
            at = boundary.frame
            rows += self._take(replace(boundary, frame=int(numbers[at])), float(times[at]))
        last = until - 1
        if self.held and not self._too_close(int(numbers[last]) + 1, float(times[last]), gradual=True):
            rows += self._settle()
        spare = max(0, until - CONTEXT)
        self.seen.drop(spare)
        self.decided = until - spare
        return rows

    def _too_close(self, frame: int, time_s: float, gradual: bool = False) -> bool:
        """Whether a boundary here would make a shot shorter than the shortest, or cut one transition in two."""
        assert self.waiting is not None
        last, start_s = self.held or (self.waiting.begins, self.waiting.start_s)
        if frame - last.frame >= NEAR_FRAMES:
            return False
        short = frame - last.frame < self.params.min_shot_s * COUNTED_FPS
        return (short and time_s - start_s < self.params.min_shot_s - 1e-6) or (gradual and last.is_gradual)

    def _take(self, boundary: Boundary, start_s: float) -> list[pa.RecordBatch]:
        """Hold a boundary until no clearer one can come within the shortest shot."""
        if not self._too_close(boundary.frame, start_s, boundary.is_gradual):
            rows = self._settle()
            self.held = (boundary, start_s)
            return rows
        if self.held and boundary.score > self.held[0].score:
            self.held = (boundary, start_s)
        return []

    def _settle(self) -> list[pa.RecordBatch]:
        """The held boundary stands: the shot before it has ended."""
        if self.held is None or self.waiting is None:
            return []
        boundary, start_s = self.held
        row = self._row(self.waiting, boundary.frame, start_s)
        self.waiting, self.held = OpenShot(boundary, start_s), None
        return [row]

    def _row(self, shot: OpenShot, end: int, end_s: float) -> pa.RecordBatch:
        number = self.shot
        self.shot += 1
        return SHOTS.batch(
            self.film.movie_id,
            shot=[number],
            start_frame=[shot.begins.frame],
            end_frame=[end],
            start_s=[shot.start_s],
            end_s=[end_s],
            transition=[shot.begins.transition],
            score=[shot.begins.score],
            motion=self.motion.take(shot.start_s, end_s)[None],
        )
