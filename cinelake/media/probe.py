"""What a film is, read from its headers and its first picture; nothing is decoded beyond that."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
from av.error import FFmpegError

from cinelake.errors import ForbiddenInput, NotAFilm, PicturesTooLarge
from cinelake.media.bars import NO_BARS, find_bars
from cinelake.media.described import Description, describe
from cinelake.media.dolby_vision import profile_of
from cinelake.media.headers import declared_by
from cinelake.media.lengths import (
    MAX_BYTES_OF_PAUSES,
    OPEN_FRAMES,
    PAUSE_S,
    as_length,
    bounded,
    longest_pause_s,
    own_duration_s,
    with_lengths,
)
from cinelake.media.light import FULL_RANGE, MATRICES, PRIMARIES, RANGES, TRANSFERS, UNNAMED
from cinelake.media.mono_tracks import MonoTracks
from cinelake.media.opening import TS_DISCONT, open_film, opened_container
from cinelake.media.restarts import SPARSE_S, jump_of
from cinelake.media.scan import Fields, find_scan
from cinelake.media.sealed import sealed
from cinelake.media.sniff import pointer_kind
from cinelake.media.taken import take_streams
from cinelake.spec.film import MAX_PIXELS, Probe, SoundInfo, SubtitleInfo, VideoInfo
from cinelake.spec.streams import NO_CHOICES, StreamChoices

FIRST_PICTURE_PACKETS = 4000
"""How many packets are read in search of the first picture."""


FINEST_TICKS = 1000
"""A clock of fewer ticks a second may have one for each picture."""

ROUNDED, MAX_SHAPE = 0.01, 1000
"""Scales of a matrix that differ by less are one; the shape of pixels is a fraction of numbers up to this."""

MOSTLY = 0.5
"""Pictures of which a larger share of packets is scrambled cannot be seen."""

SAMPLED = ("mpegts", "mpeg")
"""Containers of which samples say whether a stream of theirs may pause."""

COLOR_MATRICES = {1: "bt709", 9: "bt2020", 10: "bt2020"}
"""libav's numbers of matrix coefficients (ITU-T H.273)."""


@sealed
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
            with opened_container(path, fd) as container:
                said = _of_this_kind(described.result(), container.format.name, own_fd)
                about = _describe(path, container, os.fstat(fd).st_size, said, choices, max_pixels)
        about = replace(about, declared=declared_by(fd, about.container))
        if ("v" if about.video else "a") in about.declared.encrypted:
            raise NotAFilm(f"{path!r} is encrypted (CENC), as what shops lend is: it needs a copy without protection")
        if about.container == "mpegts" and about.video and not about.video.coded_height:
            _raise_if_scrambled(path, fd, about.picture_ids[about.video.index])
        if about.clock_streams and about.video:
            about = replace(about, jump_s=jump_of(fd, about.container, about.video.fps, about.apart_s))
            if about.jump_s is None and _may_pause(fd, about) and longest_pause_s(path, about):
                about = replace(about, jump_s=SPARSE_S)
        return bounded(about, path, fd)


def _may_pause(fd: int, about: Probe) -> bool:
    """Whether it is worth it to look a whole file through for pauses."""
    if about.size_bytes <= MAX_BYTES_OF_PAUSES:
        return True
    if about.container not in SAMPLED or not about.duration_s or not about.video or not about.audio:
        return False
    from cinelake.media.pauses import may_pause  # with NumPy, which few films need here

    ids = about.picture_ids[about.video.index], about.sound_ids[about.audio.index]
    return may_pause(fd, about.container, ids, about.duration_s, PAUSE_S)


def _of_this_kind(described: Description, container: str, fd: int) -> Description:
    """What ffmpeg says of a file, asked again where it took the file for another kind than opening did."""
    family = container.partition(",")[0]
    if not described.container or described.container.partition(",")[0] == family:
        return described
    os.lseek(fd, 0, os.SEEK_SET)
    return describe(fd, container)


@contextlib.contextmanager
def _reopened(path: str) -> Iterator[Any]:
    """The film opened once more, for its packets."""
    with open_film(path) as fd, opened_container(path, fd) as container:
        yield container


