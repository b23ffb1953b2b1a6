"""The sections on films and the lake: where they are, which streams are read, where copies are kept for a while."""

from __future__ import annotations

import glob
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from cinelake.manifest.values import PositiveFloat, Text
from cinelake.spec.settings import Settings
from cinelake.spec.streams import StreamChoice, StreamChoices
from cinelake.storage.objects import holds_credentials
from cinelake.storage.store import StorageLocation

VariableName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
SCHEME = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
BYTES_PER_GB = 10**9


class BucketSettings(Settings):
    """How a bucket is reached; a folder of this machine needs none of it."""

    region: str | None = None
    """Region of the bucket, if it cannot be told from the bucket's name."""
    endpoint: str | None = None
    """Address of an S3 service that is not Amazon's, as in `http://localhost:9000`."""
    anonymous: bool = False
    """Ask a public bucket without credentials."""
    access_key_env: VariableName | None = None
    """Name of the environment variable that holds the access key; the key itself never stands in a manifest."""
    secret_key_env: VariableName | None = None
    """Name of the environment variable that holds the secret key."""
    session_token_env: VariableName | None = None
    """Name of the environment variable that holds a session token."""

    def place_at(self, uri: str) -> StorageLocation:
        """A place in the bucket, as storage takes it."""
        return StorageLocation(uri, **{name: getattr(self, name) for name in BucketSettings.model_fields})


class LakeSettings(BucketSettings):
    """Where the lake's tables are. `lake: FOLDER` is short for `lake: {uri: FOLDER}`."""

    uri: Text
    """A folder (relative to the manifest), or `s3://bucket/prefix`, `gs://bucket/prefix`."""

    @property
    def place(self) -> StorageLocation:
        """The place, as storage takes it."""
        return self.place_at(self.uri)

    def in_folder(self, base: Path) -> LakeSettings:
        """The same settings with an absolute `uri`."""
        return self.model_copy(update={"uri": absolute(self.uri, base)})


OF_A_LIST = (".csv", ".tsv", ".parquet", ".xlsx")
"""How files are named that list films, and never films."""


def _as_places(given: Any) -> Any:
    if not isinstance(given, str | list | tuple | None):
        raise ValueError(f"expected a folder or a glob, or a list of them, received {given!r}")
    return (given,) if isinstance(given, str) else tuple(given or ())


Places = Annotated[tuple[Text, ...], BeforeValidator(_as_places, json_schema_input_type=Text | list[Text])]


class CatalogueSettings(BucketSettings):
    """The films: exactly one of `films` and `list`. The bucket's options are for films that are on an object store."""

    films: Places = ()
    """A folder or a glob such as `films/*` or `films/**/*.mp4`, here or as `s3://bucket/films/*`, `gs://bucket/films`;
    or a list of them. A film that two of them give is one film."""
    list: Text | None = None
    """CSV, a workbook (.xlsx) or Parquet: a column uri and, if wanted, movie_id, title, group (its series), accept."""
    fewest_films: Annotated[int, Field(ge=0)] = 0
    """With fewer films (a share that is not mounted) every command that plans stops with exit 2, and does nothing."""
    most_lost: Annotated[float, Field(ge=0, le=1)] | None = None
    """With a larger share of the lake's films gone from the catalogue it stops too; by default a fifth is told."""
    on_damage: Literal["fail", "keep"] = "fail"
    """Of films that were cut off or are damaged in part: `fail`, or `keep` what can be read; `films.damage` says what
    was lost."""
    accept: tuple[Text, ...] = ()
    """Films (movie_id) of which a person wants what can be read, damaged or not, and pictures whose colours come out
    wrong too; a list says so in a column accept."""

    @property
    def place(self) -> StorageLocation:
        """How the films' buckets are reached."""
        return self.place_at("")

    @property
    def where(self) -> str:
        """Where the films are, or their list, as sentences name it."""
        return ", ".join(map(repr, self.films or [self.list]))

    @model_validator(mode="after")
    def _one_source(self) -> CatalogueSettings:
        given = [name for name in ("films", "list") if getattr(self, name)]
        if len(given) != 1:
            raise ValueError(f"expected exactly one of films and list, received {' and '.join(given) or 'none'}")
        if any(place.lower().endswith(OF_A_LIST) for place in self.films):
            raise ValueError("expected a folder or a glob in films: a list of films is named by `list: FILE`")
        if any(map(holds_credentials, self.films)):
            raise ValueError("expected no credentials in films: name variables with access_key_env, secret_key_env")
        return self


class StagingSettings(Settings):
    """Copies of films on this machine's disk, while a step works on them: of films on object stores, or of all."""

    folder: Text | None = None
    """A folder on a disk of the machine (of each worker's machine); by default one among its temporary files."""
    max_gb: PositiveFloat = 50.0
    """What all copies on a machine may take together; steps wait for room. A larger film fails, undownloaded."""
    always: bool = False
    """true: films in folders are copied too; for shares that are slow, or that many machines read at once."""

    @property
    def max_bytes(self) -> int:
        """The bound in bytes."""
        return int(self.max_gb * BYTES_PER_GB)

    def in_folder(self, base: Path) -> StagingSettings:
        """The same settings with the folder as it is used."""
        default = Path(tempfile.gettempdir()) / f"cinelake-staging-{os.getuid()}"
        return self.model_copy(update={"folder": absolute(self.folder, base) if self.folder else str(default)})


