"""What tells a film's content from another's, wherever the film lies: its size and sampled blocks."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from cinelake.errors import FilmMissing

BLOCK_BYTES = 64 * 1024
BLOCKS = 18


def fingerprint(path: str | Path) -> str:
    """What tells a film's content from another's: its size and 18 blocks of 64 KiB, spread from first to last.

    Independent of name and modification time; a file of up to 18 blocks is read whole. Raises `FilmMissing`.
    """
    try:
        with Path(path).open("rb") as file:

            def read(offset: int) -> bytes:
                file.seek(offset)
                return file.read(BLOCK_BYTES)

            return sampled_digest(os.fstat(file.fileno()).st_size, read)
    except OSError as error:
        raise FilmMissing(f"{printable(path)} cannot be read: {error.strerror or error}") from error


def sampled_digest(size: int, read: Callable[[int], bytes]) -> str:
    """The fingerprint of `size` bytes, of which `read(offset)` gives up to one block."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(str(size).encode() + b"\n")
    for offset in _block_offsets(size):
        digest.update(read(offset))
    return digest.hexdigest()


def _block_offsets(size: int) -> list[int]:
    if size <= BLOCKS * BLOCK_BYTES:
        return list(range(0, size, BLOCK_BYTES))
    last = size - BLOCK_BYTES
    return [last * block // (BLOCKS - 1) for block in range(BLOCKS)]


def printable(path: str | Path) -> str:
    """A path as text that UTF-8 can hold: bytes of a name that are no UTF-8 become replacement signs."""
    return os.fsencode(path).decode("utf-8", "replace")
