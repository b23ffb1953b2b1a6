"""Files that lie beside a film and belong to it: `night.srt` and `night.en.vtt` to `night.mp4`.

A task that reads some declares their suffixes (`beside=(".srt", ".vtt")`); their contents then enter its key, so that
one that changes, comes or goes makes the table stale, and nothing else.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cinelake.storage.store import is_file

UNFINISHED = (
    *(".part", ".partial", ".filepart", ".crdownload", ".opdownload", ".download", ".tmp", ".aria2", ".ytdl"),
    *(".!qb", ".!ut", ".bc!", ".xltd"),
)
"""Of downloads that have not ended."""
SIDECARS = (
    *(".srt", ".vtt", ".ass", ".ssa", ".sub", ".idx", ".sup", ".smi", ".sami", ".lrc", ".ttml", ".dfxp", ".stl"),
    *(".scc", ".usf", ".sbv", ".mpl", ".mks", ".bif", ".nfo", ".json", ".csv", ".tsv", ".txt", ".xml", ".md", ".bak"),
    *(".old", ".orig", ".parquet", ".yaml", ".yml", ".log", ".ini", ".db", ".html", ".htm", ".rtf", ".doc", ".docx"),
    *(".pdf", ".url", ".lnk", ".webloc", ".jpg", ".jpeg", ".png", ".webp", ".avif", ".heic", ".bmp", ".tif", ".tiff"),
    *(".tbn", ".svg", ".xmp", ".thm", ".lrv", ".cube", ".sha1", ".sha256", ".sha512", ".md5", ".crc", ".sfv"),
    *(".par2", ".torrent", ".nzb", ".zip", ".rar", ".7z", ".gz", ".exe", ".edl", ".otio", ".fcpxml", ".aaf", ".ale"),
    *(".cue", ".ifo", ".bup", ".bdmv", ".mpls", ".clpi", ".cpi", ".bdm"),
    *(".dpx", ".cin", ".exr", ".tga", ".jp2", ".j2k", ".j2c", ".jxl", ".heif", ".ppm", ".pgm", ".psd", ".hdr", ".dng"),
    *(".cr2", ".cr3", ".nef", ".arw", ".raf", ".ari", ".mcc", ".itt", ".pac", ".cap", ".pjs", ".jss", ".aqt", ".890"),
    *(".json3", ".srv1", ".srv2", ".srv3", ".rt"),
    *(".xlsx", ".xls", ".ods", ".odt", ".pptx", ".jsonl", ".ndjson", ".npy", ".npz", ".pkl", ".h5", ".hdf5", ".mat"),
    *(".toml", ".py", ".ipynb", ".sh", ".bat", ".ttf", ".otf", ".prproj", ".drp", ".aep", ".pek", ".cfa", ".reapeaks"),
    *(".tar", ".tgz", ".bz2", ".xz", ".zst", ".asc", ".sig"),
    *UNFINISHED,
)
"""Files beside films that are not films: subtitles, notes, pictures (each of a sequence, too), tables, lists of cuts,
folders of discs and cameras, projects, fonts, archives, unfinished downloads."""
SOUND = (
    *(".aac", ".ac3", ".ac4", ".aif", ".aiff", ".amr", ".ape", ".dts", ".dtshd", ".eac3", ".ec3", ".flac", ".m4a"),
    *(".mka", ".mlp", ".mp2", ".mp3", ".oga", ".ogg", ".opus", ".pcm", ".tak", ".thd", ".truehd", ".wav", ".wma"),
    ".wv",
)
"""Sound: beside a film of its name one of its tracks, else a film without pictures."""
FILMS = (
    *(".3g2", ".3gp", ".asf", ".avi", ".divx", ".dv", ".f4v", ".flv", ".gif", ".gxf", ".h264", ".hevc", ".ivf"),
    *(".m1v", ".m2t", ".m2ts", ".m2v", ".m4v", ".mj2", ".mjpeg", ".mkv", ".mod", ".mov", ".mp4", ".mpe", ".mpeg"),
    *(".mpg", ".mpv", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".qt", ".rm", ".rmvb", ".tod", ".ts", ".vob", ".webm"),
    *(".wmv", ".y4m"),
)
"""Of containers of pictures: what else has such a file's whole name is a companion, whatever its suffix."""
SYSTEM = ("thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "autorun.inf")
"""What operating systems leave in folders."""


@dataclass(frozen=True, slots=True, order=True)
class Skipped:
    """A file of the catalogue's place that is no film. uri: as the catalogue shows it.

    reason: `companion` (of a film of its name), `no_film` (a suffix that no film has), `unfinished` (a download),
    `hidden` (its name or a folder's begins with a dot), `folder` (its films are not asked for), `no_file` (a pipe, a
    device), `seen_before` (its folder is reached a second time, through a link).
    """

    uri: str
    reason: str


_TAGS = re.compile(r"(\.[A-Za-z][A-Za-z0-9-]*)*")


def sidecars_of(
    paths: Iterable[str], suffixes: Sequence[str], names_in: Callable[[str], Iterable[str]]
) -> dict[str, list[str]]:
    """Film's path → paths of its sidecars, by name; films without any are left out. Each folder is listed once.

    names_in: names of the files in a folder, such as `names_here`.
    """
    stems: dict[str, dict[str, list[str]]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        stems.setdefault(folder, {}).setdefault(_split(name)[0], []).append(path)
    by_film: dict[str, list[str]] = {}
    for folder, by_stem in stems.items():
        for name in sorted(names_in(folder)):
            if name.lower().endswith(tuple(suffixes)):
                for path in _films_of(name, by_stem):
                    by_film.setdefault(path, []).append(f"{folder}/{name}")
    return by_film


def sidecar_name(path: str, sidecar: str | Path) -> str:
    """What a sidecar's name adds to the film's stem: `.en.srt`."""
    return _composed(str(sidecar).rpartition("/")[2]).removeprefix(_composed(Path(path).stem))


def sort_out(paths: Collection[str], asked: str = "") -> tuple[list[str], list[Skipped]]:
    """The films among the files of a catalogue's place, and the others, each with its reason, in the order given.

    asked: a suffix that the catalogue names (`films/*.ac3`): such files are films whatever lies beside them.
    """
    pictured, any_film = set(), set()
    for path in paths:
        stem, suffix = _split(path.lower())
        if suffix in FILMS:
            pictured.add(stem)
        if suffix not in SIDECARS:
            any_film.add(stem)
    films, skipped = [], []
    for path in paths:
        reason = "" if asked and suffix_of(path) == asked else _why_skipped(path, pictured, any_film)
        if reason:
            skipped.append(Skipped(path, reason))
        else:
            films.append(path)
    return films, skipped


def _why_skipped(path: str, pictured: set[str], any_film: set[str]) -> str:
    """Why a file is no film; empty where it is one.

    pictured, any_film: stems in lower case of files that are surely, or may be, films: ids do not tell cases apart.
    """
    stem, suffix = _split(path.lower())
    if suffix in FILMS:
        return ""
    if suffix in UNFINISHED:
        return "unfinished"
    if suffix in SIDECARS or path.rpartition("/")[2].lower() in SYSTEM:
        return "companion" if _belongs_to(_composed(path.lower()), any_film) else "no_film"
    if stem in pictured or (suffix in SOUND and _is_tagged(stem, pictured)):
        return "companion"
    return ""


def _split(path: str) -> tuple[str, str]:
    """A path without its suffix, and the suffix in lower case."""
    stem, suffix = os.path.splitext(path)  # noqa: PTH122 (10,000 of them)
    return _composed(stem), suffix.lower()


def _composed(name: str) -> str:
    """A name with its accents composed, as the same name is written by another system."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def _is_tagged(stem: str, stems: set[str]) -> bool:
    """Whether a stem is one of `stems` with tags behind it: `night.eng` of `night`."""
    at = stem.find(".", stem.rfind("/") + 1)
    while at > 0:
        if stem[:at] in stems and _TAGS.fullmatch(stem[at:]):
            return True
        at = stem.find(".", at + 1)
    return False


def suffix_of(path: str) -> str:
    """A path's suffix in lower case."""
    return os.path.splitext(path)[1].lower()  # noqa: PTH122 (10,000 of them)


def _belongs_to(sidecar: str, stems: set[str]) -> bool:
    """`night.srt`, `night.en.srt` and `night-poster.jpg` belong to a film with the stem `night`."""
    start = sidecar.rfind("/") + 1
    return any(sidecar[:i] in stems for i in range(start, len(sidecar)) if sidecar[i] in ".-")


def names_here(folder: str) -> list[str]:
    """Names of the files in a folder of this machine; empty where it does not exist."""
    try:
        with os.scandir(folder or ".") as entries:
            return [entry.name for entry in entries if is_file(entry)]
    except OSError:
        return []


def _films_of(name: str, by_stem: dict[str, list[str]]) -> list[str]:
    """The films with the longest stem that the name continues with tags: `a.b.srt` is of `a.b.mp4`, not of `a.mp4`."""
    rest = _split(name)[0]
    tags = ""
    while rest:
        if rest in by_stem and _TAGS.fullmatch(tags):
            return by_stem[rest]
        rest, dot, tag = rest.rpartition(".")
        tags = f"{dot}{tag}{tags}"
    return []
