"""Decoding of pictures on a device: which there are, what ffmpeg is told, and what it must be able to open.

Pictures are decoded on the device and come back to memory at once, into the same graph of filters as those that the
processor decodes. Nothing falls back: the graph takes the device's pictures only, so that a decoder which quietly went
on without the device ends in an error, and a machine without the device is refused before ffmpeg starts.
"""

from __future__ import annotations

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


def check_device(device: DecodeDevice) -> None:
    """Raise `DeviceUnavailable` where films are to be decoded on a device that this machine has not."""
    if device != "cpu" and not _found(KINDS[device].node):
        raise DeviceUnavailable(
            f"the manifest asks for decode: {{device: {device}}}, and this machine has no such device "
            f"({KINDS[device].node} is not there). Write device: cpu, or run on a machine that has it."
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
