"""Cuts pieces out of a film and joins them in any order: exact to the picture and to the sample of sound.

    film ─► ffmpeg: decodes around a run of pieces ─► here: new times, piece by piece ─► ffmpeg: encodes ─► output

Pictures leave the first ffmpeg raw (or, in a copy, as they are in the film) with their own times; here each gets the
time it has in the output. Sound goes along as samples: gaps are filled with silence, overlaps are dropped, so that
the sound of piece k begins at the very sample that belongs to its first picture. Variable frame rate stays as it is.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.error import FFmpegError

from cinelake.errors import DamagedFilm, DecodeTimeout, FilmError, UsageError
from cinelake.media.clock import Cut, FilmClock
from cinelake.media.decode_check import last_words
from cinelake.media.ffmpeg import Ffmpeg, start_ffmpeg, words_of
from cinelake.media.graph import NO_METADATA, film_input, unread_streams
from cinelake.media.mono_tracks import sound_arguments
from cinelake.media.opening import open_film, opened_film
from cinelake.media.pipe_readers import open_pipe
from cinelake.spec.film import Probe, VideoInfo
from cinelake.storage.files import written_whole
from export.joining import LAYOUTS, NUT, Copier, Joiner, Piece, lay_out, sound_bit_rate

SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""Suffix of the output → its container format."""

NEAR_S = 20.0
"""Pieces with less than this between them are read in one go rather than sought one by one."""

LEAD_S = 2.0
"""Reading begins this much before a piece, so that the sound's decoder has settled."""

MAX_PIECES = 200
"""Pieces in one reading: the length of a command is limited."""

UNSPECIFIED = 2
"""libav's number for a colour property that a film does not state."""

_QUALITY = ["-c:v", "libx264", "-preset", "fast", "-crf", "18", "-pix_fmt", "yuv420p"]


@dataclass(frozen=True)
class CutReport:
    """What was written: pictures and seconds."""

    frames: int
    seconds: float


def cut_film(
    path: str, probe: Probe, clock: FilmClock, cuts: Sequence[Cut], output: Path, *, copy: bool, deadline_s: float
) -> CutReport:
    """Write the cuts of the film at `path`, in the order given, to `output`, which appears whole or not at all.

    copy: pictures are copied as they are in the film; every cut must be at a keyframe that nothing after refers
    back over. Sound is always encoded anew, since its packets do not end where pictures do.
    Raises `UsageError` (a suffix that is not written, a copy that cannot be exact), `DamagedFilm`, `DecodeTimeout`.
    """
    form = output_format(output)
    if copy:
        check_copy(path, clock, cuts)
    try:
        with written_whole(output) as unfinished:
            unfinished.touch()
            return _Cutting(path, probe, clock, cuts, copy, deadline_s).write(unfinished, form)
    except OSError as error:
        raise UsageError(f"{output} cannot be written: {error.strerror or error}") from error


def output_format(output: Path) -> str:
    """The container of an output by its suffix. Raises `UsageError`."""
    form = SUFFIXES.get(output.suffix.lower())
    if form is None:
        raise UsageError(f"{output}: the name must end in one of {', '.join(SUFFIXES)}, received {output.suffix!r}")
    return form


def check_copy(path: str, clock: FilmClock, cuts: Sequence[Cut]) -> None:
    """Raise `UsageError` naming the first cut at which the pictures cannot be copied."""
    if not clock.indexed:
        raise UsageError(f"{path!r} has no index of its keyframes (mp4, mov and mkv have): leave out --copy to encode")
    for cut in cuts:
        for frame, tick in ((cut.start_frame, cut.start_tick), (cut.end_frame, cut.end_tick)):
            if not clock.is_clean(frame):
                before, after = _clean_around(clock, frame)
                raise UsageError(
                    f"cannot copy: the cut at {clock.seconds(tick):.3f} s (picture {frame}) is at no keyframe that "
                    f"begins anew; the nearest are {before} and {after}. Leave out --copy to encode"
                )


