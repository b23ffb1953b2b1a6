"""Pictures decoded on a device: refused where it is not there, never decoded by something else in its place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _recorder import Recorder

from cinelake.errors import DeviceUnavailable, ManifestError
from cinelake.manifest.document import load_manifest
from cinelake.media import reader
from cinelake.media.decode_check import DecodeReport
from cinelake.media.devices import KINDS, check_exact, device_files
from cinelake.media.graph import build_graph
from cinelake.media.probe import probe
from cinelake.media.reader import read_film
from cinelake.spec.film import DecodeDevice
from cinelake.spec.task import SoundStream, VideoStream

SMALL = VideoStream(width=64, height=36)


def is_here(device: str) -> bool:
    return any(Path("/").glob(KINDS[device].node.removeprefix("/")))


def read_on(device: DecodeDevice, film: Path) -> Recorder:
    recorder = Recorder(small=SMALL)
    recorder.report = read_film(str(film), probe(str(film)), [recorder], deadline_s=60, device=device)
    return recorder


@pytest.mark.parametrize("device", [*KINDS])
def test_a_machine_without_the_device_refuses_before_anything_is_decoded(device: DecodeDevice, film: Path) -> None:
    if is_here(device):
        pytest.skip(f"{device} is here")
    probe(str(film))  # by a process that stays
    open_before = len([*Path("/proc/self/fd").iterdir()])
    with pytest.raises(DeviceUnavailable, match="no such device"):
        read_on(device, film)
    assert len([*Path("/proc/self/fd").iterdir()]) == open_before


def test_ffmpeg_ends_where_the_device_fails_it_and_decodes_nothing_itself(film: Path, monkeypatch) -> None:
    if is_here("cuda"):
        pytest.skip("cuda is here")
    monkeypatch.setattr(reader, "check_device", lambda _device: None)
    with pytest.raises(DeviceUnavailable, match=r"cuda cannot decode .* decode: \{device: cpu\}"):
        read_on("cuda", film)


@pytest.mark.parametrize(
    "about", ["mpeg2video yuv420p", "vc1 yuv420p", "h264 yuv422p", "hevc yuv444p10le", "h264 gray"]
)
def test_what_a_device_may_decode_otherwise_is_refused(film: Path, about: str) -> None:
    codec, pixel_format = about.split()
    video = replace(probe(str(film)).video, codec=codec, pixel_format=pixel_format)
    check_exact("cpu", video, str(film))
    with pytest.raises(DeviceUnavailable, match=f"is {codec} in {pixel_format}, .* decode: .device: cpu"):
        check_exact("cuda", video, str(film))


@pytest.mark.parametrize(
    "about", ["h264 yuv420p", "hevc yuv420p10le", "vp9 yuv420p", "av1 yuv420p10le", "h264 yuvj420p"]
)
def test_what_every_decoder_gives_alike_a_device_decodes(film: Path, about: str) -> None:
    codec, pixel_format = about.split()
    check_exact("vaapi", replace(probe(str(film)).video, codec=codec, pixel_format=pixel_format), str(film))


def test_damaged_pictures_are_left_to_the_processor(film: Path) -> None:
    reading = reader._Reading(str(film), probe(str(film)), [], 0, 0, None)
    reading.device = "cuda"
    reading._raise_device_error(DecodeReport(frames=250, pictures_read=True), 0)
    with pytest.raises(DeviceUnavailable, match="damaged"):
        reading._raise_device_error(DecodeReport(frames=250, damaged_pictures=1, pictures_read=True), 0)


def test_the_graph_takes_the_pictures_of_the_device_alone(film: Path) -> None:
    command = build_graph(probe(str(film)), [SMALL], film_fd=3, picture_fd=4, sound_fds=[], device="qsv").arguments
    assert command[command.index("-hwaccel") + 1] == command[command.index("-hwaccel_output_format") + 1] == "qsv"
    assert "[0:0]hwdownload" in " ".join(command) and "format=pix_fmts=nv12" in " ".join(command)


def test_sound_needs_no_device(film: Path) -> None:
    command = build_graph(probe(str(film)), [SoundStream()], film_fd=3, picture_fd=None, sound_fds=[4], device="cuda")
    assert "-hwaccel" not in command.arguments


def test_where_only_sound_is_read_ffmpeg_is_confined_as_ever(film: Path, monkeypatch) -> None:
    opened, start = [], reader.start_ffmpeg
    monkeypatch.setattr(reader, "device_files", lambda _device: [Path("/dev/null")])
    monkeypatch.setattr(
        reader, "start_ffmpeg", lambda *words, **named: opened.append(named["opens"]) or start(*words, **named)
    )
    read_film(str(film), probe(str(film)), [Recorder(sound=SoundStream())], deadline_s=60, device="cuda")
    assert opened == [[]]


def test_the_processor_opens_nothing_for_it() -> None:
    assert device_files("cpu") == []


def test_the_manifest_names_the_device(tmp_path: Path) -> None:
    manifest = tmp_path / "pipeline.yaml"
    text = "lake: lake\ncatalogue: {films: films}\ntasks: {films: {}}\n"
    manifest.write_text(text)
    assert load_manifest(manifest).decode.device == "cpu"
    manifest.write_text(text + "decode: {device: vaapi}\n")
    assert load_manifest(manifest).decode.device == "vaapi"
    manifest.write_text(text + "decode: {device: tpu}\n")
    with pytest.raises(ManifestError, match=r"decode\.device"):
        load_manifest(manifest)


@pytest.mark.gpu
def test_a_device_gives_the_pictures_that_the_processor_gives(film: Path) -> None:
    if not is_here("cuda"):
        pytest.skip("no NVIDIA device")
    ours, theirs = read_on("cpu", film), read_on("cuda", film)
    assert theirs.report.device == "cuda"
    assert np.array_equal(ours.pixels("small"), theirs.pixels("small"))
