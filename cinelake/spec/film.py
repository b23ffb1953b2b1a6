"""What a film is, as its probe reports it: container, pictures, sound, subtitles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

HIGH_DYNAMIC_RANGE = ("smpte2084", "arib-std-b67")
"""Transfers whose brightest is far above the white of paper: PQ and HLG."""

SEEN_OTHERWISE = {
    "transfer": (*HIGH_DYNAMIC_RANGE, "linear", "log100", "log316"),
    "primaries": ("bt470m", "film", "bt2020", "smpte428", "smpte431", "smpte432"),
    "matrix": ("fcc", "smpte240m", "ycgco", "bt2020c", "chroma-derived-nc", "chroma-derived-c", "ictcp"),
}
"""Transfers, primaries and matrices whose pictures a screen of BT.709 would show wrong, so that they are converted."""

DOLBY_ALONE = 5
"""The profile of Dolby Vision whose pictures (IPT-PQ-C2) no other player shows."""
DOLBY_BASED = (10, 20)
"""Profiles that may be like it: their record says what other players show, 0 being nothing."""
UNKNOWN_MATRICES = ("ipt-c2", "ycgco-re", "ycgco-ro")
"""Matrices that nothing in ffmpeg but a Vulkan device converts: the scaler takes them for BT.601 without a word."""

READ_RULE = "-read2"
"""Ends the key of a cell whose film is read otherwise than by the rule before: changes of the rule concern it alone.

2: its light, fields and cropping are those that a person sees, and its streams those of one programme, without covers.
A film whose pictures and streams were right before has the keys that it had.
"""
MIXED_READINGS = READ_RULE + "+"
"""Ends the key of a cell made from such a film's streams beside a table of the reading before: it is never fresh."""

Scan = Literal["progressive", "interlaced", "telecine"]
"""Whole pictures, pictures of two moments, or film of 24 pictures a second spread over 60 fields (hard telecine)."""

DecodeDevice = Literal["cpu", "cuda", "vaapi", "qsv"]
"""What decodes a film's pictures: the processor, or a device by the interface that ffmpeg reaches it through."""

DecodeThreads = Literal["any", "checked", "one"]
"""How many threads decode a film's pictures on the processor: as many as suit it; the same, but no more than until one
of them shows to be damaged; or one, by which what is damaged comes out the same on every machine."""

Conversion = Literal["", "rgb", "grey", "xyz", "light"]

MAX_FILM_S = 1000 * 3600.0
"""A longer film is not expected: what declares more states no length."""

MAX_PIXELS = 100_000_000
"""Pictures with more pixels are not decoded: three times as many as 8K has."""

MAX_DEADLINE_S = 7 * 86_400.0
"""No film's length, declared or guessed from its size, lets work on it last longer than a week."""

SLOWEST_BYTES_PER_S = 2500
"""A film of fewer bytes a second is not expected: bounds the time of work on it while its length is unknown."""

COUNTS_LENGTH = ("mov,", "matroska", "avi", "mxf", "flac", "wv", "tta", "ape")
"""Containers whose length, where there is one, stands in their header and is not found from what is there."""

MIN_BYTES_PER_S = 10
"""A film of fewer bytes a second (a tenth of speech in the leanest codec) does not have the length that it declares."""


def stored_keys(key: str, rule: str) -> tuple[str, ...]:
    """The keys that a run may give a cell of this planned key; rule: what is known to end them."""
    return (key + rule,) if rule else (key, key + READ_RULE, key + MIXED_READINGS)


def rule_of(key: str) -> str:
    """What a stored key has besides the planned one: `READ_RULE`, `MIXED_READINGS` or nothing."""
    return next((rule for rule in (MIXED_READINGS, READ_RULE) if key.endswith(rule)), "")


def limit_deadline(wanted_s: float, fixed_s: float) -> float:
    """A deadline that a film's own length makes no longer than `MAX_DEADLINE_S`; `fixed_s` of it is no film's word."""
    return max(fixed_s, min(wanted_s, MAX_DEADLINE_S))


def longest_s(size_bytes: int) -> float:
    """How long a film of this size can be at most, in seconds."""
    return min(MAX_FILM_S, size_bytes / MIN_BYTES_PER_S)


