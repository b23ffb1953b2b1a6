"""Table `subtitles`: what is said, as the film's text streams and the files beside it have it.

In the manifest:

    subtitles: {}                        # text streams of night.mp4, and night.srt, night.en.vtt beside it
    subtitles: {languages: [eng, en]}    # of those that name a language only these
    subtitles: {embedded: false}         # the files beside it alone

A film without any has no rows. Subtitles that are pictures (DVD, Blu-ray, DVB) are left aside, and the cell's facts say
so; a file beside the film that cannot be read is a failure, not an empty table. The files' contents are part of the
table's key: a new or changed one makes it stale.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.catalogue.sidecars import sidecar_name
from cinelake.media.decode_check import raise_if_incomplete
from cinelake.media.probe import probe
from cinelake.media.subtitles import extract_subtitles, text_streams
from cinelake.spec.contract import Column, Contract, Rule
from cinelake.spec.task import Film, Params, TableReader, task
from tasks.subtitles.lines import SUFFIXES, Lines, read_lines

SUBTITLES = Contract(
    table="subtitles",
    doc="Lines of subtitles. A film may have several sets of them (languages, with and without sounds): one a source.",
    columns=[
        Column("language", pa.string(), "As the source names it (eng, en); null where it names none.", nullable=True),
        Column("start_s", pa.float64(), "When the line appears, in seconds.", at_least=0),
        Column("end_s", pa.float64(), "When it is gone (exclusive).", at_least=0),
        Column("text", pa.string(), "What it says, without markup; lines are parted by a line feed."),
        Column(
            "track", pa.int32(), "Number of the set among the film's: streams first, then files by name.", at_least=0
        ),
        Column("line", pa.int32(), "Number of the line within its set, by time.", at_least=0),
        Column("source", pa.string(), "`stream 3`, or what the file's name adds to the film's: `.en.srt`."),
    ],
    key=["track", "line"],
    rules=[Rule("must be after start_s", "end_s", lambda batch: pc.less_equal(batch["end_s"], batch["start_s"]))],
)
UNKNOWN = ("", "und")
"""What containers say where no language is known."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*")
_NO_LANGUAGE = ("sdh", "cc", "hi")
"""Tags that say for whom subtitles are; Hindi is meant by `hin`."""


class SubtitlesParams(Params):
    """Which subtitles are read."""

    embedded: bool = True
    """Whether the film's own text streams are read."""
    sidecars: bool = True
    """Whether files beside the film are read: .srt, .vtt, .ass and .ssa of its name."""
    languages: tuple[str, ...] = ()
    """Sources that name another language than these are left aside (as they name it: eng, en); none: all are read."""
    encoding: str | None = None
    """Of files beside the film; none: as their first bytes say, else UTF-8, else what they look like most."""


@dataclass(frozen=True)
class Track:
    """One set of lines."""

    source: str
    language: str | None
    lines: Lines


@task(writes=SUBTITLES, reads=[], params=SubtitlesParams, version=1, beside=SUFFIXES)
class ReadSubtitles:
    """Subtitles from the film's text streams and from the files beside it."""

    def __init__(self, params: SubtitlesParams, film: Film):
        self._params, self._film = params, film
        self.facts: dict[str, str] = {}

    def run(self, _tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The lines, set by set. Raises `BadSubtitles`, `DamagedFilm`, `DecodeTimeout`."""
        tracks = [
            *(self._embedded() if self._params.embedded else ()),
            *(self._beside() if self._params.sidecars else ()),
        ]
        dropped = sum(track.lines.dropped for track in tracks)
        if dropped:
            self.facts["dropped"] = f"{dropped} lines without text, or that end before they begin"
        for number, track in enumerate(track for track in tracks if track.lines.lines):
            yield self._batch(number, track)

    def _wanted(self, language: str | None) -> bool:
        return not self._params.languages or language is None or language in self._params.languages

    def _embedded(self) -> list[Track]:
        about = probe(self._film.path, max_pixels=self._film.max_pixels)
        if not self._film.keeps_damaged:
            raise_if_incomplete(self._film.path, about)
        streams = about.subtitles
        texts = text_streams(streams)
        pictures = [f"stream {stream.index} ({stream.codec})" for stream in streams if stream not in texts]
        if pictures:
            self.facts["left_aside"] = f"pictures of text, not text: {', '.join(pictures)}"
        wanted = [stream for stream in texts if self._wanted(_known(stream.language))]
        if not wanted:
            return []
        with tempfile.TemporaryDirectory(prefix="cinelake-subtitles-") as folder:
            files = extract_subtitles(self._film.path, about, wanted, Path(folder))
            return [
                Track(f"stream {stream.index}", _known(stream.language), read_lines(file, "utf-8"))
                for stream, file in zip(wanted, files, strict=True)
            ]

    def _beside(self) -> list[Track]:
        names = {file: sidecar_name(self._film.path, Path(file)) for file in self._film.beside}
        named = {file: name for file, name in names.items() if name.lower().endswith(SUFFIXES)}
        return [
            Track(name, language, read_lines(Path(file), self._params.encoding))
            for file, name in named.items()
            if self._wanted(language := language_of(name))
        ]

    def _batch(self, number: int, track: Track) -> pa.RecordBatch:
        lines = track.lines.lines
        return SUBTITLES.batch(
            self._film.movie_id,
            language=[track.language] * len(lines),
            start_s=[line.start_s for line in lines],
            end_s=[line.end_s for line in lines],
            text=[line.text for line in lines],
            track=[number] * len(lines),
            line=range(len(lines)),
            source=[track.source] * len(lines),
        )


def _known(language: str) -> str | None:
    return None if language.lower() in UNKNOWN else language.lower()


def language_of(name: str) -> str | None:
    """The language that a file's tags name: `.en.srt` and `.forced.en.srt` → en, `.srt` and `.sdh.srt` → None."""
    tags = name.lower().split(".")[1:-1]
    return next((tag for tag in tags if _LANGUAGE.fullmatch(tag) and tag not in _NO_LANGUAGE), None)
