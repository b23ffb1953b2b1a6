"""Which streams of a file are the film: its pictures, and the sound that belongs to them.

Covers, posters and thumbnails are never the film, however they are flagged; sound is of one programme with the
pictures; commentary and descriptions for the blind are taken only where a person asks for them, or nothing else is.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from av.error import FFmpegError
from av.stream import Disposition

from cinelake.media.mono_tracks import UNKNOWN, MonoTracks, find_mono_tracks
from cinelake.spec.film import StreamInfo
from cinelake.spec.streams import PICTURES, SOUND, StreamChoice, StreamChoices

STILL_PICTURE_CODECS = ("mjpeg", "png", "bmp", "gif", "webp", "tiff", "jpegls", "jpegxl", "svg", "jpeg2000", "targa")
"""Codecs of pictures by themselves, of which posters are made; films too."""

NAMED_DATA = ("smpte_436m_anc", "scte_35", "timed_id3", "klv")
"""Data that say something of the film: ancillary data of television, its breaks, marks, positions."""

NOT_DECODED = "in a codec that is not read"
"""Why a stream for which ffmpeg has no decoder is not read."""

SEARCHED_PACKETS = 300
"""A stream with one picture while another has this many packets is a still."""

LARGE_DATA = 0.5
"""Data of a broadcast without pictures that have more of its bytes than all else are pictures, of an unknown kind."""
UNKNOWN_KIND = "unknown"
"""Of a stream of which libav does not know whether it has pictures, sound or text."""
NAMELESS = ("", "bin_data", "none")

_NO_FILM_PICTURE = {
    Disposition.attached_pic: "a cover",
    Disposition.still_image: "a still",
    Disposition.timed_thumbnails: "thumbnails",
}
_SIDE_SOUND = {
    Disposition.comment: "a commentary",
    Disposition.visual_impaired: "a description for the blind",
    Disposition.descriptions: "a description for the blind",
    Disposition.karaoke: "karaoke",
}
_SIDE_TITLE = {
    "a commentary": re.compile(r"\b(commentary|kommentar|commentaire|commento|comentario|commentaar)", re.IGNORECASE),
    "a description for the blind": re.compile(
        r"\b(audio ?description|descriptive (audio|video)|audio ?deskription|audiodescripci|hörfilm)",
        re.IGNORECASE,
    ),
}
"""What titles say where the flags do not."""


@dataclass(frozen=True)
class Taken:
    """streams: all of the file, with what is taken. pictures, sound: index of what is read; None: nothing is.
    mono_tracks: what `sound` is the first one of, where each channel of the sound has a stream of its own.

    refused: kinds of which the choice finds none and wants no other, or of which there are streams but none that can be
    decoded, with the words. otherwise: whether, though no
    choice asks for it, other streams are taken than the usual ones of all that are no covers by their own flags.
    """

    streams: tuple[StreamInfo, ...]
    pictures: int | None
    sound: int | None
    refused: tuple[tuple[str, str], ...] = ()
    otherwise: bool = False
    mono_tracks: MonoTracks | None = None


def take_streams(
    container: Any, programmes: Mapping[int, tuple[int, ...]], choices: StreamChoices, reopened: Callable[[], Any]
) -> Taken:
    """Decide which streams of an opened container are the film.

    programmes: stream → numbers of its programmes. reopened: opens the same file once more (a context), for its
    packets; called only where one of several candidates could be a still.
    """
    streams = [_described(stream, programmes) for stream in container.streams]
    pictures = [s for s in streams if s.kind == PICTURES and s.codec]
    sounds = [s for s in streams if s.kind == SOUND and s.codec]
    why = _unfit(container)
    before = [([s for s in pictures if s.index not in why], _area), (sounds, _channels)]
    why |= dict.fromkeys(_stills([s for s in pictures if s.index not in why], sounds, reopened), "one picture only")
    picture = _chosen([s for s in pictures if s.index not in why], choices.pictures, _area)
    sound_why = {s.index: "of another programme" for s in sounds if picture.stream and _apart(s, picture.stream)}
    side = _side_sounds(container)
    fitting = [s for s in sounds if s.index not in sound_why]
    mono = find_mono_tracks(container, [s for s in fitting if s.index not in side])
    sound = _chosen_sound(fitting, side, choices.sound, mono)
    why |= side | sound_why
    taken = {pick.stream.index: pick.why for pick in (picture, sound) if pick.stream is not None}
    mono = mono if mono and sound.stream is mono.one else None
    if mono:
        taken |= {index: mono.why(index, sound.why) for index in mono.tracks}
        why |= dict.fromkeys(mono.others, UNKNOWN)
    refused = [(kind, pick.why) for kind, pick in ((PICTURES, picture), (SOUND, sound)) if pick.is_refused]
    unknown = [s for s in streams if s.kind in (PICTURES, SOUND) and not s.codec and s.index not in why]
    unknown += [] if pictures or unknown else _large_data(container, streams, reopened)
    why |= {s.index: NOT_DECODED for s in (*unknown, *(s for s in streams if s.kind == UNKNOWN_KIND))}
    lost = {SOUND if s.kind == SOUND else PICTURES for s in unknown} - {s.kind for s in (*pictures, *sounds)}
    refused += [(kind, f"none of its streams can be decoded ({kind})") for kind in sorted(lost) if taken]
    return Taken(
        tuple(replace(s, taken=s.index in taken, why=taken.get(s.index, why.get(s.index, ""))) for s in streams),
        picture.stream.index if picture.stream else None,
        mono.tracks[0] if mono else sound.stream.index if sound.stream else None,
        tuple(refused),
        bool(mono)
        or any(
            bool(of_kind) and not choice and _usual(of_kind, size)[0].index not in taken
            for (of_kind, size), choice in zip(before, (choices.pictures, choices.sound), strict=True)
        ),
        mono,
    )


@dataclass(frozen=True)
class _Pick:
    stream: StreamInfo | None
    why: str = ""
    is_refused: bool = False


def _chosen(streams: Sequence[StreamInfo], choice: StreamChoice, size: Callable[[StreamInfo], int]) -> _Pick:
    """By the choice; without one, or where it finds none, the first default stream, else the largest."""
    if not streams:
        return _Pick(None)
    if choice:
        best = choice.best(streams)
        if best:
            return _Pick(_usual(best, size)[0], f"chosen by {choice.words()}")
        if choice.must:
            return _Pick(None, f"none of {len(streams)} streams is of {choice.words()}", is_refused=True)
    stream, why = _usual(streams, size)
    return _Pick(stream, f"{why}, as none is of {choice.words()}" if choice else why)


def _chosen_sound(
    streams: Sequence[StreamInfo], side: Mapping[int, str], choice: StreamChoice, mono: MonoTracks | None
) -> _Pick:
    """Commentary and the like come after all others: also where both fit a choice.

    Mono tracks are one stream, unless the choice fits one of them alone.
    """
    main = [stream for stream in streams if stream.index not in side] or streams
    others = (stream for stream in main if stream.channels != 1)
    together = sorted([mono.one, *others], key=lambda stream: stream.index) if mono else main
    if not choice or choice.best(together) or not choice.best(main):
        main = together
    beyond = choice and not choice.best(main) and (choice.must or choice.best(streams))
    return _chosen(streams if beyond else main, choice, _channels)


def _usual(streams: Sequence[StreamInfo], size: Callable[[StreamInfo], int]) -> tuple[StreamInfo, str]:
    default = [stream for stream in streams if stream.is_default]
    if len(streams) == 1:
        return streams[0], "the only one"
    return (default[0], "the first default one") if default else (max(streams, key=size), "the largest one")


def _area(stream: StreamInfo) -> int:
    return (stream.width or 0) * (stream.height or 0)


def _channels(stream: StreamInfo) -> int:
    return stream.channels or 0


def _apart(sound: StreamInfo, picture: StreamInfo) -> bool:
    """Whether a sound belongs to another programme than the pictures."""
    both = set(sound.programmes), set(picture.programmes)
    return all(both) and both[0].isdisjoint(both[1])


def _described(stream: Any, programmes: Mapping[int, tuple[int, ...]]) -> StreamInfo:
    codec = stream.codec_context
    layout = codec.layout if codec and stream.type == "audio" else None
    name = stream.name if stream.type == "data" and stream.name in NAMED_DATA else ""
    return StreamInfo(
        index=stream.index,
        kind=stream.type,
        codec=codec.codec.canonical_name if codec else name,
        language="" if (stream.language or "und") == "und" else stream.language,
        title=stream.metadata.get("title", ""),
        width=codec.width or None if codec and stream.type == "video" else None,
        height=codec.height or None if codec and stream.type == "video" else None,
        channels=codec.channels or None if codec and stream.type == "audio" else None,
        layout=_named_layout(layout.name, codec.channels) if layout else "",
        programmes=programmes.get(stream.index, ()),
        is_default=bool(stream.disposition & Disposition.default),
    )


def _named_layout(name: str, channels: int) -> str:
    """The layout's name; of one or two channels in no stated order the usual one, as players take it."""
    return {1: "mono", 2: "stereo"}.get(channels, "") if "channels" in name else name


