"""What a file says of itself before anything is decoded: how many bytes and pictures it has, whether it is one film.

Demuxers take a file that was cut off for a shorter film where they find no index; the sizes in its own headers show it.
Sizes that writers leave open (a stream whose end was not known) say nothing.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import replace

from cinelake.media.described import INDEX_BYTES
from cinelake.media.edit_lists import edits_not_played
from cinelake.media.endings import (
    dv_end,
    flash_end,
    fragments_end,
    gif_end,
    ogg_end,
    program_end,
    transport_end,
    yuv4mpeg_end,
)
from cinelake.media.file_bytes import FileBytes
from cinelake.media.ordered_chapters import has_parts_elsewhere
from cinelake.spec.film import Declared

OPEN_SIZES = (0, 0x7FFF_F000, 0x7FFF_FFFF, 0x8000_0000)
"""What writers of a stream put for a size that they do not know (and all from `OPEN_FROM` on)."""
OPEN_FROM = 0xFFFF_FF00

MAGIC_BYTES = 4
"""By its first bytes a second film is known where the first one ends."""

MAX_CHUNKS = 10_000
"""How many chunks of a file are looked at."""

NUT_INDEX = bytes.fromhex("4e58dd672f23e64e")
"""The start code of the index at the end of a NUT file (its specification, section 'index')."""
NUT_TAIL_BYTES = 4 << 20

ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
ASF_BROADCAST = 1
"""Flag of a stream whose size was not known (Advanced Systems Format, section 3.2)."""

WTV_SECTORS_AT, WTV_SECTOR_BYTES = 0x5C, 4096
"""Where a recording of Windows Media Center has the number of its sectors."""

PARTITION = bytes.fromhex("060e2b34020501010d01020101")
"""How the key of every partition of an MXF file begins (SMPTE ST 377-1, section 7.1)."""
RUN_IN_BYTES = 65_536
"""What may stand before the first one."""

EBML, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"

FAMILIES = ("mov,", "matroska")
"""Beginnings of names of containers that libav gives several names."""

NOTHING = Declared()
_ENCRYPTED = re.compile(rb"stsd.{12}enc([va])", re.DOTALL)
"""The first entry of a track whose samples are encrypted (ISO/IEC 14496-12, section 8.12)."""


def declared_by(fd: int, container: str) -> Declared:
    """What the headers of a file declare, by the name of its container format."""
    read = _READERS.get(container) or next((_READERS[name] for name in FAMILIES if container.startswith(name)), None)
    if read is None:
        return NOTHING
    file = FileBytes(fd)
    declared = read(file)
    end, head = declared.size_bytes or 0, file.at(0, MAGIC_BYTES)
    if 0 < end < file.size and declared.next_film is None and file.at(end, MAGIC_BYTES) == head:
        return replace(declared, next_film=end)
    return declared


def _ended(has_end: bool) -> Declared:
    """Of a file of a kind that always has a mark at its end."""
    return Declared(has_end=has_end, cut_short="" if has_end else "the mark that ends a whole file is missing")


def _known(size: int) -> bool:
    return size not in OPEN_SIZES and size < OPEN_FROM


def _chunks(file: FileBytes, place: int, end: int, size_form: str) -> Iterator[tuple[bytes, int, int]]:
    """Name, beginning of the content and size of each chunk of an IFF-like file."""
    for _ in range(MAX_CHUNKS):
        name, size = file.at(place, 4), file.number(place + 4, size_form)
        if place >= end or len(name) < 4:
            return
        yield name, place + 8, size
        place += 8 + size + size % 2


def _riff(file: FileBytes) -> Declared:
    """AVI (with the parts of OpenDML) and WAV, RF64 included."""
    if file.at(0, 4) in (b"RF64", b"BW64"):
        return Declared(8 + file.number(20, "<Q"))
    if file.at(8, 4) == b"WAVE":
        sizes = [(place, size) for name, place, size in _chunks(file, 12, file.size, "<I") if name == b"data"]
        return Declared(sizes[0][0] + sizes[0][1]) if sizes and _known(sizes[0][1]) else NOTHING
    end = 0
    for _name, place, size in _chunks(file, 0, file.size, "<I"):
        if not _known(size) or file.at(place - 8, 4) != b"RIFF":
            break
        if end and file.at(place, 4) != b"AVIX":
            return Declared(end, next_film=place - 8)
        end = place + size
    return Declared(end or None)


def _aiff(file: FileBytes) -> Declared:
    size = file.number(4, ">I")
    return Declared(8 + size) if _known(size) else NOTHING


def _au(file: FileBytes) -> Declared:
    size = file.number(8, ">I")
    return Declared(file.number(4, ">I") + size) if _known(size) else NOTHING


def _w64(file: FileBytes) -> Declared:
    return Declared(file.number(16, "<Q") or None)


def _caf(file: FileBytes) -> Declared:
    place = 8
    for _ in range(MAX_CHUNKS):
        name, size = file.at(place, 4), file.number(place + 4, ">q")
        if len(name) < 4 or size < 0:
            return NOTHING
        if name == b"data":
            return Declared(place + 12 + size)
        place += 12 + size
    return NOTHING


def _asf(file: FileBytes) -> Declared:
    header = file.at(0, min(file.number(16, "<Q"), 1 << 20))
    place = header.find(ASF_FILE_PROPERTIES)
    if place < 0 or file.number(place + 88, "<I") & ASF_BROADCAST:
        return NOTHING
    return Declared(file.number(place + 40, "<Q") or None)


def _real(file: FileBytes) -> Declared:
    """RealMedia: the end of its packets, which is the beginning of the index where there is one."""
    place = 0
    for _ in range(MAX_CHUNKS):
        name, size = file.at(place, 4), file.number(place + 4, ">I")
        if name == b"DATA":
            return Declared(place + size) if _known(size) else NOTHING
        if size < 10:
            return NOTHING
        place += size
    return NOTHING


def _ivf(file: FileBytes) -> Declared:
    """The number of pictures in the header, and where the last of them ends."""
    count, place = file.number(24, "<I"), file.number(6, "<H")
    if not _known(count):
        return NOTHING
    for _ in range(count):
        if place >= file.size:
            break
        place += 12 + file.number(place, "<I")
    return Declared(place, packets=count)


def _flash(file: FileBytes) -> Declared:
    """The size of the file and the film's length in the metadata at its beginning."""
    head, values = file.at(0, 8192), []
    for name in (b"filesize", b"duration"):
        place = head.find(b"\x00\x08" + name + b"\x00")
        value = struct.unpack(">d", head[place + 11 : place + 19])[0] if 0 <= place < len(head) - 19 else 0.0
        values.append(value if 0 < value < 1e15 else None)
    return Declared(int(values[0]) if values[0] else None, length_s=values[1])


