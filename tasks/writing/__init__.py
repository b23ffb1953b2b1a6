"""Table `writing`: what is written in the pictures (titles, signs, credits), and for how long.

In the manifest:

    writing: {}
    writing: {every_s: 1}            # within shots a picture a second: slower, finds what shows for less than 2 s
    writing: {unread: false}         # without what is written and could not be read

Only chosen pictures of `frames` are read: the middle of every shot, within long shots one every few seconds, and each
one as long as there is writing. Latin letters, Chinese and Japanese are read; of other scripts the text is null, and so
it is of lines with a letter that the reader lacks (most of Vietnamese), of those with a word that only looks Latin
(MOCKBA), and of other capitals that may be Latin, Greek or Cyrillic where the writing around them is not Latin.

Reading order: reader, lacking, scripts, chosen, tracks, and the task below.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.spec.components import Component
from cinelake.spec.contract import Column, Contract, Measure, Rule
from cinelake.spec.roles import Components, Words
from cinelake.spec.task import Field, Film, Params, Resources, TableReader, task
from tasks.shared.pictures import Jpeg, decode
from tasks.writing.chosen import Chooser, due
from tasks.writing.reader import DETECTOR, PACKAGE, RECOGNISER, TextReader, WrittenLine, open_reader, weights
from tasks.writing.scripts import is_of_another_script, unsure_lines
from tasks.writing.tracks import LineTrack, Tracks

WRITING = Contract(
    table="writing",
    doc="What is written in the pictures: a row for each line over the time that it shows.",
    columns=[
        Column("line", pa.int32(), "Number of the line, by its begin, then from top to bottom.", at_least=0),
        Column("start_s", pa.float64(), "Time of the first picture that shows it.", at_least=0),
        Column("end_s", pa.float64(), "Time of the first picture after it, or of the end (exclusive).", at_least=0),
        Column("text", pa.string(), "What it says; null where it is written and could not be read.", nullable=True),
        Column("score", pa.float32(), "How sure the reading is; without one, that it is writing.", False, 0, 1),
        Column("time_s", pa.float64(), "Time of the picture that the box is of: the one of the best reading."),
        Column("x", pa.float32(), "Left edge of the box, as a fraction of the width.", at_least=0, at_most=1),
        Column("y", pa.float32(), "Upper edge of the box, as a fraction of the height.", at_least=0, at_most=1),
        Column("width", pa.float32(), "Width of the box, as a fraction of the picture's.", at_least=0, at_most=1),
        Column("height", pa.float32(), "Height of the box, as a fraction of the picture's.", at_least=0, at_most=1),
        Column("speed", pa.float32(), "Heights of the picture that it moves a second; negative upwards, 0: still."),
        Column(
            "is_credit",
            pa.bool_(),
            "Whether it rolls upwards, or is one of five lines of words or more on one picture.",
        ),
        Column("pictures", pa.int32(), "How many pictures that were looked at show it.", at_least=1),
    ],
    key=["line"],
    rules=[Rule("must be after start_s", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"]))],
    measures=[Measure("lines", "count(text)", "Lines that were read.", of_nothing=0)],
)
PAGE = 5
"""Lines of words on one picture from which they are taken for credits."""
WORD = re.compile(r"[^\W\d_]{2}")
"""Numbers at the axes of a plot, or of a map, are no words."""
BLOCK = 256
"""So many pictures are looked at by themselves; the first of them is read in any case."""
LINE = {"text": pa.string(), **dict.fromkeys(("score", "x", "y", "width", "height", "box_score"), pa.float64())}
LOOKS = pa.schema({"time_s": pa.float64(), "lines": pa.list_(pa.struct({**LINE, "is_foreign": pa.bool_()}))})
"""What was found in each picture; null where it was not looked at."""
TALLEST, COLUMN = 0.75, 0.25
"""Parts of the picture's height and width. A box beyond both is no line of writing but drawn edges; one that is as high
and narrower may be a column of Chinese or Japanese."""
UNREAD_PICTURES = 2
"""What cannot be read must be there in so many pictures: noise in one is no writing."""


class WritingParams(Params):
    """Which pictures are read, and what counts."""

    min_score: float = Field(0.93, ge=0, le=1)
    """A reading below this is none: noise scores up to .86, right readings of credits .93 and more."""
    every_s: float = Field(2.0, ge=0)
    """Within a shot in which nothing was found, a picture is read at least this often; 0: every picture."""
    unread: bool = True
    """Whether what is written and could not be read has a row, without a text."""
    min_box_score: float = Field(0.8, ge=0, le=1)
    """How sure the detector must be of writing that could not be read."""


@dataclass(frozen=True)
class WritingRow:
    """One line of the table, before it has a number."""

    start_s: float
    end_s: float
    track: LineTrack
    page: int


def preflight(_params: WritingParams) -> dict[str, str]:
    """Digests of the networks' files. Raises `WeightsMissing`, `ModelUnusable`."""
    return weights()


