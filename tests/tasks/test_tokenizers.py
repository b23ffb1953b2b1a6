"""What a tokenizer's file makes its library do ends as an error of that network, panics of Rust among it."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models

from cinelake.errors import ModelUnusable
from tasks.shared.texts import read_tokenizer, tokenizer_errors

STEPS_WITHOUT_END = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated", "invert": False}
NO_MAP = {"type": "Precompiled", "precompiled_charsmap": "AAAA"}


def written(file: Path, **parts: Any) -> Path:
    """A tokenizer of three words, with other parts."""
    words = Tokenizer(models.WordLevel({"[UNK]": 0, "hello": 1, "world": 2}, unk_token="[UNK]"))
    file.write_text(json.dumps(json.loads(words.to_str()) | parts))
    return file


def test_a_pattern_that_takes_too_many_steps_is_an_error_of_the_network(tmp_path: Path) -> None:
    tokenizer = read_tokenizer(written(tmp_path / "tokenizer.json", pre_tokenizer=STEPS_WITHOUT_END))
    with pytest.raises(ModelUnusable, match="retry-limit"), tokenizer_errors("it cannot split"):
        tokenizer.encode("a" * 40 + "!")


def test_a_part_that_the_library_panics_over_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"tokenizer.json cannot be read as a tokenizer.json: Precompiled"):
        read_tokenizer(written(tmp_path / "tokenizer.json", normalizer=NO_MAP))


def test_ctrl_c_is_no_error_of_a_tokenizer() -> None:
    with pytest.raises(KeyboardInterrupt), tokenizer_errors("it cannot split"):
        raise KeyboardInterrupt


def test_no_changed_file_raises_anything_else(tmp_path: Path) -> None:
    good, draw = written(tmp_path / "good.json").read_bytes(), random.Random(5)
    for _ in range(300):
        at = draw.randrange(len(good))
        changed = good[:at] + draw.choice([b"null", b"-1", b"9" * 12, b"{}", b'"']) + good[at + draw.randrange(9) :]
        (tmp_path / "changed.json").write_bytes(changed)
        try:
            tokenizer = read_tokenizer(tmp_path / "changed.json")
            with tokenizer_errors("it cannot split"):
                tokenizer.encode("hello world")
        except ModelUnusable:
            continue
