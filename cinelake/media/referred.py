"""Which pictures of a film no other picture refers to: its codec says so of each, before anything is decoded.

H.264: slices whose `nal_ref_idc` is 0 (ITU-T H.264, 7.4.1). HEVC: sub-layer non-reference pictures (H.265, table 7-1)
of the highest temporal sub-layer, as pictures of higher ones may refer to those below. MPEG-2 and MPEG-4 part 2: B
pictures. VP9 and AV1 do not say it so that it helps: what a picture teaches the entropy decoder outlives it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Mark = int
"""n > 0: a picture of temporal sub-layer n, to which none of that or a lower one refers; −n: one of it to which others
may refer; 0: one to which others may refer, of a codec without sub-layers."""

MarkOf = Callable[[memoryview], Mark | None]
"""The mark of a packet's picture; None where the packet shows no whole progressive picture that can be judged."""

MARKED = ("h264", "hevc", "mpeg2video", "mpeg4")
"""Codecs that say it, as ffmpeg names them."""
H264_SLICES, HEVC_SLICES = range(1, 6), range(32)
"""NAL unit types of coded slices."""
HEVC_BLA, HEVC_CRA = 16, 21
HEVC_LAST_PLAIN = 14
"""Up to this type those of sub-layer non-reference pictures are even, the others odd."""
PICTURE_START, VOP_START = b"\x00\x00\x01\x00", b"\x00\x00\x01\xb6"
"""Start codes of a picture in MPEG-2 (ISO/IEC 13818-2) and in MPEG-4 part 2."""
MPEG2_B, MPEG4_B = 3, 2
"""How B pictures are numbered in these."""
HEADER_BYTES = 4096
"""How far into a packet the start of its picture is sought."""


def mark_of(codec: str, extradata: bytes) -> MarkOf | None:
    """How the marks of a codec's packets are read, as containers with an index hold them; None where they cannot be."""
    if codec == "h264" and len(extradata) > 4 and extradata[0] == 1:
        return lambda data: _h264(data, (extradata[4] & 3) + 1)
    if codec == "hevc" and len(extradata) > 21 and extradata[0] == 1:
        return lambda data: _hevc(data, (extradata[21] & 3) + 1)
    if codec == "mpeg2video":
        return _mpeg2
    return _mpeg4 if codec == "mpeg4" else None


def begun_anew(codec: str, extradata: bytes, data: bytes) -> bytes:
    """A key picture's packet, so that a decoder takes it for the first of a sequence; as it is where it does anyway.

    HEVC: a clean random access picture becomes a broken link, as splicing makes it (H.265, 7.4.2.2 and 8.1.3).
    """
    if codec != "hevc":
        return data
    changed = bytearray(data)
    for at in _nal_units(memoryview(data), (extradata[21] & 3) + 1):
        if data[at] >> 1 & 0x3F == HEVC_CRA:
            changed[at] = HEVC_BLA << 1 | data[at] & 1
    return bytes(changed)


def _nal_units(data: memoryview, length_size: int) -> Iterator[int]:
    """Where the units of a packet begin (ISO/IEC 14496-15: each after its length)."""
    at = 0
    while at + length_size + 1 < len(data):
        yield at + length_size
        at += length_size + int.from_bytes(data[at : at + length_size])


def _h264(data: memoryview, length_size: int) -> Mark | None:
    for at in _nal_units(data, length_size):
        if data[at] & 0x1F in H264_SLICES:
            return int(not data[at] >> 5 & 3)
    return None


def _hevc(data: memoryview, length_size: int) -> Mark | None:
    for at in _nal_units(data, length_size):
        kind = data[at] >> 1 & 0x3F
        if kind in HEVC_SLICES:
            spare = kind <= HEVC_LAST_PLAIN and kind % 2 == 0
            return data[at + 1] & 7 if spare else -(data[at + 1] & 7)
    return None


def _mpeg2(data: memoryview) -> Mark | None:
    head = bytes(data[:HEADER_BYTES])
    at = head.find(PICTURE_START)
    return int(head[at + 5] >> 3 & 7 == MPEG2_B) if 0 <= at < len(head) - 5 else None


def _mpeg4(data: memoryview) -> Mark | None:
    head = bytes(data[:HEADER_BYTES])
    at = head.find(VOP_START)
    return int(head[at + 4] >> 6 == MPEG4_B) if 0 <= at < len(head) - 4 else None
