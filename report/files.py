"""Files of the site: each appears whole or not at all, and one that would not change is not touched."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from cinelake.errors import UsageError
from cinelake.storage.files import finished_entries, write_whole
from report.templates import STATIC

MARK = "cinelake-report.json"
"""The file that marks a folder as a site written by Cinelake."""
LIBRARY = ("bokeh.min.js", "bokeh-api.min.js")


@contextmanager
def site_errors(out: Path) -> Iterator[None]:
    """Raise `UsageError` for an `OSError` of the site's folder."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"the report cannot be written to {out}: {error.strerror or error}") from error


def check_place(out: Path, *, force: bool) -> None:
    """Raise `UsageError` for a place that is no folder, or a folder with something else in it."""
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out} is a file: name a folder with --out")
    if out.is_dir() and finished_entries(out) and not (out / MARK).exists() and not force:
        raise UsageError(f"{out} holds something else: name another folder with --out, or write into it with --force")


def write_text(path: Path, text: str) -> bool:
    """Write a file atomically unless it has this text already; returns whether it was written."""
    return write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, content: bytes) -> bool:
    """Write a file atomically unless it has this content already; returns whether it was written."""
    if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
        return False
    write_whole(path, content)
    return True


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A temporary folder that replaces `folder` when everything in it is written."""
    part, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{end}") for end in ("part", "old"))
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        yield part
        if folder.exists():
            folder.rename(old)
        part.rename(folder)
    finally:
        for rest in (part, old):
            shutil.rmtree(rest, ignore_errors=True)


def write_assets(out: Path) -> None:
    """Put the style, our scripts, the charting library and its licence beside the pages."""
    assets = out / "assets"
    assets.mkdir(parents=True, exist_ok=True)
    for path in STATIC.iterdir():
        write_bytes(assets / path.name, path.read_bytes())
    package = _library()
    for name in LIBRARY:
        write_bytes(assets / name, (package / "server" / "static" / "js" / name).read_bytes())
    write_bytes(assets / "bokeh-LICENSE.txt", (package / "LICENSE.txt").read_bytes())


def _library() -> Path:
    """Where Bokeh is installed; it is not imported, only its scripts are copied."""
    spec = find_spec("bokeh")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("the report's charts need Bokeh: `pip install bokeh`")
    return Path(spec.submodule_search_locations[0])
