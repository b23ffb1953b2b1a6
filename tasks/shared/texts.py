"""Vectors of texts by an ONNX network and its tokenizer, both in files that the manifest names.

A CLIP-like pair's text tower, beside whose pictures a text is searched; or a sentence encoder. Tokenizer: a
`tokenizer.json` of Hugging Face's library. The network takes `input_ids` and, where it has them, `attention_mask` and
`token_type_ids`, and gives a vector a text, or one a token, of which the mean counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.lake.onnx import onnx_session
from cinelake.spec.arrays import Floats

MOST_TOKENS = 512
MOST_BYTES = 64 << 20
"""A larger tokenizer is not read; those of large vocabularies have 20 MB."""
_TYPES = {"tensor(int64)": np.int64, "tensor(int32)": np.int32}


class TextEncoder:
    """Texts become vectors, one at a time, so that none depends on another."""

    def __init__(self, network: Path, tokenizer: Path):
        for file in (network, tokenizer):
            if not file.is_file():
                raise WeightsMissing(f"there is no {file}: put the file there, or correct the manifest")
        self._where, self._tokenizer = network, read_tokenizer(tokenizer)
        self._session = onnx_session(network)
        self._inputs = {given.name: given for given in self._session.get_inputs()}
        if "input_ids" not in self._inputs or {*self._inputs} - {"input_ids", "attention_mask", "token_type_ids"}:
            raise ModelUnusable(f"{network} takes {', '.join(self._inputs)}, not input_ids (and attention_mask)")
        length = self._inputs["input_ids"].shape[-1]
        self._length = length if isinstance(length, int) else None

    def encode(self, text: str) -> Floats:
        """(d,) of one text. Raises `ModelUnusable` where the network gives no vector of numbers."""
        with tokenizer_errors(f"the tokenizer of {self._where} cannot split {text[:80]!r}"):
            tokens = self._tokenizer.encode(text)
        most = min(self._length or MOST_TOKENS, MOST_TOKENS)
        ids, mask = list(tokens.ids)[:most], list(tokens.attention_mask)[:most]
        missing = (self._length or len(ids)) - len(ids)
        values = {"input_ids": ids + [0] * missing, "attention_mask": mask + [0] * missing}
        values["token_type_ids"] = [0] * len(values["input_ids"])
        rows = {
            name: np.array([values[name]], _TYPES.get(given.type, np.int64)) for name, given in self._inputs.items()
        }
        try:
            found = np.asarray(self._session.run(None, rows)[0], np.float32)
        except Exception as error:  # ONNX Runtime's, of several kinds
            raise ModelUnusable(f"{self._where} does not take the tokens of its tokenizer: {error}") from error
        if found.ndim == 3:
            weights = np.array(values["attention_mask"], np.float32)[None, :, None]
            found = (found * weights).sum(1) / max(float(weights.sum()), 1.0)
        if found.ndim != 2 or not np.isfinite(found).all():
            raise ModelUnusable(f"{self._where} gives an output of shape {list(found.shape)}, not a vector a text")
        return np.asarray(found[0], np.float32)


def read_tokenizer(file: Path) -> Any:
    """The tokenizer in a `tokenizer.json`, which adds no padding. Raises `ModelUnusable`."""
    from tokenizers import Tokenizer

    if file.stat().st_size > MOST_BYTES:
        raise ModelUnusable(f"{file} has {file.stat().st_size >> 20} MiB, at most {MOST_BYTES >> 20} are read")
    with tokenizer_errors(f"{file} cannot be read as a tokenizer.json"):
        tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_padding()
    return tokenizer


@contextmanager
def tokenizer_errors(what: str) -> Iterator[None]:
    """Turn what the library raises into `ModelUnusable`: bare exceptions, and panics of Rust, which are none.

    A pattern that takes too many steps on a text is such a panic.
    """
    try:
        yield
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        raise ModelUnusable(f"{what}: {error}") from error
