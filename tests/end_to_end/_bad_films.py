"""A folder of films that are damaged, odd or no films at all: what each must become, as rows of a table."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cinelake.media.ffmpeg import binary

CARD = "testsrc2=d=2:s=96x64:r=25"
TONE = "sine=d=2"
X264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "25")


def draw(path: Path, *sources: str, options: tuple[str, ...] = X264) -> Path:
    """Draw a film from lavfi sources."""
    inputs = [word for source in sources for word in ("-f", "lavfi", "-i", source)]
    ffmpeg(*inputs, *options, f"file:{path}")
    return path


def ffmpeg(*words: str) -> None:
    """Run the wheel's ffmpeg."""
    command = [binary(), "-y", "-nostdin", "-loglevel", "error", *words]
    subprocess.run(command, check=True, timeout=60, stdin=subprocess.DEVNULL)


@dataclass(frozen=True)
class Odd:
    """One odd file: its name, how it is made, and the reason in `failures` ('' where it becomes tables)."""

    name: str
    make: Callable[[Path], object]
    reason: str = ""
    movie_id: str = ""
    frames: int | None = None


def _text(path: Path) -> None:
    path.write_text("I am a text that somebody called a film.\n" * 200)


def _cut_off(path: Path) -> None:
    whole = draw(path.with_name(f".whole{path.suffix}"), "testsrc2=d=8:s=320x240:r=25", "sine=d=8")
    path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    whole.unlink()


def _spoiled(path: Path) -> None:
    draw(path, "testsrc2=d=4:s=320x240:r=25", options=(*X264, "-movflags", "+faststart"))
    data = bytearray(path.read_bytes())
    for place in range(8000, len(data), 900):
        data[place : place + 40] = bytes(40)
    path.write_bytes(data)


def _variable_rate(path: Path) -> None:
    select = ("-vf", "select='lt(n,25)+not(mod(n,3))'", "-fps_mode", "vfr")
    draw(path, CARD, options=(*X264, *select))


def _rotated(path: Path) -> None:
    upright = draw(path.with_name(".upright.mp4"), CARD)
    ffmpeg("-display_rotation", "90", "-i", str(upright), "-c", "copy", f"file:{path}")
    upright.unlink()


def _good(path: Path) -> None:
    draw(path, CARD, TONE)


def _link(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.mp4"))


def _pixels(form: str, source: str = CARD) -> Callable[[Path], object]:
    return lambda path: draw(path, source, options=(*X264, "-pix_fmt", form))


ODD = [
    Odd("good_one.mp4", _good, frames=50),
    Odd("good_two.mkv", _good, frames=50),
    Odd("empty.mp4", lambda path: path.write_bytes(b""), "not_a_film"),
    Odd("text.mp4", _text, "not_a_film"),
    Odd("noise.mkv", lambda path: path.write_bytes(bytes(range(256)) * 40), "not_a_film"),
    Odd("cut_off.mp4", _cut_off, "damaged_film"),
    Odd("cut_off_late.mkv", _cut_off, "damaged_film"),
    Odd("spoiled.mp4", _spoiled, "damaged_film"),
    Odd("sound_only.m4a", lambda path: draw(path, TONE, options=("-c:a", "aac")), frames=0),
    Odd("picture_only.mp4", lambda path: draw(path, CARD), frames=50),
    Odd("one_frame.mp4", lambda path: draw(path, CARD, options=(*X264, "-frames:v", "1")), frames=1),
    Odd("no_frame.mkv", lambda path: draw(path, CARD, options=(*X264, "-frames:v", "0")), "not_a_film"),
    Odd("odd_size.mkv", _pixels("yuv444p", "testsrc=d=2:s=33x17:r=25"), frames=50),
    Odd("ten_bit.mkv", _pixels("yuv420p10le"), frames=50),
    Odd("full_colour.mp4", _pixels("yuv444p"), frames=50),
    Odd("variable.mkv", _variable_rate, frames=33),
    Odd("rotated.mp4", _rotated, frames=50),
    Odd("with space.mp4", _good, frames=50),
    Odd('it\'s "quoted".mp4', _good, movie_id="it_s_quoted_", frames=50),
    Odd("new\nline.mp4", _good, frames=50),
    Odd("фильм 映画 7.mp4", _good, movie_id="film_yinghua_7", frames=50),
    Odd("-dash.mp4", _good, movie_id="_dash", frames=50),
    Odd("[red]markup <script>.mp4", _good, movie_id="_red_markup_script_", frames=50),
    Odd("broken_link.mp4", _link, "film_missing"),
]


def pointers(target: str) -> dict[str, str]:
    """Names and texts of playlists and scripts that point at `target`."""
    hls = f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{target}\n#EXT-X-ENDLIST\n"
    concat = f"ffconcat version 1.0\nfile '{target}'\n"
    return {"list.m3u8": hls, "list_as.mp4": hls, "script.ffconcat": concat, "script_as.mp4": concat}
