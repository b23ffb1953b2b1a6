"""What a film is, read from its headers and its first picture; nothing is decoded beyond that.

The file is opened by us and passed to libav as a descriptor, with `fd` the only protocol and real containers
the only formats (see `cinelake.media.ffmpeg`): a playlist, however it is named, is never followed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, TypeVar

import av
from av.error import FFmpegError

from cinelake.errors import DamagedFilm, FilmError, FilmMissing, ForbiddenInput, NotAFilm, PicturesTooLarge
from cinelake.media.bars import NO_BARS, find_bars
from cinelake.media.described import Description, describe
from cinelake.media.ffmpeg import run_ffmpeg, safe_input
from cinelake.media.headers import declared_by
from cinelake.media.light import FULL_RANGE, MATRICES, PRIMARIES, RANGES, TRANSFERS, UNNAMED
from cinelake.media.scan import Fields, find_scan
from cinelake.media.sniff import pointer_kind
from cinelake.media.taken import take_streams
from cinelake.spec.film import (
    MAX_FILM_S,
    MAX_PIXELS,
    SLOWEST_BYTES_PER_S,
    Probe,
    SoundInfo,
    SubtitleInfo,
    VideoInfo,
    longest_s,
)
from cinelake.spec.streams import NO_CHOICES, StreamChoices

PROBE_TIMEOUT_S = 60.0
"""How long libav may take to open a film or to return its next packet."""

FIRST_PICTURE_PACKETS = 4000
"""How many packets are read in search of the first picture."""

_TAG = re.compile(r"(\d{1,9}):(\d{1,9}):(\d{1,9}(?:\.\d{1,12})?)", re.ASCII)
"""A duration as Matroska's tag holds it: `01:02:03.456000000`."""

INDEXED = ("mov,", "matroska")
"""Containers that hold every picture's time and an index of keyframes: they can be sought in."""

LATE_S = 0.1
"""A film that begins this long after zero of its file may declare when it ends rather than how long it is."""

LONG_PICTURE_S = 0.5
"""A last picture that the container shows this much longer than the others is as long as the container says."""

SUBTITLE_SLACK_S = 0.5
"""Subtitles that outlast the film by less do not change its length."""

PICTURE_SLACK_S = 0.002
"""Two times of one picture differ by less: containers round to a millisecond."""

HELD_SLACK_S = 60.0
"""A film may declare this much more than its packets hold."""

LONGEST_PICTURE_S = 600.0
"""A picture that is shown for longer than this holds no more of a film's length."""

LONGEST_SOUND_PACKET_S = 1.0
"""What a packet of sound holds at most where it does not say how long it is."""

MAX_BYTES_WITHOUT_LENGTH = 64 << 20
"""Smaller files that declare no length are read through in search of what they hold."""

LAST_PACKETS = 20_000
"""How many packets are read at most in search of a film's end."""

TS_DISCONT = 0x0200
"""libav's flag of formats whose clocks may jump (AVFMT_TS_DISCONT): MPEG-TS and PS, Ogg."""

COLOR_MATRICES = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""libav's numbers of matrix coefficients (ITU-T H.273)."""


def probe(path: str, choices: StreamChoices = NO_CHOICES, *, max_pixels: int = MAX_PIXELS) -> Probe:
    """Look into the film at `path`; `choices` say which of its streams are wanted.

    Of pictures with more than `max_pixels` none is decoded.

    Raises `FilmMissing`, `ForbiddenInput` (a playlist, a script, a format that is not on the list) or
    `NotAFilm` with libav's message; `DamagedFilm` without an index; `PicturesTooLarge`.
    """
    with open_film(path) as fd:
        kind = pointer_kind(os.pread(fd, 4096, 0))
        if kind:
            raise ForbiddenInput(f"{path!r} is {kind}: it points at other files, which are never followed")
        with ThreadPoolExecutor(1) as beside, open_film(path) as own_fd:
            described = beside.submit(describe, own_fd)  # takes as long as opening does, and meanwhile
            with _opened(path, fd) as container:
                about = _describe(path, container, os.fstat(fd).st_size, described.result(), choices, max_pixels)
        return _bounded(replace(about, declared=declared_by(fd, about.container)), path, fd)


def _bounded(about: Probe, path: str, fd: int) -> Probe:
    """Of a file that is small for its length, or that declares none: no longer than what its packets hold."""
    length_s = about.duration_s or about.declared_s
    if about.size_bytes > (SLOWEST_BYTES_PER_S * length_s if length_s else MAX_BYTES_WITHOUT_LENGTH):
        return about
    held_s = _held_s(path, fd, about)
    is_held = length_s is None or length_s <= max(2 * held_s, held_s + HELD_SLACK_S)
    return replace(about, held_s=held_s, duration_s=about.duration_s if is_held else None)


