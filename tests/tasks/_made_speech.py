"""Small networks of speech that hear drawn tones, so that what is said and when is known."""

from pathlib import Path

import numpy as np
import onnx
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


def of_spectra(folder: Path, bands_first: bool, says: dict[str, str]) -> Path:
    """Spectra of 80 bands in; `a` where those around 500 Hz are loud, else the blank. says: its metadata."""
    shape = [1, 80, "n"] if bands_first else [1, "n", 80]
    constants = {
        **{"from": np.array([10]), "to": np.array([20]), "axis": np.array([2])},
        "as_a": np.float32([[1, 0, 0, 0, 0]]),
        "else": np.float32([0, -99, -99, -99, -1.5]),
    }
    order = [0, 2, 1] if bands_first else [0, 1, 2]
    nodes = [
        helper.make_node("Transpose", ["spectra"], ["rows"], perm=order),
        helper.make_node("Slice", ["rows", "from", "to", "axis"], ["few"]),
        helper.make_node("ReduceMax", ["few"], ["loudest"], axes=[2]),
        helper.make_node("MatMul", ["loudest", "as_a"], ["loud"]),
        helper.make_node("Add", ["loud", "else"], ["logits"]),
    ]
    outputs = [("logits", FLOAT, [1, "n", 5])]
    file = save(folder / "spectra.onnx", nodes, [("spectra", FLOAT, shape)], outputs, constants)
    model = onnx.load(str(file))
    helper.set_model_props(model, says)
    onnx.save(model, str(file))
    return file


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
    size, constants = tokenizer.get_vocab_size(), _tables(tokenizer, stuck=stuck, times=times)
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
    return save(path, nodes, inputs, outputs, constants)


def _tables(tokenizer: Tokenizer, *, stuck: bool, times: bool) -> dict[str, np.ndarray]:
    """follows: of each token what comes next. halves: `low` and `high`, by the halves of a spectrum."""
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
    return {"follows": follows, "halves": halves}


KEYS = ("decoder.key", "decoder.value", "encoder.key", "encoder.value")


def published(folder: Path, layout: str = "merged", ending: str = "") -> Path:
    """The folder of a network like that of `writing`, as Hugging Face's exporter and its users lay it out.

    Each token adds a little to all that follow, which a decoder with a past takes from there, as it does what the
    encoder heard. layout: `alone` (a decoder without a past), `two` (one more with a past) or `merged` (into one file).
    """
    files, graphs = writing(folder, times=True), folder / "onnx"
    graphs.mkdir()
    files["encoder"].rename(graphs / f"encoder_model{ending}.onnx")
    files["decoder"].unlink()
    tokenizer = Tokenizer.from_file(str(files["tokenizer"]))
    size = tokenizer.get_vocab_size()
    constants = _tables(tokenizer, stuck=False, times=True) | {
        "weights": np.random.default_rng(0).normal(0, 0.3, (size, size)).astype(np.float32),
        "places": np.random.default_rng(1).normal(0, 0.3, (448, size)).astype(np.float32),
        **{"axis": np.array([1]), "one": np.array(1), "zero": np.array(0), "both": np.array([1, 2])},
        "nothing": np.zeros((1, 1, 0, 80), np.float32),
    }
    ids, heard = ("input_ids", TensorProto.INT64, [1, "n"]), ("encoder_hidden_states", FLOAT, [1, "moments", 80])
    past = [(f"past_key_values.0.{key}", FLOAT, [1, 1, f"n_{key}", 80 if "enc" in key else size]) for key in KEYS]
    place, branch = ("cache_position", TensorProto.INT64, ["n"]), ("use_cache_branch", TensorProto.BOOL, [1])
    logits = ("logits", FLOAT, [1, "n", size])
    present = [(f"present.0.{key}", FLOAT, [1, 1, f"of_{key}", "size"]) for key in KEYS]
    if layout == "merged":
        outputs = [logits, *present]
        choice = helper.make_node(
            "If",
            ["use_cache_branch"],
            [name for name, _, _ in outputs],
            then_branch=_branch("with_past", [*_with_past(), *_no_sound()], outputs),
            else_branch=_branch("no_past", _without_past(), outputs),
        )
        save(
            graphs / f"decoder_model_merged{ending}.onnx",
            [choice],
            [ids, heard, *past, place, branch],
            outputs,
            constants,
        )
        return folder
    save(graphs / f"decoder_model{ending}.onnx", _without_past(), [ids, heard], [logits, *present], constants)
    if layout == "two":
        later = graphs / f"decoder_with_past_model{ending}.onnx"
        save(later, _with_past(), [ids, *past, place], [logits, *present[:2]], constants)
    return folder


def _without_past() -> list:
    return [
        helper.make_node("Shape", ["input_ids"], ["tokens"], start=1),
        helper.make_node("Squeeze", ["tokens"], ["count"]),
        helper.make_node("Range", ["zero", "count", "one"], ["positions"]),
        helper.make_node("Gather", ["places", "positions"], ["place"]),
        helper.make_node("Gather", ["follows", "input_ids"], ["next"]),
        helper.make_node("Gather", ["weights", "input_ids"], ["own"]),
        helper.make_node("CumSum", ["own", "one"], ["sums"]),
        helper.make_node("ReduceMean", ["encoder_hidden_states"], ["loudness"], axes=[1]),
        helper.make_node("MatMul", ["loudness", "halves"], ["which"]),
        helper.make_node("Sum", ["next", "sums", "which", "place"], ["logits"]),
        *(helper.make_node("Unsqueeze", ["own", "axis"], [f"present.0.{key}"]) for key in KEYS[:2]),
        *(helper.make_node("Unsqueeze", ["encoder_hidden_states", "axis"], [f"present.0.{key}"]) for key in KEYS[2:]),
    ]


def _with_past() -> list:
    past, present = "past_key_values.0.", "present.0."
    return [
        helper.make_node("Gather", ["places", "cache_position"], ["place"]),
        helper.make_node("Gather", ["follows", "input_ids"], ["next"]),
        helper.make_node("Gather", ["weights", "input_ids"], ["own"]),
        helper.make_node("ReduceSum", [past + "decoder.key", "both"], ["before"], keepdims=0),
        helper.make_node("ReduceMean", [past + "encoder.key"], ["loudness"], axes=[1, 2], keepdims=0),
        helper.make_node("MatMul", ["loudness", "halves"], ["which"]),
        helper.make_node("Sum", ["next", "own", "before", "which", "place"], ["logits"]),
        helper.make_node("Unsqueeze", ["own", "axis"], ["more"]),
        *(helper.make_node("Concat", [past + key, "more"], [present + key], axis=2) for key in KEYS[:2]),
    ]


def _no_sound() -> list:
    """What a merged decoder gives of the sound where it has it already: nothing."""
    return [helper.make_node("Identity", ["nothing"], [f"present.0.{key}"]) for key in KEYS[2:]]


def _branch(name: str, nodes: list, outputs: list) -> onnx.GraphProto:
    return helper.make_graph(nodes, name, [], [helper.make_tensor_value_info(*given) for given in outputs])
