"""What writers, cameras and broadcasts make of a film's bytes, and what is done with them."""

from __future__ import annotations

import re
import zlib


def twice(data: bytes) -> bytes:
    return data + data


def in_turns(data: bytes) -> bytes:
    """A program stream as that of two angles of a DVD: some packs of one, then those of the other for the same time."""
    parts = [data[at : at + 10 * 2048] for at in range(0, len(data), 10 * 2048)]
    return b"".join(part + part for part in parts)


def scrambled(data: bytes) -> bytes:
    """A transport stream whose pictures (PID 0x100) are scrambled: its headers say so, and the rest is noise."""
    packets = [data[at : at + 188] for at in range(0, len(data), 188)]
    return b"".join(
        packet[:3] + bytes([packet[3] | 0xC0]) + bytes(byte ^ 0x5A for byte in packet[4:])
        if packet[1:3] in (b"\x41\x00", b"\x01\x00")
        else packet
        for packet in packets
    )


def broadcast(data: bytes) -> bytes:
    """ASF whose writer did not know its size: the flag of a live stream, and no sizes."""
    at = data.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
    return (
        data[: at + 40]
        + bytes(8)
        + data[at + 48 : at + 64]
        + bytes(16)
        + data[at + 80 : at + 88]
        + b"\1"
        + data[at + 89 :]
    )


def of_ten_hours(data: bytes) -> bytes:
    """ASF whose header says that it lasts ten hours."""
    at = data.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")) + 64
    before_ms = int.from_bytes(data[at + 16 : at + 24], "little")
    return data[:at] + 2 * (36_000 * 10**7 + before_ms * 10**4).to_bytes(8, "little") + data[at + 16 :]


def without_index(data: bytes) -> bytes:
    """AVI whose index is of no use."""
    at = data.rindex(b"idx1")
    return data[:at] + b"JUNK" + data[at + 4 :]


def as_through_a_pipe(data: bytes) -> bytes:
    """AVI as ffmpeg writes it where it cannot go back to its header: no sizes, no counts of pictures and samples."""
    parts = data.split(b"strh")
    parts[1:] = [part[:36] + (1 << 30).to_bytes(4, "little") + part[40:] for part in parts[1:]]
    return without_index(b"RIFF" + b"\xff" * 4 + b"strh".join(parts)[8:])


def with_pictures_not_counted(data: bytes) -> bytes:
    """Animated PNG as ffmpeg writes it into a pipe: its count of pictures stays as high as it can be."""
    at = data.index(b"acTL")
    told = b"acTL" + b"\xff" * 4 + data[at + 8 : at + 12]
    return data[:at] + told + zlib.crc32(told).to_bytes(4) + data[at + 16 :]


def without_delays(data: bytes) -> bytes:
    """GIF whose pictures have no delay, which players show at ten a second."""
    parts = data.split(b"\x21\xf9\x04")
    return b"\x21\xf9\x04".join([parts[0], *(part[:1] + b"\0\0" + part[3:] for part in parts[1:])])


JPEG_HEADS = re.compile(rb"\xff\xe0\0\x10JFIF.{10}\xff\xfe\0.Lavc[0-9.]*\0", re.DOTALL)
EXIF = b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0"
"""Exif with one entry: the picture is to be turned by 90 degrees."""


def turned_by_exif(data: bytes) -> bytes:
    """Motion JPEG whose pictures have Exif in the place of other headers, as cameras write it."""
    return JPEG_HEADS.sub(
        lambda head: b"\xff\xe1" + (len(head[0]) - 2).to_bytes(2) + EXIF.ljust(len(head[0]) - 4, b"\0"), data
    )
