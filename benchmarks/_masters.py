"""Twelve masters of a drawn film: the same pictures in other light, fields, pixels, codecs and times."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figures import say
from cinelake.media.ffmpeg import binary

RATE = 25
"""Pictures a second at which the drawn films, of 24 or 25, are shown in the SDR master."""
FILM_RATE = 24000 / 1001

_TELEVISION = "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
_LIGHT = f"{_TELEVISION},format=yuv444p,zscale=tin=bt709:min=bt709:pin=bt709:rin=tv:"
_AT_203_NITS = ":m=bt2020nc:p=bt2020:r=tv:npl=203,format=yuv420p10le"
_FIELD_SHIFT = "setfield=tff,fps=50,trim=start_frame=1,setpts=PTS-STARTPTS,tinterlace=interleave_top,setfield=tff"
"""Fields of two neighbouring pictures in each: all pictures are combed, and each first field is a picture's."""


def _x265(transfer: str) -> list[str]:
    tags = f"log-level=error:crf=8:colorprim=bt2020:transfer={transfer}:colormatrix=bt2020nc"
    return ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", tags]


def _x264(*more: str) -> list[str]:
    tags = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
    return ["-c:v", "libx264", "-preset", "veryfast", "-crf", "8", "-pix_fmt", "yuv420p", *tags, *more]


@dataclass(frozen=True)
class Master:
    """How a master is made of the film. slower: what its times are multiplied with."""

    name: str
    suffix: str
    filters: str
    options: list[str]
    slower: float = 1.0
    sound: str = "aac"


_SOURCE = f"settb=1/{RATE},setpts=N,fps={RATE}"
_TO_FILM = "settb=1001/24000,setpts=N,fps=24000/1001"
MASTERS = (
    Master("sdr", "mp4", _TELEVISION, _x264()),
    Master("pq", "mp4", f"{_LIGHT}t=smpte2084{_AT_203_NITS}", _x265("smpte2084")),
    Master("hlg", "mkv", f"{_LIGHT}t=arib-std-b67{_AT_203_NITS}", _x265("arib-std-b67")),
    Master("25i", "mp4", f"{_TELEVISION},{_FIELD_SHIFT}", _x264("-x264-params", "tff=1")),
    Master(
        "telecine",
        "mkv",
        f"{_TELEVISION},{_TO_FILM},telecine=pattern=23,setfield=tff",
        _x264("-x264-params", "tff=1"),
        slower=RATE / FILM_RATE,
    ),
    Master("pillarbox", "mp4", f"pad=ceil(iw*4/3/2)*2:ih:(ow-iw)/2:0,{_TELEVISION}", _x264()),
    Master("anamorphic", "mp4", f"scale=trunc(iw*3/8)*2:ih:flags=lanczos,setsar=4/3,{_TELEVISION}", _x264()),
    Master(
        "av1_10bit",
        "mkv",
        f"{_TELEVISION},format=yuv420p10le",
        ["-c:v", "libsvtav1", "-preset", "9", "-crf", "12", "-svtav1-params", "lp=2"],
    ),
    Master("prores", "mov", f"{_TELEVISION},format=yuv422p10le", ["-c:v", "prores_ks", "-profile:v", "3"]),
    Master(
        "j2k",
        "mxf",
        f"{_TELEVISION},format=yuv422p",
        ["-c:v", "jpeg2000", "-pred", "1", "-compression_level", "8"],
        sound="pcm_s16le",
    ),
    Master("vfr", "mkv", f"{_TELEVISION},select='mod(n\\,7)-3-2*gt(mod(n\\,100)\\,50)'", _x264("-fps_mode", "vfr")),
    Master("4_percent", "mp4", f"{_TELEVISION},settb=24/625,setpts=N,fps=625/24", _x264(), slower=24 / 25),
)


def make_master(film: Path, fps: float, master: Master, folder: Path) -> Path:
    """The master of a film of so many pictures a second, unless it is there."""
    path = folder / f"{film.stem}__{master.name}.{master.suffix}"
    if path.exists():
        return path
    say(f"making {path.name}")
    unfinished = folder.with_name("unfinished") / path.name  # the folder has whole films alone
    for place in (folder, unfinished.parent):
        place.mkdir(parents=True, exist_ok=True)
    tempo = RATE / fps / master.slower
    sound = ["-af", f"atempo={tempo:.10f}"] if abs(tempo - 1) > 1e-6 else []
    command = [binary(), "-nostdin", "-loglevel", "error", "-y", "-i", str(film)]
    command += ["-vf", f"{_SOURCE},{master.filters}", *master.options, *sound, "-c:a", master.sound, "-ar", "48000"]
    subprocess.run([*command, str(unfinished)], check=True, stderr=subprocess.DEVNULL)
    unfinished.replace(path)
    return path
