"""A small copy of a film that every browser plays: H.264 and AAC in MP4, its light and fields as a person sees them."""

from __future__ import annotations

from pathlib import Path

from cinelake.errors import DamagedFilm, NotAFilm, UsageError
from cinelake.media.decode_check import last_words
from cinelake.media.ffmpeg import run_ffmpeg, words_of
from cinelake.media.graph import NO_METADATA, film_input
from cinelake.media.light import FilterStep, as_seen, filter_step, renamed, scaled_format, spread, whole_pictures
from cinelake.media.mono_tracks import sound_arguments
from cinelake.media.opening import open_film
from cinelake.spec.film import MAX_PIXELS, Probe, VideoInfo
from cinelake.storage.files import written_whole

WIDTH, HEIGHT = 640, 480
"""A proxy fits into so many pixels; it is never larger than the film."""
KEYFRAME_S = 1
"""A player seeks to a picture within so many seconds of a keyframe."""


def write_proxy(path: str, probe: Probe, target: Path, *, deadline_s: float, max_pixels: int = MAX_PIXELS) -> None:
    """Write a proxy of the film at `path`, which appears whole or not at all; its times are the film's.

    max_pixels: of a picture; the decoder refuses larger ones. Raises `NotAFilm` for a film without pictures,
    `DamagedFilm`, `DecodeTimeout`, `UsageError` where it cannot be written.
    """
    if probe.video is None:
        raise NotAFilm(f"{path!r} has no pictures")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with open_film(path) as film, written_whole(target) as unfinished:
            unfinished.touch()
            arguments = proxy_command(probe, probe.video, film, unfinished, max_pixels)
            finished = run_ffmpeg(arguments, deadline_s=deadline_s, pass_fds=[film], makes=[unfinished])
            if finished.returncode:
                words = last_words(finished.log_tail)
                raise DamagedFilm(f"no proxy of {path!r} can be made: {words}", log_tail=finished.log_tail)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror or error}") from error


def proxy_command(probe: Probe, video: VideoInfo, film: int, target: Path, max_pixels: int) -> list[str]:
    """ffmpeg's command; film: a descriptor."""
    given = {**film_input(film, probe), "max_pixels": str(max_pixels)}
    arguments = ["-y", *words_of(given), "-i", "fd:"]
    arguments += ["-map", f"0:{video.index}", "-vf", ",".join(_written(step) for step in _filters(video))]
    arguments += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "27", "-profile:v", "main", "-threads", "2"]
    arguments += ["-fps_mode", "passthrough", "-enc_time_base:v", "filter"]
    arguments += ["-force_key_frames", f"expr:gte(t,n_forced*{KEYFRAME_S})"]
    if probe.audio:
        arguments += [*sound_arguments(probe.audio), "-c:a", "aac", "-b:a", "96k", "-ac", "2"]
    arguments += words_of(NO_METADATA)
    return [*arguments, "-movflags", "+faststart", "-f", "mp4", f"file:{target.absolute()}"]


def _filters(video: VideoInfo) -> list[FilterStep]:
    scale = min(1.0, WIDTH / video.width, HEIGHT / video.height)
    width, height = (max(2, round(side * scale) // 2 * 2) for side in (video.width, video.height))
    size = {"w": str(width), "h": str(height), "flags": "bilinear"}
    made_small = [filter_step("scale", **size), filter_step("format", pix_fmts=scaled_format(video))]
    seen = [*spread(video), *as_seen(video)]
    return [
        *renamed(video),
        *whole_pictures(video),
        *made_small,
        *seen,
        filter_step("format", pix_fmts="yuv420p"),
        filter_step("setsar", r="1"),
    ]


def _written(step: FilterStep) -> str:
    """A filter as ffmpeg reads it; `format` of a step is a filter of its own."""
    name, options = step
    own = ":".join(f"{key}={value}" for key, value in options if key != "format")
    after = [f"format={value}" for key, value in options if key == "format"]
    return ",".join([f"{name}={own}" if own else name, *after])