def _held_s(path: str, fd: int, about: Probe) -> float:
    """How much time the packets of pictures or of sound hold, whichever is more.

    A picture holds the time until the next one, as slides do, but no more than `LONGEST_PICTURE_S`; sound only its own.
    """
    sound_s = pictures_s = 0.0
    before_s: dict[bool, float] = {}
    os.lseek(fd, 0, os.SEEK_SET)
    with contextlib.suppress(FFmpegError, FilmError), _opened(path, fd) as container:
        kept = [container.streams[info.index] for info in (about.video, about.audio) if info]
        for packet in container.demux(kept):
            stamp = packet.dts if packet.dts is not None else packet.pts
            if not packet.size or stamp is None:
                continue
            is_sound = packet.stream.type == "audio"
            at_s, own_s = float(stamp * packet.time_base), float((packet.duration or 0) * packet.time_base)
            gap_s, before_s[is_sound] = max(0.0, at_s - before_s.get(is_sound, at_s)), at_s
            if is_sound:
                sound_s += own_s or min(gap_s, LONGEST_SOUND_PACKET_S)
            else:
                pictures_s += min(max(own_s, gap_s), LONGEST_PICTURE_S)
    return max(sound_s, pictures_s)


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
        if not os.path.isfile(f"/dev/fd/{fd}"):  # noqa: PTH113
            raise NotAFilm(f"{path!r} is not a regular file")
        if os.fstat(fd).st_size == 0:
            raise NotAFilm(f"{path!r} is empty (0 bytes)")
        yield fd
    finally:
        os.close(fd)


def _broken_link(path: str) -> str:
    with contextlib.suppress(OSError, ValueError):
        return f": it is a link to {os.readlink(path)!r}, which is not there"  # noqa: PTH115
    return ""


@contextlib.contextmanager
def _opened(path: str, fd: int) -> Iterator[Any]:
    try:
        with av.open("fd:", options=safe_input(fd), timeout=PROBE_TIMEOUT_S, metadata_errors="replace") as container:
            yield container
    except FFmpegError as error:
        os.lseek(fd, 0, os.SEEK_SET)
        raise _refusal(path, fd, error) from error


def _refusal(path: str, fd: int, error: FFmpegError) -> FilmError:
    """The typed error for a file that libav will not open, with ffmpeg's own messages about it."""
    options = [word for name, value in safe_input(fd).items() for word in (f"-{name}", value)]
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
def _reopened(path: str) -> Iterator[Any]:
    """The film opened once more, for its packets."""
    with open_film(path) as fd, _opened(path, fd) as container:
        yield container


def _check_pixels(path: str, stream: Any, max_pixels: int) -> None:
    """Raise `PicturesTooLarge` before any picture is decoded."""
    width, height = (stream.codec_context.width, stream.codec_context.height) if stream is not None else (0, 0)
    if width * height > max_pixels:
        message = (
            f"the pictures of {path!r} have {width} × {height} pixels, more than defaults.max_pixels: {max_pixels}"
        )
        raise PicturesTooLarge(f"{message}. If they are meant to, raise it and `cinelake run --failed`")


def _describe(
    path: str,
    container: Any,
    size_bytes: int,
    described: Description,
    choices: StreamChoices,
    max_pixels: int,
) -> Probe:
    taken = take_streams(container, described.programmes, choices, lambda: _reopened(path))
    video = None if taken.pictures is None else container.streams[taken.pictures]
    audio = None if taken.sound is None else container.streams[taken.sound]
    _check_pixels(path, video, max_pixels)
    if video is None and audio is None and not taken.refused:
        kinds = ", ".join(stream.type for stream in container.streams) or "no streams"
        raise NotAFilm(f"{path!r} has neither pictures nor sound that can be decoded ({kinds})")
    start_s = (container.start_time or 0) / av.time_base
    pictures = _video_info(path, container, video, described, choices) if video is not None else None
    sound = _sound_info(audio, start_s) if audio is not None else None
    declared_s = _declared_s(container, video, audio)
    if declared_s and container.format.name.startswith(INDEXED):
        late_s = start_s if start_s >= LATE_S and _declares_end(container, video or audio, declared_s, start_s) else 0.0
        pictures, sound = _earlier(pictures, late_s), _earlier(sound, late_s)
        declared_s = _without_subtitles(container, declared_s - late_s, [pictures, sound], video or audio)
    return Probe(
        container=container.format.name,
        duration_s=declared_s if declared_s and declared_s <= longest_s(size_bytes) else None,
        start_time_s=start_s,
        video=pictures,
        audio=sound,
        subtitles=tuple(_subtitle(stream) for stream in container.streams.subtitles),
        video_streams=len(container.streams.video),
        audio_streams=len(container.streams.audio),
        declared_s=declared_s,
        streams=taken.streams,
        refused=taken.refused,
        clock_streams=_clock_streams(container),
        picture_ids={stream.index: stream.id for stream in container.streams.video},
        sound_ids={stream.index: stream.id for stream in container.streams.audio},
        size_bytes=size_bytes,
    )