def _raise_if_scrambled(path: str, fd: int, pid: int) -> None:
    from cinelake.media.transport import share_scrambled  # with NumPy, which hardly any film needs here

    if share_scrambled(fd, pid) > MOSTLY:
        raise NotAFilm(f"the pictures of {path!r} are scrambled, as a pay channel's are: record it descrambled")


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
    is_told = container.start_time is not None or not container.format.flags & TS_DISCONT
    start_s = (container.start_time or 0) / av.time_base if is_told else _first_packet_s(path)
    pictures = _video_info(path, container, video, described, choices) if video is not None else None
    sound = _sound_info(audio, start_s, taken.mono_tracks) if audio is not None else None
    about = Probe(
        container=container.format.name,
        duration_s=None,
        start_time_s=start_s,
        untold_start_s=0.0 if is_told else start_s,
        apart_s=_apart_s(video, audio),
        video=pictures,
        audio=sound,
        subtitles=tuple(_subtitle(stream, described) for stream in container.streams.subtitles),
        video_streams=len(container.streams.video),
        audio_streams=len(container.streams.audio),
        streams=taken.streams,
        refused=taken.refused,
        taken_otherwise=taken.otherwise,
        clock_streams=_clock_streams(container),
        picture_ids={stream.index: stream.id for stream in container.streams.video},
        sound_ids={stream.index: stream.id for stream in container.streams.audio},
        size_bytes=size_bytes,
    )
    return with_lengths(container, about, video, audio)


def _apart_s(*streams: Any) -> float:
    """By how much one of these streams begins later than the other; 0 where that is not known."""
    begins = [
        float(one.start_time * one.time_base) for one in streams if one is not None and one.start_time is not None
    ]
    return max(begins) - min(begins) if begins else 0.0


def _first_packet_s(path: str) -> float:
    """When a film begins whose start libav does not know, as that of a lone picture; 0 where no packet says it."""
    with _reopened(path) as container:
        for packet in itertools.islice(container.demux(), FIRST_PICTURE_PACKETS):
            if packet.size and packet.pts is not None:
                return float(packet.pts * packet.time_base)
    return 0.0


def _clock_streams(container: Any) -> tuple[int, ...]:
    """All streams of pictures and sound, where the film's clock depends on which ones are read."""
    if not container.format.flags & TS_DISCONT:
        return ()
    pictures = [stream for stream in container.streams.video if stream.codec_context and stream.codec_context.width]
    sounds = [stream for stream in container.streams.audio if stream.codec_context and stream.codec_context.sample_rate]
    return tuple(sorted(stream.index for stream in [*pictures, *sounds]))


def _video_info(path: str, container: Any, stream: Any, described: Description, choices: StreamChoices) -> VideoInfo:
    codec = stream.codec_context
    first = _first_picture(container, stream)
    crop = described.crops.get(stream.index, (0, 0, 0, 0))
    shown = codec.width - crop[0] - crop[1], codec.height - crop[2] - crop[3]
    if min(shown) < 1:
        crop, shown = (0, 0, 0, 0), (codec.width, codec.height)
    length_s = own_duration_s(stream) or as_length((container.duration or 0) / av.time_base) or 0.0
    fps = _rate_of(stream)
    fields = Fields(int(codec.field_order), first.is_interlaced, codec.codec.canonical_name, shown[1], fps)
    scan = find_scan(lambda: open_film(path), container.format.name, stream.index, fields, length_s)
    is_turned = first.rotation in (90, 270)
    upright = shown[::-1] if is_turned else shown
    bars = NO_BARS
    if choices.without_bars:
        bars = find_bars(lambda: open_film(path), container.format.name, stream.index, upright, length_s)
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
        frame_count=stream.frames if 0 < stream.frames != OPEN_FRAMES else None,
        duration_s=own_duration_s(stream),
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
        is_turned=first.is_turned,
        is_mirrored=first.is_mirrored,
        dolby_vision=described.dolby_vision.get(stream.index, first.dolby_vision),
        dolby_base=described.dolby_base.get(stream.index),
    )


def _rate_of(stream: Any) -> float:
    """Pictures a second, as packets or the codec say; 0 where nothing does: libav then has one a tick of its clock."""
    rates = filter(None, (stream.average_rate, stream.codec_context.framerate, stream.guessed_rate))
    return float(next((rate for rate in rates if rate < FINEST_TICKS or rate * stream.time_base < 1), 0))


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
    is_turned: bool
    is_mirrored: bool
    dolby_vision: int | None


