"""Small networks of speech that hear drawn tones, so that what is said and when is known."""

from pathlib import Path

import numpy as np
from _made_networks import FLOAT, save
from onnx import TensorProto, helper
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

RATE, MOMENT = 16_000, 320
LETTERS = ("a", "b", "c", "|")
HERTZ = (500, 1000, 1500, 2000)
"""The tone of each letter; the blank has none."""


def spoken(text: str, letter_s: float = 0.1, pause_s: float = 0.1) -> np.ndarray:
    """A tone a letter, silence before, between and behind them."""
    times = np.arange(int(letter_s * RATE)) / RATE
    pause = np.zeros(int(pause_s * RATE), np.float32)
    parts = [pause]
    for letter in text:
        parts += [np.sin(2 * np.pi * HERTZ[LETTERS.index(letter)] * times).astype(np.float32) * 0.5, pause]
    return np.concatenate(parts)


def spelling(folder: Path, classes: int = 5, gain: float = 60.0) -> dict[str, Path]:
    """A waveform (1, n) in, (1, moments, 5) out: how loud each letter's tone is every 20 ms, and the blank."""
    at = np.arange(MOMENT) / RATE
    waves = [wave(2 * np.pi * hertz * at) for hertz in HERTZ for wave in (np.sin, np.cos)]
    mix = np.zeros((classes, len(waves), 1), np.float32)
    for letter in range(len(LETTERS)):
        mix[letter, 2 * letter : 2 * letter + 2] = 1.0
    nodes = [
        helper.make_node("Unsqueeze", ["sound", "one"], ["channel"]),
        helper.make_node("Conv", ["channel", "waves"], ["parts"], strides=[MOMENT]),
        helper.make_node("Mul", ["parts", "parts"], ["power"]),
        helper.make_node("Conv", ["power", "mix", "levels"], ["letters"]),
        helper.make_node("Transpose", ["letters"], ["logits"], perm=[0, 2, 1]),
    ]
    constants = {
        "one": np.array([1]),
        "waves": np.array(waves, np.float32)[:, None] / MOMENT,
        "mix": mix * np.float32(gain),
        "levels": np.float32([0.0] * (classes - 1) + [6.0]),
    }
    network = folder / "spelling.onnx"
    save(network, nodes, [("sound", FLOAT, [1, "n"])], [("logits", FLOAT, [1, "moments", classes])], constants)
    vocabulary = folder / "vocab.json"
    vocabulary.write_text('{"a": 0, "b": 1, "c": 2, "|": 3, "<pad>": 4}')
    return {"file": network, "vocabulary": vocabulary}


SIGNS = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|de|>", "<|transcribe|>", "<|notimestamps|>")
TIMES = tuple(f"<|{n / 50:.2f}|>" for n in range(1501))
WORDS = ("low", "high", "tone")


def writing(folder: Path, times: bool = False, stuck: bool = False) -> dict[str, Path]:
    """A pair like Whisper's that writes `low tone` or `high tone` (after 0.5 s), as most of the sound's energy is.

    times: whether it says when. stuck: it goes on writing `tone`.
    """
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="low"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Whitespace(), decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(sign) for sign in (*SIGNS, *(TIMES if times else ()))])
    tokenizer.save(str(folder / "tokenizer.json"))
    encoder = folder / "encoder.onnx"
    nodes = [helper.make_node("Transpose", ["spectra"], ["heard"], perm=[0, 2, 1])]
    save(encoder, nodes, [("spectra", FLOAT, [1, 80, 3000])], [("heard", FLOAT, [1, 3000, 80])])
    return {
        "encoder": encoder,
        "decoder": _decoder(folder / "decoder.onnx", tokenizer, stuck=stuck, times=times),
        "tokenizer": folder / "tokenizer.json",
    }


def _decoder(path: Path, tokenizer: Tokenizer, *, stuck: bool, times: bool) -> Path:
    """What follows each token, and beside `low` or `high` which of the spectrum's halves is louder."""
    size, number = tokenizer.get_vocab_size(), tokenizer.token_to_id
    follows = np.zeros((size, size), np.float32)
    follows[number("<|startoftranscript|>"), number("<|de|>")] = 9.0
    begin = ["<|0.00|>"] if times else ["<|notimestamps|>"]
    follows[number("<|transcribe|>"), number(begin[0])] = 50.0
    for word in ("low", "high"):
        follows[number(begin[0]), number(word)] = 50.0
        follows[number(word), number("tone")] = 50.0
    follows[number("tone"), number("tone" if stuck else "<|0.50|>" if times else "<|endoftext|>")] = 50.0
    if times:
        follows[number("<|0.50|>"), number("<|endoftext|>")] = 50.0
    halves = np.zeros((80, size), np.float32)
    halves[:40, number("low")] = halves[40:, number("high")] = 1.0
    nodes = [
        helper.make_node("Gather", ["follows", "input_ids"], ["next"]),
        helper.make_node("ReduceMean", ["encoder_hidden_states"], ["loudness"], axes=[1]),
        helper.make_node("MatMul", ["loudness", "halves"], ["which"]),
        helper.make_node("Add", ["next", "which"], ["logits"]),
    ]
    inputs = [
        ("input_ids", TensorProto.INT64, [1, "tokens"]),
        ("encoder_hidden_states", FLOAT, [1, "moments", 80]),
    ]
    outputs = [("logits", FLOAT, [1, "tokens", size])]
    return save(path, nodes, inputs, outputs, {"follows": follows, "halves": halves})
