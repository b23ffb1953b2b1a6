"""Decoders as exports have them: without a past, with one in a second file, or both merged into one file.

A decoder without a past reads all tokens anew for each that follows. With one it keeps what it knows of them (keys and
values of each layer, of the tokens and of what the encoder heard) and reads the last token alone. Names are those of
Hugging Face's exporter (https://github.com/huggingface/optimum-onnx): `decoder_model.onnx` gives
`present.0.decoder.key` and so on beside the logits, `decoder_with_past_model.onnx` takes them as
`past_key_values.0.decoder.key`, and `decoder_model_merged.onnx` has both behind `use_cache_branch`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable
from cinelake.lake.onnx import onnx_session
from cinelake.spec.arrays import Array, Device, Floats

IDS, HEARD, BRANCH, POSITION = "input_ids", "encoder_hidden_states", "use_cache_branch", "cache_position"
LOGITS, PAST, PRESENT = "logits", "past_key_values.", "present."
OF_THE_SOUND = ".encoder."
"""In names of keys and values of what the encoder heard: the first run gives them for all that follow."""
_TYPES: dict[str, Any] = {
    "tensor(int32)": np.int32,
    "tensor(int64)": np.int64,
    "tensor(bool)": np.bool_,
    "tensor(float16)": np.float16,
}


class Decoder:
    """One file, or two of which the second takes what the first gives."""

    def __init__(self, first: Path, later: Path | None, device: Device):
        """Raises `ModelUnusable` where a file takes other inputs, or two are no pair."""
        self._first = DecoderGraph(first, device)
        is_merged = BRANCH in self._first.takes
        self._later = DecoderGraph(later, device) if later else self._first if is_merged else None
        if HEARD not in self._first.takes or (self._first.past and not is_merged):
            raise ModelUnusable(
                f"{first} takes {', '.join(self._first.takes)}, not {IDS} and {HEARD} alone: name decoder_model.onnx "
                "or decoder_model_merged.onnx as `decoder`, and decoder_with_past_model.onnx as `decoder_with_past`"
            )
        if later and is_merged:
            raise ModelUnusable(f"{first} has both decoders in one file: leave out `decoder_with_past`, {later}")
        if later and self._later and not self._later.past:
            raise ModelUnusable(f"{later} takes no {PAST}…: it is no decoder with a past")
        missing = sorted(self._later.past - self._first.gives) if self._later else []
        if missing:
            raise ModelUnusable(
                f"{later or first} takes {missing[0]}, which {first} does not give: export both together, by "
                "`optimum-cli export onnx --task automatic-speech-recognition-with-past`"
            )
        unrenewed = sorted(self._later.past - self._later.gives) if self._later else []
        if forgotten := [name for name in unrenewed if OF_THE_SOUND not in name]:
            raise ModelUnusable(
                f"{later or first} takes {forgotten[0]} and does not give it with the token that it has read: that "
                "token would be forgotten. Export it anew, together with the other"
            )
        self._heard: Floats = np.zeros((1, 0, 0), np.float32)
        self._tokens: list[int] = []
        self._past: dict[str, Array] = {}

    def begin(self, tokens: list[int], heard: Floats) -> Floats:
        """(classes,) of what follows these tokens, the first of a transcript. heard: (1, moments, values)."""
        self._heard, self._tokens = heard, list(tokens)
        return self._read_all()

    def follow(self, token: int) -> Floats:
        """(classes,) of what follows one token more."""
        self._tokens.append(token)
        if self._later is None:
            return self._read_all()
        before = len(self._tokens) - 1
        logits, present = self._later.run(self._tokens, before, self._heard, self._past)
        self._past |= {name: values for name, values in present.items() if OF_THE_SOUND not in name}
        return logits

    def _read_all(self) -> Floats:
        logits, self._past = self._first.run(self._tokens, 0, self._heard, {}, with_present=self._later is not None)
        return logits


class DecoderGraph:
    """One ONNX file. takes: its inputs. past: those of a past. gives: what it gives for another's past, by its name."""

    def __init__(self, path: Path, device: Device):
        """Raises `ModelUnusable` where it takes something that is not known."""
        self._path, self._session = path, onnx_session(path, device)
        self._inputs = {given.name: given for given in self._session.get_inputs()}
        self.takes = list(self._inputs)
        self.past = {name for name in self.takes if name.startswith(PAST)}
        self._presents = {
            PAST + given.name.removeprefix(PRESENT): given.name
            for given in self._session.get_outputs()
            if given.name.startswith(PRESENT)
        }
        self.gives = set(self._presents)
        names = [given.name for given in self._session.get_outputs()]
        self._logits = LOGITS if LOGITS in names else names[0]
        unknown = set(self.takes) - self.past - {IDS, HEARD, BRANCH, POSITION}
        if unknown or IDS not in self.takes:
            raise ModelUnusable(
                f"{path} takes {', '.join(self.takes)}: of a decoder {IDS}, {HEARD}, {PAST}…, {POSITION} and {BRANCH} "
                "are known, as optimum's exports have them"
            )

    def run(
        self, tokens: list[int], before: int, heard: Floats, past: dict[str, Array], with_present: bool = True
    ) -> tuple[Floats, dict[str, Array]]:
        """(classes,) of what follows the last token, and the past with it, of tokens of which `before` are known."""
        read = tokens[before:]
        values: dict[str, Any] = {
            IDS: [read],
            HEARD: heard,
            BRANCH: [before > 0],
            POSITION: range(before, len(tokens)),
            **(past or {name: self._nothing(name) for name in self.past}),
        }
        kept = list(self._presents) if with_present else []
        try:
            given = {
                name: np.asarray(values[name], _TYPES.get(of.type, np.float32)) for name, of in self._inputs.items()
            }
            logits, *presents = self._session.run([self._logits, *(self._presents[name] for name in kept)], given)
        except Exception as error:  # ONNX Runtime's, of several kinds
            raise ModelUnusable(f"{self._path} does not take its input: {error}") from error
        found = np.asarray(logits, np.float32)
        if found.ndim != 3 or found.shape[1] != len(read) or not np.isfinite(found[0, -1]).all():
            raise ModelUnusable(f"{self._path} gives {list(found.shape)} for {len(read)} tokens")
        return found[0, -1], dict(zip(kept, presents, strict=True))

    def _nothing(self, name: str) -> Array:
        """The past of nothing, (1, heads, 0, size): the branch without a past does not look at it."""
        sizes = [size if isinstance(size, int) else 1 for size in self._inputs[name].shape]
        return np.zeros([0 if axis == 2 else size for axis, size in enumerate(sizes)], np.float32)
