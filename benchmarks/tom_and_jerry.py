"""Who is in a cartoon's frames: the screen-time tutorial's 298 frames, split in blocks of time, by several backbones.

  python -m benchmarks.tom_and_jerry --real DIR                        DIR/films, DIR/labels, DIR/models/permissive
  python -m benchmarks.tom_and_jerry --real DIR --film FILM --labels CSV     and a cartoon that nothing learned from

Neighbouring frames look alike, so no frame is held out at random: the first 70 % are learned from and the last 30 %
scored; and five contiguous blocks are scored each by a model of the other four; and the first of the film's two
cartoons by a model of the second, and the other way round. The model is `characters` with its linear head on the table
`embeddings`. Beside it: the class that is most frequent in training, and a histogram of colours with a linear
classifier. `tiles_avg` and `tiles_max` are the packaged network over 3 × 3 overlapping tiles beside the whole picture.
`calibrated`: with `calibrate: seconds`. Seconds off: |found − true| of Tom and Jerry as a share of their labelled ones.
Shifts: the last 30 % once more in another light, paler, and cropped to the middle, embedded anew.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from benchmarks.figures import Figure, Report, run, say
from cinelake.catalogue.names import movie_id_of
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.learning.images import MemoryTable
from cinelake.manifest.document import load_manifest
from cinelake.spec.arrays import Array, Arrays
from cinelake.spec.example import Example
from cinelake.spec.task import Film
from cinelake.spec.training import Training
from models.characters import MODEL
from models.characters.config import Config
from models.characters.features import vectors_of
from models.characters.simple import by_majority as most_often

FILM = "tom_and_jerry_train"
CARTOONS = (slice(0, 104), slice(123, 285))
"""The film's two cartoons; between and after them an orange card."""
NETWORKS = ("mobilenet_v2_1.0_224_quant", "tf2_mobilenet_v2_1.0_224_ptq")
"""As they are named in the manifest, without a `layer`: `characters` takes what they saw before they named classes."""
TILES = {"embeddings_tiles_avg": "avg", "embeddings_tiles_max": "max"}
"""Tables of the packaged network over 3 × 3 tiles beside the whole picture → how tiles are pooled."""
GOALS = {"embeddings": {"five blocks": 0.70}, "tiles_max": {"five blocks": 0.70, "another cartoon": 0.70}}
Predict = Callable[[Example, Arrays], Array]


def make_lake(given: argparse.Namespace) -> Path:
    """A lake with the film's pictures and their embeddings by every backbone; returns the manifest."""
    films = given.folder / "films"
    films.mkdir(parents=True, exist_ok=True)
    for film in (given.real / "films" / f"{FILM}.mp4", given.film):
        if film and not (films / film.name).exists():
            shutil.copy(film, films)
    entries = {
        name: f'{{task: embeddings, backbone: {{file: "{file}"}}}}' for name, file in networks(given.real).items()
    }
    tasks = ["films: {}", "shots: {}", "frames: {fps: 1}", "embeddings: {}"]
    tasks += ["embeddings_descriptor: {task: embeddings, backbone: descriptor}"]
    tasks += [f"{name}: {{task: embeddings, tiles: 3x3, pooling: {pooling}}}" for name, pooling in TILES.items()]
    lines = [*tasks, *(f"{name}: {entry}" for name, entry in entries.items())]
    manifest = given.folder / "pipeline.yaml"
    head = 'lake: lake\ncatalogue: {films: "films/*"}\ntracking: {enabled: false}\ntasks:\n'
    manifest.write_text(head + "".join(f"  {line}\n" for line in lines))
    subprocess.run([sys.executable, "-m", "cli", "run", "-m", str(manifest)], check=True, stdout=sys.stderr)
    return manifest


def networks(real: Path) -> dict[str, Path]:
    """Table → file, of the networks that are present."""
    files = {stem: real / "models" / "permissive" / f"{stem}.tflite" for stem in NETWORKS}
    return {f"embeddings_{movie_id_of(stem)}": file for stem, file in files.items() if file.is_file()}


def read_film(lake: Lake, table: str, movie_id: str, labels: Path) -> Example:
    """A film's vectors and who is seen."""
    features = vectors_of(lake.reader(table, movie_id))
    rows = pa_csv.read_csv(labels)
    return Example(
        movie_id, movie_id, features, MODEL.targets(rows.select(["time_s", "character"]), features, Config())
    )


def part(example: Example, chosen: Array) -> Example:
    """The chosen steps alone."""
    features, known = (
        {name: values[chosen] for name, values in side.items()} for side in (example.features, example.targets)
    )
    return Example(example.movie_id, example.group, features, known)