def _clock_streams(container: Any) -> tuple[int, ...]:
    """All streams of pictures and sound, where the film's clock depends on which ones are read."""
    if not container.format.flags & TS_DISCONT:
        return ()
    pictures = [stream for stream in container.streams.video if stream.codec_context and stream.codec_context.width]
    sounds = [stream for stream in container.streams.audio if stream.codec_context and stream.codec_context.sample_rate]
    return tuple(sorted(stream.index for stream in [*pictures, *sounds]))


def _declared_s(container: Any, *streams: Any) -> float | None:
    """The film's duration as its container declares it, else that of its longest stream."""
    own = _as_length((container.duration or 0) / av.time_base)
    if own is not None:
        return own
    return max(filter(None, (_own_duration_s(stream) for stream in streams if stream is not None)), default=None)


def _declares_end(container: Any, stream: Any, declared_s: float, start_s: float) -> bool:
    """Whether a film that begins at `start_s` declares the time at which it ends, not how long it lasts.

    Some writers count a Matroska file's length from zero, some from its first packet: its last packet shows which.
    """
    end_s = _last_packet_end_s(container, stream, declared_s + start_s)
    return end_s is not None and abs(end_s - declared_s) <= abs(end_s - declared_s - start_s)


_Info = TypeVar("_Info", VideoInfo | None, SoundInfo | None)


def _earlier(info: _Info, late_s: float) -> _Info:
    """A stream whose declared duration loses the time before the film begins."""
    if info is None or info.duration_s is None or not late_s:
        return info
    return replace(info, duration_s=_as_length(info.duration_s - late_s))


def _without_subtitles(
    container: Any, declared_s: float, streams: Sequence[VideoInfo | SoundInfo | None], seek_in: Any
) -> float | None:
    """The film's length where subtitles are shown after its pictures and its sound have ended."""
    if not container.streams.subtitles:
        return _as_length(declared_s)
    own = [info.duration_s for info in streams if info is not None]
    known = [length for length in own if length is not None]
    if len(known) == len(own):
        end_s: float | None = max(known)
    else:
        start_s = (container.start_time or 0) / av.time_base
        last_s = _last_packet_end_s(container, seek_in, declared_s + start_s)
        end_s = None if last_s is None else last_s - start_s
    return _as_length(end_s if end_s is not None and end_s < declared_s - SUBTITLE_SLACK_S else declared_s)


def _last_packet_end_s(container: Any, stream: Any, near_s: float) -> float | None:
    """When the last packet of pictures or sound ends, in the file's own time, from the keyframe before `near_s` on."""
    latest: float | None = None
    with contextlib.suppress(FFmpegError, OverflowError):
        container.seek(int(near_s / stream.time_base), stream=stream)
        kept = [other for other in container.streams if other.type in ("video", "audio")]
        for packet in itertools.islice(container.demux(kept), LAST_PACKETS):
            if packet.pts is not None and packet.size:
                end_s = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                latest = end_s if latest is None else max(latest, end_s)
    return latest


def last_picture_s(path: str, about: Probe, time_s: float) -> float | None:
    """How long the container shows the last picture, which is at `time_s` of the film; None where it does not say.

    The packet that is shown last need not be the one whose duration reaches the end: pictures are stored as they are
    decoded.
    """
    if about.video is None or not about.container.startswith(INDEXED):
        return None
    last = end = None
    with open_film(path) as fd, _opened(path, fd) as container, contextlib.suppress(FFmpegError, OverflowError):
        stream = container.streams[about.video.index]
        at = round((time_s + about.start_time_s) / stream.time_base)
        container.seek(at, stream=stream)
        for packet in itertools.islice(container.demux(stream), LAST_PACKETS):
            if packet.pts is not None and packet.size:
                last = max(packet.pts, packet.pts if last is None else last)
                end = max(packet.pts + (packet.duration or 0), packet.pts if end is None else end)
        if last is not None and end is not None and abs(last - at) * stream.time_base <= PICTURE_SLACK_S:
            return float((end - last) * stream.time_base) or None
    return None


def _as_length(declared_s: float) -> float | None:
    """A declared duration that a film can have; None for one that is negative, zero or absurd."""
    return declared_s if 0 < declared_s <= MAX_FILM_S else None


