"""What a recogniser makes of dark and blurred faces, and which of them count: by patches of FER2013, one a person.

    python -m benchmarks.degraded_faces --real DIR              DIR/features/fer2013.parquet
    python -m benchmarks.degraded_faces --real DIR --people 100

Every patch is another person. It is drawn into a picture of 640 × 360 in so many pixels, blurred (deviation in pixels
of the picture) and darkened; the recogniser of `faces` looks at it in the box where it is. `alike`: pairs of two people
above the default likeness. `itself`: faces that are still like the clear picture of the same person. `like clear`:
degraded faces that are like the clear face of somebody else. `count`: faces that may found a person. Shared persons are
numbers that two people or more are given, of all faces and of those that count.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, Report, run, say
from cinelake.spec.arrays import Array, PixelArray
from cinelake.spec.example import Example
from models.identities.config import Config
from models.identities.features import by_cosine, contrast_and_sharpness
from models.identities.fitting import unnamed_tracks
from models.identities.people import nobody
from tasks.faces.recogniser import FaceRecogniser
from tasks.shared.pictures import PATCH_SIDE, RelativeBox, grey, resize, square_crop

WIDTH, HEIGHT, X, Y = 640, 360, 240, 120
FACES_OF_A_TRACK = 3
TOGETHER = 16


@dataclass(frozen=True)
class Light:
    """What becomes of a face: pixels of its side, how much of its light is left, and the blur's deviation."""

    pixels: int = 96
    gain: float = 1.0
    blur: float = 0.0

    def __str__(self) -> str:
        return f"{self.pixels} px, light {self.gain:g}, blur {self.blur:g}"


CLEAR = Light()
KINDS = (
    CLEAR, Light(30), Light(20), Light(blur=2), Light(gain=0.2), Light(gain=0.2, blur=2),
    Light(blur=4), Light(blur=6), Light(gain=0.05), Light(gain=0.1, blur=2), Light(gain=0.2, blur=4),
    Light(gain=0.1, blur=4),
)  # fmt: skip
GOOD, POOR = KINDS[:1], KINDS[7:]
"""Kinds whose faces must count, and whose faces must not."""


@dataclass(frozen=True)
class Seen:
    """Faces of one kind: vectors (n, d), contrast and sharpness (n,)."""

    vectors: Array
    contrast: Array
    sharpness: Array

    def counts(self, config: Config) -> Array:
        """(n,) which count."""
        enough: Array = (self.sharpness >= config.least_sharpness) & (self.contrast >= config.least_contrast)
        return enough


def degraded(patch: PixelArray, light: Light) -> tuple[PixelArray, RelativeBox]:
    """A picture with the face, and where it is."""
    import cv2

    picture = np.full((HEIGHT, WIDTH), patch.mean(), np.float32)
    side = light.pixels
    picture[Y : Y + side, X : X + side] = resize(patch, side, side)
    if light.blur:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), light.blur), np.float32)
    dark = np.clip(np.rint(picture * light.gain), 0, 255).astype(np.uint8)
    return np.repeat(dark[..., None], 3, axis=2), (X / WIDTH, Y / HEIGHT, side / WIDTH, side / HEIGHT)


def seen_as(patches: list[PixelArray], light: Light, recogniser: FaceRecogniser) -> Seen:
    """What the recogniser and the table make of these faces."""
    pictures = [degraded(patch, light) for patch in patches]
    chips = np.stack([recogniser.upright(picture, box) for picture, box in pictures])
    vectors = [recogniser.describe(chips[at : at + TOGETHER]) for at in range(0, len(chips), TOGETHER)]
    small = np.stack([resize(square_crop(grey(p), box), PATCH_SIDE, PATCH_SIDE) for p, box in pictures])
    contrast, sharpness = contrast_and_sharpness(small.astype(np.float32))
    return Seen(by_cosine(np.concatenate(vectors)), contrast, sharpness)


def shared_persons(seen: Seen, counts: Array, config: Config) -> int:
    """How many numbers are given to two people or more: each is a film of one track."""
    examples = [_film(seen, counts, number) for number in range(len(counts))]
    two = config.model_copy(update={"at_least": FACES_OF_A_TRACK + 1})
    return len(unnamed_tracks(examples, nobody(seen.vectors.shape[1]), two).people(two))


def _film(seen: Seen, counts: Array, number: int) -> Example:
    rows = np.full(FACES_OF_A_TRACK, number)
    features = {
        "time_s": np.arange(FACES_OF_A_TRACK, dtype=float),
        "frame": np.arange(FACES_OF_A_TRACK),
        "shot": np.zeros(FACES_OF_A_TRACK, int),
        "box": np.tile((0.4, 0.4, 0.1, 0.1), (FACES_OF_A_TRACK, 1)),
        "embedding": seen.vectors[rows],
        "counts": counts[rows],
        "contrast": seen.contrast[rows],
        "sharpness": seen.sharpness[rows],
    }
    return Example(str(number), str(number), features, {"character": np.full(FACES_OF_A_TRACK, "")})


def measure(given: argparse.Namespace) -> Report:
    """Every kind by itself."""
    import pyarrow.parquet as pq

    faces = pq.read_table(given.real / "features" / "fer2013.parquet", columns=["patch"])["patch"]
    chosen = np.random.default_rng(0).choice(len(faces), given.people, replace=False)
    patches = [np.frombuffer(faces[int(i)].as_py(), np.uint8).reshape(PATCH_SIDE, PATCH_SIDE) for i in chosen]
    recogniser, config, figures = FaceRecogniser(), Config(), []
    clear = seen_as(patches, CLEAR, recogniser)
    pairs = np.triu_indices(given.people, 1)
    for light in KINDS:
        seen = seen_as(patches, light, recogniser)
        alike = float((seen.vectors @ seen.vectors.T >= config.likeness)[pairs].mean())
        across = clear.vectors @ seen.vectors.T >= config.likeness
        itself = float(across.diagonal().mean())
        others = float((across.sum() - across.diagonal().sum()) / (across.size - given.people))
        counts = seen.counts(config)
        all_of_them = shared_persons(seen, np.ones(given.people, bool), config)
        counting = shared_persons(seen, counts, config)
        say(
            f"{light}: alike {alike:.3f}, itself {itself:.2f}, like clear {others:.3f}, count {counts.mean():.2f}; "
            f"shared persons {all_of_them} of all, {counting} of those that count"
        )
        at_least, at_most = (0.95 if light in GOOD else None), (0.2 if light in POOR else None)
        figures.append(Figure(f"{light}: count", [float(counts.mean())], at_least=at_least, at_most=at_most))
        figures.append(Figure(f"{light}: pairs alike", [alike]))
        figures.append(Figure(f"{light}: shared persons", [float(counting)], at_most=0.0 if light in POOR else None))
    return Report("degraded faces", figures, ["patches of 48 pixels: clear ones are hard for the recogniser already"])


def main() -> int:
    """The command."""
    os.environ.setdefault("CINELAKE_THREADS", "1")
    real = os.environ.get("CINELAKE_REAL_DATA")
    return run(
        __doc__ or "",
        measure,
        ("--real", {"type": Path, "default": Path(real) if real else None, "required": not real, "help": "real data"}),
        ("--people", {"type": int, "default": 60, "help": "patches, each another person"}),
        repeat=1,
    )


if __name__ == "__main__":
    raise SystemExit(main())
