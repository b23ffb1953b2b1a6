"""Was the film read whole? Judged when ffmpeg has ended, with its own messages and counters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cinelake.errors import DamagedFilm, FilmError, FilmMissing, ForbiddenInput, NotAFilm, WorkerLost
from cinelake.media.lengths import INDEXED
from cinelake.spec.film import Probe

MAX_DAMAGE = 0.10
"""Above this share of pictures (or of sound packets) that cannot be decoded, the film is damaged."""

MISSING_S, MISSING_SHARE = 2.0, 0.05
"""A film that ends earlier than declared by more than both of these is damaged, though no byte of it is missing."""

MISSING_BYTES = 0.01
"""A file that lacks more than this of the bytes or pictures that its headers count was cut off. Of one with an index
this much of its time is missing, too: what is missing may be the index, or nothing that is shown."""

SOUND_BACK_S = 1.0
"""Less sound than this that lies in what was heard before is no sign of a clock that goes back."""

HOLES_S = 2.0
"""Pictures that are missing for less are a few bad packets."""

DECLARES_DURATION = ("mov,", "matroska", "avi", "flv", "asf", "mxf", "wav", "nut", "flac", "wv", "tta", "ape")
"""Containers that state how long they are; elsewhere the duration is a guess from what is there."""

NOT_READ_ON = "Error during demuxing: Not yet implemented"
"""What ffmpeg says where it stops in the middle of a file, and ends as if that were the end."""

SIGKILL = -9


@dataclass(frozen=True)
class DecodeReport:
    """What one decode of a film did and took.

    frames: pictures counted by the clock; frames_decoded, decode_errors, damaged_pictures: ffmpeg's own counters of the
    picture stream; packets: read of each stream, by its index; picture_end_s, sound_end_s: when the last picture, the
    last sound ends (0: none read); squeezed: pictures whose time was not after that of the one before; lost_sound_s:
    sound whose time lies in what was heard before; jumped_s: silence that the times of its sound ask for, and that so
    small a file cannot hold; elsewhere: the share of the file in which other streams come in place of those that were
    read; another_kind: the share in which one of them is in another codec; lost_packets: of pictures, not whole or
    after others that are missing; hole_s: where some are, how long pictures are missing; sound_hole_s: for how long
    there is silence between packets of sound, as none are there; pause_s: so long pictures or sound pause while the
    other goes on, which ffmpeg takes for jumps of the clock; back_s: by how much a transport stream's clock goes back
    in small jumps, or how far pictures are moved whose times go back; late_s: by how much pictures are later than they
    are shown; repeated: the share of a transport stream's
    packets that come once more; sound_share: the share of ffmpeg's processor time (user_s + sys_s) that the sound took;
    picture_times: `times_digest` of all pictures, '' where none were read.
    """

    frames: int = 0
    frames_decoded: int = 0
    decode_errors: int = 0
    damaged_pictures: int = 0
    packets: Mapping[int, int] = field(default_factory=dict)
    squeezed: int = 0
    lost_sound_s: float = 0.0
    jumped_s: float = 0.0
    elsewhere: float = 0.0
    another_kind: float = 0.0
    lost_packets: int = 0
    hole_s: float = 0.0
    sound_hole_s: float = 0.0
    pause_s: float = 0.0
    back_s: float = 0.0
    late_s: float = 0.0
    repeated: float = 0.0
    sound_packets: int = 0
    sound_errors: int = 0
    picture_end_s: float = 0.0
    sound_end_s: float = 0.0
    pictures_read: bool = False
    sound_read: bool = False
    user_s: float = 0.0
    sys_s: float = 0.0
    sound_share: float = 0.0
    picture_times: str = ""
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    ffmpeg_version: str = ""
    device: str = "cpu"
    """What decoded the pictures."""
    log_tail: str = ""
    damage: str = ""
    """What of a damaged film was lost, where what can be read is kept."""

    @property
    def duration_s(self) -> float:
        """How much of the film was decoded."""
        return max(self.picture_end_s, self.sound_end_s)


def damage_of(path: str, probe: Probe, report: DecodeReport, returncode: int) -> FilmError | None:
    """The typed error of a film that was not read whole; a few damaged packets are concealed by ffmpeg."""
    return (
        _failed(path, report, returncode)
        or _empty(path, report)
        or _mixed(path, probe)
        or _changes_kind(path, report)
        or _too_damaged(path, report)
        or _cut_off(path, probe, report)
        or _joined(path, probe)
        or _not_read_on(path, report)
        or _linked(path, probe)
        or _edited(path, probe)
        or _pauses(path, report)
        or _goes_back(path, report)
        or _jumps(path, report)
        or _has_holes(path, report)
        or _goes_on_elsewhere(path, report)
        or _ended_early(path, probe, report)
    )


def raise_if_incomplete(path: str, probe: Probe) -> None:
    """Raise `DamagedFilm` for a file whose headers show, undecoded, that much of it is missing."""
    missing = 1 - probe.size_bytes / probe.declared.size_bytes if probe.declared.size_bytes else 0.0
    cut_off: FilmError | None = None
    if probe.container.startswith(INDEXED) and missing > MISSING_SHARE:
        cut_off = DamagedFilm(f"{path!r} is cut off: {missing:.0%} of its bytes are missing")
    cut_off = cut_off or _cut_off(path, probe, DecodeReport())
    if error := cut_off or _joined(path, probe) or _linked(path, probe) or _edited(path, probe) or _mixed(path, probe):
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
            if report.repeated > MISSING_SHARE:
                message += f" ({report.repeated:.0%} of its transport packets come twice: a tool must take those out)"
            return DamagedFilm(message, log_tail=report.log_tail)
    return None


def _cut_off(path: str, probe: Probe, report: DecodeReport) -> FilmError | None:
    """A file that is smaller than its headers say, or holds fewer pictures, or whose end mark is missing."""
    declared = probe.declared
    lost = _lost_bytes(probe) if declared.is_open or not probe.container.startswith(INDEXED) else ""
    if declared.packets and report.pictures_read and probe.video is not None:
        read = report.packets.get(probe.video.index, report.frames_decoded)
        lost = _lost(read, declared.packets, "pictures") or lost
    if not lost and declared.cut_short:
        lost = f"{declared.cut_short}, so that an unknown part is lost"
    return DamagedFilm(f"{path!r} is cut off: {lost}", log_tail=report.log_tail) if lost else None


def _lost_bytes(probe: Probe) -> str:
    """How much of the file is missing, by the size that its headers declare; '' where next to nothing is."""
    return _lost(probe.size_bytes, probe.declared.size_bytes, "bytes") if probe.declared.size_bytes else ""


def _lost(present: int, declared: int, what: str) -> str:
    """How much of what a header counts is missing, in words; '' where next to nothing is."""
    share = 1 - present / declared
    if share <= MISSING_BYTES:
        return ""
    return f"{present} of the {declared} {what} that it declares are there ({share:.0%} are lost)"


def _joined(path: str, probe: Probe) -> FilmError | None:
    """A file with a second film behind the first, which no demuxer reaches."""
    begins = probe.declared.next_film
    if begins is None or probe.size_bytes - begins <= MISSING_BYTES * probe.size_bytes:
        return None
    share = 1 - begins / probe.size_bytes
    message = f"{path!r} is several films joined: the first has {begins} of {probe.size_bytes} bytes, and the others"
    return DamagedFilm(
        f"{message} ({share:.0%}) are lost or mixed with it; join them with a tool that writes one index"
    )


def _not_read_on(path: str, report: DecodeReport) -> FilmError | None:
    """A file that goes on in a way that ffmpeg does not read, as joined Ogg does with pictures and sound."""
    if NOT_READ_ON not in report.log_tail:
        return None
    message = f"{path!r} is read for {report.duration_s:.1f} s only: what follows is not read (several films joined?)"
    return DamagedFilm(f"{message}; join them with a tool that writes one file", log_tail=report.log_tail)


def _linked(path: str, probe: Probe) -> FilmError | None:
    """A film whose ordered chapters are in other files, as an opening that all episodes share."""
    if not probe.declared.has_parts_elsewhere:
        return None
    return DamagedFilm(
        f"parts of {path!r} are in other files: its ordered chapters link them in, and only this one is read. "
        "Join the files, or accept the film without these parts"
    )


def _edited(path: str, probe: Probe) -> FilmError | None:
    """A film whose edit list asks for what libav does not do, so that what is read is not what players show."""
    if not probe.declared.edits:
        return None
    return DamagedFilm(
        f"the edit list of {path!r} {probe.declared.edits}, which is not read so: pictures or sound would stand at "
        "other times than players show them. Export the film anew, or accept it as it is read"
    )


def _mixed(path: str, probe: Probe) -> FilmError | None:
    """Several films in one file that take turns."""
    if not probe.declared.is_mixed:
        return None
    return DamagedFilm(
        f"{path!r} holds several films that take turns, as the angles of a DVD do: their pictures would come mixed. "
        "Copy one of them with a tool that reads DVDs, or accept the film as it is read"
    )


def _pauses(path: str, report: DecodeReport) -> FilmError | None:
    """Pictures or sound that pause so long that ffmpeg takes their next packets for those of another recording."""
    if not report.pause_s:
        return None
    message = f"pictures or sound of {path!r} are missing for {report.pause_s:.0f} s while the other goes on"
    return DamagedFilm(
        f"{message}: what comes after is read at other times than it is shown. Split it there, or accept it as it is",
        log_tail=report.log_tail,
    )


def _goes_back(path: str, report: DecodeReport) -> FilmError | None:
    """A clock that goes back, so that pictures or sound have no time of their own."""
    if report.squeezed > MAX_DAMAGE * report.frames:
        lost = f"{report.squeezed} of {report.frames} pictures"
    elif report.lost_sound_s > max(SOUND_BACK_S, MAX_DAMAGE * report.sound_end_s):
        lost = f"{report.lost_sound_s:.1f} s of its sound"
    else:
        return None
    message = f"the clock of {path!r} goes back: {lost} have no time of their own (several films joined?)"
    return DamagedFilm(message, log_tail=report.log_tail)


def _jumps(path: str, report: DecodeReport) -> FilmError | None:
    """Sound whose time is far beyond what the file holds: no silence is made up to there."""
    if not report.jumped_s:
        return None
    message = f"the clock of the sound of {path!r} jumps over {report.jumped_s:.0f} s, more than so small a file holds"
    return DamagedFilm(f"{message}: {report.sound_end_s:.1f} s of sound are there", log_tail=report.log_tail)


def _has_holes(path: str, report: DecodeReport) -> FilmError | None:
    """A recording in which much was never received."""
    if report.hole_s <= max(HOLES_S, MAX_DAMAGE * report.picture_end_s):
        return None
    message = f"{path!r} has holes: {report.hole_s:.1f} s of its {report.picture_end_s:.1f} s have no pictures"
    return DamagedFilm(f"{message} (packets are missing)", log_tail=report.log_tail)


def _goes_on_elsewhere(path: str, report: DecodeReport) -> FilmError | None:
    """A transport stream that goes on in streams of other numbers."""
    if report.elsewhere <= MISSING_SHARE:
        return None
    message = f"the streams of {path!r} change their numbers (PIDs): {report.elsewhere:.0%} of the file is in others"
    return DamagedFilm(f"{message} than those that it begins with, which alone can be read", log_tail=report.log_tail)


def _changes_kind(path: str, report: DecodeReport) -> FilmError | None:
    """A transport stream in which one number stands for streams of several codecs."""
    if report.another_kind <= MISSING_BYTES:
        return None
    message = f"pictures or sound of {path!r} change their codec: {report.another_kind:.0%} of the file is in another"
    return DamagedFilm(f"{message}, and only one can be read (several films joined?)", log_tail=report.log_tail)


def _ended_early(path: str, probe: Probe, report: DecodeReport) -> FilmError | None:
    declared_s, end_s = _declared_and_end_s(probe, report)
    if not probe.container.startswith(DECLARES_DURATION):
        return None
    if probe.declared.is_open and (report.pictures_read or probe.video is None):
        declared_s = max(declared_s, probe.declared.length_s or 0.0)
    lost = _lost_bytes(probe)
    slack_s = MISSING_BYTES * declared_s if lost else max(MISSING_S, MISSING_SHARE * declared_s)
    if declared_s - end_s <= slack_s:
        return None
    message = f"{path!r} ends after {end_s:.1f} s; it declares {declared_s:.1f} s{lost and f' ({lost})'}"
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
