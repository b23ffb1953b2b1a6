"""Drawn files of each kind that Cinelake reads, and seeded mutations of them: what `benchmarks.fuzz` tries."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks._annotated import ANNOTATED, annotated
from cinelake.media.ffmpeg import binary

PICTURES = "testsrc2=s=64x48:r=10:d=1.5"
SOUND = "sine=d=1.5:r=16000"
X264 = ("-c:v", "libx264", "-pix_fmt", "yuv420p", "-g", "5")
BOTH, SEEN, HEARD = "both", "seen", "heard"

CONTAINERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "mp4": (BOTH, X264),
    "mov": (BOTH, (*X264, "-movflags", "+faststart")),
    "3gp": (BOTH, (*X264, "-c:a", "aac", "-f", "3gp")),
    "mkv": (BOTH, X264),
    "webm": (BOTH, ("-c:v", "libvpx", "-c:a", "libopus")),
    "avi": (BOTH, ("-c:v", "mpeg4", "-c:a", "pcm_s16le")),
    "ts": (BOTH, (*X264, "-c:a", "aac")),
    "m2ts": (BOTH, (*X264, "-c:a", "ac3", "-f", "mpegts", "-mpegts_m2ts_mode", "1")),
    "mpg": (BOTH, ("-c:v", "mpeg2video", "-r", "25", "-c:a", "mp2", "-f", "vob")),
    "flv": (BOTH, (*X264, "-c:a", "aac")),
    "asf": (BOTH, ("-c:v", "mpeg4", "-c:a", "mp2")),
    "ogv": (BOTH, ("-c:v", "libtheora", "-c:a", "libvorbis", "-f", "ogg")),
    "nut": (BOTH, ("-c:v", "mpeg4", "-c:a", "pcm_s16le")),
    "mxf": (BOTH, ("-c:v", "mpeg2video", "-r", "25", "-c:a", "pcm_s16le", "-ar", "48000")),
    "dv": (BOTH, ("-s", "720x576", "-r", "25", "-ar", "48000", "-ac", "2", "-target", "pal-dv")),
    "swf": (SEEN, ("-c:v", "flv1",)),
    "ivf": (SEEN, ("-c:v", "libvpx")),
    "h264": (SEEN, X264),
    "m2v": (SEEN, ("-c:v", "mpeg2video", "-r", "25")),
    "y4m": (SEEN, ("-pix_fmt", "yuv420p")),
    "gif": (SEEN, ()),
    "apng": (SEEN, ("-f", "apng")),
    "mjpeg": (SEEN, ("-q:v", "5")),
    "wav": (HEARD, ()),
    "w64": (HEARD, ()),
    "aiff": (HEARD, ()),
    "caf": (HEARD, ()),
    "au": (HEARD, ()),
    "flac": (HEARD, ()),
    "mp3": (HEARD, ()),
    "aac": (HEARD, ("-f", "adts")),
    "ac3": (HEARD, ()),
    "oga": (HEARD, ("-c:a", "libvorbis", "-f", "ogg")),
}  # fmt: skip
"""Suffix → what is in it, and how ffmpeg makes it."""

TEXTS: Mapping[str, str] = {
    "srt": "1\n00:00:00,000 --> 00:00:01,000\nHello <i>there</i>\n\n2\n00:00:01,000 --> 00:00:01,400\nGoodbye\n",
    "vtt": "WEBVTT\n\nNOTE a note\n\n00:00.000 --> 00:01.000 align:start\nHello <c>there</c>\n\n"
    "00:01.000 --> 00:01.400\n<00:01.100><c>Good</c>bye\n",
    "ass": "[Script Info]\nScriptType: v4.00+\n\n[V4+ Styles]\nFormat: Name, Fontname\nStyle: Default,Arial\n\n"
    "[Events]\nFormat: Layer, Start, End, Style, Text\n"
    "Dialogue: 0,0:00:00.00,0:00:01.00,Default,{\\b1}Hello{\\b0} there\n",
    "smi": "<SAMI><BODY><SYNC Start=0><P Class=ENCC>Hello</P><SYNC Start=900><P Class=ENCC>&nbsp;</P></BODY></SAMI>",
    "list": 'movie_id,uri,title,group,note\nfilm_a,film_a.mp4,A film,east,x\nfilm_b,sub/film_b.mp4,"A, quoted",west,\n',
    "labels": 'movie_id,start_s,end_s,tag\nfilm_a,0.0,1.5,night\nfilm_a,1.5,3.0,chase\nfilm_b,0,1e1,"night"\n',
    "manifest": "lake: lake\ncatalogue: {films: 'films/*'}\nengine: {kind: local, workers: 2}\n"
    "defaults: &d {retries: 1}\ntasks:\n  films: {}\n"
    "  shots: {sensitivity: 1.0}\n  frames: {fps: 1}\n  faces: {detector: dlib}\n"
    "  embeddings: {backbone: descriptor}\nschedules:\n  nightly: {cron: '0 3 * * *', flow: catalogue}\n",
}
"""What people write: subtitles by suffix, a list of films, labels, a manifest."""

BYTES = (
    b"\0",
    b"\xff",
    b"\x7f",
    b"\x80",
    b"\n",
    b'"',
    b"<",
    b"{",
    b"[",
    b"&",
    b"\xef\xbb\xbf",
    b"\xc3",
    b"\xed\xa0\x80",
)
NUMBERS = (b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\xff\xff\xff\x7f", b"\x80\0\0\0", b"\0\0\0\x01", b"\xff" * 8)
WORDS = (b"-1", b"1e309", b"nan", b"99999999999999999999", b"1:99:99,999", b"../../x", b"\x1b[2J", b"''", b"&d", b"*d",
         b"!!python/object:os.system", b"\xf0\x9f\x8e\xac", b"=1+1", b"null", b"true", b": ", b"- ")  # fmt: skip


@dataclass(frozen=True)
class Edit:
    """One change of a file: `drop` bytes at `at` are replaced by `put`."""

    at: int
    drop: int
    put: bytes


def drawn(folder: Path, suffixes: Sequence[str]) -> dict[str, bytes]:
    """Suffix → a good file of each kind, 1.5 s long or a few lines."""
    folder.mkdir(parents=True, exist_ok=True)
    return {suffix: _good(folder, suffix) for suffix in suffixes}


def _good(folder: Path, suffix: str) -> bytes:
    if suffix in TEXTS:
        return TEXTS[suffix].encode()
    return annotated(suffix) if suffix in ANNOTATED else _container(folder / f"good.{suffix}", *CONTAINERS[suffix])


def _container(file: Path, content: str, options: Sequence[str]) -> bytes:
    if not file.exists():
        inputs = [word for source in _sources(content) for word in ("-f", "lavfi", "-i", source)]
        command = [binary(), "-v", "error", "-y", *inputs, *options, str(file)]
        subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return file.read_bytes()


def _sources(content: str) -> list[str]:
    return [source for source, in_them in ((PICTURES, (BOTH, SEEN)), (SOUND, (BOTH, HEARD))) if content in in_them]


def edits(chance: random.Random, size: int, text: bool) -> list[Edit]:
    """One to eight changes of a file of that size, half of them in its first kilobyte, where headers are."""
    return [_edit(chance, size, text) for _ in range(chance.choice((1, 1, 1, 2, 3, 5, 8)))]


def _edit(chance: random.Random, size: int, text: bool) -> Edit:
    near = chance.random() < 0.5
    at = chance.randrange(min(size, 1024) if near else size)
    match chance.randrange(6):
        case 0:
            return Edit(at, 1, bytes([chance.randrange(256)]))
        case 1:
            return Edit(at, size, b"")  # cut off
        case 2:
            length = chance.choice((1, 16, 256, 4096))
            return Edit(at, length, b"\0" * length)
        case 3:
            return Edit(at, chance.choice((1, 4, 64, 1024)), b"")
        case 4:
            return Edit(at, 0, chance.choice(WORDS if text else BYTES) * chance.choice((1, 1, 3, 200)))
        case _:
            put = chance.choice(WORDS if text else NUMBERS)
            return Edit(at, len(put), put)


def applied(data: bytes, changes: Sequence[Edit]) -> bytes:
    """The file with the changes, one after another."""
    for change in changes:
        data = data[: change.at] + change.put + data[change.at + change.drop :]
    return data
