"""Opens a film, for its bytes and for libav's containers, and says in typed words why one cannot be opened.

The file is opened by us and passed to libav as a descriptor, with `fd` the only protocol and real containers
the only formats (see `cinelake.media.ffmpeg`): a playlist, however it is named, is never followed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import av
from av.error import FFmpegError

from cinelake.errors import DamagedFilm, FilmError, FilmMissing, ForbiddenInput, NotAFilm
from cinelake.media.ffmpeg import run_ffmpeg, safe_input, words_of
from cinelake.media.headers import declared_by

PROBE_TIMEOUT_S = 60.0
"""How long libav may take to open a film or to return its next packet."""

TS_DISCONT = 0x0200
"""libav's flag of formats whose clocks may jump (AVFMT_TS_DISCONT): MPEG-TS and PS, Ogg."""

PATIENTLY = {"analyzeduration": "600000000", "probesize": str(256 << 20), "scan_all_pmts": "1"}
"""Options by which libav looks through ten minutes of a film, where five seconds did not show what its streams are."""


@contextlib.contextmanager
def open_film(path: str) -> Iterator[int]:
    """A descriptor of the film for reading; raises `FilmMissing` or `NotAFilm` (a folder, a device)."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FilmMissing(f"there is no file {path!r}{_broken_link(path)}") from error
    except (OSError, ValueError) as error:
        raise NotAFilm(f"{path!r} cannot be opened: {error}") from error
    try:
        if not os.path.isfile(f"/dev/fd/{fd}"):  # noqa: PTH113 - a descriptor, not a path
            raise NotAFilm(f"{path!r} is not a regular file")
        if os.fstat(fd).st_size == 0:
            raise NotAFilm(f"{path!r} is empty (0 bytes)")
        yield fd
    finally:
        os.close(fd)


def _broken_link(path: str) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f": it is a link to {os.readlink(path)!r}, which is not there"  # noqa: PTH115 - text as it was given
    return ""


@contextlib.contextmanager
def opened_container(path: str, fd: int) -> Iterator[Any]:
    """The film behind a descriptor as a PyAV container.

    Raises what `FilmError` tells why it cannot be opened or read: `ForbiddenInput`, `DamagedFilm`, `NotAFilm`.
    """
    try:
        with _container(fd) as container:
            is_known = _is_known(container)
            if is_known:
                yield container
        if not is_known:
            os.lseek(fd, 0, os.SEEK_SET)
            with _container(fd, PATIENTLY) as container:
                yield container
    except FFmpegError as error:
        os.lseek(fd, 0, os.SEEK_SET)
        raise _refusal(path, fd, error) from error


def _is_known(container: Any) -> bool:
    """Whether some picture stream has a size, and some sound a rate, where there are any.

    Broadcast streams say so in packets: a recording may begin long before its first key picture, or its sound.
    """
    if not container.format.flags & TS_DISCONT:
        return True
    sizes = [stream.codec_context.width for stream in container.streams.video if stream.codec_context]
    rates = [stream.codec_context.sample_rate for stream in container.streams.audio if stream.codec_context]
    return all(any(known) for known in (sizes, rates) if known)


def _container(fd: int, options: Mapping[str, str] = MappingProxyType({})) -> Any:
    """Only `fd` is read, only from containers of their own kind; names in unknown encodings stop nothing."""
    options = {**safe_input(fd), **options}
    return av.open("fd:", options=options, timeout=PROBE_TIMEOUT_S, metadata_errors="replace")


def _refusal(path: str, fd: int, error: FFmpegError) -> FilmError:
    """The typed error for a file that libav will not open, with ffmpeg's own messages about it."""
    options = words_of(safe_input(fd))
    reported = run_ffmpeg([*options, "-i", "fd:", "-f", "null", "-"], deadline_s=60, pass_fds=[fd]).log_tail
    if "not on whitelist" in reported:
        message = f"{path!r} is in a format that is not read (only containers with pictures and sound of their own are)"
        return ForbiddenInput(message, log_tail=reported)
    if "moov atom not found" in reported:
        return DamagedFilm(f"{path!r} has no index (moov): it was cut off or never finished", log_tail=reported)
    whole = declared_by(fd, "mov,").size_bytes if os.pread(fd, 8, 0)[4:] == b"ftyp" else None
    if whole and whole > (size := os.fstat(fd).st_size):
        words = f"{path!r} is cut off: {size} of at least {whole} bytes are there, and its index cannot be read"
        return DamagedFilm(words, log_tail=reported)
    return NotAFilm(f"{path!r} is not a film: {error.strerror}", log_tail=reported)


@contextlib.contextmanager
def opened_film(path: str) -> Iterator[Any]:
    """The film as a PyAV container, for the packets of one that was probed before. Raises `DamagedFilm` where it stops.

    Unlike `opened_container` it does not ask ffmpeg why: that would read the film once more.
    """
    with open_film(path) as fd:
        try:
            with _container(fd) as container:
                yield container
        except FFmpegError as error:
            raise DamagedFilm(f"{path!r} cannot be read: {error.strerror}") from error
