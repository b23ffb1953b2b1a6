"""Table `subtitles`: what is said, as the film's text streams and the files beside it have it.

In the manifest:

    subtitles: {}                        # text streams of night.mp4, and night.srt, night.en.vtt beside it
    subtitles: {languages: [eng, en]}    # of those that name a language only these
    subtitles: {embedded: false}         # the files beside it alone

A film without any has no rows. Captions (CEA-608) within the pictures, or in MXF beside them, are a set of their own,
as are pages of teletext that are marked as subtitles; what rolls is said once. Subtitles that are pictures (DVD,
Blu-ray, DVB) are left aside, as are files and captions that cannot be read, and the cell's facts say so; where nothing
but files that cannot be read is there, that is a failure, not an empty table. The files' contents are part of the
table's key: a new or changed one makes it stale.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.catalogue.sidecars import sidecar_name
from cinelake.errors import BadSubtitles, DamagedFilm
from cinelake.media.captions import ANCILLARY, extract_ancillary, extract_captions, has_captions
from cinelake.media.decode_check import raise_if_incomplete
from cinelake.media.probe import probe
from cinelake.media.subtitles import TELETEXT, extract_subtitles, extract_teletext, text_streams
from cinelake.spec.contract import Column, Contract, Rule
from cinelake.spec.film import Probe, SubtitleInfo
from cinelake.spec.roles import Words
from cinelake.spec.task import Film, Params, TableReader, task
from tasks.subtitles.lines import SUFFIXES, CueLines, read_sets

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
        Column(
            "source", pa.string(), "`stream 3`, `captions` within the pictures, or what a file's name adds: `.en.srt`."
        ),
    ],
    key=["track", "line"],
    rules=[Rule("must be after start_s", "end_s", lambda batch: pc.less_equal(batch["end_s"], batch["start_s"]))],
)
OTHERS = {
    TELETEXT: "teletext of which no subtitles were read",
    "arib_caption": "captions of Japanese television, whose text is not read",
    "ttml": "timed text (TTML), which is not read",
}
"""What streams are that hold neither text as it is read here nor pictures of it."""
NOT_READ = (
    *(".idx", ".sup", ".scc", ".mcc", ".stl", ".lrc", ".usf", ".pac", ".cap", ".json3", ".srv1", ".srv2", ".srv3"),
    *(".rt", ".jss", ".pjs", ".aqt"),
)
"""Files beside a film that are subtitles, too, of kinds that are not read."""
PICTURES_OF_TEXT = b"\0\0\1\xba"
"""How a `.sub` begins that is half of VobSub: a program stream of MPEG."""
UNKNOWN = ("", "und")
"""What containers say where no language is known."""
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[a-z0-9]+)*")
_NO_LANGUAGE = ("sdh", "cc", "hi")
"""Tags that say for whom subtitles are; Hindi is meant by `hin`."""


class SubtitlesParams(Params):
    """Which subtitles are read."""

    embedded: bool = True
    """Whether the film's own text streams are read, and the captions within its pictures."""
    sidecars: bool = True
    """Whether files of its name beside the film are read: .srt, .vtt, .ass, .ssa, .sub (MicroDVD, SubViewer), .smi,
    .sami, .ttml, .dfxp, .itt, .mpl, .sbv."""
    languages: tuple[str, ...] = ()
    """Sources that name another language than these are left aside (as they name it: eng, en); none: all are read."""
    encoding: str | None = None
    """Of files beside the film; none: as their first bytes say, else UTF-8, else what they look like most."""


@dataclass(frozen=True)
class Track:
    """One set of lines."""

    source: str
    language: str | None
    lines: CueLines


