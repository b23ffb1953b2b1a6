"""For players: subtitles (SubRip, WebVTT), chapters, and thumbnails for the seek bar (WebVTT).

Chapters are cues with a title (W3C, WebVTT: The Web Video Text Tracks Format). Thumbnails are cues whose text is a
picture's address with the part of it to show, `strip_000.jpg#xywh=0,0,160,90` (W3C Media Fragments URI 1.0).
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from export.spans import NamedSpan

TILES = 10
"""Pictures beside and below one another in one strip: browsers fetch few files, each of some hundred kilobytes."""
WIDTH = 160
QUALITY = 75


def vtt_text(spans: Sequence[NamedSpan]) -> str:
    """Cues with these texts, in milliseconds."""
    from pysubs2 import SSAEvent, SSAFile

    file = SSAFile()
    file.events = [SSAEvent(round(m.start_s * 1000), round(m.end_s * 1000), _escaped(m.name)) for m in spans]
    return str(file.to_string("vtt"))


def subtitles_text(lines: Sequence[NamedSpan], form: str) -> str:
    """Lines as subtitles, in milliseconds; a line feed within one stays. form: `srt` or `vtt`.

    SubRip has no way to write a sign of markup as a sign: what would be taken for a tag stands in other brackets.
    """
    from pysubs2 import SSAEvent, SSAFile

    file = SSAFile()
    for line in lines:
        rows = [_escaped(row) if form == "vtt" else _without_tags(row) for row in line.name.splitlines()]
        text = "\\N".join(row for row in rows if row)
        file.events.append(SSAEvent(round(line.start_s * 1000), round(line.end_s * 1000), text))
    return str(file.to_string(form))


def _without_tags(text: str) -> str:
    plain = " ".join(text.split())
    return plain.replace("<", "‹").replace(">", "›").replace("{", "(").replace("}", ")").replace("\\", "⧵")


def _escaped(text: str) -> str:
    """Text without markup and without an end of a cue."""
    plain = " ".join(text.split())
    plain = plain.replace("{", "(").replace("}", ")").replace("\\", "⧵")
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def thumbnails(
    frames: Iterator[tuple[float, bytes]], end_s: float, name: str
) -> Iterator[tuple[str, bytes, list[NamedSpan]]]:
    """Strips of a film's pictures: file name, JPEG, and the cues that point into it.

    frames: time and JPEG of each picture, in order. end_s: the film's end. name: what file names begin with.
    """
    number = 0
    waiting = next(frames, None)
    while waiting is not None:
        tiles = [waiting, *islice(frames, TILES * TILES - 1)]
        waiting = next(frames, None)
        times = [time_s for time_s, _ in tiles] + [waiting[0] if waiting else end_s]
        file = f"{name}_{number:03d}.jpg"
        strip, size = _strip([jpeg for _, jpeg in tiles])
        cues = [
            NamedSpan(
                times[i], times[i + 1], f"{file}#xywh={i % TILES * size[0]},{i // TILES * size[1]},{size[0]},{size[1]}"
            )
            for i in range(len(tiles))
        ]
        yield file, strip, cues
        number += 1


def _strip(jpegs: Sequence[bytes]) -> tuple[bytes, tuple[int, int]]:
    """Pictures in rows of ten as one JPEG, and the size of each."""
    from PIL import Image

    opened: list[Any] = [Image.open(io.BytesIO(jpeg)) for jpeg in jpegs]
    width, height = WIDTH, max(1, round(WIDTH * opened[0].height / opened[0].width))
    whole = Image.new("RGB", (min(TILES, len(opened)) * width, -(-len(opened) // TILES) * height))
    for i, picture in enumerate(opened):
        whole.paste(picture.resize((width, height)), (i % TILES * width, i // TILES * height))
    out = io.BytesIO()
    whole.save(out, "JPEG", quality=QUALITY)
    return out.getvalue(), (width, height)
