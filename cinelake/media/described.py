"""What ffmpeg says of a file and PyAV does not pass on: programmes, cropping by the container, Dolby Vision.

MP4 and Matroska have no programmes, and say the rest in their headers. Where these hold nothing of the kind, as those
of nearly all films, ffmpeg is not asked: to start it costs more than all else that opening a film takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from cinelake.media.ffmpeg import run_ffmpeg, safe_input, words_of
from cinelake.media.file_bytes import FileBytes

DEADLINE_S = 60.0
DOLBY_RECORDS = (b"dvcC", b"dvvC", b"dvwC")
"""Names of boxes, and of additions to blocks in Matroska, that hold a record of Dolby Vision."""
MP4_MARKS = (b"clap", b"cmov")
"""Names of boxes of a crop, and of a header of QuickTime that is compressed, whatever it says."""
MATROSKA_CROPS = (b"\x54\xaa", b"\x54\xbb", b"\x54\xcc", b"\x54\xdd")
"""Identifiers of `PixelCropBottom`, `PixelCropTop`, `PixelCropLeft` and `PixelCropRight` (RFC 9559)."""
EBML, TRACKS, CLUSTER = b"\x1a\x45\xdf\xa3", b"\x16\x54\xae\x6b", b"\x1f\x43\xb6\x75"
SEEK_ID = b"\x53\xab\x84"
"""Before an identifier of the seek head, which names an element and is none."""
MATROSKA_HEAD_BYTES, INDEX_BYTES, MAX_BOXES = 1 << 20, 64 << 20, 1000
"""How much is searched at most; ffmpeg is asked where that is not enough."""

_INPUT = re.compile(r"\[info\] Input #0, (.+), from ")
_PROGRAMME = re.compile(r"\[info\] {3}(?:Program (\d+)|No Program)")
_STREAM = re.compile(r"\[info\] {3}Stream #0:(\d+)")
_SUBTITLE = re.compile(r": Subtitle: (\w+)")
_CROPPING = re.compile(r"\[info\] {7}Frame Cropping: (\d+)/(\d+)/(\d+)/(\d+)$")
_DOLBY_VISION = re.compile(r"\[info\] {7}DOVI configuration record: .*\bprofile: (\d+)(?:.*\bcompatibility id: (\d+))?")

Crop = tuple[int, int, int, int]
"""Pixels that are hidden: left, right, top, bottom."""


@dataclass(frozen=True)
class Description:
    """By stream: the numbers of its programmes, what the container hides, Dolby Vision's profile and its base, and the
    codec of subtitles, of which PyAV names only those that it decodes itself.

    The base is what other players show of it: 0 nothing, 1 HDR10, 2 SDR, 4 HLG; left out where ffmpeg does not say.
    """

    programmes: dict[int, tuple[int, ...]] = field(default_factory=dict)
    crops: dict[int, Crop] = field(default_factory=dict)
    dolby_vision: dict[int, int] = field(default_factory=dict)
    dolby_base: dict[int, int] = field(default_factory=dict)
    subtitles: dict[int, str] = field(default_factory=dict)
    container: str = ""
    """As ffmpeg took the file to be; '' where it was not asked."""


def describe(fd: int, container: str = "") -> Description:
    """What ffmpeg says of the file behind a descriptor of its own. Raises `DecodeTimeout`.

    container: what the file is; without it ffmpeg goes by its bytes, and says what it took it for.
    """
    if not headers_say_more(fd):
        return Description()
    options = words_of(safe_input(fd, container))
    return description_of(run_ffmpeg([*options, "-i", "fd:"], deadline_s=DEADLINE_S, pass_fds=[fd]).facts)


def headers_say_more(fd: int) -> bool:
    """Whether a file may say what PyAV does not pass on; True also where its headers are not found."""
    file = FileBytes(fd)
    if file.at(0, 4) != EBML:
        head = _index(file)
        return not head or any(mark in head for mark in (*DOLBY_RECORDS, *MP4_MARKS))
    elements = file.at(0, MATROSKA_HEAD_BYTES).replace(SEEK_ID + TRACKS, b"").replace(SEEK_ID + CLUSTER, b"")
    head, cluster, _ = elements.partition(CLUSTER)
    is_found = bool(cluster) and TRACKS in head
    return not is_found or any(mark in head for mark in (*DOLBY_RECORDS, *MATROSKA_CROPS))


def _index(file: FileBytes) -> bytes:
    """The `moov` box of an MP4 or QuickTime file; nothing where there is none, or one that is too large."""
    place = 0
    for _ in range(MAX_BOXES):
        size, name = file.number(place, ">I"), file.at(place + 4, 4)
        size = file.number(place + 8, ">Q") if size == 1 else size
        if name == b"moov":
            return file.at(place, size) if size <= INDEX_BYTES else b""
        if size < 8 or place >= file.size:
            break
        place += size
    return b""


def description_of(lines: Iterable[str]) -> Description:
    """The same from ffmpeg's lines."""
    found = Description()
    programme: int | None = None
    stream = -1
    for line in lines:
        if match := _INPUT.match(line):
            found = replace(found, container=match[1])
        elif match := _PROGRAMME.match(line):
            programme = int(match[1]) if match[1] else None
        elif match := _STREAM.match(line):
            stream = int(match[1])
            if programme is not None:
                found.programmes[stream] = (*found.programmes.get(stream, ()), programme)
            if codec := _SUBTITLE.search(line):
                found.subtitles[stream] = codec[1]
        elif match := _CROPPING.match(line):
            left, right, top, bottom = (int(size) for size in match.groups())
            found.crops[stream] = (left, right, top, bottom)
        elif match := _DOLBY_VISION.match(line):
            found.dolby_vision[stream] = int(match[1])
            if match[2]:
                found.dolby_base[stream] = int(match[2])
    return found