def _first_picture(container: Any, stream: Any) -> _FirstPicture:
    codec = stream.codec_context
    sar = Fraction(stream.sample_aspect_ratio or codec.sample_aspect_ratio or 1)
    header = {"transfer": int(codec.color_trc), "primaries": int(codec.color_primaries)}
    with contextlib.suppress(FFmpegError):
        for count, packet in enumerate(container.demux(stream)):
            for picture in packet.decode():
                own = {"transfer": int(picture.color_trc), "primaries": int(picture.color_primaries)}
                colours = {name: own[name] if own[name] not in UNNAMED else header[name] for name in own}
                rotation, is_turned, is_mirrored = _as_players_turn(picture)
                sar = sar if sar != 1 else stretched_by(_side_data(picture, "DISPLAYMATRIX") or b"")
                metadata = _side_data(picture, "DOVI_RPU_BUFFER")
                return _FirstPicture(
                    sar,
                    rotation,
                    picture.format,
                    int(picture.colorspace),
                    int(picture.color_range),
                    is_interlaced=bool(picture.interlaced_frame),
                    is_turned=is_turned,
                    is_mirrored=is_mirrored,
                    dolby_vision=profile_of(metadata) if metadata else None,
                    **colours,
                )
            if count > FIRST_PICTURE_PACKETS:
                break
    return _FirstPicture(
        sar, 0, codec.format, 0, 0, is_interlaced=False, is_turned=False, is_mirrored=False, dolby_vision=None, **header
    )


def _side_data(picture: Any, name: str) -> bytes | None:
    """What a picture carries beside its pixels; empty without, None where PyAV has no name for something of it."""
    with contextlib.suppress(ValueError):
        return next((bytes(data) for data in picture.side_data if data.type.name == name), b"")
    return None


def _as_players_turn(picture: Any) -> tuple[int, bool, bool]:
    """Degrees clockwise by which players turn a picture, whether they turn or mirror it at all, and whether the latter.

    Of a picture that carries what PyAV has no name for (Exif, as photographs do) only the rotation can be read.
    """
    matrix = _side_data(picture, "DISPLAYMATRIX")
    if matrix is None:
        return -picture.rotation % 360, picture.rotation != 0, False
    rotation, is_mirrored = turned_by(matrix)
    return rotation, bool(matrix), is_mirrored


def stretched_by(matrix: bytes) -> Fraction:
    """How much wider than high a display matrix makes what it shows; libav goes by the shape of pixels where both are.

    1 where it is no more than rounding.
    """
    if len(matrix) < 36:
        return Fraction(1)
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    across, down = math.hypot(a, b), math.hypot(c, d)
    is_even = not (across and down) or abs(across / down - 1) <= ROUNDED
    return Fraction(1) if is_even else Fraction(across / down).limit_denominator(MAX_SHAPE)


def turned_by(matrix: bytes) -> tuple[int, bool]:
    """Degrees clockwise of a display matrix (nine numbers of ISO/IEC 14496-12, 6.2.2), and whether it mirrors after."""
    if len(matrix) < 36:
        return 0, False
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix[:36])
    is_mirrored = a * d < b * c
    return round(math.degrees(math.atan2(b, -a if is_mirrored else a))) % 360, is_mirrored


def _sound_info(stream: Any, start_s: float, mono: MonoTracks | None) -> SoundInfo:
    codec = stream.codec_context
    own_start_s = float(stream.start_time * stream.time_base) if stream.start_time is not None else start_s
    return SoundInfo(
        index=stream.index,
        codec=codec.codec.canonical_name,
        sample_rate=codec.sample_rate,
        channels=len(mono.tracks) if mono else codec.channels,
        start_s=own_start_s - start_s,
        duration_s=own_duration_s(stream),
        layout=mono.one.layout if mono else codec.layout.name,
        tracks=mono.tracks if mono else (),
    )


def _subtitle(stream: Any, described: Description) -> SubtitleInfo:
    codec = stream.codec_context
    name = codec.codec.canonical_name if codec else described.subtitles.get(stream.index, "")
    return SubtitleInfo(stream.index, name, stream.language or "")