def _video_info(path: str, container: Any, stream: Any, described: Description, choices: StreamChoices) -> VideoInfo:
    codec = stream.codec_context
    first = _first_picture(container, stream)
    crop = described.crops.get(stream.index, (0, 0, 0, 0))
    shown = codec.width - crop[0] - crop[1], codec.height - crop[2] - crop[3]
    if min(shown) < 1:
        crop, shown = (0, 0, 0, 0), (codec.width, codec.height)
    length_s = _own_duration_s(stream) or _as_length((container.duration or 0) / av.time_base) or 0.0
    fps = float(stream.average_rate or stream.guessed_rate or 0)
    fields = Fields(int(codec.field_order), first.is_interlaced, codec.codec.canonical_name, shown[1], fps)
    scan = find_scan(lambda: open_film(path), stream.index, fields, length_s)
    is_turned = first.rotation in (90, 270)
    upright = shown[::-1] if is_turned else shown
    bars = find_bars(lambda: open_film(path), stream.index, upright, length_s) if choices.without_bars else NO_BARS
    width, height = upright[0] - bars[0] - bars[1], upright[1] - bars[2] - bars[3]
    if first.sar > 0 and is_turned:
        height = max(1, round(height * first.sar))
    elif first.sar > 0:
        width = max(1, round(width * first.sar))
    return VideoInfo(
        index=stream.index,
        codec=codec.codec.canonical_name,
        coded_width=shown[0],
        coded_height=shown[1],
        width=width,
        height=height,
        rotation=first.rotation,
        sar=first.sar,
        fps=fps,
        time_base=Fraction(stream.time_base),
        pixel_format=first.form.name if first.form else "",
        bit_depth=max((part.bits for part in first.form.components), default=8) if first.form else 8,
        frame_count=stream.frames or None,
        duration_s=_own_duration_s(stream),
        color_matrix=COLOR_MATRICES.get(first.matrix, "bt601"),
        full_range=first.range == FULL_RANGE or (first.form is not None and first.form.name.startswith("yuvj")),
        transfer=TRANSFERS.get(first.transfer, ""),
        primaries=PRIMARIES.get(first.primaries, ""),
        matrix=MATRICES.get(first.matrix, ""),
        declared_range=RANGES.get(first.range, ""),
        scan=scan.scan,
        top_first=scan.top_first,
        fields_flagged=scan.is_flagged,
        crop=crop,
        bars=bars,
        dolby_vision=described.dolby_vision.get(stream.index),
    )


@dataclass(frozen=True)
class _FirstPicture:
    """Shape and colours of the first picture, as libav numbers them; of the header where none decodes."""

    sar: Fraction
    rotation: int
    form: Any
    matrix: int
    range: int
    transfer: int
    primaries: int
    is_interlaced: bool


def _first_picture(container: Any, stream: Any) -> _FirstPicture:
    codec = stream.codec_context
    sar = Fraction(stream.sample_aspect_ratio or codec.sample_aspect_ratio or 1)
    header = {"transfer": int(codec.color_trc), "primaries": int(codec.color_primaries)}
    with contextlib.suppress(FFmpegError):
        for count, packet in enumerate(container.demux(stream)):
            for picture in packet.decode():
                own = {"transfer": int(picture.color_trc), "primaries": int(picture.color_primaries)}
                colours = {name: own[name] if own[name] not in UNNAMED else header[name] for name in own}
                return _FirstPicture(
                    sar,
                    -picture.rotation % 360,
                    picture.format,
                    int(picture.colorspace),
                    int(picture.color_range),
                    is_interlaced=bool(picture.interlaced_frame),
                    **colours,
                )
            if count > FIRST_PICTURE_PACKETS:
                break
    return _FirstPicture(sar, 0, codec.format, 0, 0, is_interlaced=False, **header)


def _sound_info(stream: Any, start_s: float) -> SoundInfo:
    codec = stream.codec_context
    own_start_s = float(stream.start_time * stream.time_base) if stream.start_time is not None else start_s
    return SoundInfo(
        index=stream.index,
        codec=codec.codec.canonical_name,
        sample_rate=codec.sample_rate,
        channels=codec.channels,
        start_s=own_start_s - start_s,
        duration_s=_own_duration_s(stream),
    )


def _own_duration_s(stream: Any) -> float | None:
    """A stream's duration as its container declares it: a field, or Matroska's tag `01:02:03.456`."""
    if stream.duration and stream.time_base:
        return _as_length(float(stream.duration * stream.time_base))
    tag = _TAG.fullmatch(stream.metadata.get("DURATION", ""))
    return _as_length(int(tag[1]) * 3600 + int(tag[2]) * 60 + float(tag[3])) if tag else None


def _subtitle(stream: Any) -> SubtitleInfo:
    codec = stream.codec_context
    return SubtitleInfo(stream.index, codec.codec.canonical_name if codec else "", stream.language or "")
