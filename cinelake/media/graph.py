"""The one ffmpeg command of a film: which pictures and which sound leave it, through which pipe.

Pictures leave in one NUT pipe, one raw stream for each distinct wish. Stream 0 has every picture and its time: a wish
for every picture, or where there is none the clock, one pixel of each, which costs a crop. Wishes for every picture
whose pictures are large have a pipe each beside it, without a container (`plain_pipe`). Each distinct sound has a NUT
pipe of its own.

What a wish gets depends on the film and on the wish alone, never on what else is wanted: it is a fixed chain of
steps from the source, and chains that begin alike share their beginning. Small pictures are averaged
(`area`) from a middle-sized one, since `fast_bilinear` straight from a large picture skips most of its pixels.

Where ffmpeg makes a film's clock of the streams that it reads (MPEG-TS and PS, Ogg: from the earliest, and on from one
jump to the next), it reads all of them always; those that nobody wants go nowhere, undecoded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import ffmpeg

from cinelake.media.devices import device_input, download_format
from cinelake.media.ffmpeg import safe_input
from cinelake.media.light import (
    FilterStep,
    as_seen,
    declared_colours,
    filter_step,
    renamed,
    scaled_format,
    spread,
    whole_pictures,
    without_bars,
)
from cinelake.media.mono_tracks import join_options
from cinelake.spec.film import MAX_PIXELS, DecodeDevice, Probe, SoundInfo, VideoInfo
from cinelake.spec.task import SoundStream, Stream, VideoClock, VideoStream

NO_SYNCPOINTS = {"syncpoints": "none", "strict": "experimental"}
"""A pipe is never sought in, and the reader's libav would remember every such point: 200 bytes a picture."""
RUN_ON = ["-max_error_rate", "1"]
"""How much is damaged is counted here; by itself ffmpeg fails, without a count, where two thirds are."""
NO_METADATA = {"map_metadata": "-1", "map_chapters": "-1"}
"""A film's title, tags and chapters stay out of its pipes: they may be in any encoding, and nobody reads them there."""
GATHERED = {"flush_packets": "0"}
"""Sound leaves by 32 KiB, not packet by packet, each of which would wake the reader. Pictures' clock must not be late:
until it comes, large pictures wait for it in memory."""
MAX_PIXELS_DECODED, FEWEST_THREADS = 150_000_000, 16
"""Each thread of a decoder holds a picture: this many pixels, of up to six bytes, may be held at the same time."""
SMALL_PIXELS = 640 * 480
"""Pictures of at most this size are decoded by one thread: faster than tasks take them, and for a tenth less than by
several, which hand each picture's state from one to the next."""
PLAIN_BYTES = 1 << 16
"""Pictures of at least this size have a pipe of their own: that of `MIDDLE_WIDTH`, but not those that are scanned."""
Y4M_FORMATS = ("gray", "yuv420p")
"""Formats of pictures that go through a pipe of their own as YUV4MPEG2, for which ffmpeg makes no packets."""
MIDDLE_WIDTH = 640
"""Width of the picture from which small ones are scaled."""

LAYOUTS_OF = (*range(1, 9), 10, 12, 14, 16, 24)
"""Numbers of channels for which ffmpeg takes a layout where a film names none."""
PAIRS = (("FL", "FR"), ("SL", "SR"), ("BL", "BR"), ("FLC", "FRC"), ("TFL", "TFR"))
"""Loudspeakers of which ffmpeg mixes both or none; it mixes none without one in front (libswresample/rematrix.c)."""

THINNING_SLACK = 1e-6
"""A picture this near (as a part of 1/fps) below a multiple of 1/fps counts as on it: times are rounded."""

RISING = (
    "if(gt(PTS,PREV_OUTPTS),PTS,if(isnan(PREV_OUTPTS),PTS,"
    "if(gt(st(1,PREV_OUTPTS+1-PTS),ld(0)),0*print(st(0,ld(1))*TB))+PREV_OUTPTS+1))"
)
"""Times that repeat or go back are moved to one tick after the picture before: each picture keeps its place. By how
many seconds is written into ffmpeg's log, whenever it is more than before (`Counters.moved_s`)."""


@dataclass(frozen=True)
class Graph:
    """A command, and what is in its pipes.

    pictures: the wishes in the order of the NUT pipe's streams, as `picture_wishes` has them; empty without pictures.
    plain: the wishes with pipes of their own, in the order of these.
    """

    arguments: list[str]
    pictures: tuple[VideoClock | VideoStream, ...]
    plain: tuple[VideoStream, ...]