def _clean_around(clock: FilmClock, frame: int) -> tuple[str, str]:
    clean = np.flatnonzero(clock.clean)
    before, after = clean[clean < frame], clean[clean > frame]
    first = f"{clock.seconds(int(clock.ticks[before[-1]])):.3f} s" if len(before) else "none before"
    return first, f"{clock.seconds(int(clock.ticks[after[0]])):.3f} s" if len(after) else "the film's end"


def readings(clock: FilmClock, pieces: Sequence[Piece]) -> list[list[Piece]]:
    """Runs of pieces that are decoded together: in the film's order, and near one another where it can seek."""
    runs: list[list[Piece]] = []
    for piece in pieces:
        last = runs[-1][-1].cut.end_tick if runs else None
        gap = (piece.cut.start_tick - last) * clock.time_base if last is not None else None
        if gap is not None and gap >= 0 and (gap < NEAR_S or not clock.indexed) and len(runs[-1]) < MAX_PIECES:
            runs[-1].append(piece)
        else:
            runs.append([piece])
    return runs


class _Cutting:
    """One output while it is written."""

    def __init__(self, path: str, probe: Probe, clock: FilmClock, cuts: Sequence[Cut], copy: bool, deadline_s: float):
        self.path, self.clock, self.copy, self.deadline_s = path, clock, copy, deadline_s
        if copy and probe.audio and probe.audio.channels not in LAYOUTS:
            probe = replace(probe, audio=replace(probe.audio, channels=2))
        assert probe.video is not None
        self.probe, self.video, self.sound = probe, probe.video, probe.audio
        self.pieces = lay_out(clock, cuts, self.sound.sample_rate if self.sound else 1)
        self.running: list[Ffmpeg] = []
        self.late = False

    def write(self, part: Path, form: str) -> CutReport:
        timer = threading.Timer(self.deadline_s, self._stop)
        timer.start()
        try:
            return self._copied(part, form) if self.copy else self._written(part, form)
        except (FFmpegError, OSError) as error:
            if self.late:
                raise DecodeTimeout(f"{self.path!r} was not cut within {self.deadline_s:g} s") from error
            raise self._failure(error) from error
        finally:
            timer.cancel()

    def _stop(self) -> None:
        self.late = True
        for running in self.running:
            running.kill()

    def _failure(self, error: Exception) -> FilmError:
        tail = next((running.log_tail for running in self.running if running.log_tail), "")
        return DamagedFilm(f"{self.path!r} could not be cut: {last_words(tail) if tail else error}", log_tail=tail)

    def _written(self, part: Path, form: str) -> CutReport:
        read_end, write_end = os.pipe()
        with start_ffmpeg(self._encoder(read_end, part, form), pass_fds=[read_end], makes=[part]) as encoder:
            self.running.append(encoder)
            os.close(read_end)
            joiner = Joiner(write_end, self.pieces, self.clock, self.sound)
            try:
                for run in readings(self.clock, self.pieces):
                    self._read(run, joiner)
                joiner.end()
            finally:
                joiner.close()
            encoder.wait()
        self._check(encoder)
        return CutReport(sum(joiner.counts), float(self.clock.time_base * joiner.end_tick))

    def _last_s(self) -> float:
        """How long the last picture is shown."""
        last = self.pieces[-1].cut
        return self.clock.seconds(last.end_tick - int(self.clock.ticks[last.end_frame - 1]))

    def _copied(self, part: Path, form: str) -> CutReport:
        options = {"max_interleave_delta": "0", **({"movflags": "+faststart"} if form in ("mp4", "mov") else {})}
        with opened_film(self.path) as film, av.open(str(part), "w", format=form, options=options) as output:
            stream = film.streams[self.video.index]
            joiner = Copier(output, stream, self.pieces, self.clock, self.sound)
            for run in readings(self.clock, self.pieces):
                if self.sound:
                    self._join(run, joiner, seek=True, pictures=False)
                self._copy_pictures(film, stream, run, joiner)
            joiner.end()
        return CutReport(sum(joiner.counts), float(self.clock.time_base * joiner.end_tick))

    def _copy_pictures(self, film: Any, stream: Any, run: Sequence[Piece], joiner: Joiner) -> None:
        """Copy whole groups of pictures, from the keyframe at which the run begins."""
        begin, end = (tick - self.clock.offset for tick in (run[0].cut.start_tick, run[-1].cut.end_tick))
        joiner.begin(run, self.clock.offset, self.probe.start_time_s)
        film.seek(begin, stream=stream, backward=True)
        for packet in film.demux(stream):
            if packet.pts is None or not packet.size or packet.pts < begin:
                continue
            if packet.pts >= end and packet.is_keyframe:
                return
            joiner.take(packet)
        if self.late:
            raise DecodeTimeout(f"{self.path!r} was not cut within {self.deadline_s:g} s")

    def _check(self, encoder: Ffmpeg) -> None:
        if self.late:
            raise DecodeTimeout(f"{self.path!r} was not cut within {self.deadline_s:g} s", log_tail=encoder.log_tail)
        if encoder.returncode:
            words = last_words(encoder.log_tail)
            raise DamagedFilm(f"the cut of {self.path!r} cannot be encoded: {words}", log_tail=encoder.log_tail)

    def _read(self, run: Sequence[Piece], joiner: Joiner) -> None:
        """Read one run: from a keyframe before it, or from the film's beginning where seeking misses it."""
        first = self.pieces.index(run[0])
        if not (self.clock.indexed and self._join(run, joiner, seek=True)):
            self._join(run, joiner, seek=False)
        for piece, count in zip(run, joiner.counts[first:], strict=False):
            if not count:
                at_s = self.clock.seconds(piece.cut.start_tick)
                raise DamagedFilm(f"no picture of {self.path!r} from {at_s:.3f} s on could be decoded")

    def _join(self, run: Sequence[Piece], joiner: Joiner, *, seek: bool, pictures: bool = True) -> bool:
        """Whether the first picture was the right one; where it was not, nothing was passed on."""
        joiner.begin(run, self.clock.offset if seek else 0, self.probe.start_time_s if seek else 0.0)
        with self._packets(run, seek, pictures) as packets:
            head = []
            for packet in packets if pictures else ():
                head.append(packet)
                if packet.stream.type == "video":
                    if seek and joiner.tick(packet) != run[0].cut.start_tick:
                        return False
                    break
            for packet in chain(head, packets):
                joiner.take(packet)
        return True

    @contextlib.contextmanager
    def _packets(self, run: Sequence[Piece], seek: bool, pictures: bool) -> Iterator[Iterator[Any]]:
        """The packets of a run as one decoder returns them."""
        with open_film(self.path) as film, contextlib.ExitStack() as stack:
            read_end, write_end = os.pipe()
            stack.callback(os.close, read_end)
            try:
                command = decoder_command(self.probe, self.clock, run, film, write_end, seek=seek, pictures=pictures)
                running = stack.enter_context(start_ffmpeg(command, pass_fds=[film, write_end]))
            finally:
                os.close(write_end)
            self.running.insert(0, running)
            container = stack.enter_context(open_pipe(read_end))
            yield (packet for packet in container.demux() if packet.pts is not None and packet.size)
            self.running.remove(running)

    def _encoder(self, source: int, part: Path, form: str) -> list[str]:
        fps = Fraction(self.video.fps or 25).limit_denominator(1001)
        arguments = ["-protocol_whitelist", "fd", "-format_whitelist", "nut", "-fd", str(source)]
        arguments += ["-fpsprobesize", "0", "-probesize", "32", "-analyzeduration", "0", "-i", "fd:"]
        arguments += [
            "-map",
            "0:v:0",
            "-vf",
            _metadata_filters(self.path, self.video),
            "-max_muxing_queue_size",
            "100000",
        ]
        arguments += ["-fps_mode", "passthrough", "-enc_time_base:v", "filter", *_QUALITY]
        arguments += ["-x264-params", f"fps={fps.numerator}/{fps.denominator}"]
        arguments += [
            "-bsf:v",
            f"setts=pts=PTS:dts=DTS:duration={self._last_s():.9f}/TB",
        ]  # nothing else sets how long the last picture is shown
        if self.sound:
            arguments += ["-map", "0:a:0", "-c:a", "aac", "-b:a", str(sound_bit_rate(self.sound))]
        if form in ("mp4", "mov"):
            arguments += ["-movflags", "+faststart"]
            if self.clock.time_base.denominator >= 1000:
                arguments += ["-video_track_timescale", str(self.clock.time_base.denominator)]
        return ["-y", *arguments, "-f", form, f"file:{part.absolute()}"]