def _apng(file: FileBytes) -> Declared:
    """The number of pictures in `acTL`, whether the file ends with `IEND`, and where the first `IEND` ends."""
    count, place, end = 0, 8, 0
    for _ in range(MAX_CHUNKS):
        size, name = file.number(place, ">I"), file.at(place + 4, 4)
        if name == b"acTL":
            count = file.number(place + 8, ">I")
        place += 12 + size
        if name in (b"IEND", b""):
            end = place if name else 0
            break
    next_film = end if end and file.at(end, MAGIC_BYTES) == file.at(0, MAGIC_BYTES) else None
    return replace(_ended(b"IEND" in file.tail(64)), packets=count if _known(count) else None, next_film=next_film)


def _wtv(file: FileBytes) -> Declared:
    """Whether a recording begins where the header's number of sectors ends; one that goes on has none yet."""
    end = file.number(WTV_SECTORS_AT, "<I") * WTV_SECTOR_BYTES
    return Declared(next_film=end if end and file.at(end, 16) == file.at(0, 16) else None)


def _mp3(file: FileBytes) -> Declared:
    """The bytes that the header of Xing or of VBRI counts, from the first frame on."""
    place = 0
    while file.at(place, 3) == b"ID3":
        a, b, c, d = file.at(place + 6, 4).ljust(4, b"\0")
        place += 10 + (a << 21 | b << 14 | c << 7 | d)
    head = file.at(place, 4096)
    start = next((n for n in range(len(head) - 1) if head[n] == 0xFF and head[n + 1] & 0xE0 == 0xE0), 0)
    for at in (start + offset for offset in (13, 21, 36)):
        if head[at : at + 4] in (b"Xing", b"Info"):
            flags = int.from_bytes(head[at + 4 : at + 8])
            count = int.from_bytes(head[at + 8 + 4 * (flags & 1) :][:4]) if flags & 2 else 0
            return Declared(place + start + count) if _known(count) else NOTHING
    if head[start + 36 : start + 40] == b"VBRI":
        return Declared(place + start + int.from_bytes(head[start + 46 : start + 50]))
    return NOTHING