@task(
    writes=SUBTITLES, reads=[], params=SubtitlesParams, version=7, beside=(*SUFFIXES, *NOT_READ), roles=[Words("said")]
)
class ReadSubtitles:
    """Subtitles from the film's text streams and from the files beside it."""

    def __init__(self, params: SubtitlesParams, film: Film):
        self._params, self._film = params, film
        self._unreadable: list[BadSubtitles] = []
        self.facts: dict[str, str] = {}

    def run(self, _tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The lines, set by set. Raises `BadSubtitles`, `DamagedFilm`, `DecodeTimeout`."""
        tracks = [
            *(self._embedded() if self._params.embedded else ()),
            *(self._beside() if self._params.sidecars else ()),
        ]
        if self._unreadable and not any(track.lines.lines for track in tracks):
            raise self._unreadable[0]
        self._tell(tracks)
        for number, track in enumerate(track for track in tracks if track.lines.lines):
            yield self._batch(number, track)

    def _tell(self, tracks: Sequence[Track]) -> None:
        """What was left out becomes facts of the cell."""
        if dropped := sum(track.lines.dropped for track in tracks):
            self.facts["dropped"] = (
                f"{dropped} lines without text or times, that end before they begin, or later than any film"
            )
        if damaged := [f"{track.source} ({track.lines.bad_bytes})" for track in tracks if track.lines.bad_bytes]:
            self.facts["bad_bytes"] = f"bytes that are no text are shown as \ufffd: {', '.join(damaged)}"
        if guessed := [f"{track.source} ({track.lines.guessed})" for track in tracks if track.lines.guessed]:
            self.facts["encodings"] = f"taken to be in what their bytes look like most: {', '.join(guessed)}"
        if self._unreadable:
            self.facts["unreadable"] = "; ".join(map(str, self._unreadable))

    def _read(
        self, source: str, language: str | None, file: Path, encoding: str | None, fps: float | None = None
    ) -> list[Track]:
        """The set of lines of one file, of SAMI one of each language; none where it cannot be read.

        So the others are not lost with it.
        """
        try:
            sets = read_sets(file, encoding, fps)
        except BadSubtitles as error:
            self._unreadable.append(error)
            return []
        several = len(sets) > 1
        return [
            Track(source, own if several else language or own, lines)
            for own, lines in sets
            if self._wanted(own) or (language and not several)
        ]

    def _wanted(self, language: str | None) -> bool:
        return not self._params.languages or language is None or language in self._params.languages

    def _wanted_of(self, stream: SubtitleInfo) -> bool:
        """Whether one of the languages that a stream of teletext names (`deu,eng`) is wanted."""
        return any(self._wanted(_known(language)) for language in stream.language.split(","))

    def _embedded(self) -> list[Track]:
        film = probe(self._film.path, max_pixels=self._film.max_pixels)
        if not self._film.keeps_damaged:
            raise_if_incomplete(self._film.path, film)
        texts = text_streams(film.subtitles)
        tracks, others = self._teletext(film), dict[str, list[str]]()
        for stream in film.subtitles:
            if stream.codec == TELETEXT and not self._wanted_of(stream):
                continue
            if stream not in texts and not any(track.source == f"stream {stream.index}" for track in tracks):
                kind = OTHERS.get(stream.codec, "pictures of text, not text")
                others.setdefault(kind, []).append(f"stream {stream.index} ({stream.codec})")
        if others:
            self.facts["left_aside"] = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in others.items())
        wanted = [stream for stream in texts if self._wanted(_known(stream.language))]
        with tempfile.TemporaryDirectory(prefix="cinelake-subtitles-") as folder:
            files = extract_subtitles(self._film.path, film, wanted, Path(folder)) if wanted else []
            for stream, file in zip(wanted, files, strict=True):
                tracks += self._read(f"stream {stream.index}", _known(stream.language), file, None)
            if film.video and has_captions(self._film.path, film.video):
                tracks += self._captions(film, Path(folder))
            for index in (stream.index for stream in film.streams if stream.codec == ANCILLARY):
                tracks += self._ancillary(film, index, Path(folder))
        return tracks

    def _teletext(self, film: Probe) -> list[Track]:
        """The lines of subtitles in teletext."""
        tracks: list[Track] = []
        with tempfile.TemporaryDirectory(prefix="cinelake-subtitles-") as folder:
            for stream in (stream for stream in film.subtitles if stream.codec == TELETEXT):
                if not self._wanted_of(stream):
                    continue
                language = _known(stream.language.partition(",")[0])
                file = extract_teletext(self._film.path, film, stream, Path(folder))
                tracks += self._read(f"stream {stream.index}", language, file, "utf-8") if file else []
                if "," in stream.language:
                    self.facts["teletext"] = f"pages of several languages ({stream.language}) are one set of lines"
        return tracks

    def _captions(self, film: Probe, folder: Path) -> list[Track]:
        """The captions within the pictures, whose times count from the film's start as all others do."""
        file = extract_captions(self._film.path, film, folder)
        tracks = self._read("captions", None, file, "utf-8") if file else []
        if not any(track.lines.lines for track in tracks):
            self.facts["captions"] = "the pictures carry data of captions (CEA-608, CEA-708) of which no text was read"
        return [replace(track, lines=track.lines.moved(-film.start_time_s)) for track in tracks]

    def _ancillary(self, film: Probe, index: int, folder: Path) -> list[Track]:
        """The captions in a stream of ancillary data; one that cannot be read loses no other set."""
        try:
            file = extract_ancillary(self._film.path, film, index, folder)
        except DamagedFilm:
            file = None
        tracks = self._read(f"stream {index}", None, file, "utf-8") if file else []
        if not any(track.lines.lines for track in tracks):
            self.facts["ancillary"] = f"stream {index} is ancillary data (SMPTE 436M) of which no captions were read"
        return tracks

    def _beside(self) -> list[Track]:
        names = {Path(file): sidecar_name(self._film.path, Path(file)) for file in self._film.beside}
        others = {file for file, name in names.items() if name.lower().endswith(NOT_READ) or _shows_pictures(file)}
        if others:
            told = ", ".join(sorted(names[file] for file in others))
            self.facts["left_aside_files"] = f"subtitles beside the film of kinds that are not read: {told}"
        read = {file: name for file, name in names.items() if file not in others and name.lower().endswith(SUFFIXES)}
        fps = self._fps() if any(file.suffix.lower() == ".sub" for file in read) else None
        tracks: list[Track] = []
        for file, name in read.items():
            if self._wanted(language := language_of(name)):
                tracks += self._read(name, language, file, self._params.encoding, fps)
        return tracks

    def _fps(self) -> float | None:
        """Pictures a second of the film, by which MicroDVD counts."""
        video = probe(self._film.path, max_pixels=self._film.max_pixels).video
        return video.fps if video and video.fps else None

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


def _shows_pictures(file: Path) -> bool:
    """Whether a file is the half of VobSub that has the pictures."""
    with suppress(OSError), file.open("rb") as opened:
        return file.suffix.lower() == ".sub" and opened.read(len(PICTURES_OF_TEXT)) == PICTURES_OF_TEXT
    return False


def _known(language: str) -> str | None:
    return None if language.lower() in UNKNOWN else language.lower()


def language_of(name: str) -> str | None:
    """The language that a file's tags name: `.en.srt` and `.forced.en.srt` → en, `.srt` and `.sdh.srt` → None."""
    tags = name.lower().split(".")[1:-1]
    return next((tag for tag in tags if _LANGUAGE.fullmatch(tag) and tag not in _NO_LANGUAGE), None)
