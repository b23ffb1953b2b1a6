"""The films that benchmarks measure on, made once and kept: drawn films, joined, scaled and looped.

reel     four films of the drawn catalogue (`examples/`) one after another: cuts, fades, dissolves; sound; 25 a second
drawn    the reel scaled to a height, as x264 makes films by default
grain    the reel scaled to a height, with film grain and a bit rate (6 Mb/s at 1080p) as downloaded films have it
loop     the reel at 640×360, repeated without encoding it again, as long as is wished
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from benchmarks.figures import say
from cinelake.media.ffmpeg import binary

REEL_FILMS, SEED, RATE = 4, 1, 25
GRAIN_RATES = {360: 1, 720: 3, 1080: 6}
"""Mb/s of films with grain, by height."""


def film_1080p(folder: Path, seconds: float) -> Path:
    """The 1080p film of this length, with grain."""
    return scaled_film(folder, 1080, "grain", seconds)


def scaled_film(folder: Path, height: int, kind: str, seconds: float) -> Path:
    """The reel at this height: `drawn` as x264 makes films by default, or under `grain` at `GRAIN_RATES`."""
    film = folder / (f"{height}p_{seconds:g}s.mp4" if kind == "grain" else f"{height}p_{kind}_{seconds:g}s.mp4")
    if film.exists():
        return film
    scaled = f"scale={height * 16 // 9}:{height}:flags=bicubic"
    if kind == "grain":
        rate, filters = GRAIN_RATES[height], f"{scaled},noise=alls=8:allf=t+u,fps={RATE}"
        quality = ["-preset", "veryfast", "-g", "250", "-b:v", f"{rate}M", "-minrate", f"{rate}M"]
        quality += ["-maxrate", f"{rate}M", "-bufsize", f"{2 * rate}M"]
    else:
        filters, quality = f"{scaled},fps={RATE}", ["-crf", "21"]
    return make_film(
        film,
        *("-stream_loop", "-1", "-i", str(make_reel(folder)), "-t", f"{seconds:g}", "-vf", filters),
        *("-c:v", "libx264", "-pix_fmt", "yuv420p", *quality, "-c:a", "aac", "-b:a", "128k"),
    )


def film_loop(folder: Path, minutes: float) -> Path:
    """The 640×360 film of this length."""
    film = folder / f"360p_{minutes:g}min.mp4"
    if film.exists():
        return film
    source = ("-stream_loop", "-1", "-i", str(make_reel(folder)))
    return make_film(film, *source, "-t", f"{minutes * 60:g}", "-c", "copy")


def first_second(folder: Path, film: Path) -> Path:
    """The first second of a film, as it is encoded."""
    streams = ("-map", "0:v:0", "-map", "0:a:0?", "-c", "copy")
    return make_film(folder / f"second_of_{film.stem}.mkv", "-i", str(film), "-t", "1", *streams)


def in_words(film: Path, what: str) -> str:
    """A sentence on a film: what it is, and what a second of it weighs."""
    from cinelake.media.probe import probe

    probed = probe(str(film))
    assert probed.video is not None
    rate = film.stat().st_size * 8 / probed.duration_s / 1e6
    size = f"{probed.video.width}×{probed.video.height} {probed.video.codec}"
    return f"{film.name}: {what}; {size}, {probed.duration_s:.0f} s, {rate:.1f} Mb/s with sound"


def make_reel(folder: Path) -> Path:
    """Four films of the drawn catalogue, one after another."""
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
    return make_film(reel, *inputs, "-filter_complex", graph, "-map", "[v]", "-map", "[a]", "-preset", "veryfast")


def make_film(film: Path, *arguments: str) -> Path:
    """A film that ffmpeg makes with these arguments, unless it is there."""
    if film.exists():
        return film
    say(f"making {film.name}")
    unfinished = film.with_name(f"unfinished_{film.name}")
    subprocess.run([binary(), "-nostdin", "-loglevel", "error", "-y", *arguments, str(unfinished)], check=True)
    unfinished.replace(film)
    return film
