"""Was the film read whole? Judged when ffmpeg has ended, with its own messages and counters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import DamagedFilm, FilmError, FilmMissing, ForbiddenInput, NotAFilm, WorkerLost
from cinelake.media.probe import INDEXED
from cinelake.spec.film import Probe

MAX_DAMAGE = 0.10
"""Above this share of pictures (or of sound packets) that cannot be decoded, the film is damaged."""

MISSING_S, MISSING_SHARE = 2.0, 0.05
"""A film that ends earlier than declared by more than both of these is damaged."""

DECLARES_DURATION = ("mov,", "matroska", "avi", "flv", "asf", "mxf", "wav", "nut", "flac")
"""Containers that state how long they are; elsewhere the duration is a guess from what is there."""

SIGKILL = -9


@dataclass(frozen=True)
class DecodeReport:
    """What one decode of a film did and took.

    frames: pictures counted by the clock; frames_decoded, decode_errors, damaged_pictures: ffmpeg's own counters
    of the picture stream; picture_end_s, sound_end_s: when the last picture, the last sound ends (0: none read).
    """

    frames: int = 0
    frames_decoded: int = 0
    decode_errors: int = 0
    damaged_pictures: int = 0
    sound_packets: int = 0
    sound_errors: int = 0
    picture_end_s: float = 0.0
    sound_end_s: float = 0.0
    pictures_read: bool = False
    sound_read: bool = False
    user_s: float = 0.0
    sys_s: float = 0.0
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    ffmpeg_version: str = ""
    log_tail: str = ""

    @property
    def duration_s(self) -> float:
        """How much of the film was decoded."""
        return max(self.picture_end_s, self.sound_end_s)


def raise_if_damaged(path: str, probe: Probe, report: DecodeReport, returncode: int) -> None:
    """Raise the typed error of a film that was not read whole; a few damaged packets are concealed by ffmpeg."""
    error = (
        _failed(path, report, returncode)
        or _empty(path, report)
        or _too_damaged(path, report)
        or _ended_early(path, probe, report)
    )
    if error:
        raise error


def last_words(log_tail: str) -> str:
    """The last line that ffmpeg wrote about the film itself."""
    lines = [line for line in log_tail.splitlines() if line.strip()]
    return re.sub(r" @ 0x[0-9a-f]+", "", lines[-1]) if lines else "ffmpeg gave no reason"


def _failed(path: str, report: DecodeReport, returncode: int) -> FilmError | None:
    if returncode == 0:
        return None
    words = last_words(report.log_tail)
    if returncode == SIGKILL:
        return WorkerLost(f"ffmpeg was killed while it read {path!r} (out of memory?)", log_tail=report.log_tail)
    if not Path(path).exists():
        return FilmMissing(f"{path!r} vanished while it was read: {words}", log_tail=report.log_tail)
    if "external track" in report.log_tail:
        return ForbiddenInput(f"a track of {path!r} lies in another file: {words}", log_tail=report.log_tail)
    if returncode < 0:
        return DamagedFilm(f"ffmpeg crashed on {path!r} (signal {-returncode})", log_tail=report.log_tail)
    kind = DamagedFilm if report.pictures_read or report.sound_read else NotAFilm
    return kind(f"ffmpeg cannot decode {path!r}: {words}", log_tail=report.log_tail)


def _empty(path: str, report: DecodeReport) -> FilmError | None:
    if report.pictures_read and not report.frames:
        words = last_words(report.log_tail)
        return DamagedFilm(f"no picture of {path!r} could be decoded: {words}", log_tail=report.log_tail)
    return None


def _too_damaged(path: str, report: DecodeReport) -> FilmError | None:
    for bad, good, what in (
        (report.decode_errors + report.damaged_pictures, report.frames_decoded - report.damaged_pictures, "pictures"),
        (report.sound_errors, report.sound_packets, "sound packets"),
    ):
        if bad > MAX_DAMAGE * (bad + max(good, 0)):
            message = f"{path!r}: {bad} of {bad + max(good, 0)} {what} cannot be decoded: {last_words(report.log_tail)}"
            return DamagedFilm(message, log_tail=report.log_tail)
    return None


def _ended_early(path: str, probe: Probe, report: DecodeReport) -> FilmError | None:
    declared_s, end_s = _declared_and_end_s(probe, report)
    if not probe.container.startswith(DECLARES_DURATION):
        return None
    if declared_s - end_s <= max(MISSING_S, MISSING_SHARE * declared_s):
        return None
    message = f"{path!r} ends after {end_s:.1f} s; it declares {declared_s:.1f} s"
    return DamagedFilm(message, log_tail=report.log_tail)


def _declared_and_end_s(probe: Probe, report: DecodeReport) -> tuple[float, float]:
    """How long what was read should be, and how long it was.

    A stream's own duration counts, but never beyond the film's. Where the container declares only the film's, one
    stream may rightly be shorter: then both must have been read, or ffmpeg must have met the end of the file.
    """
    info, end_s = (probe.video, report.picture_end_s) if report.pictures_read else (probe.audio, report.sound_end_s)
    if info is None:
        return 0.0, 0.0
    # Of an index it is known whether it counts from the film's start; others may count from zero of the file.
    late_s = 0.0 if probe.container.startswith(INDEXED) else max(0.0, probe.start_time_s)
    declared_s = max(0.0, (probe.duration_s or probe.declared_s or 0.0) - late_s)
    if info.duration_s is not None:
        return min(info.duration_s, declared_s or info.duration_s), end_s
    everything = (probe.video is None or report.pictures_read) and (probe.audio is None or report.sound_read)
    if everything or "ended prematurely" in report.log_tail:
        return declared_s, report.duration_s
    return 0.0, 0.0
