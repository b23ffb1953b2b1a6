"""Films with titles, signs and rolled credits, with the truth of each: made for measuring."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from cinelake.media.ffmpeg import binary

WIDTH, HEIGHT, RATE = 640, 360, 12
FIRST = (
    *("Anna", "Marek", "Sofia", "Liam", "Ingrid", "José", "Chloë", "Pavel"),
    *("Yuki", "Omar", "Greta", "Łukasz", "Mary-Jane", "Tomás", "Hélène", "Björn"),
)
LAST = (
    *("Novak", "O'Brien", "Lindqvist", "García", "Okafor", "Tanaka", "Müller"),
    *("Rossi", "Van-Dyke", "Petrov", "Halloran", "Šimek", "Ferreira", "Quinn"),
)
ROLES = (
    "Directed by",
    "Written by",
    "Produced by",
    "Director of Photography",
    "Editor",
    "Music by",
    "Costume Designer",
    "Sound Mixer",
    "Production Designer",
    "Casting by",
    "Script Supervisor",
    "Gaffer",
    "Key Grip",
    "Stunt Coordinator",
    "Colorist",
    "Visual Effects Supervisor",
)
CHARACTERS = (
    "Detective Hale",
    "The Widow",
    "Young Peter",
    "Dr. Strand",
    "Bartender",
    "First Soldier",
    "Mrs. Lund",
    "Ida",
)
TITLES = (
    "THE LAST FERRY",
    "Seven Years Later",
    "Hamburg, 14 May 1957",
    "CHAPTER TWO",
    "No Entry",
    "Hotel Astoria",
    "Meanwhile, on the other side of the river",
    "POLICE STATION",
    "The End",
)
SCENE_S = 5.0
FONTS = ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansCondensed.ttf", "DejaVuSerif-Bold.ttf")
Pair = tuple[str, str]


@dataclass
class DrawnWriting:
    """One film. titles: text and span in seconds. credits: (role, name), in order."""

    path: Path
    titles: list[tuple[str, float, float]] = field(default_factory=list)
    credits: list[Pair] = field(default_factory=list)


def font(name: str, size: int) -> Any:
    """A font of the machine; where it has none of these, the one that Pillow brings."""
    try:
        return ImageFont.truetype(name, size)
    except OSError:
        return ImageFont.load_default(size)


def draw_writing(path: Path, seed: int, titles: int = 3, layout: str = "") -> DrawnWriting:
    """Draw a film: scenes with titles over them, then rolled credits in two columns or in blocks."""
    rng = np.random.default_rng(seed)
    drawn, scenes = DrawnWriting(path), []
    for number, text in enumerate(rng.choice(TITLES, titles, replace=False)):
        drawn.titles.append((str(text), number * SCENE_S + 1.5, number * SCENE_S + 3.5))
        scenes.append((_title(str(text), rng), rng.uniform(20, 130, (3, 3))))
    sheet, drawn.credits = roll_of(rng, layout or str(rng.choice(["columns", "blocks"])))
    step = int(rng.integers(2, 6))
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        pictures = (picture for scene in scenes for picture in _scene(*scene))
        _encode(path, itertools.chain(pictures, _rolled(sheet, step)))
    return drawn


def _title(text: str, rng: np.random.Generator) -> Any:
    """A title on a transparent picture, within it."""
    size, place = int(rng.integers(18, 40)), (int(rng.integers(20, 80)), int(rng.integers(40, 280)))
    name = str(rng.choice(FONTS))
    while font(name, size).getlength(text) > WIDTH - place[0] - 20:
        size -= 2
    title = Image.new("RGBA", (WIDTH, HEIGHT))
    ImageDraw.Draw(title).text(place, text, font=font(name, size), fill=(245, 240, 225))
    return title


def _scene(title: Any, colours: Any) -> Iterator[Any]:
    """A moving scene with a title over two seconds of it."""
    down, across = np.mgrid[0:HEIGHT, 0:WIDTH] / HEIGHT
    for number in range(round(SCENE_S * RATE)):
        waves = np.sin(4 * across + number / 10), np.cos(3 * down - number / 8)
        wave = waves[0][..., None] * colours[0] + waves[1][..., None] * colours[1]
        picture = Image.fromarray(np.clip(colours[2] + wave / 2, 0, 140).astype(np.uint8))
        if 1.5 <= number / RATE < 3.5:
            picture.paste(title, mask=title)
        yield picture


def _rolled(sheet: Any, step: int) -> Iterator[Any]:
    """The sheet as it rolls by, from below the picture until it is above it."""
    for top in range(-HEIGHT, sheet.height, step):
        picture = Image.new("RGB", (WIDTH, HEIGHT), (6, 6, 8))
        picture.paste(sheet, (0, -top))
        yield picture


def roll_of(rng: np.random.Generator, layout: str, entries: int = 10) -> tuple[Any, list[Pair]]:
    """The sheet that rolls by, and its (role, name)."""
    size = int(rng.integers(15, 21))
    style = font(str(rng.choice(FONTS)), size)
    lines: list[tuple[str, str]] = []  # left, right; or "" and a centred one
    pairs: list[Pair] = []
    roles = [*rng.choice(ROLES, entries - 4, replace=False), *rng.choice(CHARACTERS, 4, replace=False)]
    for role in map(str, roles):
        names = [f"{rng.choice(FIRST)} {rng.choice(LAST)}" for _ in range(int(rng.choice([1, 1, 1, 2, 3])))]
        pairs += [(role, name) for name in names]
        if layout == "columns":
            lines += [(role if not n else "", name) for n, name in enumerate(names)]
        else:
            lines += [("", role), *(("", name) for name in names), ("", "")]
    step = round(size * 1.5)
    sheet = Image.new("RGB", (WIDTH, step * (len(lines) + 1)), (6, 6, 8))
    pen = ImageDraw.Draw(sheet)
    for row, (left, right) in enumerate(lines):
        down = row * step + step // 2
        if layout == "columns":
            pen.text((WIDTH / 2 - 20 - style.getlength(left), down), left, font=style, fill=(200, 200, 200))
            pen.text((WIDTH / 2 + 20, down), right, font=style, fill=(240, 240, 240))
        else:
            pen.text((WIDTH / 2 - style.getlength(right) / 2, down), right, font=style, fill=(235, 235, 235))
    return sheet, pairs


def _encode(path: Path, pictures: Iterable[Any]) -> None:
    size = ["-s", f"{WIDTH}x{HEIGHT}", "-r", str(RATE)]
    command = [binary(), "-v", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgb24", *size, "-i", "-"]
    command += ["-pix_fmt", "yuv420p", "-crf", "21", "-preset", "veryfast", str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in pictures:
            process.stdin.write(picture.tobytes())
