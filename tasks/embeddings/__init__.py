"""Table `embeddings`: what each picture, clip, face, second of sound or line looks, sounds or reads like, as a vector.

A table may be made twice under its own name, with another backbone:

    embeddings: {backbone: efficientnet_lite0}               # an ImageNet network that comes inside a package
    embeddings_tiles: {task: embeddings, tiles: 3x3, pooling: max}   # small figures too, at ten times the cost
    embeddings: {backbone: descriptor}                       # colours, edges and layout: no network, five times faster
    embeddings_cnn: {task: embeddings, backbone: inception_v3}
    embeddings_vgg: {task: embeddings, backbone: vgg16, layer: block5_pool, pooling: flatten}
    embeddings_place: {task: embeddings, backbone: {file: places365.onnx}, preprocess: torch}
    embeddings_mood: {task: embeddings, backbone: {file: expressions.keras}, source: faces, preprocess: -1-1}
    embeddings_sound: {task: embeddings, backbone: {file: vggish.onnx}, source: sound}
    embeddings_clips: {task: embeddings, backbone: {file: c3d.onnx}, source: clips}
    embeddings_text: {task: embeddings, backbone: {file: sentences.onnx}, source: lines}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.errors import UnknownName, UsageError, WeightsMissing
from cinelake.lake.onnx import require_device
from cinelake.spec.arrays import Device, Floats
from cinelake.spec.components import Component
from cinelake.spec.contract import Column, Contract, vector
from cinelake.spec.roles import Components, Vectors
from cinelake.spec.task import ADDED_LATER, Field, Film, ManifestPath, Params, Resources, TableReader, task
from tasks.embeddings.backbones import Backbone, BackboneRequest, Pooling, Preprocess, open_backbone
from tasks.embeddings.efficientnet import INSTEAD, PACKAGE, SIZE, STATE
from tasks.embeddings.efficientnet import NAME as PACKAGED
from tasks.embeddings.keras_networks import find_network, find_weights
from tasks.embeddings.samples import TAKES, Sample, samples_of
from tasks.embeddings.tiles import Grid, TiledBackbone
from tasks.shared.pictures import chunks
from tasks.shared.texts import TextEncoder

EMBEDDINGS = Contract(
    table="embeddings",
    doc="Vectors of pictures, of clips, of faces, of windows of sound, or of lines, by one backbone.",
    columns=[
        Column("frame", pa.int64(), "Number of the picture; null for sound and lines.", nullable=True, at_least=0),
        Column(
            "time_s", pa.float64(), "When it is shown, or when the clip, window or line starts, in seconds.", at_least=0
        ),
        Column("shot", pa.int32(), "The shot it is in, where known.", nullable=True, at_least=0),
        Column("backbone", pa.string(), "What made the vector: `descriptor`, a network's name, or a file's name."),
        Column("embedding", vector(), "The vector; its size is the backbone's."),
        Column("face", pa.int32(), "Number of the face in the picture; null but for faces.", nullable=True, at_least=0),
        Column(
            "features",
            vector(),
            "What a network that names classes (TensorFlow Lite, no `layer`) saw before it named them; else nulls.",
            nullable=True,
        ),
    ],
    key=["time_s", "frame", "face"],
)


class ModelFile(Params):
    """A network in a file."""

    file: ManifestPath
    """A .onnx, .tflite, .keras, .h5 or .hdf5 file. Files that an ONNX file keeps its weights in belong to it."""

    @field_validator("file")
    @classmethod
    def _known_format(cls, file: Any) -> Any:
        if file.suffix.lower() not in FORMATS:
            raise ValueError(f"a model file ends in {', '.join(FORMATS)}. Received: {file.name!r}")
        return file


FORMATS = (".onnx", ".tflite", ".keras", ".h5", ".hdf5")
GRID = r"^[1-8]x[1-8]$"
NOT_OF_KERAS = ("descriptor", PACKAGED)


class EmbeddingsParams(Params):
    """Which network looks at what, and which of its layers is kept."""

    backbone: str | ModelFile = PACKAGED
    """`efficientnet_lite0` (ImageNet, 1,280 numbers, comes with Cinelake), `descriptor` (weight-free), a network of
    keras.applications (`inception_v3`, `vgg16`, ...), or `{file: model.onnx}`."""
    source: Literal["frames", "clips", "faces", "sound", "lines"] = "frames"
    """What is looked at: pictures of `frames`, several of them on end (for a 3D-CNN), faces of `faces`, log-mel windows
    of `sound`, or lines of `subtitles` (for an ONNX file that takes texts)."""
    layer: str | None = None
    """A layer (Keras) or tensor (ONNX, TFLite) by name; none: the output, of ImageNet networks the last map."""
    pooling: Pooling = "avg"
    """What becomes of a map: its mean over places, the largest (`max`), all its numbers, or `none`: it must be a vector
    already. With `tiles`, what becomes of theirs: the mean or the largest of each number."""
    tiles: Annotated[str | None, ADDED_LATER, Field(pattern=GRID)] = None
    """Parts of a picture that are looked at beside it, across and down, such as `3x3`; each overlaps half of the next.
    A vector is then the whole picture's and, after it, the tiles' pooled: twice as many numbers, which tell small
    figures. Each tile is a pass of the backbone more: ten in place of one with `3x3`. Of `source: frames` alone."""
    preprocess: Preprocess = "auto"
    """How pixels are scaled. auto: as the ImageNet network was trained; files: `raw` for bytes, `torch` for
    channels first, `tf` for channels last. The scaling of `efficientnet_lite0` is part of it."""
    weights: ManifestPath | None = None
    """The weights file of an ImageNet network; none: sought in `KERAS_HOME` or ~/.keras, under `models`."""
    text_network: ManifestPath | None = None
    """The text tower of a CLIP-like pair whose pictures' half is `backbone`: an ONNX file. `--text` of a search
    finds pictures by it. It changes no vector of the table."""
    tokenizer: ManifestPath | None = None
    """The `tokenizer.json` of `text_network`."""
    input_size: int | None = Field(default=None, ge=8, le=4096)
    """Side of the picture given to a network that takes any size; none: 224, or what the ImageNet network expects."""
    batch_size: int = Field(default=16, ge=1, le=1024)
    """Rows that go through the network together; the last batch is padded. On a processor `efficientnet_lite0` takes
    one at a time, which is fastest there."""
    device: Device = "cpu"
    """`cuda` needs onnxruntime-gpu and never falls back to the processor."""

    @field_validator("backbone")
    @classmethod
    def _known_backbone(cls, backbone: str | ModelFile) -> str | ModelFile:
        if not isinstance(backbone, str) or backbone == "descriptor":
            return backbone
        if re.sub(r"[^a-z0-9]", "", backbone.lower()) == PACKAGED.replace("_", ""):
            return PACKAGED
        try:
            return find_network(backbone).name
        except UnknownName as error:
            raise ValueError(str(error)) from error

    @field_validator("tiles", mode="before")
    @classmethod
    def _a_grid(cls, tiles: Any) -> Any:
        if tiles is not None and not (isinstance(tiles, str) and re.search(GRID, tiles)):
            raise ValueError(f"tiles are named across and down, 1 to 8 each, such as 3x3. Received: {tiles!r}")
        return tiles

    @model_validator(mode="after")
    def _what_fits(self) -> EmbeddingsParams:
        if (self.text_network is None) != (self.tokenizer is None):
            raise ValueError("'text_network' and 'tokenizer' belong together: name both")
        if self.source in TAKES and isinstance(self.backbone, str):
            raise ValueError(f"source {self.source!r} needs a backbone {{file: …}}. Received: {self.backbone!r}")
        if self.weights is not None and (self.backbone in NOT_OF_KERAS or isinstance(self.backbone, ModelFile)):
            raise ValueError("'weights' belongs to a network of keras.applications")
        if self.backbone == PACKAGED and (self.preprocess != "auto" or self.input_size not in (None, SIZE)):
            raise ValueError(f"backbone {PACKAGED!r} scales its pictures itself, at {SIZE} × {SIZE}")
        if self.tiles is not None and self.source != "frames":
            raise ValueError(f"'tiles' are cut out of pictures: source must be 'frames'. Received: {self.source!r}")
        if self.tiles == "1x1":
            raise ValueError("'tiles' of 1x1 are the whole picture: leave them out, or say 2x2 to 8x8")
        if self.tiles is not None and self.pooling not in ("avg", "max"):
            raise ValueError(f"tiles are pooled: 'pooling' must be 'avg' or 'max'. Received: {self.pooling!r}")
        if self.tiles is not None and self.text_network is not None:
            raise ValueError("with 'tiles' a vector is twice as long as that of a text: leave out 'text_network'")
        if self.backbone == "descriptor" and (self.layer or self.device != "cpu"):
            raise ValueError("backbone 'descriptor' has no layers and runs on the processor only")
        if isinstance(self.backbone, ModelFile) and self.device != "cpu" and self.backbone.file.suffix == ".tflite":
            raise ValueError("TensorFlow Lite files run on the processor only: device must be 'cpu'")
        return self


def requested(params: EmbeddingsParams) -> BackboneRequest:
    """What the parameters ask of a backbone; raises `WeightsMissing` when its file is not where it is sought."""
    file = params.backbone.file if isinstance(params.backbone, ModelFile) else None
    network = None
    if file is not None and not file.is_file():
        raise WeightsMissing(f"there is no network {file}: put the file there, or correct `backbone: {{file: …}}`")
    if params.backbone == PACKAGED:
        file = STATE.path(INSTEAD)
    elif isinstance(params.backbone, str) and params.backbone != "descriptor":
        network = find_network(params.backbone)
        file = find_weights(network, params.weights, params.layer)
    return BackboneRequest(
        network=network,
        file=file,
        is_packaged=params.backbone == PACKAGED,
        layer=params.layer,
        pooling="avg" if params.tiles else params.pooling,
        preprocess=params.preprocess,
        input_size=params.input_size,
        batch_size=params.batch_size,
        device=params.device,
    )


def opened(params: EmbeddingsParams) -> Backbone:
    """The backbone, over tiles where these are asked for. Raises `WeightsMissing`, `ModelUnusable`."""
    backbone = open_backbone(requested(params))
    if params.tiles is None:
        return backbone
    return TiledBackbone(backbone, Grid.of(params.tiles), largest=params.pooling == "max")


def preflight(params: EmbeddingsParams) -> dict[str, str]:
    """Digest of the network's file; raises `WeightsMissing` when it is not there."""
    request = requested(params)
    return {"weights": request.digest(), "file": request.file.name} if request.file else {}


