"""Networks that spell: for every moment the probabilities of letters or pieces of words, and of none (the blank).

Connectionist temporal classification (Graves et al., 2006), as wav2vec2 has it on waveforms and NeMo's, icefall's and
WeNet's exports on log-mel spectra: what is likeliest at each moment, each letter once, without blanks. That also says
when words are said. Of which making the spectra must be, an export says in its metadata (`model_type`,
`normalize_type`); without a word, bands before frames are NeMo's, and frames before bands are not guessed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from operator import index
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.lake.onnx import onnx_session
from cinelake.spec.arrays import Device, Floats
from tasks.transcript.lines import Line, Word
from tasks.transcript.spectra import kaldi_spectrum, nemo_spectrum
from tasks.transcript.stretches import RATE

MOST_BYTES = 64 << 20
BANDS = (40, 64, 80, 128)
"""Sizes by which the axis of mel bands is known."""
KALDIS = {"zipformer2_ctc": 1.0, "wenet_ctc": 32768.0}
"""`model_type` of exports that take Kaldi's spectra → what a sample of 1 counts there."""
NEMOS = ("", "EncDecCTCModel", "EncDecCTCModelBPE", "EncDecHybridRNNTCTCBPEModel")
"""`model_type` of those that take NeMo's, or say nothing."""
NORMALISED = {"per_feature": True, "": False, "NA": False}
"""`normalize_type` → whether each band is made even; without a word it is."""
BLANKS = ("<blank>", "<blk>", "<eps>", "[BLANK]", "<ctc>", "<pad>", "[PAD]")
"""Names of the blank; without one of these it is the class behind the last of the vocabulary."""
SEPARATORS = ("|", " ", "<space>")
BEGINS_WORD = "\u2581"
"""What pieces of words begin with where a word begins (SentencePiece)."""
UNKNOWN = ("<unk>", "[UNK]")
UNREADABLE = "\ufffd"
_TYPES: dict[str, Any] = {"tensor(int32)": np.int32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


@dataclass(frozen=True)
class CtcVocabulary:
    """pieces: of each class its text; '' for signs that are no text. blank: the class of none.

    separators: classes between words. joins: whether pieces say themselves where words begin.
    """

    pieces: tuple[str, ...]
    blank: int
    separators: frozenset[int]
    joins: bool


class CtcTranscriber:
    """An ONNX network that spells, and its vocabulary."""

    longest_s, gap_s = 30.0, 0.0

    def __init__(self, network: Path, vocabulary: Path, device: Device, added_tokens: Path | None = None):
        """added_tokens: further pieces, of which those count that the network has a class for."""
        self._where, self._file = network, vocabulary
        self._session = onnx_session(network, device)
        self.provider = str(self._session.get_providers()[0])
        inputs = self._session.get_inputs()
        sounds = [given for given in inputs if "int" not in given.type and "bool" not in given.type]
        if len(sounds) != 1 or len(inputs) > 2 or len(sounds[0].shape) not in (2, 3):
            takes = ", ".join(f"{given.name} {given.shape}" for given in inputs)
            raise ModelUnusable(
                f"{network} takes {takes}. Understood are a waveform (1, samples) or log-mel spectra (1, bands, "
                "frames) or (1, frames, bands), and beside it their length or a mask"
            )
        self._sound = sounds[0]
        self._beside = next((given for given in inputs if given is not self._sound), None)
        self._axis = self._bands_axis() if len(self._sound.shape) == 3 else 0
        self._spectrum = self._making() if self._axis else None
        self._pieces = read_vocabulary(vocabulary)
        self._added = read_vocabulary(added_tokens) if added_tokens else {}
        self._vocabulary: CtcVocabulary | None = None

    def _bands_axis(self) -> int:
        """Which axis of the input is that of mel bands; 0: neither, it is a waveform with a channel."""
        _, first, second = self._sound.shape
        if first == 1:
            return 0
        for axis, size in ((1, first), (2, second)):
            if size in BANDS:
                return axis
        raise ModelUnusable(f"{self._where} takes {self._sound.shape}: no axis has one of {BANDS} mel bands")

    def _making(self) -> Callable[[Floats, int], Floats]:
        """How its spectra are made, (bands, frames) of a sound and so many bands."""
        says = self._session.get_modelmeta().custom_metadata_map
        kind = says.get("model_type", "")
        if kind in KALDIS and self._axis == 2:
            return partial(kaldi_spectrum, full_scale=KALDIS[kind])
        is_even = NORMALISED.get(says.get("normalize_type", "per_feature"))
        if kind in NEMOS and self._axis == 1 and says.get("is_giga_am", "0") == "0" and is_even is not None:
            return partial(nemo_spectrum, even=is_even)
        fields = ("model_type", "normalize_type", "is_giga_am")
        told = ", ".join(f"{name}: {says[name]}" for name in fields if name in says) or "nothing"
        raise ModelUnusable(
            f"{self._where} takes spectra {self._sound.shape} and says of them {told}: known are NeMo's (1, bands, "
            f"frames), normalised per_feature or not at all, and Kaldi's (1, frames, bands) of a `model_type` "
            f"{' or '.join(KALDIS)} in its metadata"
        )

    def transcribe(self, sound: Floats) -> list[Line]:
        """One line, or none where nothing is spelled."""
        probabilities = self._probabilities(sound)
        vocabulary = self._fitting(probabilities.shape[1])
        words = words_of(probabilities, vocabulary, len(sound) / RATE / len(probabilities))
        if not words:
            return []
        text = " ".join(word.text for word in words)
        score = float(np.average([word.score for word in words], weights=[len(word.text) for word in words]))
        return [Line(text, words[0].start_s, words[-1].end_s, score, words)]

    def _fitting(self, classes: int) -> CtcVocabulary:
        """The vocabulary for a network of so many classes."""
        if self._vocabulary is None:
            pieces = {number: piece for number, piece in self._added.items() if number < classes} | self._pieces
            self._vocabulary = fit_vocabulary(pieces, classes, f"{self._where} and {self._file}")
        return self._vocabulary

    def _probabilities(self, sound: Floats) -> Floats:
        """(moments, classes) of the sound."""
        values = self._values(sound)
        given = {self._sound.name: values.astype(_TYPES.get(self._sound.type, np.float32))}
        if self._beside is not None:
            frames = values.shape[2] if self._axis == 1 else values.shape[1]
            kind = _TYPES.get(self._beside.type, np.int64)
            is_mask = len(self._beside.shape) > 1
            given[self._beside.name] = np.ones((1, frames), kind) if is_mask else np.array([frames], kind)
        try:
            found = np.asarray(self._session.run(None, given)[0], np.float32)
        except Exception as error:  # ONNX Runtime's, of several kinds
            raise ModelUnusable(f"{self._where} does not take {len(sound) / RATE:.1f} s of sound: {error}") from error
        found = found[0] if found.ndim == 3 and len(found) == 1 else found
        if found.ndim != 2 or not 1 <= len(found) <= len(sound) or not np.isfinite(found).all():
            raise ModelUnusable(f"{self._where} gives an output of shape {list(found.shape)}, not (moments, classes)")
        exponents = np.exp(found - found.max(axis=1, keepdims=True))
        return np.asarray(exponents / exponents.sum(axis=1, keepdims=True), np.float32)

    def _values(self, sound: Floats) -> Floats:
        if self._spectrum:
            spectrum = self._spectrum(sound, self._sound.shape[self._axis])
            return (spectrum if self._axis == 1 else spectrum.T)[None]
        even = (sound - sound.mean()) / np.sqrt(sound.var() + 1e-7)
        return np.asarray(even, np.float32).reshape((1,) * (len(self._sound.shape) - 1) + (-1,))


def words_of(probabilities: Floats, vocabulary: CtcVocabulary, moment_s: float) -> list[Word]:
    """The words that are spelled. probabilities: (moments, classes), a moment every `moment_s`."""
    best = probabilities.argmax(axis=1)
    begins = np.flatnonzero(np.concatenate([[True], best[1:] != best[:-1]]))
    words: list[Word] = []
    letters: list[tuple[str, int, int]] = []
    for first, last in zip(begins, [*begins[1:], len(best)], strict=True):
        kind = int(best[first])
        piece = vocabulary.pieces[kind]
        if kind in vocabulary.separators or (vocabulary.joins and piece.startswith(BEGINS_WORD)):
            words += _word(letters, probabilities, moment_s)
            letters = []
        if kind != vocabulary.blank and kind not in vocabulary.separators and piece:
            letters.append((piece.removeprefix(BEGINS_WORD), int(first), int(last)))
    return words + _word(letters, probabilities, moment_s)


def _word(letters: list[tuple[str, int, int]], probabilities: Floats, moment_s: float) -> list[Word]:
    """The word of these letters, each with its moments; none without a letter."""
    text = "".join(piece for piece, _, _ in letters).strip()
    if not text:
        return []
    moments = np.concatenate([np.arange(first, last) for _, first, last in letters])
    score = float(probabilities[moments].max(axis=1).mean(dtype=np.float64))
    return [Word(text, letters[0][1] * moment_s, letters[-1][2] * moment_s, min(score, 1.0))]


def read_vocabulary(file: Path) -> dict[int, str]:
    """Class → piece of a `vocab.json`, a `tokenizer.json`, or a `tokens.txt` (a piece a line, its number behind it).

    Raises `WeightsMissing`, `ModelUnusable`.
    """
    if not file.is_file():
        raise WeightsMissing(f"there is no {file}: put the file there, or correct the manifest")
    if file.stat().st_size > MOST_BYTES:
        raise ModelUnusable(f"{file} has {file.stat().st_size >> 20} MiB, at most {MOST_BYTES >> 20} are read")
    try:
        text = file.read_text("utf-8")
        pieces = _from_json(json.loads(text)) if file.suffix.lower() == ".json" else _from_lines(text)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ModelUnusable(f"{file} cannot be read as a vocabulary: {type(error).__name__} {error}") from error
    if not pieces:
        raise ModelUnusable(f"{file} is an empty vocabulary")
    return pieces


def _from_json(data: Any) -> dict[int, str]:
    if isinstance(data, list):
        return _numbered(enumerate(data))
    model = data.get("model")
    if not isinstance(model, dict):
        return _numbered((number, piece) for piece, number in data.items())
    vocabulary = model["vocab"]
    pieces = (
        ((number, piece) for piece, number in vocabulary.items()) if isinstance(vocabulary, dict)
        else ((at, piece) for at, (piece, _) in enumerate(vocabulary))
    )  # fmt: skip
    added = ((each["id"], each["content"]) for each in data.get("added_tokens") or ())
    return _numbered(pieces) | _numbered(added)


def _numbered(pairs: Iterable[tuple[Any, Any]]) -> dict[int, str]:
    """Class → piece. Raises `ValueError`, `TypeError` for what is no class or no text, and a class with two pieces."""
    pieces: dict[int, str] = {}
    for number, piece in pairs:
        if not isinstance(piece, str) or index(number) < 0 or number in pieces:
            raise ValueError(f"expected a text for each class, and no second one, received {piece!r} for {number!r}")
        pieces[index(number)] = piece
    return pieces


def _from_lines(text: str) -> dict[int, str]:
    """`piece number` a line, as sherpa has it, or a piece a line; a space may be a piece."""
    lines = [line for line in text.split("\n") if line]
    parted = [line.rpartition(" ") for line in lines]
    if all(number.strip().isdecimal() for _, _, number in parted):
        return _numbered((int(number), piece or " ") for piece, _, number in parted)
    return {at: line.rstrip("\r") for at, line in enumerate(lines)}


def fit_vocabulary(pieces: dict[int, str], classes: int, where: str) -> CtcVocabulary:
    """The vocabulary of a network of so many classes. Raises `ModelUnusable` where it is not this network's."""
    blank = next((number for name in BLANKS for number, piece in pieces.items() if piece == name), classes - 1)
    names = {**{classes - 1: ""}, **pieces}
    if max(names) != classes - 1 or len(names) != classes or (blank not in pieces and len(pieces) != classes - 1):
        raise ModelUnusable(
            f"{where}: the network has {classes} classes, the vocabulary {len(pieces)} pieces: as many, or without "
            f"the blank one less, belong together (a blank is called {', '.join(BLANKS)})"
        )
    ordered = [names[number] for number in range(classes)]
    joins = any(piece.startswith(BEGINS_WORD) for piece in ordered)
    separators = frozenset(number for number, piece in enumerate(ordered) if piece in SEPARATORS and not joins)
    return CtcVocabulary(tuple(_text(piece) for piece in ordered), blank, separators, joins)


def _text(piece: str) -> str:
    """What a piece writes: signs such as `<s>` write nothing."""
    if piece in UNKNOWN:
        return UNREADABLE
    is_sign = len(piece) > 2 and (piece[0], piece[-1]) in (("<", ">"), ("[", "]"))
    return "" if is_sign else piece
