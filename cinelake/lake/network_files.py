"""Which files a network consists of, and their identity: an ONNX file may keep its weights in files beside it.

PyTorch's exporter writes `model.onnx` and `model.onnx.data`: the first names the second in the `external_data` of its
tensors (https://onnx.ai/onnx/repo-docs/ExternalData.html). Keras and TensorFlow Lite files are whole in themselves:
Keras refuses HDF5 files that point at others.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.storage.content import digest, file_digest, files_digest

LOCATION = "location"
"""The key under which a tensor's `external_data` names its file; a file without this word has no such tensor."""


WHOLE = (".keras", ".h5", ".hdf5", ".tflite")
"""Names of networks that have no files beside them; an ONNX file may be called otherwise than `.onnx`."""


def network_digest(path: Path) -> str:
    """32 hexadecimal digits of a network's file and of the files that hold its weights, wherever it lies.

    Of a network in one file they are those of the file. Raises as `weight_files`.
    """
    weights = weight_files(path)
    if not weights:
        return file_digest(path)
    return digest([file_digest(path), *([location, file_digest(file)] for location, file in weights.items())])


def networks_digest(paths: Iterable[Path]) -> str:
    """32 hexadecimal digits of several networks' files, those that hold their weights among them.

    Raises as `weight_files`.
    """
    files = {file for path in paths for file in (path, *weight_files(path).values())}
    return files_digest(sorted(files))


def weight_files(path: Path) -> dict[str, Path]:
    """Location, as an ONNX network writes it, → the file that holds weights of it; empty for one in a single file.

    Raises `WeightsMissing` where such a file is not there, `ModelUnusable` where it lies outside the network's folder.
    """
    if path.suffix.lower() in WHOLE:
        return {}
    stat = path.stat()
    return {location: _beside(path, location) for location in _locations(str(path), stat.st_size, stat.st_mtime_ns)}


def _beside(path: Path, location: str) -> Path:
    """The file of a location. A model and its weights may both be links into one folder, as Hugging Face keeps them."""
    file = path.parent / location
    allowed = (path.parent.resolve(), path.resolve().parent)
    if not location or Path(location).is_absolute() or not any(file.resolve().is_relative_to(each) for each in allowed):
        raise ModelUnusable(
            f"{path} keeps weights in {location!r}, which is not in the network's own folder: put that file beside the "
            "network, and its name there into the network (`onnx.save(…, save_as_external_data=True)` writes both)"
        )
    if not file.is_file():
        raise WeightsMissing(f"{path} keeps weights in {file}, which is not there: put that file beside the network")
    return file


@lru_cache(maxsize=256)
def _locations(path: str, size: int, mtime_ns: int) -> tuple[str, ...]:
    """What an ONNX file says of where its weights are, sorted; nothing for one that is no ONNX file at all.

    ONNX itself is imported only for files that may have weights elsewhere: planning stays light.
    """
    with Path(path).open("rb") as file:
        if not size:
            return ()
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(LOCATION.encode()) < 0:
                return ()
    import onnx

    try:
        model = onnx.load(path, load_external_data=False)
    except Exception:  # noqa: BLE001 - protobuf's, of several kinds; what runs it says what is wrong with it
        return ()
    return tuple(sorted(set(_external(model, onnx.TensorProto))))


def _external(message: Any, tensor_type: type[Any]) -> Iterator[str]:
    """The locations of all tensors within a message: of its graph, of graphs inside nodes, of functions."""
    if isinstance(message, tensor_type):
        if message.data_location == tensor_type.EXTERNAL:
            yield from (entry.value for entry in message.external_data if entry.key == LOCATION)
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in value if isinstance(value, Iterable) else (value,):
                yield from _external(part, tensor_type)