def by_model(folder: Path, config: Config) -> Predict:
    """Train `characters` on an example and predict features."""

    def predict(learn: Example, features: Arrays) -> Array:
        trained = MODEL.train([learn], [learn], config, Training(folder / "training", resume=False))
        shutil.rmtree(folder / "artefact", ignore_errors=True)
        artefact = write_artefact(folder / "artefact", MODEL.name, config, trained)
        return MODEL.predict(artefact, features)["character"]

    return predict


def by_majority(learn: Example, features: Arrays) -> Array:
    """Who is seen most often."""
    return most_often([learn], Config())(features)["character"]


def by_histogram(learn: Example, features: Arrays) -> Array:
    """A linear classifier on the histogram of colours."""
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=10.0, max_iter=1000).fit(learn.features["histogram"], learn.targets["character"])
    return fitted.predict(features["histogram"])


def histograms(lake: Lake, movie_id: str) -> Array:
    """(T, 512) shares of 8 × 8 × 8 colours of every picture."""
    import cv2

    distributions = []
    for jpeg in lake.reader("frames", movie_id).read(["jpeg"])["jpeg"]:
        picture = cv2.imdecode(np.frombuffer(jpeg.as_py(), np.uint8), cv2.IMREAD_COLOR)
        counts = cv2.calcHist([picture], [0, 1, 2], None, [8, 8, 8], [0, 256] * 3).ravel()
        distributions.append(counts / counts.sum())
    return np.stack(distributions)


def splits(frames: int) -> dict[str, list[tuple[Array, Array]]]:
    """Name → pairs of frames to learn from and to score."""
    steps, cut = np.arange(frames), int(0.7 * frames)
    blocks = np.array_split(steps, 5)
    one, other = (steps[cartoon] for cartoon in CARTOONS)
    return {
        "last 30 %": [(steps[:cut], steps[cut:])],
        "five blocks": [(np.setdiff1d(steps, block), block) for block in blocks],
        "another cartoon": [(one, other), (other, one)],
    }


def accuracy(film: Example, predict: Predict, pairs: Sequence[tuple[Array, Array]]) -> float:
    """Mean over the pairs of the share of frames in which the right one is found."""
    shares = []
    for learn, score in pairs:
        test = part(film, score)
        shares.append((predict(part(film, learn), test.features) == test.targets["character"]).mean())
    return float(np.mean(shares))


def seconds_off(film: Example, predict: Predict, pairs: Sequence[tuple[Array, Array]]) -> float:
    """Mean over the pairs of |found − true| seconds, summed over the characters, as a share of all their seconds."""
    shares = []
    for learn, score in pairs:
        test = part(film, score)
        predicted, true = predict(part(film, learn), test.features), test.targets["character"]
        counts = np.array([[(side == name).sum() for side in (predicted, true)] for name in ("Tom", "Jerry")])
        shares.append(np.abs(counts[:, 0] - counts[:, 1]).sum() / max(counts[:, 1].sum(), 1))
    return float(np.mean(shares))


def seconds_in(film: Example, predict: Predict, pair: tuple[Array, Array]) -> str:
    """Seconds of each character in the scored part: found / true."""
    learn, score = pair
    test = part(film, score)
    predicted, true = predict(part(film, learn), test.features), test.targets["character"]
    return ", ".join(f"{name} {(predicted == name).sum()} / {(true == name).sum()} s" for name in ("Tom", "Jerry"))


