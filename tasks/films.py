"""films: one row that says what the file is, with the exact number of pictures and their measured rate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from cinelake.media.batches import FrameBatch
from cinelake.spec.contract import Column, Contract, Measure
from cinelake.spec.roles import FilmLength
from cinelake.spec.task import Film, NoParams, VideoClock, task

if TYPE_CHECKING:
    from cinelake.spec.film import Probe, SoundInfo, VideoInfo


STEADY_S = 0.0025
"""Times rounded to a millisecond differ by one or two between pictures of a constant rate; more is variable."""
BEYOND_S = 0.5
"""Pictures that go on this much longer than the container says: its length is a guess (two recordings joined, say)."""
JUMP_S = 10.0
"""A clock that goes on by more than this between two packets of a broadcast stream jumps: ffmpeg takes that out."""


LIGHT = (
    *("transfer", "primaries", "matrix", "range", "bit_depth", "dolby_vision", "conversion", "scan", "field_order"),
    *("crop", "bars"),
)
"""Columns of colours and geometry."""
SIDES = ("left", "right", "top", "bottom")
CROP = pa.struct([pa.field(side, pa.int32(), False) for side in SIDES])
STREAM = pa.struct(
    [
        pa.field("index", pa.int32(), False),
        pa.field("kind", pa.string(), False),
        pa.field("codec", pa.string()),
        pa.field("language", pa.string()),
        pa.field("title", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("channels", pa.int32()),
        pa.field("layout", pa.string()),
        pa.field("programme", pa.int32()),
        pa.field("is_default", pa.bool_(), False),
        pa.field("taken", pa.bool_(), False),
        pa.field("why", pa.string()),
    ]
)

FILMS = Contract(
    table="films",
    doc="What each film's file is: one row a film.",
    columns=[
        Column("title", pa.string(), "Title from the catalogue's list, or the file's stem where it has none."),
        Column("uri", pa.string(), "Where the catalogue says that the film is."),
        Column("size_bytes", pa.int64(), "Size of the file.", at_least=0),
        Column("fingerprint", pa.string(), "Digest of the file's size and sampled content."),
        Column("container", pa.string(), "Container format, as ffmpeg names it.", nullable=True),
        Column("duration_s", pa.float64(), "Length in seconds, as declared (counted if it is more).", True, 0),
        Column("video_codec", pa.string(), "Codec of the pictures; null without pictures.", nullable=True),
        Column("width", pa.int32(), "Width in pixels as shown (rotation and pixel shape applied).", True, 1),
        Column("height", pa.int32(), "Height in pixels as shown.", nullable=True, at_least=1),
        Column("rotation", pa.int32(), "Degrees clockwise by which players turn the picture.", nullable=True),
        Column("pixel_format", pa.string(), "Pixel format of the decoded pictures.", nullable=True),
        Column("fps", pa.float64(), "Pictures a second: their number by the time they are shown.", True, 0),
        Column("frame_count", pa.int64(), "Pictures that really decode, counted.", at_least=0),
        Column("is_vfr", pa.bool_(), "Whether the time between pictures varies.", nullable=True),
        Column("has_sound", pa.bool_(), "Whether the film has sound."),
        Column("audio_codec", pa.string(), "Codec of the sound; null without sound.", nullable=True),
        Column("sample_rate", pa.int32(), "Samples of sound a second.", nullable=True, at_least=1),
        Column("channels", pa.int32(), "Channels of sound.", nullable=True, at_least=1),
        Column("transfer", pa.string(), "Transfer of light: smpte2084 is PQ, arib-std-b67 HLG; null: not said.", True),
        Column("primaries", pa.string(), "Primaries (bt709, bt2020, smpte432 …); null: not said.", nullable=True),
        Column("matrix", pa.string(), "Matrix (bt709, bt2020nc, gbr …); null: not said.", nullable=True),
        Column("range", pa.string(), "limited or full; null: not said.", nullable=True, one_of=("limited", "full")),
        Column("bit_depth", pa.int32(), "Bits of each component; null without pictures.", nullable=True, at_least=1),
        Column("dolby_vision", pa.int32(), "Profile of Dolby Vision; null without. Its metadata is not applied.", True),
        Column(
            "conversion",
            pa.string(),
            "How pictures became those of an ordinary screen (BT.709) for all other tables: `light` from HDR or wide "
            "gamut, `rgb`, `grey`, `xyz`; null: they are as they are.",
            nullable=True,
            one_of=("light", "rgb", "grey", "xyz"),
        ),
        Column(
            "scan",
            pa.string(),
            "`progressive`, `interlaced` (all other tables see it deinterlaced) or `telecine`, film spread over fields "
            "(put together again, every picture kept); null without pictures.",
            nullable=True,
            one_of=("progressive", "interlaced", "telecine"),
        ),
        Column("field_order", pa.string(), "Which field is earlier: top or bottom; null of whole pictures.", True),
        Column("crop", CROP, "Pixels that the container hides at each side, before rotation.", nullable=True),
        Column(
            "bars",
            CROP,
            "Black bars that were cut off for all other tables, where the manifest wants it; of the upright picture.",
            nullable=True,
        ),
        Column(
            "streams",
            pa.list_(STREAM),
            "All streams of the file (video, audio, subtitle, data): which is `taken`, and `why` it is or is not: a "
            "cover, of another programme, chosen by language. `programme`: of a broadcast. Null for imported films.",
            nullable=True,
        ),
        Column(
            "shows_whole",
            pa.bool_(),
            "Whether the file itself shows that nothing of it is missing: its headers count its bytes, pictures or "
            "length, or a mark ends it. False: cut off between two packets it would pass as a shorter film (broadcast "
            "streams, live recordings, raw pictures). Null for imported films.",
            nullable=True,
        ),
        Column("damage", pa.string(), "What was lost of a damaged film that is kept; null for a whole one.", True),
    ],
    key=(),
    measures=[Measure("minutes", "max(duration_s) / 60", "Length of the film.", "min")],
)


class PictureClock:
    """Counts pictures and measures their rate as they pass, in constant memory."""

    def __init__(self) -> None:
        self.count = 0
        self.first_s = self.last_s = self.last_duration_s = 0.0
        self.shortest_s, self.longest_s = np.inf, 0.0

    def add(self, batch: FrameBatch) -> None:
        """Take the times of the next pictures."""
        if not len(batch):
            return
        times = batch.times_s if not self.count else np.concatenate([[self.last_s], batch.times_s])
        steps = np.diff(times)
        if len(steps):
            self.shortest_s = min(self.shortest_s, float(steps.min()))
            self.longest_s = max(self.longest_s, float(steps.max()))
        self.first_s = float(batch.times_s[0]) if not self.count else self.first_s
        self.count += len(batch)
        self.last_s, self.last_duration_s = float(batch.times_s[-1]), float(batch.durations_s[-1])

    @property
    def fps(self) -> float | None:
        """Pictures a second; None where no picture was shown for any time."""
        shown_s = self.last_s - self.first_s + self.last_duration_s
        return self.count / shown_s if self.count and shown_s > 0 else None

    @property
    def is_vfr(self) -> bool | None:
        """Whether two steps between pictures differ by more than rounding; None without pictures."""
        if not self.count:
            return None
        return self.count > 2 and self.longest_s - self.shortest_s > STEADY_S


@task(
    writes=FILMS,
    reads=VideoClock(),
    params=NoParams,
    version=1,
    revision=3,
    catalogued=True,
    roles=[FilmLength("duration_s", "fps", "width", "height", "is_vfr")],
)
class DescribeFilm:
    """Describe the file: container, picture, sound, exact number of pictures."""

    def __init__(self, params: NoParams, film: Film) -> None:
        self.film = film
        self.clock = PictureClock()
        self.damage: str | None = None
        video = film.probe.video if film.probe else None
        self.facts = (
            {"mirrored": "players mirror the turned picture left to right"} if video and video.is_mirrored else {}
        )

    def on_batch(self, batch: FrameBatch) -> Iterable[pa.RecordBatch]:
        """Count; the row comes at the end."""
        self.clock.add(batch)
        return ()

    def on_damage(self, damage: str) -> None:
        """What was lost of the film."""
        self.damage = damage

    def finish(self) -> Iterator[pa.RecordBatch]:
        """The one row."""
        probe = self.film.probe
        row: dict[str, Any] = {
            "title": self.film.title or self.film.movie_id,
            "uri": self.film.uri,
            "size_bytes": self.film.size_bytes,
            "fingerprint": self.film.fingerprint,
            "container": probe.container if probe else None,
            "duration_s": self._length_s(probe),
            "fps": self.clock.fps,
            "frame_count": self.clock.count,
            "is_vfr": self.clock.is_vfr,
            **_picture(probe.video if probe else None),
            **_sound(probe.audio if probe else None),
            **_light(probe.video if probe else None),
            "streams": _streams(probe),
            "shows_whole": probe.shows_whole and not self.damage if probe else None,
            "damage": self.damage,
        }
        yield FILMS.batch(self.film.movie_id, **{name: [value] for name, value in row.items()})

    def _length_s(self, probe: Probe | None) -> float | None:
        """As the container says; as counted where pictures go on beyond what it guesses; None where it says nothing.

        Of a broadcast stream it is the last time less the first one: less by what its clock jumps over.
        """
        end_s = self.clock.last_s + self.clock.last_duration_s
        if self.damage:
            return end_s if self.clock.count else None
        if probe is None or probe.duration_s is None:
            return None
        own_s = probe.video.duration_s if probe.video and probe.clock_streams else None
        jumped_s = own_s - end_s if own_s and own_s > end_s + JUMP_S else 0.0
        return end_s if end_s > probe.duration_s - jumped_s + BEYOND_S else probe.duration_s - jumped_s


def _picture(video: VideoInfo | None) -> dict[str, Any]:
    return {
        "video_codec": video.codec if video else None,
        "width": video.width if video else None,
        "height": video.height if video else None,
        "rotation": video.rotation if video else None,
        "pixel_format": video.pixel_format if video else None,
    }


def _sound(audio: SoundInfo | None) -> dict[str, Any]:
    return {
        "has_sound": audio is not None,
        "audio_codec": audio.codec if audio else None,
        "sample_rate": audio.sample_rate if audio else None,
        "channels": audio.channels if audio else None,
    }


def _light(video: VideoInfo | None) -> dict[str, Any]:
    """Colours and geometry; null where the film does not say, or has no pictures."""
    if video is None:
        return dict.fromkeys(LIGHT)
    return {
        "transfer": video.transfer or None,
        "primaries": video.primaries or None,
        "matrix": video.matrix or None,
        "range": video.declared_range or None,
        "bit_depth": video.bit_depth,
        "dolby_vision": video.dolby_vision,
        "conversion": video.conversion or None,
        "scan": video.scan,
        "field_order": {True: "top", False: "bottom", None: None}[video.top_first],
        "crop": dict(zip(SIDES, video.crop, strict=True)),
        "bars": dict(zip(SIDES, video.bars, strict=True)) if any(video.bars) else None,
    }


def _streams(probe: Probe | None) -> list[dict[str, Any]]:
    """Rows of the nested column."""
    rows = []
    for stream in probe.streams if probe else ():
        row = {name: value if value != "" else None for name, value in vars(stream).items() if name != "programmes"}
        rows.append({**row, "programme": next(iter(stream.programmes), None)})
    return rows
