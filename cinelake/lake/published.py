"""The published copy of a lake: versions that are whole, and one pointer that says which is the present one.

    published/files/shots/bucket=0017/<digest>.parquet   rows of all films in the bucket that their ids' hashes name
    published/versions/12.json                           which files version 12 is made of
    published/latest.json                                the present version's number, replaced in one operation

A file never changes: its digest is made from the keys of the cells in it. So versions share the files of all that did
not change, and a reader, once it knows a version, reads that one whatever is published meanwhile.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa
from blake3 import blake3

from cinelake.errors import DamagedPublication, StorageError, UnknownName, UsageError
from cinelake.lake.cells import Lake
from cinelake.spec.contract import Column, Contract
from cinelake.spec.installed import LAKE_FORMAT, check_format
from cinelake.spec.names import TABLE_NAME
from cinelake.storage.content import parsed_json, parsed_object
from cinelake.storage.files import alone
from cinelake.storage.parquet_depth import metadata_in, parquet_tail
from cinelake.storage.store import Storage, storage_errors

FOLDER = "published"
LATEST = "latest.json"
_DIGEST = re.compile(r"[0-9a-z]+")
READ_TOGETHER, READ_BYTES = 4, 1 << 20
COMPRESSION = "zstd"


@dataclass(frozen=True)
class PublishedFile:
    """One file of a table: which bucket, the digest of what it is made of, its size.

    content: the digest of all its bytes; empty where an earlier release has made it.
    """

    bucket: int
    digest: str
    rows: int
    bytes: int
    content: str = ""

    def __post_init__(self) -> None:
        if not _DIGEST.fullmatch(self.digest) or not isinstance(self.bucket, int):  # a path is made of them
            raise ValueError(f"expected a bucket's number and a digest, received {self.bucket!r} and {self.digest!r}")

    def parts(self, table: str) -> tuple[str, ...]:
        """The parts of its path in the lake."""
        return file_parts(table, self.bucket, self.digest)


def file_parts(table: str, bucket: int, digest: str) -> tuple[str, ...]:
    """The parts of a published file's path in the lake."""
    return FOLDER, "files", table, f"bucket={bucket:04d}", f"{digest}.parquet"


