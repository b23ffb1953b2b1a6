"""A film whose pictures carry CEA-608 captions, as television sends them: ATSC A/53 user data in MPEG-2."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from cinelake.media.ffmpeg import binary

FPS = 25
NOTHING = (0x80, 0x80)
LOAD, ERASE_LOADED, ROW_15, SHOW, CLEAR = (0x14, 0x20), (0x14, 0x2E), (0x14, 0x70), (0x14, 0x2F), (0x14, 0x2C)

Pair = tuple[int, int]


def captioned(path: Path, said: Sequence[tuple[int, int, str]], *, pictures: int = 100, cea_708: bool = False) -> Path:
    """A film of so many pictures; said: the pictures from and until which a text of up to 32 letters is shown.

    cea_708: the data are marked as CEA-708 alone, which carries no CEA-608.
    """
    plain = path.with_suffix(".m2v")
    source = f"testsrc=s=64x48:r={FPS}:d={pictures / FPS}"
    _ffmpeg("-f", "lavfi", "-i", source, "-c:v", "mpeg2video", "-bf", "0", plain)
    pairs: dict[int, Pair] = {}
    for begin, end, text in said:
        loaded = [*[LOAD] * 2, *[ERASE_LOADED] * 2, *[ROW_15] * 2, *_letters(text)]
        pairs |= dict(enumerate(loaded, begin - len(loaded)))
        pairs |= {begin: SHOW, begin + 1: SHOW, end: CLEAR, end + 1: CLEAR}
    plain.write_bytes(_with_user_data(plain.read_bytes(), pairs, 0xFE if cea_708 else 0xFC))
    times = f"setts=ts=N/({FPS}*TB)"
    _ffmpeg("-r", str(FPS), "-i", plain, "-c", "copy", "-bsf:v", times, path)
    plain.unlink()
    return path


def _ffmpeg(*arguments: object) -> None:
    subprocess.run([binary(), "-y", "-loglevel", "error", *map(str, arguments)], check=True)


def _letters(text: str) -> list[Pair]:
    padded = text.ljust(len(text) + len(text) % 2, "\0").encode()
    return list(zip(padded[::2], padded[1::2], strict=True))


def _with_user_data(stream: bytes, pairs: dict[int, Pair], kind: int) -> bytes:
    """Put a pair of bytes before the first slice of each picture."""
    head, *units = stream.split(b"\0\0\1")
    out, picture, is_new = [head], 0, False
    for unit in units:
        if is_new and 1 <= unit[0] <= 0xAF:
            data = bytes([3, 0x41, 0xFF, kind, *map(_odd, pairs.get(picture, NOTHING)), 0xFF])
            out.append(b"\xb2GA94" + data)
            picture, is_new = picture + 1, False
        is_new = is_new or unit[0] == 0
        out.append(unit)
    return b"\0\0\1".join(out)


def _odd(byte: int) -> int:
    """The byte with the parity that CEA-608 asks for."""
    return byte | (0x80 if byte.bit_count() % 2 == 0 else 0)
