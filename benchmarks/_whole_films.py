"""A whole film, made once and kept: drawn films in several lights, in a shuffled order, so that its shots differ.

Drawn films (`examples/`) of 640×360 are each encoded as drawn, mirrored, darker and in other colours, and joined in an
order that the seed shuffles anew for each repetition; for 1080p they are enlarged, with grain and 6 Mb/s.
"""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

from benchmarks.figures import say
from cinelake.media.ffmpeg import binary

SEED, RATE = 3, 25
DRAWN = 12
LOOKS = ("null", "hflip", "eq=brightness=-0.12:contrast=1.15", "hue=h=70:s=1.2")
"""Filters of ffmpeg: each drawn film looks in so many ways."""
LARGE = "scale=1920:1080:flags=bicubic,noise=alls=8:allf=t+u"
SMALL_RATE = ("-crf", "21")
LARGE_RATE = ("-b:v", "6M", "-maxrate", "6M", "-bufsize", "12M")


def whole_film(folder: Path, minutes: float, height: int = 360) -> Path:
    """The film of this length and height; made where it is not there yet."""
    film = folder / f"{height}p_{minutes:g}min.mp4"
    if film.exists():
        return film
    clips = _clips(folder, height, minutes)
    order = random.Random(SEED)
    listed: list[Path] = []
    lengths = {clip: _seconds(clip) for clip in clips}
    while sum(lengths[clip] for clip in listed) < 60 * minutes:
        listed += order.sample(clips, len(clips))
    names = folder / f"{film.stem}.txt"
    names.write_text("".join(f"file '{clip}'\n" for clip in listed))
    source = ("-f", "concat", "-safe", "0", "-i", str(names), "-t", f"{60 * minutes:g}", "-c", "copy")
    return _made(film, *source)


def _clips(folder: Path, height: int, minutes: float) -> list[Path]:
    """Every drawn film in every look; of a short film only as many as fill it."""
    from examples.draw import draw_catalogue

    drawn = draw_catalogue(folder / "drawn", DRAWN, SEED)
    looks = [(film.path, number) for number in range(len(LOOKS)) for film in drawn]
    clips, filled_s = [], 0.0
    for path, number in looks:
        if filled_s < 60 * minutes:
            clips.append(_clip(folder / f"clips_{height}", path, number, height))
            filled_s += _seconds(clips[-1])
    return clips


def _clip(folder: Path, drawn: Path, look: int, height: int) -> Path:
    folder.mkdir(exist_ok=True)
    clip = folder / f"{drawn.stem}_{look}.mp4"
    if clip.exists():
        return clip
    filters = f"{LOOKS[look]},{LARGE if height > 360 else 'scale=640:360'},fps={RATE},setsar=1"
    rate = LARGE_RATE if height > 360 else SMALL_RATE
    picture = ("-vf", filters, "-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", *rate)
    sound = ("-af", "aresample=44100", "-ac", "2", "-c:a", "aac", "-b:a", "128k", "-shortest")
    return _made(clip, "-i", str(drawn), *picture, *sound)


def _seconds(clip: Path) -> float:
    from cinelake.media.probe import probe

    return probe(str(clip)).duration_s or 0.0


def _made(film: Path, *arguments: str) -> Path:
    say(f"making {film.name}")
    unfinished = film.with_name(f"unfinished_{film.name}")
    subprocess.run([binary(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(unfinished)], check=True)
    unfinished.replace(film)
    return film
