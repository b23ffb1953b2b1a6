"""Pages of pictures that are missing within an Ogg file, as a stream leaves behind that was received badly.

ffmpeg says nothing of them: pictures that refer to what is lost come out wrong, and count as good.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cinelake.media.endings import OGG_PAGE_BYTES
from cinelake.media.file_bytes import FileBytes
from cinelake.media.restarts import OGG_BEGIN

HEAD_BYTES = 27
"""Of a page, before the sizes of its parts."""
PICTURES = (b"\x80theora", b"OVP80", b"BBCD\0", b"\1video")
"""How streams of pictures begin: Theora, VP8, Dirac, and those of OGM."""


@dataclass(frozen=True)
class _Page:
    """The head of a page (RFC 3533, section 6), and how its content begins. is_header: no picture ends in it yet."""

    begins: bool
    is_header: bool
    stream: bytes
    number: int
    content: bytes


def lost_picture_pages(fd: int) -> int:
    """How many pages of pictures are missing, by the numbers of those that are there.

    Those before a stream's first picture are no loss: who records a broadcast has its headers, and then what comes.
    """
    pictures: dict[bytes, _Page] = {}
    lost = 0
    for page in _pages(FileBytes(fd)):
        if page.begins and page.content.startswith(PICTURES):
            pictures[page.stream] = page
        elif page.begins:
            pictures.pop(page.stream, None)
        elif page.stream in pictures:
            before = pictures[page.stream]
            lost += 0 if before.is_header else max(0, page.number - before.number - 1)
            pictures[page.stream] = page
    return lost


def _pages(file: FileBytes) -> Iterator[_Page]:
    """The pages one after the other; where something else stands between two, the next one is searched."""
    place = 0
    while place < file.size:
        data = file.at(place, HEAD_BYTES + 255 + 8)
        if len(data) < HEAD_BYTES or not data.startswith(b"OggS"):
            step = file.at(place + 1, OGG_PAGE_BYTES).find(b"OggS")
            place += 1 + step if step >= 0 else OGG_PAGE_BYTES - 3
            continue
        sizes = data[HEAD_BYTES : HEAD_BYTES + data[26]]
        content = HEAD_BYTES + len(sizes)
        number = int.from_bytes(data[18:22], "little")
        yield _Page(bool(data[5] & OGG_BEGIN), not any(data[6:14]), data[14:18], number, data[content : content + 8])
        place += content + sum(sizes)