def decoder_command(
    probe: Probe, clock: FilmClock, run: Sequence[Piece], film: int, pipe: int, *, seek: bool, pictures: bool = True
) -> list[str]:
    """The command that writes the pictures and the sound of a run of pieces as NUT, with their own times."""
    assert probe.video is not None
    zero_s, offset = (probe.start_time_s, clock.offset) if seek else (0.0, 0)
    spans = [(piece.cut.start_tick, piece.cut.end_tick) for piece in run]
    begin_s = clock.seconds(spans[0][0]) - LEAD_S
    arguments = words_of(film_input(film, probe))
    arguments += ["-copyts"] if seek else []
    arguments += ["-noaccurate_seek", "-ss", f"{begin_s:.6f}"] if seek and begin_s > 0 else []
    arguments += ["-i", "fd:"]
    if pictures:
        chosen = _chosen_pictures(probe.video, [(a - offset, b - offset) for a, b in spans])
        arguments += ["-map", f"0:{probe.video.index}", "-vf", chosen, "-c:v", "rawvideo"]
        arguments += ["-fps_mode", "passthrough", "-enc_time_base:v", "filter"]
    if probe.audio:
        seconds = [(clock.seconds(a) + zero_s, clock.seconds(b) + zero_s) for a, b in spans]
        arguments += [*sound_arguments(probe.audio, _chosen_sound(seconds)), "-c:a", "pcm_f32le"]
        arguments += ["-ar", str(probe.audio.sample_rate), "-ac", str(probe.audio.channels)]
    arguments += [word for name, value in {**NUT, **NO_METADATA}.items() for word in (f"-{name}", value)]
    read = {info.index for info in (probe.video if pictures else None, probe.audio) if info}
    return [*arguments, "-f", "nut", f"pipe:{pipe}", *unread_streams(probe, read)]