SOURCES = {
    "frames": ["frames"],
    "clips": ["frames"],
    "faces": ["faces", "frames"],
    "sound": ["sound"],
    "lines": ["subtitles"],
}


IN_PIECES = ("frames", "sound")
"""Sources whose rows are looked at a batch at a time, whatever comes before and after."""


def subject(params: Mapping[str, Any]) -> str:
    """What vectors are of, as a footer's parameters have it."""
    source = str(params.get("source", "frames"))
    return "pictures" if source == "frames" else source


def network_of(params: Mapping[str, Any]) -> str:
    """What made vectors, for messages; empty where a footer's parameters do not say it."""
    return str(params.get("backbone") or params.get("file") or "")


def of_text(params: EmbeddingsParams, text: str) -> Floats:
    """(d,) of a text, by the pair's half for texts. Raises `UsageError` where the parameters name none."""
    if params.text_network is None or params.tokenizer is None:
        raise UsageError("no network of texts is named: add `text_network` and `tokenizer` to the table's entry")
    return TextEncoder(params.text_network, params.tokenizer).encode(text)


def components(params: Mapping[str, Any]) -> list[Component]:
    """What made vectors, as the data dictionary and cards of models tell it."""
    weights = params.get("weights")
    if params.get("backbone") == PACKAGED:
        return [PACKAGE.component("EfficientNet-Lite0, trained on ImageNet", str(weights or ""))]
    what = f"weights of {params.get('file') or network_of(params)}"
    return [Component(what, "as their publisher says", digest=str(weights or ""))] if weights else []