def _nut(file: FileBytes) -> Declared:
    return _ended(NUT_INDEX in file.tail(NUT_TAIL_BYTES))


def _boxes(file: FileBytes) -> Declared:
    """MP4 and QuickTime: the end of the last box, whether a second film follows, edits that are not played as meant."""
    place, films, edits, encrypted = 0, 0, "", ""
    for _ in range(MAX_CHUNKS):
        size, name = file.number(place, ">I"), file.at(place + 4, 4)
        if place >= file.size or len(name) < 4:
            break
        if name == b"moof" and films:
            return replace(fragments_end(file, place), edits=edits, encrypted=encrypted)
        if name == b"ftyp" and films:
            return Declared(place, next_film=place)
        films += name == b"moov"
        size, head = (file.number(place + 8, ">Q"), 16) if size == 1 else (size, 8)
        if size < head:  # 0: to the end of the file
            return Declared(edits=edits, encrypted=encrypted)
        if name == b"moov" and size <= INDEX_BYTES:
            index = file.at(place + head, size - head)
            edits = edits or edits_not_played(index)
            encrypted = "".join(sorted({found.decode() for found in _ENCRYPTED.findall(index)}))
        place += size
    return Declared(place or None, edits=edits, encrypted=encrypted)


def _matroska(file: FileBytes) -> Declared:
    """The end of the segment, whether another film follows it, and whether parts of it are in other files."""
    place = 0
    for _ in range(MAX_CHUNKS):
        name, (size, length) = file.at(place, 4), _ebml_size(file, place + 4)
        linked = name == SEGMENT and has_parts_elsewhere(file, place + 4 + length, _ebml_size)
        if name not in (EBML, SEGMENT) or size is None:
            return Declared(has_parts_elsewhere=linked)
        place += 4 + length + size
        if name == SEGMENT:
            return Declared(place, next_film=place if file.at(place, 4) == EBML else None, has_parts_elsewhere=linked)
    return NOTHING


def _material(file: FileBytes) -> Declared:
    """MXF: is the partition that ends it there, or is the file smaller than where its first one says that it stands?

    One whose end was not known says nothing, nor does a place at which something else stands.
    """
    start = file.at(0, RUN_IN_BYTES + len(PARTITION)).find(PARTITION)
    length = file.number(start + 16, "B")
    footer = file.number(start + 17 + (length & 0x7F if length & 0x80 else 0) + 24, ">Q") if start >= 0 else 0
    if footer and file.at(start + footer, len(PARTITION)) == PARTITION:
        return Declared(has_end=True)
    return Declared(start + footer) if footer and start + footer >= file.size else NOTHING


def _ebml_size(file: FileBytes, place: int) -> tuple[int | None, int]:
    """A size of EBML (RFC 8794, section 4) and how many bytes it takes; None where it is open."""
    first = (file.at(place, 1) or b"\0")[0]
    length = 9 - first.bit_length()
    if length > 8:
        return None, 1
    data = file.at(place, length)
    size = int.from_bytes(data) & ((1 << 7 * length) - 1)
    return (None if size == (1 << 7 * length) - 1 else size), length


_READERS: dict[str, Callable[[FileBytes], Declared]] = {
    "avi": _riff,
    "wav": _riff,
    "w64": _w64,
    "aiff": _aiff,
    "au": _au,
    "caf": _caf,
    "asf": _asf,
    "rm": _real,
    "ivf": _ivf,
    "flv": _flash,
    "apng": _apng,
    "wtv": _wtv,
    "mp3": _mp3,
    "nut": _nut,
    "mov,": _boxes,
    "matroska": _matroska,
    "mxf": _material,
    "mpegts": transport_end,
    "mpeg": program_end,
    "ogg": ogg_end,
    "dv": dv_end,
    "yuv4mpegpipe": yuv4mpeg_end,
    "gif": gif_end,
    "swf": flash_end,
}
