"""What a film is, as its probe reports it: container, pictures, sound, subtitles."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class VideoInfo:
    """The video stream that is read. `width` × `height`: as shown, upright and with square pixels."""

    index: int
    codec: str
    coded_width: int
    coded_height: int
    width: int
    height: int
    rotation: int
    """Degrees clockwise by which players turn the coded picture: 0, 90, 180, 270."""
    sar: Fraction
    fps: float
    time_base: Fraction
    pixel_format: str
    bit_depth: int
    frame_count: int | None
    """As the container declares it; None when it does not."""
    duration_s: float | None
    """Of this stream, as the container declares it; None when it does not."""
    color_matrix: str = "bt601"
    """How its YUV is meant: bt601, bt709 or bt2020; bt601 where it is not declared, as in ffmpeg."""
    full_range: bool = False
    """Whether luma goes from 0 to 255 rather than from 16 to 235."""


@dataclass(frozen=True)
class SoundInfo:
    """The audio stream that is read. `start_s` counts from the start of the film."""

    index: int
    codec: str
    sample_rate: int
    channels: int
    start_s: float
    duration_s: float | None


@dataclass(frozen=True)
class SubtitleInfo:
    """A subtitle stream; `language` is '' when none is named."""

    index: int
    codec: str
    language: str


@dataclass(frozen=True)
class Probe:
    """What a film is. Time zero is the container's start: `start_time_s` in the file's own time."""

    container: str
    duration_s: float
    start_time_s: float
    video: VideoInfo | None
    audio: SoundInfo | None
    subtitles: tuple[SubtitleInfo, ...]
    video_streams: int
    audio_streams: int
