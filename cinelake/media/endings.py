"""Does a file end where a writer ends one? For kinds that have no header to compare with, only their end can tell.

A recording that was stopped ends with a whole packet, wherever it stands among pictures: that is no damage. One that
was cut off ends within a packet, a page or a picture; where it was cut between two, nothing tells.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace

from cinelake.media.file_bytes import FileBytes
from cinelake.media.restarts import take_turns
from cinelake.spec.film import Declared
from cinelake.storage.content import TRANSPORT_PACKETS

TAIL_BYTES = 256 << 10
MANY_BOXES = 200_000
"""Two for each second or so of a fragmented film."""

LAST_PACKET = Declared(cut_short="its last packet is incomplete")
LAST_PICTURE = Declared(cut_short="its last picture is incomplete")
WHOLE = Declared(has_end=True)
SILENT = Declared()

PACK, SYSTEM_END, FIRST_PES = 0xBA, 0xB9, 0xBB
"""Start codes of MPEG program streams (ISO/IEC 13818-1, table 2-33)."""

OGG_END = 4
"""Flag of the last page of a stream (RFC 3533, section 6)."""
OGG_PAGE_BYTES = 65_307
"""The largest page."""

DV_FRAMES = {False: 120_000, True: 144_000}
"""Bytes of a frame of 525 and of 625 lines; those of other DV formats are multiples (SMPTE ST 314, ST 370)."""

FLASH_BYTES = 1 << 30
"""Uncompressed bytes of a SWF file that are counted at most."""

_PLANES = {"420": 1.5, "411": 1.5, "410": 1.125, "422": 2, "440": 2, "444": 3, "444alpha": 4, "mono": 1}
"""Samples for each pixel by YUV4MPEG2's names of chroma."""


def transport_end(file: FileBytes) -> Declared:
    """MPEG-TS and M2TS: is the last packet whole? Cut between two packets it looks as one that was stopped."""
    tail = file.tail(TAIL_BYTES)
    for size in TRANSPORT_PACKETS:
        for start in range(max(0, min(size, len(tail) - 6 * size))):
            end = start + (len(tail) - start) // size * size
            if tail[end - 5 * size : end : size] == b"G" * 5:
                return (
                    LAST_PACKET if tail[end : end + 1] == b"G" and len(tail) - end < min(TRANSPORT_PACKETS) else SILENT
                )
    return SILENT


def program_end(file: FileBytes) -> Declared:
    """MPEG-PS: how it ends, and whether it is one film."""
    return replace(_program_end(file), is_mixed=take_turns(file))


def _program_end(file: FileBytes) -> Declared:
    """MPEG-PS: is the last packet as long as it says, and does the code that ends a whole stream stand there?"""
    tail = file.tail(TAIL_BYTES)
    place = tail.rfind(b"\0\0\1" + bytes([PACK]), 0, max(0, len(tail) - 16))
    while place >= 0 and place + 6 <= len(tail) and tail[place : place + 3] == b"\0\0\1":
        code = tail[place + 3]
        if code == SYSTEM_END:
            return WHOLE
        if code == PACK:
            is_second = tail[place + 4] >> 6 == 1
            place += 14 + (tail[place + 13] & 7) if is_second and place + 13 < len(tail) else 12
        elif code >= FIRST_PES:
            place += 6 + int.from_bytes(tail[place + 4 : place + 6])
        else:
            return SILENT
    if tail.endswith(b"\0\0\1" + bytes([SYSTEM_END])):
        return WHOLE
    is_begun = 0 < len(tail) - place < 6 and tail[place : place + 3] == b"\0\0\1"[: len(tail) - place]
    return LAST_PACKET if place > len(tail) or (place >= 0 and is_begun) else SILENT


def ogg_end(file: FileBytes) -> Declared:
    """Ogg: is the last page whole, and does it end its stream? Without that flag it looks as one that was stopped."""
    tail = file.tail(2 * OGG_PAGE_BYTES)
    place = tail.rfind(b"OggS")
    if place < 0:
        return SILENT
    head = tail[place : place + 27]
    sizes = tail[place + 27 : place + 27 + (head[26] if len(head) == 27 else 0)]
    rest = len(tail) - (place + 27 + len(sizes) + sum(sizes))
    is_begun = 0 < rest < 4 and b"OggS".startswith(tail[-rest:])
    if len(head) < 27 or len(sizes) < head[26] or rest < 0 or is_begun:
        return Declared(cut_short="its last page is incomplete")
    return WHOLE if head[5] & OGG_END else SILENT


def dv_end(file: FileBytes) -> Declared:
    """Raw DV: a whole number of frames."""
    frame = DV_FRAMES[bool(file.number(3, "B") & 0x80)]
    return LAST_PICTURE if file.size % frame else SILENT


