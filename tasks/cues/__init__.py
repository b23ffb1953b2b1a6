"""cues: black, colour bars, letterbox, opening and end credits, silence: what a cutter or a broadcaster looks for.

Every picture is looked at once, small; silence comes from `sound`, in the same pass over the film. Black is what
ffmpeg's `blackdetect` finds, but a picture in which something shines is not black. Credits are grey writing on a
plain ground at the film's ends: coloured titles, and those that lie on moving pictures, are not found.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from cinelake.media.batches import FrameBatch
from cinelake.spec.arrays import Array
from cinelake.spec.contract import ENUM, Column, Contract, Measure, Rule
from cinelake.spec.task import Film, Params, VideoStream, task
from tasks.cues.pictures import dark_edges, is_black, luma, shows_bars, shows_text
from tasks.cues.spans import Cue, bridged, credit_spans, letterboxed, runs, steady_size

WIDTH, HEIGHT = 128, 72
WINDOW_S = 0.96
"""The windows of `sound`."""
SAMPLE_S = 0.25
"""Bars, letterbox and writing are looked for four times a second; black in every picture."""
KINDS = ("bars", "black", "end_credits", "letterbox", "opening_credits", "pillarbox", "silence")

CUES = Contract(
    table="cues",
    doc="Spans that a cutter or broadcaster looks for: black, bars, letterbox, credits, silence. They may overlap.",
    columns=[
        Column("kind", ENUM, "What it is.", one_of=KINDS),
        Column("start_s", pa.float64(), "Start in seconds of presentation time."),
        Column("end_s", pa.float64(), "End, exclusive."),
        Column("start_frame", pa.int64(), "First picture; null for silence.", nullable=True, at_least=0),
        Column("end_frame", pa.int64(), "Picture after the last; null for silence.", nullable=True, at_least=1),
        Column("detail", pa.float32(), "Of letterbox and pillarbox: the share of the picture that a bar takes.", True),
    ],
    key=["kind", "start_s"],
    rules=[Rule("must end after it starts", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"]))],
    measures=[
        Measure("black_s", "sum(end_s - start_s) FILTER (kind = 'black')", "Seconds of black.", "s", of_nothing=0),
        Measure(
            "silence_s", "sum(end_s - start_s) FILTER (kind = 'silence')", "Seconds of silence.", "s", of_nothing=0
        ),
    ],
)


class CuesParams(Params):
    """From which length on a span counts."""

    black_share: float = Field(0.98, gt=0.5, le=1)
    """A picture is black when this share of its pixels is (ffmpeg's `picture_black_ratio_th`)."""
    min_black_s: float = Field(0.1, gt=0)
    """Shorter black is left out."""
    min_bars_s: float = Field(0.5, gt=0)
    """Shorter colour bars are left out."""
    min_silence_s: float = Field(2.0, gt=0)
    """Shorter silence is left out; it is told in windows of 0.96 s."""
    min_letterbox_s: float = Field(5.0, gt=0)
    """Shorter letterbox and pillarbox are left out."""
    min_bar_share: float = Field(0.04, gt=0.01, lt=0.4)
    """Bars of a letterbox or pillarbox that are thinner are left out."""
    min_credits_s: float = Field(3.0, gt=0)
    """Shorter credits are left out."""


@task(
    writes=CUES,
    reads=VideoStream(width=WIDTH, height=HEIGHT, pixel_format="rgb24"),
    params=CuesParams,
    version=1,
    follows=("sound",),
)
class FindCues:
    """Find black, bars, letterbox, credits and silence."""

    def __init__(self, params: CuesParams, film: Film) -> None:
        self.params, self.film = params, film
        self.frames: list[int] = []
        self.times: list[float] = []
        self.black: list[bool] = []
        self.sampled: list[int] = []  # which of the pictures were sampled
        self.edges: list[Array] = []
        self.bars: list[bool] = []
        self.text: list[bool] = []
        self.end_s = 0.0
        self.silent: list[tuple[float, float]] = []
        self.heard_s = 0.0

    def on_rows(self, _table: str, rows: pa.RecordBatch | None) -> Iterator[pa.RecordBatch]:
        """Keep the windows that are silent."""
        if rows is not None:
            for start, end, is_silent in zip(
                *(rows[n].to_pylist() for n in ("start_s", "end_s", "is_silent")), strict=True
            ):
                if is_silent:
                    self._hear(start, end)
        return iter(())

    def _hear(self, start_s: float, end_s: float) -> None:
        if self.silent and start_s - self.silent[-1][1] < 1e-6:
            start_s = self.silent.pop()[0]
        self.silent.append((start_s, end_s))

    def on_batch(self, batch: FrameBatch) -> Iterator[pa.RecordBatch]:
        """Measure the pictures; rows come at the end, when credits and letterbox are known."""
        assert batch.pixels is not None
        chosen = self._samples(batch.times_s)
        self.sampled += [len(self.frames) + int(place) for place in chosen]
        self.frames += batch.frames.tolist()
        self.times += batch.times_s.tolist()
        self.black += is_black(batch.pixels, self.params.black_share).tolist()
        if len(chosen):
            pixels = batch.pixels[chosen]
            y = luma(pixels)
            self.edges.append(dark_edges(y))
            self.bars += shows_bars(pixels).tolist()
            self.text += shows_text(pixels, y).tolist()
        self.end_s = float(batch.times_s[-1] + batch.durations_s[-1]) if len(batch) else self.end_s
        return iter(())

    def _samples(self, times: Array) -> Array:
        """The pictures that are the first in their quarter of a second."""
        last = self.times[-1] if self.times else -np.inf
        before = np.concatenate([[last], times[:-1]])
        return np.flatnonzero(np.floor(times / SAMPLE_S) > np.floor(before / SAMPLE_S))

    def finish(self) -> Iterator[pa.RecordBatch]:
        """All rows, by kind and time."""
        cues = [*self._of_pictures()] if self.frames else []
        cues += [Cue("silence", *span) for span in self._silences() if span[1] - span[0] >= self.params.min_silence_s]
        if cues:
            cues.sort(key=lambda cue: (cue.kind, cue.start_s))
            columns = {name: [getattr(cue, name) for cue in cues] for name in ("kind", "start_s", "end_s", "detail")}
            frames = {name: [_known(getattr(cue, name)) for cue in cues] for name in ("start_frame", "end_frame")}
            yield CUES.batch(self.film.movie_id, **columns, **frames)

    def _silences(self) -> list[tuple[float, float]]:
        """Silent stretches, half a window longer on either side: it began somewhere in the window before."""
        whole = max(self.end_s, self.heard_s)
        return [(max(0.0, start - WINDOW_S / 2), min(whole, end + WINDOW_S / 2)) for start, end in self.silent]

    def _of_pictures(self) -> Iterator[Cue]:
        params, black = self.params, np.array(self.black)
        yield from (self._cue("black", *run) for run in runs(black) if self._lasts(run, params.min_black_s))
        places = np.array(self.sampled)
        times, dark, text = np.array(self.times)[places], black[places], np.array(self.text)
        bars = bridged(np.array(self.bars), times, 2 * SAMPLE_S)
        for first, end in runs(bars):
            yield from self._sampled_cue("bars", first, end, params.min_bars_s)
        edges, lit, apart = np.concatenate(self.edges), ~dark & ~bars & ~text, bars.copy()
        begins = np.flatnonzero(~dark & ~bars)
        begin_s = float(times[begins[0]]) if len(begins) else 0.0
        for kind, first, end in credit_spans(text & ~bars, dark, times, self.end_s, params.min_credits_s, begin_s):
            lit[first:end], apart[first:end] = False, True
            yield from self._sampled_cue(kind, first, end, params.min_credits_s)
        for kind, sides in (("letterbox", edges[:, :2]), ("pillarbox", edges[:, 2:])):
            for first, end in letterboxed(sides, lit, apart, params.min_bar_share):
                size, reached = steady_size(sides[first:end], lit[first:end])
                if reached >= 0.5 and lit[first:end].sum() * SAMPLE_S >= params.min_letterbox_s / 2:
                    yield from self._sampled_cue(kind, first, end, params.min_letterbox_s, size)

    def _sampled_cue(self, kind: str, first: int, end: int, min_s: float, detail: float | None = None) -> Iterator[Cue]:
        """A cue from one sample to another, if it lasts."""
        last = self.sampled[end] if end < len(self.sampled) else len(self.frames)
        if self._lasts((self.sampled[first], last), min_s):
            yield self._cue(kind, self.sampled[first], last, detail)

    def _lasts(self, run: tuple[int, int], min_s: float) -> bool:
        return self._time(run[1]) - self._time(run[0]) >= min_s - 1e-6

    def _cue(self, kind: str, first: int, end: int, detail: float | None = None) -> Cue:
        span = (self._time(first), self._time(end))
        return Cue(kind, *span, self.frames[first], self.frames[end - 1] + 1, detail)

    def _time(self, place: int) -> float:
        return self.times[place] if place < len(self.times) else self.end_s


def _known(frame: int) -> int | None:
    return None if frame < 0 else frame
