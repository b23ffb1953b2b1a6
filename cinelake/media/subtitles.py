"""What a film says as text in streams of its own: its subtitles."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cinelake.errors import DamagedFilm
from cinelake.media.ffmpeg import run_ffmpeg, words_of
from cinelake.media.graph import film_input, unread_streams
from cinelake.media.opening import open_film
from cinelake.spec.film import Probe, SubtitleInfo

TEXT_CODECS = (
    *("ass", "ssa", "subrip", "srt", "webvtt", "mov_text", "text", "eia_608", "hdmv_text_subtitle", "jacosub"),
    *("microdvd", "mpl2", "pjs", "realtext", "sami", "stl", "subviewer", "subviewer1", "vplayer"),
)
"""Subtitle codecs that ffmpeg decodes to text; the others (DVD, Blu-ray, DVB) are pictures of text."""
TELETEXT = "dvb_teletext"
"""Codec of pages of teletext, some of which are marked as subtitles; decoded where ffmpeg was built with libzvbi."""
AS_THEY_ARE = {"ass": "ass", "ssa": "ass", "subrip": "srt", "srt": "srt"}
"""Codec → form of those that are not decoded: drawings stay told from text, and a cue with a bad byte stays."""
DEADLINE_S, SLOWEST_BYTES_PER_S = 120.0, 5e6


def text_streams(streams: Sequence[SubtitleInfo]) -> list[SubtitleInfo]:
    """The streams that hold text, not pictures of it."""
    return [stream for stream in streams if stream.codec in TEXT_CODECS]


def extract_subtitles(path: str, probe: Probe, streams: Sequence[SubtitleInfo], folder: Path) -> list[Path]:
    """The streams' lines as files in UTF-8 in `folder`, in their order; times count from the film's start.

    SubRip, but of streams of Advanced SubStation Alpha the same.

    The film is read once, its pictures and sound are not decoded. Raises `DamagedFilm` with ffmpeg's words,
    `DecodeTimeout` when it takes longer than 120 s and a second for each 5 MB.
    """
    files = [folder / f"{stream.index}.{AS_THEY_ARE.get(stream.codec, 'srt')}" for stream in streams]
    with open_film(path) as fd:
        arguments = words_of(film_input(fd, probe))
        arguments += ["-y", "-i", "fd:"]
        for stream, file in zip(streams, files, strict=True):
            codec = "copy" if stream.codec in AS_THEY_ARE else "subrip"
            arguments += ["-map", f"0:{stream.index}", "-c:s", codec, "-f", file.suffix[1:], f"file:{file}"]
        arguments += unread_streams(probe, ())
        deadline_s = DEADLINE_S + Path(path).stat().st_size / SLOWEST_BYTES_PER_S
        finished = run_ffmpeg(arguments, deadline_s=deadline_s, pass_fds=[fd], makes=files)
    if finished.returncode:
        names = ", ".join(str(stream.index) for stream in streams)
        raise DamagedFilm(
            f"the subtitles of {path!r} (streams {names}) cannot be read: ffmpeg ended with {finished.returncode}",
            log_tail=finished.log_tail,
        )
    return files


def extract_teletext(path: str, probe: Probe, stream: SubtitleInfo, folder: Path) -> Path | None:
    """The lines of a stream's pages of subtitles as a SubRip file in `folder`; None where ffmpeg makes none of them.

    A line is shown until another one, or none, takes its place: one that is still there when the film ends is left out.
    Times count from the film's start. Pictures and sound are not decoded. Raises `DecodeTimeout`.
    """
    file = folder / f"{stream.index}.srt"
    with open_film(path) as fd:
        arguments = words_of(film_input(fd, probe))
        arguments += [f"-txt_format:{stream.index}", "text", f"-txt_page:{stream.index}", "subtitle"]
        arguments += ["-fix_sub_duration", "-y", "-i", "fd:", "-map", f"0:{stream.index}"]
        arguments += ["-c:s", "subrip", "-f", "srt", f"file:{file}", *unread_streams(probe, ())]
        deadline_s = DEADLINE_S + Path(path).stat().st_size / SLOWEST_BYTES_PER_S
        finished = run_ffmpeg(arguments, deadline_s=deadline_s, pass_fds=[fd], makes=[file])
    return file if not finished.returncode and file.stat().st_size else None
