"""Identities of contents: a film's by its size and sampled blocks, wherever it lies; data's and files' by all bytes."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

from blake3 import blake3

from cinelake.errors import FilmMissing

BLOCK_BYTES = 64 * 1024
BLOCKS = 18

TRANSPORT_PACKETS = 188, 192, 204
"""Bytes of a packet of an MPEG transport stream, which begins with `G`: broadcast, Blu-ray, with error correction."""

CLOCK_RULE = "-clock2"
"""Ends the fingerprint of a film whose clock may begin anywhere: changes of the rule for its zero concern it alone.

2: zero is the start of the earliest stream; before, of the earliest among those that were read together.
"""


def fingerprint(path: str | Path) -> str:
    """The identity of a film's content: a hash of its size and 18 blocks of 64 KiB, spread from first to last.

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
    """The fingerprint of `size` bytes, of which `read(offset)` returns up to one block."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(str(size).encode() + b"\n")
    rule = ""
    for offset in _block_offsets(size):
        block = read(offset)
        digest.update(block)
        rule = rule or (CLOCK_RULE if offset == 0 and has_free_clock(block) else "")
    return digest.hexdigest() + rule


def has_free_clock(head: bytes) -> bool:
    """Whether a film that begins so is an MPEG transport or program stream or Ogg: their clocks may begin anywhere."""
    if head.startswith((b"OggS", b"\0\0\1\xba")):
        return True
    starts = ((start, size) for size in TRANSPORT_PACKETS for start in range(min(size, len(head) - 4 * size)))
    return any(head[start : start + 5 * size : size] == b"G" * 5 for start, size in starts)


def _block_offsets(size: int) -> list[int]:
    if size <= BLOCKS * BLOCK_BYTES:
        return list(range(0, size, BLOCK_BYTES))
    last = size - BLOCK_BYTES
    return [last * block // (BLOCKS - 1) for block in range(BLOCKS)]


def printable(path: str | Path) -> str:
    """A path as text that UTF-8 can hold: bytes of a name that are not UTF-8 become replacement characters."""
    return os.fsencode(path).decode("utf-8", "replace")


def digest(value: Any) -> str:
    """A stable hash of JSON-like data: 32 hexadecimal digits."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def parsed_json(text: str | bytes) -> Any:
    """What a JSON text says. Raises `ValueError` for any other text, also for one that nests too deep to be read."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it nests too deep") from error


def parsed_object(text: str | bytes) -> dict[str, Any]:
    """The object of a JSON text. Raises `ValueError` for any other text."""
    found = parsed_json(text)
    if not isinstance(found, dict):
        raise ValueError(f"expected an object, received {type(found).__name__}")
    return found


def file_digest(path: Path) -> str:
    """32 hexadecimal digits of a file's content; read once per process while path, size and time stay the same."""
    stat = path.stat()
    return _digest_of(str(path), stat.st_size, stat.st_mtime_ns)


def files_digest(paths: Sequence[Path]) -> str:
    """32 hexadecimal digits of several files: their names and contents, in the order of their names."""
    digest = blake3()
    for path in sorted(paths, key=lambda p: p.name):
        digest.update(f"{path.name}\0{file_digest(path)}\0".encode())
    return digest.hexdigest(length=16)


@lru_cache(maxsize=256)
def _digest_of(path: str, size: int, mtime_ns: int) -> str:
    with Path(path).open("rb") as file:
        digest = blake3()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest(length=16)
