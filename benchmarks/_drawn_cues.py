"""Films drawn with cues whose every second is known, by a seed: the material of `benchmarks.cues`.

A film has, by chance: bars, opening credits (cards), scenes with black between them, a letterbox or pillarbox, silence,
end credits (a roll, or cards). Beside the scenes are what is easily taken for a cue: nights with few lights, a page of
writing in the middle, a test card of stripes, quiet sound.
"""

from __future__ import annotations

import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from cinelake.media.ffmpeg import binary

WIDTH, HEIGHT, FPS, RATE = 320, 180, 12, 16_000
NAMES = ["Ada", "Noor", "Ivo", "Mara", "Lena", "Tomas", "Rui", "Petra", "Olga", "Samir", "Yuki", "Hanna"]
ROLES = ["director", "writer", "editor", "camera", "sound", "music", "colour", "gaffer", "grip", "foley", "titles"]
Picture = npt.NDArray[np.uint8]


@dataclass
class DrawnCues:
    """A film and what is in it: kind → spans in seconds."""

    path: Path
    spans: dict[str, list[tuple[float, float]]] = field(default_factory=dict)


class _Film:
    """A film as it grows."""

    def __init__(self, seed: int):
        self.random = np.random.default_rng(seed)
        self.pictures: list[Picture] = []
        self.silent: list[tuple[float, float]] = []
        self.spans: dict[str, list[tuple[float, float]]] = {}
        self.box = str(self.random.choice(["none", "none", "letterbox", "pillarbox"]))

    @property
    def now_s(self) -> float:
        return len(self.pictures) / FPS

    def add(self, kind: str, pictures: Iterator[Picture]) -> None:
        start_s = self.now_s
        self.pictures += list(pictures)
        if kind:
            self.spans.setdefault(kind, []).append((start_s, self.now_s))

    def seconds(self, low: float, high: float) -> int:
        """So many pictures."""
        return round(self.random.uniform(low, high) * FPS)


def draw_cues(folder: Path, films: int, seed: int) -> list[DrawnCues]:
    """Draw the films; what exists is not drawn again."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(folder / f"cues_{seed}_{number:02d}.mp4", seed * 1000 + number) for number in range(films)]


def _draw(path: Path, seed: int) -> DrawnCues:
    film = _Film(seed)
    if film.random.random() < 0.5:
        film.add("bars", _bars(film.seconds(3, 8)))
        film.add("black", _flat(film.seconds(0.5, 2), film))
    if film.random.random() < 0.5:
        film.add("opening_credits", _cards(film, int(film.random.integers(3, 6))))
    boxed_from = film.now_s
    for _ in range(int(film.random.integers(6, 10))):
        film.add("", _scene(film, film.seconds(3, 9)))
        if film.random.random() < 0.4:
            film.add("black", _flat(film.seconds(0.25, 2), film))
    if film.box != "none":
        film.spans[film.box] = [(boxed_from, film.now_s)]
    _be_silent(film, boxed_from)
    if film.random.random() < 0.7:
        film.add("black", _flat(film.seconds(0.5, 1.5), film))
        film.add("end_credits", _roll(film) if film.random.random() < 0.6 else _cards(film, 5))
        film.add("black", _flat(film.seconds(0.5, 1.5), film))
    if not path.exists():
        _encode(path, film)
    return DrawnCues(path, film.spans)


def _flat(count: int, film: _Film) -> Iterator[Picture]:
    level = int(film.random.integers(0, 12))
    return (np.full((HEIGHT, WIDTH, 3), level, np.uint8) for _ in range(count))


def _bars(count: int) -> Iterator[Picture]:
    colours = [(191, 191, 191), (191, 191, 0), (0, 191, 191), (0, 191, 0), (191, 0, 191), (191, 0, 0), (0, 0, 191)]
    row = np.repeat(np.array(colours, np.uint8), -(-WIDTH // 7), axis=0)[:WIDTH]
    card = np.broadcast_to(row, (HEIGHT, WIDTH, 3)).copy()
    card[HEIGHT * 3 // 4 :] = np.linspace(0, 255, WIDTH, dtype=np.uint8)[:, None]
    return (card for _ in range(count))


def _scene(film: _Film, count: int) -> Iterator[Picture]:
    """A moving gradient with shapes, by day or night; a page or stripes now and then; within the film's bars."""
    random = film.random
    kind = random.choice(["day", "day", "night", "page", "stripes"], p=[0.4, 0.2, 0.25, 0.075, 0.075])
    base, shapes = random.integers(60, 200, 3), random.uniform(0, 1, (8, 4))
    shapes[:, 3] = random.integers(40, 255, 8)
    page = _page(film) if kind == "page" else None
    for k in range(count):
        picture = _page_or(page, base, shapes, k) if kind != "stripes" else _stripes(k)
        if kind == "night":
            picture = (picture * 0.3 + (picture > 215) * picture * 0.6).astype(np.uint8)
        yield _boxed(picture, film.box)


