"""The time code of a film's first picture, and the tape or card that it came from, as its file has them."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from av.error import FFmpegError

from cinelake.media.opening import opened_film
from cinelake.spec.film import Probe

TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.,])(\d\d)")
"""Hours, minutes, seconds, frames; `;`, `.` or `,` before the frames means drop frames (SMPTE ST 12-1)."""
TIMECODE_TAGS, REEL_TAGS = ("timecode",), ("reel_name", "reel", "tape_name", "tape")
DV_SEQUENCE, DV_BLOCK, DV_SUBCODES = 12_000, 80, 6
"""Bytes of a DIF sequence and of a block of it, and how many packs each of its two blocks of subcode has."""
DV_TIMECODE = 0x13
"""The pack that holds a time code (IEC 61834-4)."""


@dataclass(frozen=True)
class SourceMarks:
    """timecode: of the first picture, as `10:00:00:00`, or `10:00:00;00` with drop frames; reel: either may be ''."""

    timecode: str = ""
    reel: str = ""


def read_marks(path: str, probe: Probe) -> SourceMarks:
    """What the film at `path` says of its source: the stream of its pictures first, then other streams, then the file.

    Containers spell the names of their tags differently; DV has the time code in its pictures too. Raises
    `DamagedFilm`, `FilmMissing`.
    """
    with opened_film(path) as container:
        pictures = container.streams[probe.video.index] if probe.video else None
        metadata = [dict(part.metadata) for part in _parts(container, pictures)]
        timecode = next(filter(None, map(_as_timecode, _tagged(metadata, TIMECODE_TAGS))), "")
        if not timecode and probe.video and probe.video.codec == "dvvideo":
            timecode = _dv_timecode(_first_packet(container, pictures))
        return SourceMarks(timecode, next(_tagged(metadata, REEL_TAGS), "").strip())


def _parts(container: Any, pictures: Any) -> Iterator[Any]:
    if pictures is not None:
        yield pictures
    yield from (stream for stream in container.streams if stream.type == "data")
    yield container


def _tagged(metadata: list[dict[str, str]], names: tuple[str, ...]) -> Iterator[str]:
    """The values of tags of these names, whatever their case."""
    for tags in metadata:
        by_name: Mapping[str, str] = {name.lower(): value for name, value in tags.items()}
        yield from (by_name[name] for name in names if by_name.get(name))


def _as_timecode(text: str) -> str:
    """A time code as it is written here; '' for a text that is none."""
    found = TIMECODE.fullmatch(text.strip())
    if not found:
        return ""
    hours, minutes, seconds, sign, frames = found.groups()
    return f"{hours}:{minutes}:{seconds}{':' if sign == ':' else ';'}{frames}"


def _first_packet(container: Any, pictures: Any) -> bytes:
    with contextlib.suppress(FFmpegError):
        for packet in container.demux(pictures):
            if packet.size:
                return bytes(packet)
    return b""


def _dv_timecode(picture: bytes) -> str:
    """The time code in the subcode of a picture of DV; '' where it has none."""
    for sequence in range(0, len(picture), DV_SEQUENCE):
        for block in (1, 2):
            for pack in range(DV_SUBCODES):
                at = sequence + block * DV_BLOCK + 3 + pack * 8 + 3
                found = picture[at : at + 5]
                if len(found) == 5 and found[0] == DV_TIMECODE and found[1:] != b"\xff" * 4:
                    frames, seconds, minutes, hours = (
                        value & mask for value, mask in zip(found[1:], (0x3F, 0x7F, 0x7F, 0x3F), strict=True)
                    )
                    return f"{hours:02x}:{minutes:02x}:{seconds:02x}{';' if found[1] & 0x40 else ':'}{frames:02x}"
    return ""