def components(_params: Mapping[str, Any]) -> list[Component]:
    """The networks, as the data dictionary tells them."""
    return [
        PACKAGE.component("PP-OCRv6 small, where something is written", DETECTOR.digest),
        PACKAGE.component("PP-OCRv6 small, what it says", RECOGNISER.digest),
    ]


@task(
    writes=WRITING,
    reads=["frames"],
    params=WritingParams,
    version=6,
    resources=Resources(memory_gb=1.5),
    preflight=preflight,
    roles=[Words("written"), Components(components)],
    apart=lambda _params: BLOCK,
)
class ReadWriting:
    """Lines of writing with their boxes; a film without pictures, or without writing, has none."""

    def __init__(self, params: WritingParams, film: Film):
        self._params, self._film = params, film
        self.facts = {"weights": f"{PACKAGE.name} {PACKAGE.version}, PP-OCRv6 small"}

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The lines, by their begin."""
        return self.gather(self.parts(tables))

    def parts(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """What is written in each picture that is read, as `LOOKS`."""
        for block in blocks_of(tables["frames"]):
            looks = look_at(block, open_reader(), self._params)
            found = [None if lines is None else [asdict(line) for line in lines] for lines in looks]
            yield pa.record_batch([[picture.time_s for picture, _ in block], found], schema=LOOKS)

    def gather(self, parts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The lines, by their begin, of what was found in all pictures."""
        rows = rows_of_film((look for part in parts for look in _looks_in(part)), self._params)
        if found := sorted(rows, key=lambda row: (row.start_s, row.track.best[1].y)):
            yield self._batch(found)

    def _batch(self, rows: list[WritingRow]) -> pa.RecordBatch:
        best = [row.track.best for row in rows]
        foreign = [any(line.is_foreign for _, line in row.track.seen) for row in rows]
        spans = [(row.start_s, row.end_s, line.text) for row, (_, line) in zip(rows, best, strict=True)]
        unsure = unsure_lines([(*span, is_foreign) for span, is_foreign in zip(spans, foreign, strict=True)])
        texts = ["" if is_unsure else line.text for is_unsure, (_, line) in zip(unsure, best, strict=True)]
        return WRITING.batch(
            self._film.movie_id,
            line=range(len(rows)),
            start_s=[row.start_s for row in rows],
            end_s=[row.end_s for row in rows],
            text=[text or None for text in texts],
            score=[line.score if text else line.box_score for text, (_, line) in zip(texts, best, strict=True)],
            time_s=[time_s for time_s, _ in best],
            **{name: [getattr(line, name) for _, line in best] for name in ("x", "y", "width", "height")},
            speed=[row.track.speed for row in rows],
            is_credit=[row.page >= PAGE or row.track.speed < 0 for row in rows],
            pictures=[len(row.track.seen) for row in rows],
        )