@dataclass(frozen=True)
class VideoInfo:
    """The video stream that is read. `width` × `height`: as shown, upright and with square pixels.

    coded_width, coded_height: of the decoded pictures, to which the container's cropping is applied.
    """

    index: int
    codec: str
    coded_width: int
    coded_height: int
    width: int
    height: int
    rotation: int
    """Degrees clockwise by which players turn the coded picture: 0, 90, 180, 270, seldom another."""
    sar: Fraction
    fps: float
    time_base: Fraction
    pixel_format: str
    bit_depth: int
    frame_count: int | None
    """As the container declares it; None when it does not."""
    duration_s: float | None
    """Of this stream, as the container declares it; None when it does not, or declares what no film is."""
    color_matrix: str = "bt601"
    """How its YUV is meant: bt601, bt709 or bt2020; bt601 where it is not declared, as in ffmpeg."""
    full_range: bool = False
    """Whether luma goes from 0 to 255 rather than from 16 to 235."""
    transfer: str = ""
    """As ITU-T H.273 and ffmpeg name it: bt709, smpte2084 (PQ), arib-std-b67 (HLG) …; '' where it is not declared."""
    primaries: str = ""
    """As ffmpeg names them: bt709, bt2020, smpte432 …; '' where they are not declared."""
    matrix: str = ""
    """As ffmpeg names it: gbr, bt709, smpte170m, bt2020nc …; '' where it is not declared."""
    declared_range: str = ""
    """limited or full; '' where it is not declared."""
    scan: Scan = "progressive"
    top_first: bool | None = None
    """Which field is the earlier one; None for whole pictures."""
    fields_flagged: bool = False
    """Whether the film says of each picture whether it is interlaced."""
    crop: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Pixels that the container hides: left, right, top, bottom."""
    bars: tuple[int, int, int, int] = (0, 0, 0, 0)
    """Black bars that are cut off, as a choice wants it: left, right, top, bottom, of the upright picture."""
    is_turned: bool = False
    """Whether players turn or mirror the coded picture."""
    is_mirrored: bool = False
    """Whether they mirror it left to right once it is turned."""
    dolby_vision: int | None = None
    """Dolby Vision profile; None without."""
    dolby_base: int | None = None
    """What other players show of it: 0 nothing, 1 HDR10, 2 SDR, 4 HLG; None where it is not said."""

    @property
    def conversion(self) -> Conversion:
        """How colours become those of BT.709 that a person sees; '' where they are as they are."""
        if self.pixel_format.startswith("xyz"):
            return "xyz"
        if self.pixel_format.startswith(("gray", "ya", "mono")):
            return "grey"
        if any(getattr(self, name) in values for name, values in SEEN_OTHERWISE.items()):
            return "light"
        return "rgb" if self.is_rgb else ""

    @property
    def why_not_shown(self) -> str:
        """Why its colours cannot be shown here, in a few words; '' where they can."""
        based = self.dolby_vision in DOLBY_BASED and self.dolby_base == 0
        if self.dolby_vision == DOLBY_ALONE or based:
            return f"of Dolby Vision profile {self.dolby_vision}, without a base that is HDR10, HLG or SDR"
        return f"of the matrix {self.matrix}, which is not known here" if self.matrix in UNKNOWN_MATRICES else ""

    @property
    def is_rgb(self) -> bool:
        """Whether pictures are RGB rather than YUV or grey."""
        return self.pixel_format.removeprefix("0").startswith(("rgb", "bgr", "gbr", "argb", "abgr", "x2", "pal8"))

    @property
    def read_matrix(self) -> str:
        """The matrix of the YUV that tasks receive: the film's own, or BT.709 where its colours are converted."""
        return "bt709" if self.conversion else self.color_matrix

    @property
    def read_full_range(self) -> bool:
        """Whether luma that tasks receive goes from 0 to 255; converted colours are of the limited range."""
        return self.full_range and not self.conversion


