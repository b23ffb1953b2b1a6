"""Decoding of pictures on a device: which there are, what ffmpeg is told, and what it must be able to open.

Pictures are decoded on the device and come back to memory at once, into the same graph of filters as those that the
processor decodes. Nothing falls back: the graph takes the device's pictures only, so that a decoder which quietly went
on without the device ends in an error, and a machine without the device is refused before ffmpeg starts.

What decodes is in no cell's key, so a device may decode only what comes out of every decoder bit by bit as it does out
of ffmpeg's own: codecs whose standard fixes the pictures exactly, in the sampling of colour (4:2:0) in which they come
back from a device unchanged. Other films are refused, and so are those with damaged pictures, which each decoder
conceals in its own way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from cinelake.errors import DeviceUnavailable
from cinelake.spec.film import DecodeDevice, VideoInfo


@dataclass(frozen=True)
class DeviceKind:
    """node: what a machine with the device has, as a pattern; opens: what ffmpeg opens to use it, by patterns."""

    node: str
    opens: tuple[str, ...]


KINDS = {
    "cuda": DeviceKind("/dev/nvidia[0-9]*", ("/dev/nvidia*", "/dev/nvidia-caps/*", "/proc/driver/nvidia")),
    "vaapi": DeviceKind("/dev/dri/renderD*", ("/dev/dri/*", "/sys/dev/char", "/sys/devices", "/etc/vulkan")),
    "qsv": DeviceKind("/dev/dri/renderD*", ("/dev/dri/*", "/sys/dev/char", "/sys/devices")),
}

DOWNLOADED = {8: "nv12", 10: "p010le"}
"""In which pixel format pictures of so many bits come back from a device; of more bits in `p016le`."""

EXACT_CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1"})
"""Codecs of which every conformant decoder gives the same pictures. MPEG-1, 2 and 4 ASP and JPEG leave the inverse
transform's last bits to the decoder (ISO/IEC 23002-1 bounds them), and devices differ in VC-1's."""

_HALVED_COLOUR = re.compile(r"yuvj?420p(\d+[lb]e)?")
"""ffmpeg's names of 4:2:0; 4:2:2, 4:4:4, grey and RGB would come back as another format."""


def check_device(device: DecodeDevice) -> None:
    """Raise `DeviceUnavailable` where films are to be decoded on a device that this machine has not."""
    if device != "cpu" and not _found(KINDS[device].node):
        raise DeviceUnavailable(
            f"the manifest asks for decode: {{device: {device}}}, and this machine has no such device "
            f"({KINDS[device].node} is not there). Write device: cpu, or run on a machine that has it."
        )


def check_exact(device: DecodeDevice, video: VideoInfo, path: str) -> None:
    """Raise `DeviceUnavailable` for a film of which a device may give other pictures than the processor."""
    if device == "cpu" or (video.codec in EXACT_CODECS and _HALVED_COLOUR.fullmatch(video.pixel_format)):
        return
    about = f"{video.codec} in {video.pixel_format or 'an unknown pixel format'}"
    raise DeviceUnavailable(
        f"{path!r} is {about}, of which {device} may give other pictures than the processor: devices decode "
        f"{', '.join(sorted(EXACT_CODECS))} in 4:2:0. Run it with decode: {{device: cpu}}: what is made already stays"
    )


def device_input(device: DecodeDevice) -> dict[str, str]:
    """Options that stand before the input of a film that is decoded on a device."""
    return {} if device == "cpu" else {"hwaccel": device, "hwaccel_output_format": device}


def download_format(video: VideoInfo) -> str:
    """The pixel format in which a film's pictures come back from a device."""
    return DOWNLOADED.get(video.bit_depth, "p016le")


def device_files(device: DecodeDevice) -> list[Path]:
    """What of this machine ffmpeg must be able to open to use a device."""
    return [path for pattern in KINDS[device].opens for path in _found(pattern)] if device != "cpu" else []


def _found(pattern: str) -> list[Path]:
    return sorted(Path("/").glob(pattern.removeprefix("/")))
