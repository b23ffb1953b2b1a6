"""Which files a network of speech has: named one by one, or found in a folder as publishers lay it out.

Hugging Face's exports have `encoder_model.onnx`, `decoder_model.onnx`, `decoder_with_past_model.onnx` and
`decoder_model_merged.onnx` (https://github.com/huggingface/optimum-onnx), or `model.onnx` where they spell, often in a
folder `onnx` beside `tokenizer.json` and `vocab.json`, and several variants of each: `decoder_model_merged_int8.onnx`.
sherpa-onnx and onnx-asr have `model.onnx`, `model.int8.onnx`, with `tokens.txt` or `vocab.txt`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import model_validator

from cinelake.errors import WeightsMissing, did_you_mean
from cinelake.spec.task import ADDED_LATER, ManifestPath, Params

NETWORKS = (
    "`network: {folder: models/whisper-base}` for a folder as it is published, or its files: `network: {file: "
    "model.onnx, vocabulary: vocab.json}` of one that spells (CTC: wav2vec2, NeMo), `network: {encoder: "
    "encoder_model.onnx, decoder: decoder_model_merged.onnx, tokenizer: tokenizer.json}` of one like Whisper"
)
GRAPHS = ("file", "encoder", "decoder", "decoder_with_past")
"""Which of a network's files are ONNX, whatever they are called: weights may lie beside them."""
SPELLS, WRITES = {"file", "vocabulary"}, {"encoder", "decoder", "tokenizer"}
ENCODER, MERGED, DECODER, WITH_PAST = (
    "encoder_model",
    "decoder_model_merged",
    "decoder_model",
    "decoder_with_past_model",
)
VOCABULARIES = ("vocab.json", "tokens.txt", "vocab.txt", "tokenizer.json")
_GRAPH = re.compile(rf"({ENCODER}|{MERGED}|{DECODER}|{WITH_PAST}|model)(?:[._](\w+))?\.onnx")


class SpeechNetwork(Params):
    """The files of a network of speech: one that spells, or one that writes down what it hears."""

    folder: ManifestPath | None = None
    """A folder as it is published, in which the files below are found by their names."""
    variant: Annotated[str | None, ADDED_LATER] = None
    """With `folder`: which of several (`int8`, `quantized`, `fp16`, as their names end); left out: the plain one."""
    file: ManifestPath | None = None
    """The ONNX file of one that spells (CTC): a waveform at 16 kHz or log-mel spectra in, probabilities of letters or
    of pieces of words out."""
    vocabulary: ManifestPath | None = None
    """What its classes are: `vocab.json`, `tokenizer.json`, `tokens.txt` or `vocab.txt`."""
    encoder: ManifestPath | None = None
    """The ONNX file of a Whisper-like network's encoder."""
    decoder: ManifestPath | None = None
    """The ONNX file of its decoder: `decoder_model_merged.onnx`, or `decoder_model.onnx`."""
    decoder_with_past: ManifestPath | None = None
    """Beside `decoder_model.onnx` the one with a past, `decoder_with_past_model.onnx`: the same text in less time."""
    tokenizer: ManifestPath | None = None
    """Its `tokenizer.json`."""

    @model_validator(mode="after")
    def _is_one_of_these(self) -> SpeechNetwork:
        named = {name for name in type(self).model_fields if getattr(self, name) is not None}
        if named not in ({"folder"}, {"folder", "variant"}, SPELLS, WRITES, {*WRITES, "decoder_with_past"}):
            raise ValueError(f"name {NETWORKS}. Received: {', '.join(sorted(named)) or 'nothing'}")
        return self

    def files(self) -> dict[str, Path]:
        """All files, each by its field, and `added_tokens` beside a `vocab.json` that has such a file.

        Raises `WeightsMissing` for one that is not there, or not in the folder.
        """
        if self.folder is not None:
            return _with_added(files_in(self.folder, self.variant))
        fields = (*GRAPHS, "vocabulary", "tokenizer")
        named = {name: file for name in fields if (file := getattr(self, name)) is not None}
        for file in named.values():
            if not file.is_file():
                raise WeightsMissing(f"there is no {file}: put the file there, or correct `network: …`")
        return _with_added(named)


def _with_added(files: dict[str, Path]) -> dict[str, Path]:
    """Classes that a fine-tuned network has beyond its `vocab.json` are in a file beside it, by transformers' habit."""
    vocabulary = files.get("vocabulary")
    added = vocabulary.with_name("added_tokens.json") if vocabulary and vocabulary.name == "vocab.json" else None
    return files | {"added_tokens": added} if added and added.is_file() else files


def files_in(folder: Path, variant: str | None) -> dict[str, Path]:
    """The files of a network in the folder that it is published in, each by its field of `SpeechNetwork`.

    Without a variant the plain files, or, where there is one variant only, that one. Raises `WeightsMissing`.
    """
    if not folder.is_dir():
        raise WeightsMissing(f"there is no folder {folder}: put the network there, or correct `network: …`")
    whole = _networks(folder / "onnx") | _networks(folder)
    chosen = variant if variant or None in whole or len(whole) != 1 else next(iter(whole))
    if chosen not in whole:
        names = sorted(name or "the plain one" for name in whole)
        if not names:
            raise WeightsMissing(
                f"{folder} has no network of speech: neither {ENCODER}.onnx with {MERGED}.onnx or {DECODER}.onnx, nor "
                "model.onnx, there or in its folder onnx"
            )
        raise WeightsMissing(
            f"{folder} has no variant {variant!r}{did_you_mean(variant, names)}"
            if variant
            else f"{folder} has the variants {', '.join(names)}: say which, as in `network: {{folder: …, variant: "
            f"{names[0]}}}`"
        )
    return whole[chosen] | _texts(folder, "encoder" in whole[chosen])


def _networks(folder: Path) -> dict[str | None, dict[str, Path]]:
    """Variant → the graphs of a network that lie side by side in this folder: parts of two exports are no pair."""
    variants: dict[str | None, dict[str, Path]] = {}
    for file in sorted(folder.glob("*.onnx")):
        if found := _GRAPH.fullmatch(file.name):
            variants.setdefault(found[2], {}).setdefault(found[1], file)
    return {variant: files for variant, graphs in variants.items() if (files := _network(graphs))}


def _network(graphs: Mapping[str, Path]) -> dict[str, Path]:
    """The graphs of one variant by their fields; empty where they make no network."""
    if ENCODER in graphs and MERGED in graphs:
        return {"encoder": graphs[ENCODER], "decoder": graphs[MERGED]}
    if ENCODER in graphs and DECODER in graphs:
        later = {"decoder_with_past": graphs[WITH_PAST]} if WITH_PAST in graphs else {}
        return {"encoder": graphs[ENCODER], "decoder": graphs[DECODER], **later}
    return {"file": graphs["model"]} if "model" in graphs else {}


def _texts(folder: Path, writes: bool) -> dict[str, Path]:
    """The tokenizer, or what the classes are."""
    field, names = ("tokenizer", ("tokenizer.json",)) if writes else ("vocabulary", VOCABULARIES)
    for name in names:
        if (file := folder / name).is_file():
            return {field: file}
    raise WeightsMissing(f"{folder} has no {' or '.join(names)}: put it beside the network")
