"""What a film says as text within its pictures, or in the data beside them: captions (CEA-608, CEA-708)."""

from __future__ import annotations

import contextlib
from pathlib import Path

from av.error import FFmpegError

from cinelake.errors import DamagedFilm
from cinelake.media.ffmpeg import run_ffmpeg, safe_input, words_of
from cinelake.media.opening import open_film, opened_film
from cinelake.media.sealed import sealed
from cinelake.spec.film import Probe, VideoInfo, limit_deadline

DEADLINE_S, SLOWEST_BYTES_PER_S = 120.0, 5e6
SLOWEST_DECODE = 2.0
"""Captions are within the pictures, which are all decoded: seconds of work for a second of film, at most."""
CAPTION_MARKS = (b"GA94\x03", b"CC\x01\xf8")
"""How data of captions begin in a picture: ATSC A/53 part 4, and DVD's line 21."""
ANCILLARY = "smpte_436m_anc"
"""Codec of the data that television has beside its pictures (SMPTE ST 436), and MXF as a stream."""
LOOKED_AT, PLACES = 400, 4
"""Packets of pictures that are looked at for captions at each of so many places of a film."""


@sealed
def has_captions(path: str, video: VideoInfo) -> bool:
    """Whether pictures carry CEA-608 or CEA-708 data: looked for at the film's beginning and some way into it."""
    with opened_film(path) as container:
        stream = container.streams[video.index]
        for place in range(PLACES):
            if place and not stream.duration:
                return False
            with contextlib.suppress(FFmpegError):
                if place:
                    container.seek(int((stream.start_time or 0) + stream.duration * place / PLACES), stream=stream)
                for count, packet in enumerate(container.demux(stream)):
                    if any(mark in bytes(packet) for mark in CAPTION_MARKS):
                        return True
                    if count > LOOKED_AT:
                        break
    return False


def extract_captions(path: str, probe: Probe, folder: Path) -> Path | None:
    """The captions within a film's pictures as a SubRip file in `folder`; None where ffmpeg makes no text of them.

    ffmpeg reads CEA-608, which CEA-708 mostly carries along. Times are those of the pictures in the file: they count
    from `probe.start_time_s`. All pictures are decoded. Raises `DamagedFilm` with ffmpeg's words, `DecodeTimeout`.
    """
    assert probe.video is not None
    with open_film(path) as fd:
        options = "\\:".join(f"{name}={value.replace(',', chr(92) + ',')}" for name, value in safe_input(fd).items())
        form = probe.container.partition(",")[0]
        source = f"movie=filename='fd\\:':format_name={form}:stream_index={probe.video.index}:format_opts='{options}'"
        graph = f"{source},scale=16:16:flags=fast_bilinear[out0+subcc]"
        arguments = ["-copyts", "-f", "lavfi", "-i", graph, "-map", "0:s", "-c:s", "subrip", "-f", "srt"]
        size = Path(path).stat().st_size
        seconds = max(size / SLOWEST_BYTES_PER_S, SLOWEST_DECODE * (probe.duration_s or 0.0))
        deadline_s = limit_deadline(DEADLINE_S + seconds, DEADLINE_S)
        finished = run_ffmpeg([*arguments, "pipe:1"], deadline_s=deadline_s, pass_fds=[fd])
    if finished.returncode:
        raise DamagedFilm(
            f"the captions of {path!r} cannot be read: ffmpeg ended with {finished.returncode}",
            log_tail=finished.log_tail,
        )
    file = folder / "captions.srt"
    file.write_bytes(finished.stdout)
    return file if finished.stdout else None


def extract_ancillary(path: str, probe: Probe, index: int, folder: Path) -> Path | None:
    """The captions in a stream of ancillary data as a SubRip file in `folder`; None where there are none in it.

    Times count from the film's start. Nothing but this stream is read. Raises `DamagedFilm`, `DecodeTimeout`.
    """
    data, lines = folder / f"{index}.mov", folder / f"{index}.srt"
    deadline_s = DEADLINE_S + Path(path).stat().st_size / SLOWEST_BYTES_PER_S
    taken_out = ["-map", f"0:{index}", "-c", "copy", "-bsf", "smpte436m_to_eia608"]
    as_text = ["-map", "0:0", "-c:s", "subrip"]
    # their own times are kept: captions that begin late would else count from the first of them
    steps: tuple[tuple[str, str, list[str], list[str], Path], ...] = (
        (path, probe.container, [], taken_out, data),
        (str(data), "mov", ["-copyts"], as_text, lines),
    )
    for source, container, before, words, made in steps:
        with open_film(source) as fd:
            arguments = [
                *before,
                *words_of(safe_input(fd, container)),
                "-y",
                "-i",
                "fd:",
                *words,
                "-f",
                made.suffix[1:],
                f"file:{made}",
            ]
            finished = run_ffmpeg(arguments, deadline_s=deadline_s, pass_fds=[fd], makes=[made])
        if finished.returncode:
            raise DamagedFilm(
                f"the ancillary data of {path!r} (stream {index}) cannot be read: ffmpeg ended with "
                f"{finished.returncode}",
                log_tail=finished.log_tail,
            )
        if not made.stat().st_size:
            return None
    return lines