@dataclass(frozen=True)
class PublishedTable:
    """One table of a version. columns: what is known of each: name, doc, type, nulls, least, greatest."""

    doc: str
    key: tuple[str, ...]
    files: tuple[PublishedFile, ...]
    columns: tuple[dict[str, Any], ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """Size in bytes."""
        return sum(file.bytes for file in self.files)

    @classmethod
    def from_json(cls, about: Mapping[str, Any]) -> PublishedTable:
        """Read a table of a stored version."""
        contents = about.get("contents", {})
        files = tuple(PublishedFile(**file, content=contents.get(file["digest"], "")) for file in about["files"])
        return cls(about["doc"], tuple(about["key"]), files, tuple(about["columns"]))


@dataclass(frozen=True)
class PublishedVersion:
    """One version: when it was made, how many films and buckets, its tables; films whose cells were out of date."""

    number: int
    at: str
    films: int
    buckets: int
    tables: dict[str, PublishedTable] = field(default_factory=dict)
    stale: int = 0

    def files(self) -> set[tuple[str, ...]]:
        """The paths of all its files."""
        return {file.parts(name) for name, table in self.tables.items() for file in table.files}

    def to_json(self) -> str:
        """The version as it is stored; digests of contents stand apart, where earlier releases pass over them."""
        about = asdict(self)
        for table in about["tables"].values():
            contents = {file["digest"]: file.pop("content") for file in table["files"]}
            table["contents"] = {name: content for name, content in contents.items() if content}
        return json.dumps(about, indent=1)

    @classmethod
    def from_json(cls, text: str | bytes) -> PublishedVersion:
        """Read a stored version. Raises `NewerFormat`, and what damaged ones raise."""
        about = parsed_object(text)
        check_format("the published version", about.pop("format", LAKE_FORMAT), LAKE_FORMAT)
        tables = {name: PublishedTable.from_json(table) for name, table in about["tables"].items()}
        if wrong := [name for name in tables if not TABLE_NAME.fullmatch(name)]:
            raise ValueError(f"expected names of tables, received {wrong[0]!r}")
        return cls(**{**about, "tables": tables})


def version_numbers(lake: Lake) -> list[int]:
    """The numbers of the versions that are kept, in order."""
    from pyarrow import fs

    with storage_errors("listing the published versions"):
        selector = fs.FileSelector(lake.storage.path(FOLDER, "versions"), allow_not_found=True)
        names = [info.base_name.partition(".") for info in lake.storage.filesystem.get_file_info(selector)]
    return sorted(int(stem) for stem, _, ending in names if stem.isdigit() and ending == "json")


def latest_number(lake: Lake) -> int | None:
    """The present version's number; None where nothing is published. Raises `DamagedPublication`."""
    text = _read(lake.storage, FOLDER, LATEST)
    try:
        return None if text is None else int(parsed_json(text)["version"])
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        words = f"{lake.storage.path(FOLDER, LATEST)} is damaged: `cinelake publish` writes it anew"
        raise DamagedPublication(words) from error


def find_version(lake: Lake, wanted: str | int | bool = True) -> PublishedVersion:
    """A version by its number; True or "latest": the present one.

    Raises `UsageError` where nothing is published, `UnknownName` with the versions that are kept, `DamagedPublication`.
    """
    number = latest_number(lake) if wanted is True or wanted == "latest" else wanted
    if number is None:
        raise UsageError(f"nothing is published in {lake.storage.root} yet: `cinelake publish`")
    text = _read(lake.storage, FOLDER, "versions", f"{number}.json") if str(number).isdigit() else None
    if text is None:
        raise UnknownName("published version", str(number), ["latest", *map(str, version_numbers(lake))])
    try:
        return PublishedVersion.from_json(text)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        words = f"published version {number} is damaged: `cinelake publish` makes another"
        raise DamagedPublication(words) from error


def readable_versions(lake: Lake) -> dict[int, PublishedVersion]:
    """Number → each version that is kept and whose record is not damaged, in order."""
    found: dict[int, PublishedVersion] = {}
    for number in version_numbers(lake):
        with suppress(DamagedPublication):
            found[number] = find_version(lake, number)
    return found


def switch(lake: Lake, number: int) -> None:
    """Make a version the present one, in one operation. Raises `UnknownName`."""
    find_version(lake, number)
    _write(lake, json.dumps({"version": number}), FOLDER, LATEST)


def keep_version(lake: Lake, version: PublishedVersion) -> None:
    """Save a version; readers see it once it is switched to."""
    _write(lake, version.to_json(), FOLDER, "versions", f"{version.number}.json")


def forget_version(lake: Lake, number: int) -> None:
    """Delete the record of one version; its files stay."""
    lake.storage.delete(FOLDER, "versions", f"{number}.json")


def forget_versions(lake: Lake, keep: int) -> list[int]:
    """Delete all but the last `keep` versions and the present one, with the files that no other has.

    Returns the numbers of the deleted versions. Which files a version with a damaged record has is not known: those
    that are its alone stay.
    """
    numbers, present = version_numbers(lake), latest_number(lake)
    kept = {*numbers[-keep:], present}
    gone = [number for number in numbers if number not in kept]
    files_of = {number: version.files() for number, version in readable_versions(lake).items()}
    needed: set[tuple[str, ...]] = set().union(*(files for number, files in files_of.items() if number in kept))
    for number in gone:
        files = files_of.get(number, set())
        forget_version(lake, number)
        for parts in sorted(files - needed):
            lake.storage.delete(*parts)
    return gone


@contextmanager
def one_publisher(lake: Lake) -> Iterator[None]:
    """Keeps a second publisher out while one works on a local lake. Raises `UsageError`, `StorageError`."""
    if lake.storage.local is None:
        yield
        return
    folder = lake.storage.local / FOLDER
    with ExitStack() as stack:
        with storage_errors(f"publishing into {folder}"):
            folder.mkdir(parents=True, exist_ok=True)
            busy = f"{folder} is being published by another process: wait for it to end"
            stack.enter_context(alone(folder / "_lock", busy))
        yield


def published_contracts(lake: Lake, version: PublishedVersion) -> dict[str, Contract]:
    """Table → contract of a version's tables, with the types that its files have."""
    return {name: _contract(lake, name, table) for name, table in version.tables.items()}


def _contract(lake: Lake, name: str, table: PublishedTable) -> Contract:
    docs = {column["name"]: column["doc"] for column in table.columns}
    with storage_errors(f"reading the published {name}"):
        source = lake.storage.open_input_file(lake.storage.path(*table.files[0].parts(name)))
        with source:
            schema = metadata_in(parquet_tail(source)).schema.to_arrow_schema()
    columns = [Column(f.name, f.type, docs.get(f.name, ""), True) for f in schema if f.name != "movie_id"]
    return Contract(name, table.doc, columns, table.key, of_films="movie_id" in schema.names)


def file_paths(lake: Lake, name: str, table: PublishedTable) -> list[str]:
    """The paths of a table's files, as `pyarrow.fs` wants them."""
    return [lake.storage.path(*file.parts(name)) for file in table.files]


@dataclass(frozen=True)
class Verification:
    """What the bytes of a version say. damaged: path → why; unknown: files without a digest, of the right size."""

    files: int
    damaged: dict[str, str]
    unknown: int


def verify(lake: Lake, version: PublishedVersion) -> Verification:
    """Compare every byte of a version's files with what was written: a footer has no checksum of its own.

    Raises `StorageError` where the lake cannot be read.
    """
    files = [(file, lake.storage.path(*file.parts(name))) for name, t in version.tables.items() for file in t.files]
    with storage_errors("reading the published files"), ThreadPoolExecutor(READ_TOGETHER) as pool:
        found = list(pool.map(lambda each: _fault(lake.storage, *each), files))
    damaged = {path: fault for (_, path), fault in zip(files, found, strict=True) if fault}
    unknown = sum(not file.content and path not in damaged for file, path in files)
    return Verification(len(files), damaged, unknown)


def _fault(storage: Storage, file: PublishedFile, path: str) -> str:
    """What is wrong with a published file; empty where nothing is."""
    found, size = blake3(), 0
    try:
        with storage.open_input_stream(path) as source:
            while block := source.read(READ_BYTES):
                found.update(block)
                size += len(block)
    except FileNotFoundError:
        return "it is gone"
    if size != file.bytes:
        return f"it has {size} bytes, {file.bytes} were written"
    return "its bytes are not those that were written" if file.content not in ("", found.hexdigest(length=16)) else ""


def damaged_file(lake: Lake, name: str, error: object) -> StorageError:
    """What is raised for a published file of a table that cannot be read, with what to do."""
    folder = lake.storage.path(FOLDER)
    return StorageError(
        f"a published file of {name} is damaged ({error}): remove {folder}, which `publish` makes again"
    )


def _read(storage: Storage, *parts: str) -> bytes | None:
    with storage_errors(f"reading {'/'.join(parts)} in {storage.uri}"):
        try:
            with storage.open_input_file(storage.path(*parts)) as source:
                text: bytes = source.read()
                return text
        except FileNotFoundError:
            return None


def _write(lake: Lake, text: str, *parts: str) -> None:
    with lake.scratch() as scratch:
        file = scratch / "published.json"
        file.write_text(text)
        lake.storage.publish(file, *parts)


def published_schema(contract: Contract, *, blobs: bool) -> pa.Schema:
    """The schema of a published table: as the contract says, enums as text (values may be added), all nullable."""
    kept = [c for c in contract.all_columns if blobs or not pa.types.is_binary(c.type)]
    types = {c.name: c.type.value_type if pa.types.is_dictionary(c.type) else c.type for c in kept}
    return pa.schema([pa.field(name, plain) for name, plain in types.items()])
