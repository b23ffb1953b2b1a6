"""A broadcast with subtitles in teletext (ETSI EN 300 706) as DVB carries it (EN 300 472): page 850."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cinelake.media.ffmpeg import binary

PICTURES, TEXT, TABLE, BEGINS_S = 0x100, 0x200, 0x1000, 1.4
PAGE, NO_PAGE = 0x50, 0xFF
PACKET = 188


def with_teletext(
    path: Path,
    said: Sequence[tuple[float, float | None, str]],
    seconds: int = 4,
    languages: Sequence[str] = ("deu",),
) -> Path:
    """A film of so many seconds; said: from when and until when a text is shown; None: nothing takes it away."""
    plain = path.with_suffix(".plain.ts")
    pids = ["-mpegts_start_pid", str(PICTURES), "-mpegts_pmt_start_pid", str(TABLE)]
    times = ["-muxdelay", "0", "-muxpreload", "0", "-output_ts_offset", str(BEGINS_S)]
    source = ["-f", "lavfi", "-i", f"testsrc2=d={seconds}:s=64x64:r=25", "-c:v", "libx264", "-bf", "0", "-g", "25"]
    subprocess.run([binary(), "-y", "-loglevel", "error", *source, *pids, *times, plain], check=True)
    shown = [(at, text) for begin, end, text in said for at, text in ((begin, text), (end, "")) if at is not None]
    waiting = [(at, _pes(at, text)) for at, text in sorted(shown)]
    out, count, data = _tables(languages), 0, plain.read_bytes()
    for place in range(0, len(data), PACKET):
        packet = data[place : place + PACKET]
        pid, begins = int.from_bytes(packet[1:3]) & 0x1FFF, packet[1] & 0x40
        if pid != PICTURES:
            continue
        while begins and waiting and waiting[0][0] <= _time_of(packet):
            for part in _parts(TEXT, waiting.pop(0)[1]):
                out, count = out + part[:3] + bytes([0x10 | count % 16]) + part[4:], count + 1
        out += packet
    path.write_bytes(out)
    plain.unlink()
    return path


def _time_of(packet: bytes) -> float:
    at = 4 + (1 + packet[4] if packet[3] & 0x20 else 0) + 9
    a, b, c, d, e = packet[at : at + 5]
    return ((a >> 1 & 7) << 30 | b << 22 | c >> 1 << 15 | d << 7 | e >> 1) / 90_000 - BEGINS_S


def _hamming(value: int) -> int:
    """Four bits in eight (EN 300 706, 8.2)."""
    d1, d2, d3, d4 = (value >> bit & 1 for bit in range(4))
    p1, p2, p3 = 1 ^ d1 ^ d3 ^ d4, 1 ^ d1 ^ d2 ^ d4, 1 ^ d1 ^ d2 ^ d3
    p4 = 1 ^ p1 ^ d1 ^ p2 ^ d2 ^ p3 ^ d3 ^ d4
    return sum(bit << place for place, bit in enumerate((p1, d1, p2, d2, p3, d3, p4, d4)))


def _odd(letters: bytes) -> bytes:
    return bytes(letter | (0 if letter.bit_count() % 2 else 0x80) for letter in letters)


def _line(row: int, content: bytes) -> bytes:
    """A line of magazine 8 as a unit of DVB: each byte with its first bit last."""
    address = row << 3
    whole = bytes([_hamming(address & 15), _hamming(address >> 4)]) + content
    return bytes([0x03, 0x2C, 0xE7, 0xE4, *(int(f"{byte:08b}"[::-1], 2) for byte in whole)])


def _header(page: int) -> bytes:
    """Row 0: the page is erased first, holds subtitles, and is shown without this row."""
    control = (page & 15, page >> 4, 0, 8, 0, 8, 1, 0) if page == PAGE else (page & 15, page >> 4, 0, 8, 0, 0, 0, 0)
    return _line(0, bytes(map(_hamming, control)) + _odd(b" " * 32))


def _pes(at: float, text: str) -> bytes:
    boxed = (b"\x0b\x0b" + text.encode() + b"\x0a\x0a").ljust(40)
    units = [_header(PAGE), *([_line(20, _odd(boxed))] if text else []), _header(NO_PAGE)]
    data = b"\x10" + b"".join(units)
    while (len(data) + 45) % 184:
        data += b"\xff\x2c" + b"\xff" * 44
    ticks = int((at + BEGINS_S) * 90_000)
    parts = [(ticks >> shift & 0x7FFF) << 1 | 1 for shift in (15, 0)]
    stamp = bytes([0x21 | ticks >> 29 & 14]) + b"".join(part.to_bytes(2) for part in parts)
    head = b"\x84\x80\x24" + stamp + b"\xff" * 31
    return b"\0\0\1\xbd" + (len(head) + len(data)).to_bytes(2) + head + data


def _parts(pid: int, data: bytes) -> list[bytes]:
    """Data whose length is a multiple of 184, in packets."""
    parts = [data[place : place + 184] for place in range(0, len(data), 184)]
    return [bytes([0x47, (0x40 if not n else 0) | pid >> 8, pid & 255, 0x10]) + part for n, part in enumerate(parts)]


def _tables(languages: Sequence[str]) -> bytes:
    pages = b"".join(language.encode() + b"\x10\x50" for language in languages)
    streams = b"\x1b" + (0xE000 | PICTURES).to_bytes(2) + b"\xf0\0"
    streams += b"\x06" + (0xE000 | TEXT).to_bytes(2) + bytes([0xF0, len(pages) + 2, 0x56, len(pages)]) + pages
    of_film = b"\0\1\xc1\0\0" + (0xE000 | PICTURES).to_bytes(2) + b"\xf0\0" + streams
    of_all = b"\0\1\xc1\0\0\0\1" + (0xE000 | TABLE).to_bytes(2)
    return b"".join(
        _parts(pid, (b"\0" + _checked(kind + (0xB000 | len(body) + 4).to_bytes(2) + body)).ljust(184, b"\xff"))[0]
        for pid, kind, body in ((0, b"\0", of_all), (TABLE, b"\2", of_film))
    )


def _checked(data: bytes) -> bytes:
    """With the checksum of MPEG-2 systems behind."""
    check = 0xFFFFFFFF
    for byte in data:
        check ^= byte << 24
        for _ in range(8):
            check = (check << 1 ^ (0x04C11DB7 if check & 0x80000000 else 0)) & 0xFFFFFFFF
    return data + check.to_bytes(4)