def _as_list(given: Any) -> Any:
    """One word as a list; `5.1`, which YAML takes for a number, as the word it is."""
    listed = given if isinstance(given, list) else [given]
    return [str(item) if isinstance(item, float) else item for item in listed]


OneOrMore = Annotated[
    list[Annotated[str, StringConstraints(min_length=1)]],
    BeforeValidator(_as_list, json_schema_input_type=str | float | list[str | float]),
]


class StreamWish(Settings):
    """What is wanted of one kind of stream; all that is named must fit."""

    language: OneOrMore = []
    """Languages in order of preference (`[deu, eng]`): as ISO 639 has them, of two or three letters."""
    title: str = ""
    """Part of the stream's title, in any case: `director`."""
    otherwise: Literal["usual", "fail"] = "usual"
    """Where no stream fits: what is taken without a choice (`films.streams` tells), or a failure, `no_such_stream`."""

    def choice(self) -> StreamChoice:
        """The choice, as the media room takes it."""
        return StreamChoice(tuple(self.language), self.title, must=self.otherwise == "fail")


class PicturesWish(StreamWish):
    """What is wanted of the pictures; all that is named must fit."""

    bars: Literal["keep", "crop"] = "keep"
    """`crop`: black bars that all of a film has (pillarbox, letterbox) are cut off before any table looks at it."""


class SoundWish(StreamWish):
    """What is wanted of the sound; all that is named must fit."""

    layout: OneOrMore = []
    """Channel layouts in order of preference: `stereo`, `mono`, `5.1`, `7.1`."""

    def choice(self) -> StreamChoice:
        """The choice, as the media room takes it."""
        return StreamChoice(tuple(self.language), self.title, tuple(self.layout), self.otherwise == "fail")


class StreamSettings(Settings):
    """Which streams of films are read, where they have several; columns of a list say it for single films."""

    pictures: PicturesWish = Field(default=PicturesWish())
    """Of the pictures; by default the first default stream, else the largest. Covers are never taken."""
    sound: SoundWish = Field(default=SoundWish())
    """Of the sound, in the programme of the pictures; by default the first default one, else that of most channels."""

    def choices(self) -> StreamChoices:
        """The choices, as the media room takes them."""
        return StreamChoices(self.pictures.choice(), self.sound.choice(), self.pictures.bars == "crop")


def lake_fault(lake: str, films: Sequence[str], base: Path) -> str:
    """What is wrong with the lake's folder, of a manifest in the folder `base`; empty where nothing is.

    A lake's tables are folders of its own, which `gc` removes again: no films may lie among them, and no project.
    """
    if SCHEME.match(lake) and not lake.startswith("file://"):
        bucket = lake.partition("://")[2].partition("/")[0]
        return "" if bucket else f"expected a bucket, as in `s3://bucket/lake`, received {lake!r}"
    folder = Path(absolute(lake, base)).resolve()
    if folder == folder.parent:
        return f"the lake would be the root of the file system ({folder}): name a folder of its own, as in `lake: lake`"
    for where in (films_folder(place, base).resolve() for place in films if not SCHEME.match(place)):
        if where == folder:
            return f"the films are in this very folder ({folder}): name a folder of its own, as in `lake: lake`"
        if where.is_relative_to(folder):
            return f"the films ({where}) lie within the lake's folder ({folder}): name a folder beside them"
    if base.resolve().is_relative_to(folder):
        return f"this manifest lies within the lake's folder ({folder}): name a folder of its own, as in `lake: lake`"
    return ""


def labels_fault(labels: str, lake: str, base: Path) -> str:
    """What is wrong with the folder of labels; empty where nothing is. They outlive the lake, so they lie beside it."""
    if SCHEME.match(labels) and not labels.startswith("file://"):
        return f"expected a folder of this machine, or of a share, as in `labels: labels`, received {labels!r}"
    folder = Path(absolute(labels, base)).resolve()
    if folder == folder.parent:
        return f"the labels would be at the root of the file system ({folder}): name a folder, as in `labels: labels`"
    if SCHEME.match(lake) and not lake.startswith("file://"):
        return ""
    if folder.is_relative_to(Path(absolute(lake, base)).resolve()):
        return f"the labels ({folder}) lie within the lake's folder, and would be deleted with it: name one beside it"
    return ""


def films_folder(films: str, base: Path) -> Path:
    """The folder that all films of a folder or glob lie below, as far as its name is without wildcards."""
    folder = base.absolute()
    for part in Path(films).parts:
        below = folder / part
        if glob.has_magic(part) and not os.path.exists(below):  # noqa: PTH110 - a name may be too long for a file's
            return folder
        if os.path.isfile(below):  # noqa: PTH113 - as above
            return folder
        folder = below
    return folder


def absolute(place: str, base: Path) -> str:
    """A place relative to `base` as an absolute path; `file://` is dropped, other URIs stay as they are."""
    if SCHEME.match(place) and not place.startswith("file://"):
        return place
    return str((base / place.removeprefix("file://")).absolute())