@dataclass(frozen=True)
class SoundInfo:
    """The audio stream that is read. `start_s` counts from the start of the film."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    start_s: float
    duration_s: float | None
    layout: str = ""
    """As libav names it: stereo, 5.1(side), ambisonic 1, `32 channels` of which nothing is known …"""
    tracks: tuple[int, ...] = ()
    """Where each channel is a stream of its own: all of these, in the order of the layout; `index` is the first."""

    @property
    def indexes(self) -> tuple[int, ...]:
        """All streams that are read for it."""
        return self.tracks or (self.index,)


@dataclass(frozen=True)
class SubtitleInfo:
    """A subtitle stream; `language` is '' when none is named."""

    index: int
    codec: str
    language: str


@dataclass(frozen=True)
class StreamInfo:
    """One stream of the file. kind: as libav names it (video, audio, subtitle …). language, title, layout: '' if none.

    programmes: numbers of the broadcast's programmes that it belongs to; none elsewhere. taken: whether it is
    read. why: in a few words, why it is or is not.
    """

    index: int
    kind: str
    codec: str
    language: str = ""
    title: str = ""
    width: int | None = None
    height: int | None = None
    channels: int | None = None
    layout: str = ""
    programmes: tuple[int, ...] = ()
    is_default: bool = False
    taken: bool = False
    why: str = ""


@dataclass(frozen=True)
class Declared:
    """What a file's headers say of the file.

    size_bytes: how large the whole file is; packets: how many pictures it holds; None where the file does not say.

    next_film: where in the file another film begins, which demuxers never reach. has_end: whether its end shows that
    it is whole. cut_short: what at its end shows that an unknown part is lost; '' where nothing does. length_s: of the
    whole film. is_open: whether it was written piece by piece, so that libav's length is only that of what is there.
    has_parts_elsewhere: whether parts of the film are in other files, which are not read. edits: which of its edits are
    not played as they are meant, in words. is_mixed: whether several films in it take turns. encrypted: which of its
    streams are (`v` pictures, `a` sound), as those of a shop are.
    """

    size_bytes: int | None = None
    packets: int | None = None
    next_film: int | None = None
    has_end: bool = False
    cut_short: str = ""
    length_s: float | None = None
    is_open: bool = False
    has_parts_elsewhere: bool = False
    edits: str = ""
    is_mixed: bool = False
    encrypted: str = ""


@dataclass(frozen=True)
class Probe:
    """What a film is. Time zero is the start of its earliest stream: `start_time_s` in the file's own time.

    duration_s: as the container declares it; None where it does not, or declares what no film is, or more than so small
    a file can hold. declared_s: the same, also where the file is too small for it: a film that was cut off is.
    jump_s: what is a jump of its clock, where that is not as ffmpeg has it.
    clock_streams: the streams that every pass must read, as ffmpeg makes the film's clock of those that are read: in
    broadcast streams and Ogg, whose clocks may begin anywhere and jump; empty for others. picture_ids, sound_ids: all
    streams' numbers in the file, by index. size_bytes: of the file, and declared: what its headers say of that. held_s:
    how much its packets hold, measured where the file is small for the length that it declares.
    """

    container: str
    duration_s: float | None
    start_time_s: float
    video: VideoInfo | None
    audio: SoundInfo | None
    subtitles: tuple[SubtitleInfo, ...]
    video_streams: int
    audio_streams: int
    declared_s: float | None = None
    streams: tuple[StreamInfo, ...] = ()
    """All of them, in the order of the file."""
    refused: tuple[tuple[str, str], ...] = ()
    """Kinds of streams (`video`, `audio`) of which the choice finds none and wants no other, or of which none can be
    decoded, each with the words."""
    clock_streams: tuple[int, ...] = ()
    picture_ids: Mapping[int, int] = field(default_factory=dict)
    sound_ids: Mapping[int, int] = field(default_factory=dict)
    size_bytes: int = 0
    held_s: float | None = None
    declared: Declared = Declared()
    jump_s: float | None = None
    apart_s: float = 0.0
    """By how much sound begins later than the pictures, or they later than it."""
    untold_start_s: float = 0.0
    """Where the film begins, if ffmpeg does not know it and so counts from the file's zero."""
    taken_otherwise: bool = False
    """Whether other streams are read than the first default ones or the largest ones, though no choice asks for it."""

    @property
    def is_read_otherwise(self) -> bool:
        """Whether `READ_RULE` concerns the film."""
        video = self.video
        seen = video is not None and (video.conversion != "" or video.scan != "progressive" or any(video.crop))
        return seen or self.taken_otherwise

    @property
    def shows_whole(self) -> bool:
        """Whether the file itself shows that nothing of it is missing, so that it cannot pass as a shorter film."""
        said = self.declared
        counted = bool(self.declared_s) and self.container.startswith(COUNTS_LENGTH) and not said.is_open
        return not said.cut_short and bool(said.size_bytes or said.packets or said.has_end or said.length_s or counted)
