"""Folders of images, one a class (`class/*.jpg`), as labels of *image films*.

The pictures of one trailer look alike; they must not be on both sides of a split. So images are
grouped by source, and each source becomes a film of its own, `images_<source>`, of one shot per image: the split is by
film as ever. The pictures lie beside the labels, in `labels/<set>/images/<movie_id>.parquet`, and an image keeps its
number for good: what is imported later gets higher ones.

An image whose name tells no source (`jack/p.jpg`) is a source of its own, by its name; where images of two folders have
one name, by its folder and name (`images_jack_p`, `images_rose_p`). What is kept already stays where it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq
from blake3 import blake3

from cinelake.catalogue.names import movie_id_of
from cinelake.errors import Problem, StorageError
from cinelake.labels.checks import FILE, LINE
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.readers import ReadLabels
from cinelake.spec.labels import LabelContract
from cinelake.storage.content import digest
from cinelake.storage.files import alone, written_whole
from cinelake.storage.store import storage_errors

SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 << 20
KEPT_WIDTH = 1280
"""Wider images are kept shrunk: no model here uses more."""
BEFORE_NUMBER = r"^(.+)[_-]\d+$"
"""An image's source in its name without folder and suffix: the part before the last number."""

IMAGES = pa.schema(
    [
        ("image", pa.int32()),
        ("jpeg", pa.binary()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("sha", pa.string()),
        ("name", pa.string()),
    ]
)
"""An image film's file: number, picture, size, digest of the imported file's content, and its name."""


KeptNames = Callable[[str], Mapping[str, str]]
"""Image film → digest of each of its pictures → its folder and name, `jack/p.jpg`."""


@dataclass(frozen=True)
class LabelImage:
    """One image that will be imported. classes: the folders that hold it."""

    path: Path
    sha: str
    movie_id: str
    classes: tuple[str, ...]


class Numbered(Protocol):
    """What has a number in an image film: a picture, or a patch of a face."""

    @property
    def movie_id(self) -> str:
        """The image film."""

    @property
    def sha(self) -> str:
        """The digest of its content."""


@dataclass
class ImageScan:
    """The images of a folder, and the problems of the rest."""

    pictures: list[LabelImage] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def scan_images(
    folder: Path, contract: LabelContract, source_pattern: str | None = None, kept: KeptNames = lambda _: {}
) -> ImageScan:
    """The images of `folder/<class>/`, each content once, and the problems of the rest.

    The same content twice in a class is dropped, and noted. In two classes it has both, where labels may overlap;
    elsewhere that is a problem. kept: what the set holds already, see `kept_names`.
    """
    scan = ImageScan()
    by_content: dict[str, list[Path]] = {}
    for path in _files(folder, scan):
        why = _why_unusable(path)
        if why:
            scan.problems.append(Problem(str(path), 0, "", why))
        else:
            by_content.setdefault(blake3(path.read_bytes()).hexdigest(length=16), []).append(path)
    sources = _sources(folder, {paths[0]: sha for sha, paths in by_content.items()}, source_pattern, scan, kept)
    for sha, paths in by_content.items():
        classes = tuple(dict.fromkeys(path.parent.name for path in paths))
        if len(classes) > 1 and not contract.overlap:
            why = f"the same picture as {paths[0]}, in another class: these labels may not overlap"
            scan.problems.append(Problem(str(paths[-1]), 0, "", why))
        elif paths[0] in sources:
            scan.pictures.append(LabelImage(paths[0], sha, sources[paths[0]], classes))
        again = [path for at, path in enumerate(paths) if path.parent in {before.parent for before in paths[:at]}]
        scan.notes += [f"{path} is dropped: the same picture as {paths[0]}" for path in again]
    return scan


def _files(folder: Path, scan: ImageScan) -> Iterator[Path]:
    """Images in the order of classes and names; folders without any are problems."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not classes:
        scan.problems.append(Problem(str(folder), 0, "", "expected a folder for each class, with its images"))
    for place in classes:
        images = sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES and path.is_file())
        if not images:
            scan.problems.append(Problem(str(place), 0, "", f"the class has no image ({', '.join(SUFFIXES)})"))
        yield from images


def _why_unusable(path: Path) -> str:
    """Why an image cannot be imported; empty if it can. Its size is known before it is decoded."""
    from PIL import Image

    try:
        if path.stat().st_size > MAX_BYTES:
            return f"the file is huge: {path.stat().st_size >> 20} MiB, at most {MAX_BYTES >> 20} are read"
        with Image.open(path, formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                return f"the image is huge: {width} × {height} pixels, at most {MAX_PIXELS:,} are read"
            image.load()
    except Image.DecompressionBombError as error:
        return f"the image is huge: {error}"
    except (OSError, SyntaxError, ValueError) as error:
        return f"the image is damaged, or neither JPEG nor PNG: {error}"
    return ""


def _sources(
    folder: Path, digests: Mapping[Path, str], pattern: str | None, scan: ImageScan, kept: KeptNames
) -> dict[Path, str]:
    """Path → movie_id of its source's film. With a pattern every name must match (its first group, if it has one)."""
    sources, alone = {}, []
    for path in digests:
        subject = str(path.relative_to(folder)) if pattern else path.stem
        match = re.search(pattern or BEFORE_NUMBER, subject)
        if match:
            name = match[1] if match.re.groups else match[0]
            sources[path] = movie_id_of(f"images_{name}.jpg")
        elif pattern:
            scan.problems.append(Problem(str(path), 0, "", f"--source-pattern {pattern!r} does not match {subject!r}"))
        else:
            alone.append(path)
    sources |= _told_apart(alone, digests, set(sources.values()), scan, kept)
    if not pattern and len(digests) > 1 and len(set(sources.values())) == len(digests):
        scan.notes.append(
            f"each of the {len(digests)} images counts as a source of its own, so that images of one film may stand on "
            "both sides of a split: if their names tell the source, say how with --source-pattern"
        )
    return sources


def _told_apart(
    paths: list[Path], digests: Mapping[Path, str], taken: set[str], scan: ImageScan, kept: KeptNames
) -> dict[Path, str]:
    """Path → movie_id of an image that is a source of its own: by its name, or where others have that by its folder."""
    plain = {path: movie_id_of(f"images_{path.stem}.jpg") for path in paths}
    before = {movie_id: kept(movie_id) for movie_id in set(plain.values())}
    claimed: dict[str, set[str]] = {}
    for path, movie_id in plain.items():
        claimed.setdefault(movie_id, set()).add(_place(path))
    for movie_id, names in before.items():
        claimed[movie_id] |= {_place(Path(name)) for name in names.values()}
    used, by_place, found = {*taken, *plain.values()}, {}, {}
    for path, movie_id in plain.items():
        place = _place(path)
        if len(claimed[movie_id]) == 1 or digests[path] in before[movie_id]:
            found[path] = movie_id
        elif place not in by_place:
            own = movie_id_of(f"images_{path.parent.name}_{path.stem}.jpg")
            by_place[place] = f"{own[:80]}_{digest(place)[:8]}" if own in used else own
            used.add(by_place[place])
        found.setdefault(path, by_place.get(place, movie_id))
    moved = [path for path in paths if found[path] != plain[path]]
    if moved:
        scan.notes.append(
            f"{len(moved)} of the images have the names of images in other folders, and are told apart by their "
            f"folders: {_place(moved[0])} is {found[moved[0]]}"
        )
    return found


def _place(path: Path) -> str:
    """An image's class folder and name without suffix: `jack/p`."""
    return f"{path.parent.name}/{path.stem}"


# --- image films


def image_file(root: Path, name: str, movie_id: str) -> Path:
    """The path of an image film of a set (it may not exist)."""
    return Path(root) / name / "images" / f"{movie_id}.parquet"


def kept_names(root: Path, name: str) -> KeptNames:
    """What the image films of a set hold, by digest and name. Raises `StorageError` for a damaged file."""
    return lambda movie_id: dict(zip(*(_kept(root, name, movie_id, column) for column in ("sha", "name")), strict=True))


def image_facts(root: Path, name: str, numbers: Mapping[str, Mapping[str, int]] | None = None) -> dict[str, FilmFacts]:
    """Facts of a set's image films; `numbers`: of those that are being imported."""
    counts = {
        path.stem: pq.read_metadata(path).num_rows for path in image_file(root, name, "_").parent.glob("*.parquet")
    }
    counts |= {movie_id: len(of_film) for movie_id, of_film in (numbers or {}).items()}
    return {movie_id: FilmFacts(duration_s=float(count), shots=count) for movie_id, count in counts.items()}


def numbered(root: Path, name: str, pictures: Iterable[Numbered]) -> dict[str, dict[str, int]]:
    """movie_id → digest of a picture → its number: those that are kept already keep theirs."""
    by_film: dict[str, dict[str, int]] = {}
    for picture in pictures:
        if picture.movie_id not in by_film:
            by_film[picture.movie_id] = {sha: at for at, sha in enumerate(_kept(root, name, picture.movie_id, "sha"))}
        numbers = by_film[picture.movie_id]
        numbers.setdefault(picture.sha, len(numbers))
    return by_film


def _kept(root: Path, name: str, movie_id: str, column: str) -> list[Any]:
    path = image_file(root, name, movie_id)
    with storage_errors(f"reading {path}"):
        try:
            values: list[Any] = pq.read_table(path, columns=[column])[column].to_pylist() if path.exists() else []
        except pa.ArrowException as error:
            raise StorageError(f"{path} is damaged ({error}): bring it back from a copy, or move it away") from error
    return values


def image_rows(
    folder: Path, scan: ImageScan, contract: LabelContract, numbers: Mapping[str, Mapping[str, int]]
) -> ReadLabels:
    """Label rows: each image is the shot of its number (at that second), with its folder's name as class."""
    assert contract.class_column is not None
    rows = [
        (picture.movie_id, numbers[picture.movie_id][picture.sha], label, str(folder / label / picture.path.name))
        for picture in scan.pictures
        for label in picture.classes
    ]
    movie_ids, shots, labels, files = zip(*rows, strict=True) if rows else ((), (), (), ())
    ends = [shot + 1 for shot in shots]
    by_shots = {"start_shot": pa.array(shots, pa.int32()), "end_shot": pa.array(ends, pa.int32())}
    table = pa.table(
        {
            "movie_id": pa.array(movie_ids, pa.string()),
            **(by_shots if contract.shape == "spans" else {"time_s": pa.array(shots, pa.float64())}),
            contract.class_column: pa.array(labels, pa.string()),
            LINE: pa.array([0] * len(rows), pa.int64()),
            FILE: pa.array(files, pa.string()),
        }
    )
    content = digest(sorted([picture.sha, *picture.classes] for picture in scan.pictures))
    return ReadLabels(table, folder.name, content, scan.problems, scan.notes)


@contextmanager
def images_lock(root: Path, name: str) -> Iterator[None]:
    """One import of images into a set at a time: two must not assign one number to two pictures."""
    folder = image_file(root, name, "_").parent
    with ExitStack() as stack:
        with storage_errors(f"writing images to {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(alone(folder / ".lock"))
        yield


def keep_images(
    root: Path, name: str, pictures: Iterable[LabelImage], numbers: Mapping[str, Mapping[str, int]]
) -> None:
    """Add the pictures that are new to their films' files, each file in one replacement. Raises `StorageError`."""
    by_sha = {picture.sha: picture for picture in pictures}
    for movie_id, of_film in numbers.items():
        path = image_file(root, name, movie_id)
        before = pq.read_table(path, partitioning=None) if path.exists() else IMAGES.empty_table()
        fresh = [by_sha[sha] for sha, number in of_film.items() if number >= len(before)]
        if not fresh:
            continue
        rows = []
        for number, picture in enumerate(fresh, start=len(before)):
            jpeg, width, height = _kept_picture(picture.path)
            origin = {"sha": picture.sha, "name": "/".join(picture.path.parts[-2:])}
            rows.append({"image": number, "jpeg": jpeg, "width": width, "height": height, **origin})
        after = pa.concat_tables([before, pa.Table.from_pylist(rows, IMAGES)])
        with storage_errors(f"writing {path}"):
            replace_images(path, after)


def replace_images(path: Path, table: pa.Table) -> None:
    """Put an image film's file in its place, written whole before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(path, durable=True) as unfinished, unfinished.open("wb") as file:
        pq.write_table(table, file, compression="none", row_group_size=256)


def _kept_picture(path: Path) -> tuple[bytes, int, int]:
    """The picture as JPEG no wider than `KEPT_WIDTH`, upright, and its size; JPEGs that are so already stay as is."""
    import io

    from PIL import Image, ImageOps

    data = path.read_bytes()
    with Image.open(io.BytesIO(data), formats=("JPEG", "PNG")) as image:
        is_turned = image.getexif().get(0x0112, 1) != 1
        if image.format == "JPEG" and image.mode in ("RGB", "L") and image.width <= KEPT_WIDTH and not is_turned:
            return data, image.width, image.height
        upright = ImageOps.exif_transpose(image).convert("RGB")
    if upright.width > KEPT_WIDTH:
        upright = upright.resize((KEPT_WIDTH, max(1, round(upright.height * KEPT_WIDTH / upright.width))))
    buffer = io.BytesIO()
    upright.save(buffer, "JPEG", quality=95)
    return buffer.getvalue(), upright.width, upright.height
