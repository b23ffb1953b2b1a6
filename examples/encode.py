"""Encoding: frames and sound become an MP4 file (H.264 and AAC) that is the same, byte for byte, every time."""

import subprocess
import tempfile
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import IO

import cv2
import ffmpeg
import imageio_ffmpeg
import numpy as np

from examples.music import RATE, Wave
from examples.pixels import HEIGHT, WIDTH, Picture


class EncodingFailed(RuntimeError):
    """ffmpeg did not write the film."""


def write_film(path: Path, frames: Iterable[Picture], sound: Wave, fps: int) -> None:
    """Write a film under a temporary name and put it in place whole.

    Raises EncodingFailed, with ffmpeg's own words, if it cannot be encoded.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".drawing_", dir=path.parent) as folder:
        wav, film = Path(folder, "sound.wav"), Path(folder, "film.mp4")
        _write_wav(wav, sound)
        _encode(film, frames, wav, fps)
        film.replace(path)


def _write_wav(path: Path, sound: Wave) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, len(sound), "NONE", "not compressed"))
        file.writeframes(np.round(sound * 32000).astype("<i2").tobytes())


def _encode(path: Path, frames: Iterable[Picture], wav: Path, fps: int) -> None:
    """One thread and no dates or version marks: the bytes depend on the frames and the sound alone."""
    video = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="yuv420p", s=f"{WIDTH}x{HEIGHT}", framerate=fps)
    output = ffmpeg.output(
        video,
        ffmpeg.input(str(wav)),
        str(path),
        vcodec="libx264",
        preset="superfast",
        crf=27,
        g=48,
        pix_fmt="yuv420p",
        threads=1,
        acodec="aac",
        audio_bitrate="80k",
        fflags="+bitexact",
        movflags="+faststart",
        map_metadata=-1,
        **{"flags:v": "+bitexact", "flags:a": "+bitexact"},
    )
    command = output.global_args("-hide_banner", "-loglevel", "error", "-nostats").overwrite_output()
    with tempfile.TemporaryFile() as log:
        process = _start(command.compile(cmd=imageio_ffmpeg.get_ffmpeg_exe()), log)
        assert process.stdin is not None
        try:
            for frame in frames:
                process.stdin.write(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420).data)
            process.stdin.close()
        except BrokenPipeError:
            pass
        except BaseException:
            process.kill()
            raise
        if process.wait() != 0:
            log.seek(0)
            raise EncodingFailed(f"ffmpeg could not write {path.name}: {log.read().decode(errors='replace').strip()}")


def _start(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log)