def picture_wishes(probe: Probe, streams: Iterable[Stream]) -> tuple[VideoClock | VideoStream, ...]:
    """The distinct pictures in the NUT pipe, first what carries the time of each; none for a film without pictures.

    That is a wish for every picture; only where nobody has such a wish, but for large ones, it is a `VideoClock`.
    """
    wanted = dict.fromkeys(stream for stream in streams if isinstance(stream, VideoClock | VideoStream))
    if probe.video is None or not wanted:
        return ()
    apart = plain_wishes(probe, wanted)
    looked_at = [wish for wish in wanted if isinstance(wish, VideoStream) and wish not in apart]
    first = next((wish for wish in looked_at if not wish.fps), VideoClock())
    return (first, *(wish for wish in looked_at if wish != first))


def plain_wishes(probe: Probe, streams: Iterable[Stream]) -> tuple[VideoStream, ...]:
    """The distinct wishes for every picture whose pictures are large: they have pipes of their own."""
    video = probe.video
    whole = [wish for wish in dict.fromkeys(streams) if isinstance(wish, VideoStream) and not wish.fps]
    return tuple(wish for wish in whole if video and math.prod(picture_shape(video, wish)) >= PLAIN_BYTES)


def sound_wishes(probe: Probe, streams: Iterable[Stream]) -> tuple[SoundStream, ...]:
    """The distinct sounds among `streams`; none for a film without sound."""
    if probe.audio is None:
        return ()
    return tuple(dict.fromkeys(stream for stream in streams if isinstance(stream, SoundStream)))


def build_graph(
    probe: Probe,
    streams: Iterable[Stream],
    *,
    film_fd: int,
    picture_fd: int | None,
    sound_fds: Sequence[int],
    plain_fds: Sequence[int] = (),
    max_pixels: int = MAX_PIXELS,
    device: DecodeDevice = "cpu",
    is_film: bool = True,
    one_thread: bool = False,
) -> Graph:
    """The command that reads `film_fd` once; the other numbers are the pipes that it writes to.

    max_pixels: of a picture; the decoder refuses larger ones. device: what decodes the pictures. is_film: whether
    `film_fd` is the film; where packets of it come through a pipe, the decoder is told what the container declares.
    one_thread: whether one decodes also large pictures.
    """
    wanted = list(streams)
    pictures, sounds = picture_wishes(probe, wanted), sound_wishes(probe, wanted)
    plain = dict(zip(plain_wishes(probe, wanted), plain_fds, strict=True))
    options = {
        **film_input(film_fd, probe),
        "max_pixels": str(max_pixels),
        **({"threads": "1"} if one_thread else _threads(probe.video)),
    }
    options |= declared_colours(probe.video) if probe.video and not is_film else {}
    film = ffmpeg.input("fd:", **options, **(device_input(device) if pictures else {}))
    outputs = []
    if pictures and probe.video is not None and picture_fd is not None:
        outputs += _picture_outputs(_pictures(film, probe.video, device), probe.video, pictures, picture_fd, plain)
    for sound, fd in zip(sounds, sound_fds, strict=True):
        assert probe.audio is not None
        layout, source = {1: "mono", 2: "stereo"}[sound.channels], _sound(film, probe.audio)
        if mix := mixed_by_itself(probe.audio):
            source = source.filter("pan", args=f"mono|c0={mix}")
        samples = source.filter("aresample", sound.sample_rate, ochl=layout, osf="flt")
        in_nut = {"format": "nut", "acodec": "pcm_f32le", "write_index": "0", **NO_SYNCPOINTS, **NO_METADATA}
        outputs.append(ffmpeg.output(samples, f"pipe:{fd}", **in_nut, **GATHERED))
    read = {probe.video.index} if probe.video and pictures else set()
    read |= {*probe.audio.indexes} if probe.audio and sounds else set()
    arguments = [*ffmpeg.get_args(ffmpeg.merge_outputs(*outputs)), *unread_streams(probe, read)]
    return Graph([*RUN_ON, "-filter_complex_threads", "1", *arguments], pictures, tuple(plain))


def film_input(fd: int, probe: Probe) -> dict[str, str]:
    """Options before `-i fd:` of a film: its kind is that of the probe, whatever its bytes look like, and its clock."""
    jump = {} if probe.jump_s is None else {"dts_delta_threshold": str(probe.jump_s)}
    start = {"itsoffset": f"{-probe.untold_start_s:.6f}"} if probe.untold_start_s else {}
    return {**safe_input(fd, probe.container), **jump, **start}


def _sound(film: Any, sound: SoundInfo) -> Any:
    """The film's sound as it is decoded, all its channels in one stream."""
    tracks = [film[str(index)] for index in sound.indexes]
    return ffmpeg.filter(tracks, "join", **join_options(sound)) if sound.tracks else tracks[0]