def _page_or(page: Picture | None, base: Any, shapes: Any, k: int) -> Picture:
    if page is not None:
        return page
    ramp = np.linspace(-40, 40, WIDTH)[None, :, None] + np.linspace(-20, 20, HEIGHT)[:, None, None]
    picture = np.clip(base + ramp + 10 * np.sin(k / 7), 0, 255).astype(np.uint8)
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for x, y, size, level in shapes:
        left, top = (x * WIDTH + 3 * k * (size - 0.5)) % WIDTH, y * HEIGHT
        draw.ellipse((left, top, left + 60 * size + 8, top + 60 * size + 8), fill=(int(level), int(level * x), 235))
    return np.asarray(canvas)


def _stripes(k: int) -> Picture:
    columns = (((np.arange(WIDTH) + 2 * k) // 40) % 2 * 180 + 40).astype(np.uint8)
    return np.broadcast_to(columns[None, :, None], (HEIGHT, WIDTH, 3)).copy()


def _page(film: _Film) -> Picture:
    return _written([(18 + 14 * i, _words(film, 5)) for i in range(11)], ground=225, ink=30, size=10)


def _words(film: _Film, count: int) -> str:
    return " ".join(film.random.choice(NAMES + ROLES, count))


def _written(lines: list[tuple[int, str]], *, ground: int, ink: int, size: int, tall: int = HEIGHT) -> Picture:
    canvas = Image.new("L", (WIDTH, tall), ground)
    draw = ImageDraw.Draw(canvas)
    for y, line in lines:
        draw.text((WIDTH / 2, y), line, fill=ink, font=ImageFont.load_default(size), anchor="mm")
    return np.repeat(np.asarray(canvas)[..., None], 3, axis=2)


def _cards(film: _Film, count: int) -> Iterator[Picture]:
    for _ in range(count):
        lines = [(70, str(film.random.choice(ROLES))), (95, _words(film, 2)), (118, _words(film, 2))]
        card = _written(lines, ground=0, ink=230, size=int(film.random.integers(13, 22)))
        yield from (card for _ in range(film.seconds(1.5, 3)))


def _roll(film: _Film) -> Iterator[Picture]:
    rows = int(film.random.integers(25, 50))
    tall = rows * 18 + 2 * HEIGHT
    lines = [(HEIGHT + 18 * i, f"{film.random.choice(ROLES)}   {_words(film, 2)}") for i in range(rows)]
    whole = _written(lines, ground=0, ink=225, size=12, tall=tall)
    return (whole[top : top + HEIGHT] for top in range(HEIGHT // 2, tall - HEIGHT - HEIGHT // 2, 4))


def _boxed(picture: Picture, box: str) -> Picture:
    boxed = picture.copy()
    if box == "letterbox":
        boxed[: HEIGHT // 8] = boxed[HEIGHT - HEIGHT // 8 :] = 4
    if box == "pillarbox":
        boxed[:, : WIDTH // 8] = boxed[:, WIDTH - WIDTH // 8 :] = 4
    return boxed


def _be_silent(film: _Film, from_s: float) -> None:
    for _ in range(int(film.random.integers(0, 3))):
        start_s = float(film.random.uniform(from_s, max(from_s, film.now_s - 8)))
        span = (start_s, start_s + float(film.random.uniform(4, 8)))
        if all(span[0] > end + 2 or span[1] < start - 2 for start, end in film.silent):
            film.silent.append(span)
    if film.silent:
        film.spans["silence"] = sorted(film.silent)


def _encode(path: Path, film: _Film) -> None:
    sound = path.with_suffix(".wav")
    _write_sound(sound, film)
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH}x{HEIGHT}", "-r", str(FPS), "-i", "-"]
    out = ["-pix_fmt", "yuv420p", "-c:v", "libx264", "-crf", "20", "-c:a", "aac", "-shortest", str(path)]
    command = [binary(), "-y", "-loglevel", "error", *raw, "-i", str(sound), *out]
    subprocess.run(command, input=np.stack(film.pictures).tobytes(), check=True)
    sound.unlink()


def _write_sound(path: Path, film: _Film) -> None:
    """Noise of changing loudness, quiet in places, and nothing where it is silent."""
    count = round(film.now_s * RATE)
    times = np.arange(count) / RATE
    level = 0.05 * (1.2 + np.sin(times / 3)) * film.random.choice([0.3, 1.0])
    samples = film.random.normal(0, 1, count) * level
    for start, end in film.silent:
        samples[(times >= start) & (times < end)] *= 0.001
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