def _chosen_pictures(video: VideoInfo, spans: Sequence[tuple[int, int]]) -> str:
    """Filters that keep the pictures of these ticks, of one even size, 8 bits deep, in the limited range."""
    wanted = "+".join(f"between(pts,{a},{b - 1})" for a, b in spans)
    width, height = video.coded_width, video.coded_height
    if video.rotation in (90, 270):
        width, height = height, width
    width, height = max(2, width // 2 * 2), max(2, height // 2 * 2)
    matrix = {"bt601": "bt601", "bt709": "bt709", "bt2020": "bt2020"}[video.color_matrix]
    return (
        f"setpts='if(isnan(PREV_OUTPTS),PTS,max(PTS,PREV_OUTPTS+1))',trim=end_pts={spans[-1][1]},select='{wanted}',"
        f"scale={width}:{height}:in_range={'pc' if video.full_range else 'tv'}:out_range=tv:"
        f"in_color_matrix={matrix}:out_color_matrix={matrix},format=yuv420p"
    )


def _chosen_sound(spans: Sequence[tuple[float, float]]) -> str:
    """Filters that keep the packets of sound that reach into these times."""
    wanted = "+".join(f"gt(t+samples_n/sample_rate,{a:.6f})*lt(t,{b:.6f})" for a, b in spans)
    return f"atrim=end={spans[-1][1]:.6f},aselect='{wanted}'"


def _metadata_filters(path: str, video: VideoInfo) -> str:
    """Filters that set what raw pictures do not carry: the pixels' aspect ratio and the colour description."""
    sar = video.sar if video.sar > 0 else Fraction(1)
    if video.rotation in (90, 270):
        sar = 1 / sar
    filters = [f"setsar={sar.numerator}/{sar.denominator}"]
    with opened_film(path) as container:
        codec: Any = container.streams[video.index].codec_context
        known = {
            "colorspace": int(codec.colorspace),
            "color_primaries": int(codec.color_primaries),
            "color_trc": int(codec.color_trc),
        }
    colours = [f"{name}={value}" for name, value in known.items() if value not in (0, UNSPECIFIED)]
    return ",".join([*filters, ":".join(["setparams=range=limited", *colours])])