def mixed_by_itself(sound: SoundInfo) -> str:
    """How channels become one where ffmpeg knows no way to mix them; '' where it does.

    Of Ambisonics the first channel is what comes from all directions. Of channels without names, in a number that no
    layout has, nothing is known, and others belong to no room with a front: it is their mean.
    """
    if sound.layout.startswith("ambisonic"):
        return "c0"
    if sound.channels == 1 or _is_mixed_by_ffmpeg(sound):
        return ""
    return "+".join(f"{1 / sound.channels:.6f}*c{number}" for number in range(sound.channels))


def _is_mixed_by_ffmpeg(sound: SoundInfo) -> bool:
    if sound.layout == f"{sound.channels} channels":
        return sound.channels in LAYOUTS_OF
    if not (named := re.fullmatch(r"\d+ channels \((.+)\)", sound.layout)):
        return sound.layout != "binaural"
    names = {name.partition("@")[0] for name in named[1].split("+")}
    is_room = not names.isdisjoint(("FL", "FR", "FC")) and all((a in names) == (b in names) for a, b in PAIRS)
    return is_room and not any(name.startswith(("USR", "UNK", "UNSD")) for name in names)


def _threads(video: VideoInfo | None) -> dict[str, str]:
    """How many threads decode, where ffmpeg's own choice would be too many.

    One decodes small pictures. Of pictures so large that each thread's own would take the memory of a step, only so
    many as `MAX_PIXELS_DECODED` allows.
    """
    pixels = video.coded_width * video.coded_height if video else 0
    if 0 < pixels <= SMALL_PIXELS:
        return {"threads": "1"}
    threads = MAX_PIXELS_DECODED // max(pixels, 1)
    return {"threads": str(max(1, threads))} if threads < FEWEST_THREADS else {}


def by_one_thread(video: VideoInfo | None) -> bool:
    """Whether one thread decodes the pictures anyway."""
    return _threads(video).get("threads") == "1"


def unread_streams(probe: Probe, read: Collection[int]) -> list[str]:
    """An output that goes nowhere, undecoded, of the streams that the film's clock depends on and that are not read."""
    maps = [word for index in probe.clock_streams if index not in read for word in ("-map", f"0:{index}")]
    return [*maps, "-c", "copy", "-f", "null", "-"] if maps else []


def picture_size(video: VideoInfo, wish: VideoStream) -> tuple[int, int]:
    """Width and height of the pictures of a wish for this film."""
    if wish.width and wish.height:
        return wish.width, wish.height
    return _fitted(video, wish.max_width or wish.width or video.width)