def _unfit(container: Any) -> dict[int, str]:
    """Picture streams that the container itself says are no film."""
    return {
        stream.index: words
        for stream in container.streams.video
        for flag, words in _NO_FILM_PICTURE.items()
        if stream.disposition & flag
    }


def _side_sounds(container: Any) -> dict[int, str]:
    return {
        stream.index: words
        for stream in container.streams.audio
        for words in (
            *(words for words, said in _SIDE_TITLE.items() if said.search(stream.metadata.get("title", ""))),
            *(words for flag, words in _SIDE_SOUND.items() if stream.disposition & flag),
        )
    }


def _large_data(container: Any, streams: Sequence[StreamInfo], reopened: Callable[[], Any]) -> list[StreamInfo]:
    """What must be pictures in a transport stream that has none: data without a name, larger than all else.

    So libav has AV1, and whatever it has no number for yet.
    """
    if container.format.name != "mpegts":
        return []
    nameless = [s for s in streams if s.kind == "data" and container.streams[s.index].name in NAMELESS]
    if not nameless:
        return []
    sizes: Counter[int] = Counter()
    with reopened() as again, contextlib.suppress(FFmpegError):
        for packet in itertools.islice(again.demux(), SEARCHED_PACKETS):
            sizes[packet.stream.index] += packet.size
    return [s for s in nameless if sizes[s.index] > LARGE_DATA * sizes.total()]


def _stills(pictures: Sequence[StreamInfo], sounds: Sequence[StreamInfo], reopened: Callable[[], Any]) -> list[int]:
    """Picture streams of one picture beside a film's, or beside the sound of a file that is nothing but sound."""
    beside = pictures if len(pictures) > 1 else [*pictures, *sounds[:1]]
    is_poster = len(pictures) == 1 and pictures[0].codec in STILL_PICTURE_CODECS
    if len(beside) < 2 or (len(pictures) == 1 and not is_poster):
        return []
    watched = {stream.index for stream in beside}
    counts: Counter[int] = Counter()
    with reopened() as container, contextlib.suppress(FFmpegError):
        for packet in container.demux([container.streams[index] for index in sorted(watched)]):
            counts[packet.stream.index] += bool(packet.size)
            if all(counts[index] > 1 for index in watched) or max(counts.values()) >= SEARCHED_PACKETS:
                break
    if max(counts.values(), default=0) < 2:
        return []
    return [stream.index for stream in pictures if counts[stream.index] <= 1]
