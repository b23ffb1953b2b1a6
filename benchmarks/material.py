"""The films that benchmarks measure on, made once and kept: drawn films, joined, scaled and looped.

reel     four films of the drawn catalogue (`examples/`) one after another: cuts, fades, dissolves; sound; 25 a second
1080p    the reel scaled to 1920×1080, with film grain and a bit rate of 6 Mb/s as downloaded films have it
loop     the reel at 640×360, repeated without encoding it again, as long as is wished
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.figures import say
from cinelake.media.ffmpeg import binary

REEL_FILMS, SEED, RATE = 4, 1, 25


def film_1080p(folder: Path, seconds: float) -> Path:
    """The 1080p film of this length."""
    film = folder / f"1080p_{seconds:g}s.mp4"
    if film.exists():
        return film
    sharp = f"scale=1920:1080:flags=bicubic,noise=alls=8:allf=t+u,fps={RATE}"
    quality = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "250"]
    rate = ["-b:v", "6M", "-minrate", "6M", "-maxrate", "6M", "-bufsize", "12M"]
    return _made(
        film,
        *("-stream_loop", "-1", "-i", str(_reel(folder)), "-t", f"{seconds:g}"),
        *("-vf", sharp, *quality, *rate, "-c:a", "aac", "-b:a", "128k"),
    )


def film_loop(folder: Path, minutes: float) -> Path:
    """The 640×360 film of this length."""
    film = folder / f"360p_{minutes:g}min.mp4"
    if film.exists():
        return film
    source = ("-stream_loop", "-1", "-i", str(_reel(folder)))
    return _made(film, *source, "-t", f"{minutes * 60:g}", "-c", "copy")


def in_words(film: Path, what: str) -> str:
    """A sentence on a film: what it is, and what a second of it weighs."""
    from cinelake.media.probe import probe

    probed = probe(str(film))
    assert probed.video is not None
    rate = film.stat().st_size * 8 / probed.duration_s / 1e6
    size = f"{probed.video.width}×{probed.video.height} {probed.video.codec}"
    return f"{film.name}: {what}; {size}, {probed.duration_s:.0f} s, {rate:.1f} Mb/s with sound"


def _reel(folder: Path) -> Path:
    reel = folder / "reel.mp4"
    if reel.exists():
        return reel
    from examples.draw import draw_catalogue

    say("drawing four films")
    films = draw_catalogue(folder / "drawn", REEL_FILMS, SEED)
    inputs = [part for film in films for part in ("-i", str(film.path))]
    steady = [f"[{number}:v]fps={RATE},setsar=1[v{number}]" for number in range(REEL_FILMS)]
    pairs = "".join(f"[v{number}][{number}:a]" for number in range(REEL_FILMS))
    graph = ";".join([*steady, f"{pairs}concat=n={REEL_FILMS}:v=1:a=1[v][a]"])
    return _made(reel, *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-preset", "veryfast")


def _made(film: Path, *arguments: str) -> Path:
    say(f"making {film.name}")
    unfinished = film.with_name(f"unfinished_{film.name}")
    subprocess.run([binary(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(unfinished)], check=True)
    unfinished.replace(film)
    return film