def yuv4mpeg_end(file: FileBytes) -> Declared:
    """YUV4MPEG2: a whole number of pictures."""
    head = file.at(0, 512).split(b"\n", 1)[0].decode("ascii", "replace")
    fields = {word[0]: word[1:] for word in head.split()[1:] if word}
    match = re.match(r"(\d{3}alpha|\d{3}|mono)(?:\w*?p(\d{2}))?|mono(\d{2})", fields.get("C", "420"))
    width, height = (int(fields.get(name, "0")) if fields.get(name, "0").isdigit() else 0 for name in "WH")
    if not match or not width or not height or match[1] not in (*_PLANES, None):
        return SILENT
    picture = _picture_bytes(match[1] or "mono", width, height) * (2 if match[2] or match[3] else 1)
    place = len(head) + 1
    while place < file.size and (line := file.at(place, 128)).startswith(b"FRAME"):
        length = line.find(b"\n") + 1
        if length == len(b"FRAME\n"):  # no words of its own: nor have the others, and they need not be read
            rest = (file.size - place) % (length + picture)
            return LAST_PICTURE if rest else SILENT
        place += length + picture
    return LAST_PICTURE if place > file.size else SILENT


def _picture_bytes(chroma: str, width: int, height: int) -> int:
    """Samples of a picture, whose chroma is rounded up."""
    across, down = {"420": (2, 2), "411": (4, 1), "410": (4, 4), "422": (2, 1), "440": (1, 2)}.get(chroma, (1, 1))
    planes = 0 if chroma == "mono" else 2
    return width * height * (2 if "alpha" in chroma else 1) + planes * -(-width // across) * -(-height // down)


def gif_end(file: FileBytes) -> Declared:
    """GIF: the trailer behind the last block (GIF89a, section 27)."""
    if file.tail(4096).rstrip(b"\0").endswith(b"\0;"):
        return WHOLE
    return Declared(cut_short="the mark that ends a GIF is missing")


def flash_end(file: FileBytes) -> Declared:
    """SWF: its length stands in its header; of a compressed file, of what is decompressed."""
    kind, length = file.at(0, 3), file.number(4, "<I")
    if kind == b"FWS":
        return Declared(length or None)
    if kind != b"CWS":
        return SILENT
    unpacking, count = zlib.decompressobj(), 8
    for data in _pieces(file, 8):
        try:
            while data and not unpacking.eof and count < FLASH_BYTES:
                count += len(unpacking.decompress(data, 1 << 20))
                data = unpacking.unconsumed_tail
        except zlib.error:
            return SILENT
    if unpacking.eof or count >= FLASH_BYTES or not length:
        return WHOLE
    return Declared(round(file.size * length / count)) if count < length else LAST_PACKET


def _pieces(file: FileBytes, place: int) -> Iterator[bytes]:
    while piece := file.at(place, 1 << 20):
        yield piece
        place += len(piece)


def fragments_end(file: FileBytes, place: int) -> Declared:
    """Fragmented MP4: the size that its index (`sidx`) counts, the length of `mehd`, the index at its end (`mfra`).

    place: where its first fragment begins.
    """
    head = file.at(0, place)
    counted, length_s = _indexed_bytes(head), _fragments_s(head)
    counts_all = counted is not None and _is_index_of_all(head)
    for _ in range(MANY_BOXES):
        size, name = file.number(place, ">I"), file.at(place + 4, 4)
        if place >= file.size or len(name) < 4:
            break
        if counts_all and name == b"ftyp" and place == counted:  # another film behind
            return Declared(counted, length_s=length_s, is_open=True)
        counts_all = counts_all and not (name == b"moof" and place >= (counted or 0))
        size = file.number(place + 8, ">Q") if size == 1 else size
        if size < 8:
            return SILENT
        place += size
    counted = counted if counts_all or (counted or 0) > file.size else None
    if place > file.size or (0 < file.size - place < 8):
        return Declared(counted, length_s=length_s, is_open=True, cut_short="its last fragment is incomplete")
    return Declared(counted, length_s=length_s, is_open=True, has_end=b"mfro" in file.tail(16))


def _indexed_bytes(head: bytes) -> int | None:
    """Where the last fragment ends that a `sidx` before the first one counts (ISO/IEC 14496-12, section 8.16.3)."""
    at = head.rfind(b"sidx")
    if at < 4:
        return None
    end, is_long = at - 4 + int.from_bytes(head[at - 4 : at]), head[at + 4] != 0
    form, start = (">QQHH", at + 16) if is_long else (">IIHH", at + 16)
    if start + struct.calcsize(form) > len(head):
        return None
    _, first, _, count = struct.unpack_from(form, head, start)
    entries = start + struct.calcsize(form)
    sizes = [int.from_bytes(head[entries + 12 * n : entries + 12 * n + 4]) for n in range(count)]
    has_others = any(size >> 31 for size in sizes)
    return None if has_others or not sizes else end + first + sum(sizes)


def _is_index_of_all(head: bytes) -> bool:
    """Whether that `sidx` may be of the whole film: not of a segment (`styp`), and of more fragments than the first."""
    at = head.rfind(b"sidx")
    count = at + (30 if head[at + 4] else 22) + 4
    return b"styp" not in head[:at] and int.from_bytes(head[count : count + 2]) > 1


def _fragments_s(head: bytes) -> float | None:
    """The length of all fragments as `mehd` has it, in the units of `mvhd`."""
    movie, extends = head.find(b"mvhd"), head.find(b"mehd")
    if movie < 4 or extends < 4:
        return None
    unit = int.from_bytes(head[movie + (24 if head[movie + 4] else 16) :][:4])
    length = int.from_bytes(head[extends + 8 :][: 8 if head[extends + 4] else 4])
    return length / unit if unit and length else None