def look_at(
    pictures: Sequence[tuple[Jpeg, bool]], reader: TextReader, params: WritingParams
) -> list[list[WrittenLine] | None]:
    """The lines of each of some pictures that follow each other; None for those that were not looked at.

    pictures: each with whether it is the middle of its shot. One that shows the same as the last that was read has the
    same lines.
    """
    looks: list[list[WrittenLine] | None] = [None] * len(pictures)
    chooser, is_due = Chooser(), due(pictures, params.every_s)
    shot, lines = None, list[WrittenLine]()
    for number, (picture, _) in enumerate(pictures):
        if picture.shot != shot:
            chooser.back()
        shot = picture.shot
        look = chooser.look(number, picture, number in is_due)
        if look == "read":
            lines = lines_of(picture, reader, params)
            chooser.found = bool(lines)
            for earlier in chooser.back() if lines else ():  # those that were left out, where writing may have begun
                looks[earlier] = lines_of(pictures[earlier][0], reader, params)
        if look != "left out":
            looks[number] = lines
    return looks


def rows_of_film(
    looks: Iterable[tuple[float, list[WrittenLine] | None]], params: WritingParams
) -> Iterator[WritingRow]:
    """The lines of a film as they end. looks: time of each picture, and its lines where it was looked at."""
    tracks, pages, step_s, before_s = Tracks(), dict[float, int](), 1.0, None
    for time_s, lines in looks:
        if before_s is not None and time_s > before_s:
            step_s = min(step_s, time_s - before_s)
        if lines is not None:
            pages[time_s] = sum(bool(WORD.search(line.text)) for line in lines)
            yield from rows_of(tracks.add(time_s, lines), pages, params)
        before_s = time_s
    if before_s is not None:
        yield from rows_of(tracks.close(before_s + step_s), pages, params)


def _looks_in(part: pa.RecordBatch) -> Iterator[tuple[float, list[WrittenLine] | None]]:
    """Each picture's time and lines of a batch of `LOOKS`."""
    for time_s, lines in zip(part["time_s"].to_pylist(), part["lines"].to_pylist(), strict=True):
        yield time_s, None if lines is None else [WrittenLine(**line) for line in lines]


def lines_of(picture: Jpeg, reader: TextReader, params: WritingParams) -> list[WrittenLine]:
    """The lines of a picture; what is read too unsurely has no text, and must be writing all the surer."""
    found = []
    for line in reader.lines(decode(picture.jpeg)):
        if line.height > TALLEST and line.width > COLUMN:
            continue
        is_foreign = is_of_another_script(line.text)
        if line.text and line.score >= params.min_score and not is_foreign:
            found.append(line)
        elif line.box_score >= params.min_box_score:
            found.append(replace(line, text="", score=0.0, is_foreign=is_foreign))
    return found


def rows_of(tracks: list[LineTrack], pages: Mapping[float, int], params: WritingParams) -> Iterator[WritingRow]:
    """Rows of tracks that have ended."""
    for track in tracks:
        is_read = bool(track.best[1].text)
        if is_read or (params.unread and len(track.seen) >= UNREAD_PICTURES):
            page = int(np.median([pages[time_s] for time_s, _ in track.seen]))
            yield WritingRow(track.seen[0][0], track.end_s, track, page)


def blocks_of(frames: TableReader) -> Iterator[list[tuple[Jpeg, bool]]]:
    """The pictures of the table `frames` in order, `BLOCK` at a time, and whether each is the middle of its shot."""
    names = ["frame", "time_s", "shot", "jpeg", "is_middle"]
    block: list[tuple[Jpeg, bool]] = []
    for batch in frames.batches(names):
        for frame, time_s, shot, jpeg, is_middle in zip(*(batch[name] for name in names), strict=True):
            block.append((Jpeg(frame.as_py(), time_s.as_py(), shot.as_py(), jpeg.as_py()), is_middle.as_py()))
            if len(block) == BLOCK:
                yield block
                block = []
    if block:
        yield block