def _fitted(video: VideoInfo, max_width: int) -> tuple[int, int]:
    width = max(2, min(max_width, video.width) // 2 * 2)
    return width, max(2, round(width * video.height / video.width / 2) * 2)


def picture_shape(video: VideoInfo, wish: VideoStream) -> tuple[int, ...]:
    """Shape of one picture as an array, as `FrameBatch` describes it."""
    width, height = picture_size(video, wish)
    if wish.pixel_format == "yuv420p":
        return (height * 3 // 2, width)
    return (height, width, 3) if wish.pixel_format == "rgb24" else (height, width)


# The chain of steps from the source to each wish, and the tree that chains with a common beginning make.


@dataclass
class _Node:
    children: dict[FilterStep, _Node] = field(default_factory=dict)
    wishes: list[int] = field(default_factory=list)


def _chain(video: VideoInfo, wish: VideoClock | VideoStream, middle_is_made: bool) -> list[FilterStep]:
    if isinstance(wish, VideoClock):
        # The scaler keeps the request for grey from reaching back through the split, where it would apply to all.
        return [filter_step("crop", w="1", h="1", x="0", y="0", exact="1"), _scaled((1, 1), "gray", "fast_bilinear")]
    size, middle = picture_size(video, wish), _fitted(video, MIDDLE_WIDTH)
    chain = [_thinned(wish.fps)] if wish.fps else []
    if not _through_middle(size, middle):
        return [*chain, *_from_source(video, size, wish.pixel_format)]
    at = 0 if middle_is_made else len(chain)
    chain[at:at] = _from_source(video, middle, "yuv420p")
    if (size, wish.pixel_format) != (middle, "yuv420p"):
        chain.append(_scaled(size, wish.pixel_format, "area"))
    return chain


def _from_source(video: VideoInfo, size: tuple[int, int], pixel_format: str) -> list[FilterStep]:
    """The film's own pictures made smaller, and what they are converted to where the film's light needs it."""
    if not video.conversion:
        return [_scaled(size, pixel_format, "fast_bilinear")]
    last = [] if pixel_format == "yuv420p" else [_scaled(size, pixel_format, "fast_bilinear")]
    if video.conversion == "light":
        small = _scaled(size, scaled_format(video), "fast_bilinear")
        return [small, *spread(video), *as_seen(video), *last]
    _, scale = _scaled(size, "yuv420p", "fast_bilinear")
    seen = filter_step("scale", **dict(scale), out_color_matrix="bt709", out_range="limited")
    if spread(video):
        return [_scaled(size, "gbrp", "fast_bilinear"), *spread(video), seen, *last]
    return [seen] if pixel_format == "yuv420p" else last


def _through_middle(size: tuple[int, int], middle: tuple[int, int]) -> bool:
    return size == middle or (size[0] * 2 <= middle[0] and size[1] * 2 <= middle[1])


def _scaled(size: tuple[int, int], pixel_format: str, flags: str) -> FilterStep:
    return filter_step("scale", w=str(size[0]), h=str(size[1]), flags=flags, format=pixel_format)


def _thinned(fps: float) -> FilterStep:
    """Keep the first picture at or after each multiple of 1/fps s, and the one after it.

    The scaler returns a picture only when the next one comes: the second saves a wait of 1/fps seconds. The
    reader, which knows every picture's time, keeps the right ones.
    """
    now, before = (f"floor({t}*{fps!r}+{THINNING_SLACK})" for t in ("t", "prev_t"))
    wanted = f"isnan(prev_t)+gt({now},{before})"
    return filter_step("select", expr=f"st(1,ld(0))*0+st(0,{wanted})+ld(1)")


def _tree(video: VideoInfo, wishes: Sequence[VideoClock | VideoStream]) -> _Node:
    middle = _fitted(video, MIDDLE_WIDTH)
    whole = [wish for wish in wishes if isinstance(wish, VideoStream) and not wish.fps]
    middle_is_made = any(_through_middle(picture_size(video, wish), middle) for wish in whole)
    root = _Node()
    for number, wish in enumerate(wishes):
        node = root
        for step in _chain(video, wish, middle_is_made):
            node = node.children.setdefault(step, _Node())
        node.wishes.append(number)
    return root


def _pictures(film: Any, video: VideoInfo, device: DecodeDevice) -> Any:
    """The film's pictures as they are decoded."""
    source = film[str(video.index)]
    if device != "cpu":  # takes no pictures but the device's
        source = source.filter("hwdownload").filter("format", pix_fmts=download_format(video))
    return source.filter("setpts", RISING)


def _picture_outputs(
    source: Any,
    video: VideoInfo,
    pictures: Sequence[VideoClock | VideoStream],
    fd: int,
    plain: Mapping[VideoStream, int],
) -> list[Any]:
    wishes = [*pictures, *plain]
    looked_at = any(isinstance(wish, VideoStream) for wish in wishes)
    for name, step_options in [*renamed(video), *(whole_pictures(video) if looked_at else []), *without_bars(video)]:
        source = source.filter(name, **dict(step_options))
    leaves: dict[int, Any] = {}
    _grow(source, _tree(video, wishes), leaves)
    raw = {"vcodec": "rawvideo", "threads": "1", "fps_mode": "passthrough", "enc_time_base:v": "filter", **NO_METADATA}
    in_nut = {"format": "nut", "max_interleave_delta": "1", "write_index": "0", **raw, **NO_SYNCPOINTS}
    bare = {**raw, "format": "rawvideo", "avioflags": "direct"}  # direct: not by way of a buffer
    y4m = {**raw, "format": "yuv4mpegpipe", "vcodec": "wrapped_avframe"}
    forms = [y4m if wish.pixel_format in Y4M_FORMATS else bare for wish in plain]
    together = ffmpeg.output(*(leaves[number] for number in range(len(pictures))), f"pipe:{fd}", **in_nut)
    apart = enumerate(zip(plain.values(), forms, strict=True), start=len(pictures))
    return [together, *(ffmpeg.output(leaves[number], f"pipe:{own}", **form) for number, (own, form) in apart)]


def _grow(stream: Any, node: _Node, leaves: dict[int, Any]) -> None:
    count = len(node.children) + len(node.wishes)
    parts = [stream]
    if count > 1:
        fan = stream.filter_multi_output("split", count)
        parts = [fan.stream(number) for number in range(count)]
    for number in node.wishes:
        leaves[number] = parts.pop()
    for (name, options), child in node.children.items():
        named = dict(options)
        pixel_format = named.pop("format", None)
        filtered = parts.pop().filter(name, **named)
        _grow(filtered.filter("format", pix_fmts=pixel_format) if pixel_format else filtered, child, leaves)