@task(
    writes=EMBEDDINGS,
    reads=lambda params: SOURCES[params.source],
    params=EmbeddingsParams,
    version=1,
    revision=2,
    resources=Resources(memory_gb=2.0),
    preflight=preflight,
    apart=lambda params: params.batch_size if params.source in IN_PIECES and params.device == "cpu" else 0,
    roles=[Vectors(subject, network_of, speed=("batch_size", "device"), of_text=of_text), Components(components)],
)
class Embed:
    """A vector per picture, face or window of sound, by a frozen network or a weight-free descriptor."""

    def __init__(self, params: EmbeddingsParams, film: Film):
        require_device(params.device)
        self._params, self._film = params, film
        self.facts: dict[str, str] = {}

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The vectors, in the order of what is looked at."""
        backbone = opened(self._params)
        self.facts = dict(backbone.facts)
        samples = samples_of(self._params.source, tables, backbone.wants, backbone.clip)
        for chunk in chunks(samples, self._params.batch_size):
            yield as_batch(self._film.movie_id, self._name, chunk, backbone)

    @property
    def _name(self) -> str:
        backbone = self._params.backbone
        return backbone if isinstance(backbone, str) else backbone.file.name


def as_batch(movie_id: str, name: str, chunk: list[Sample], backbone: Backbone) -> pa.RecordBatch:
    """Samples and their vectors as a batch of the table."""
    vectors = backbone.embed([sample.values for sample in chunk])
    size = vectors.shape[1] - backbone.features
    return EMBEDDINGS.batch(
        movie_id,
        frame=[sample.frame for sample in chunk],
        time_s=[sample.time_s for sample in chunk],
        shot=[sample.shot for sample in chunk],
        backbone=[name] * len(chunk),
        embedding=vectors[:, :size],
        face=[sample.face for sample in chunk],
        features=vectors[:, size:] if backbone.features else _nulls(len(chunk)),
    )


def _nulls(rows: int) -> pa.Array:
    """Parquet has no null vectors: one null a row."""
    return pa.FixedSizeListArray.from_arrays(pa.nulls(rows, pa.float32()), 1)