SHIFTS: Mapping[str, Callable[[Array], Array]] = {
    "darker by a third": lambda picture: picture * 0.67,
    "brighter by a third": lambda picture: picture * 1.33,
    "half the colour": lambda picture: picture * 0.5 + picture.mean(axis=2, keepdims=True) * 0.5,
    "cropped to 75 %": lambda picture: picture[picture.shape[0] // 8 : -(picture.shape[0] // 8),
                                               picture.shape[1] // 8 : -(picture.shape[1] // 8)],
}  # fmt: skip


def shifted(lake: Lake, manifest: Path, table: str, shift: Callable[[Array], Array]) -> Arrays:
    """The film's features with every picture altered before it is embedded."""
    import cv2

    frames = lake.reader("frames", FILM).read()
    jpegs = []
    for jpeg in frames["jpeg"]:
        picture = cv2.imdecode(np.frombuffer(jpeg.as_py(), np.uint8), cv2.IMREAD_COLOR).astype(np.float32)
        jpegs.append(cv2.imencode(".jpg", np.clip(shift(picture), 0, 255).astype(np.uint8))[1].tobytes())
    altered = frames.set_column(frames.schema.get_field_index("jpeg"), "jpeg", pa.array(jpegs))
    entry = load_manifest(manifest).tasks[table]
    made = list(entry.spec.make(entry.params, Film(FILM)).run({"frames": MemoryTable(altered)}))
    return vectors_of(MemoryTable(pa.Table.from_batches(made)))


def under_shifts(film: Example, predict: Predict, alter: Callable[[Callable[[Array], Array]], Arrays]) -> list[float]:
    """Accuracy on the last 30 % under every shift."""
    learn, score = splits(len(film))["last 30 %"][0]
    true = film.targets["character"][score]
    predictions = [
        predict(part(film, learn), {name: values[score] for name, values in alter(shift).items()})
        for shift in SHIFTS.values()
    ]
    return [float((names == true).mean()) for names in predictions]


def measure(given: argparse.Namespace) -> Report:
    """Every backbone on every split, and on the other film."""
    manifest = make_lake(given)
    lake, labels = Lake(str(given.folder / "lake")), given.real / "labels" / f"{FILM}_characters.csv"
    tables = ["embeddings", *TILES, "embeddings_descriptor", *networks(given.real)]
    films = {table: read_film(lake, table, FILM, labels) for table in tables}
    films["embeddings"].features["histogram"] = histograms(lake, FILM)
    config = Config(head=given.head, smoothing_s=given.smoothing_s, refit=False)
    ours = by_model(given.folder, config)
    counting = by_model(given.folder, config.model_copy(update={"calibrate": "seconds"}))
    ways: dict[str, tuple[str, Predict]] = {
        "majority": ("embeddings", by_majority),
        "histogram": ("embeddings", by_histogram),
        **{table.removeprefix("embeddings_") or table: (table, ours) for table in tables},
        "embeddings, calibrated": ("embeddings", counting),
        "tiles_max, calibrated": ("embeddings_tiles_max", counting),
    }
    figures, sentences = [], []
    for name, (table, predict) in ways.items():
        say(name)
        pairs = splits(len(films[table]))
        goals = GOALS.get(name, {})
        figures += [
            Figure(f"{name}: {split}", [accuracy(films[table], predict, own)], at_least=goals.get(split))
            for split, own in pairs.items()
        ]
        figures += [Figure(f"{name}: seconds off, {split}", [seconds_off(films[table], predict, own)])
                    for split, own in pairs.items()]  # fmt: skip
        sentences.append(f"{name}, last 30 %, found / true: {seconds_in(films[table], predict, pairs['last 30 %'][0])}")
    for table in tables if given.shifts else []:
        say(f"{table} under shifts")
        shares = under_shifts(films[table], ours, lambda shift, table=table: shifted(lake, manifest, table, shift))
        words = ", ".join(f"{name} {share:.2f}" for name, share in zip(SHIFTS, shares, strict=True))
        sentences.append(f"{table}, last 30 % shifted: {words}")
    if given.film:
        figures += on_another(given, lake, ways, films)
    return Report("tom_and_jerry", figures, sentences)


def on_another(
    given: argparse.Namespace, lake: Lake, ways: Mapping[str, tuple[str, Predict]], films: Mapping[str, Example]
) -> list[Figure]:
    """Accuracy on a film that nothing was learned from, by models of the whole film."""
    movie_id, figures = movie_id_of(given.film.stem), []
    for name, (table, predict) in ways.items():
        other = read_film(lake, table, movie_id, given.labels)
        if name == "histogram":
            other.features["histogram"] = histograms(lake, movie_id)
        known = part(other, other.targets["known"])
        right = predict(films[table], known.features) == known.targets["character"]
        goal = None if name in ("majority", "histogram", "embeddings") else 0.64
        figures.append(Figure(f"{name}: {movie_id}", [float(right.mean())], at_least=goal))
    return figures


def main() -> int:
    """The command."""
    real = os.environ.get("CINELAKE_REAL_DATA")
    return run(
        __doc__ or "",
        measure,
        ("--real", {"type": Path, "default": Path(real) if real else None, "required": not real, "help": "real data"}),
        ("--film", {"type": Path, "help": "another cartoon, never learned from"}),
        ("--labels", {"type": Path, "help": "its labels: time_s, character"}),
        ("--head", {"choices": ["linear", "seed"], "default": "linear", "help": "(default: %(default)s)"}),
        ("--smoothing-s", {"type": float, "default": Config().smoothing_s, "help": "(default: %(default)s)"}),
        ("--shifts", {"action": "store_true", "help": "score the last 30 %% in other light and framing too"}),
        repeat=1,
    )


if __name__ == "__main__":
    raise SystemExit(main())
