"""transcript: what a network of speech that the manifest names hears where people speak."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
import pytest
from _made_networks import FLOAT, save, weights_beside
from _made_speech import MOMENT, RATE, of_spectra, published, spelling, spoken, writing
from onnx import helper
from pydantic import ValidationError

from cinelake.errors import ModelUnusable, WeightsMissing
from cinelake.media.batches import SoundBatch
from cinelake.spec.task import Film
from tasks.speech import SPEECH
from tasks.transcript import TRANSCRIPT, Transcribe, TranscriptParams, components, open_transcriber, preflight
from tasks.transcript.ctc import fit_vocabulary, read_vocabulary
from tasks.transcript.decoders import Decoder
from tasks.transcript.networks import files_in
from tasks.transcript.spectra import kaldi_spectrum, nemo_spectrum, whisper_spectrum
from tasks.transcript.stretches import joined, quietest_cut, with_margins
from tasks.transcript.whisper import ENGLISH_END, is_repeating, signs_of


def transcribe(params: TranscriptParams, sound: np.ndarray, spans: list[tuple], start_s: float = 0.0) -> list[dict]:
    """The rows of a film of this sound, where `speech` has these spans (kind, start, end)."""
    task = Transcribe(params, Film("a_film"))
    for at in range(0, len(sound), 4096):
        task.on_batch(SoundBatch(at, start_s + at / RATE, RATE, sound[at : at + 4096, None].astype(np.float32)))
    kind, start, end = zip(*spans, strict=True)
    rows = SPEECH.batch("a_film", span=range(len(spans)), kind=kind, start_s=start, end_s=end, score=[1.0] * len(spans))
    task.on_rows("speech", rows)
    task.on_rows("speech", None)
    batches = list(task.finish())
    for batch in batches:
        TRANSCRIPT.check(batch, "a_film")
    return [row for batch in batches for row in batch.to_pylist()]


def by_spelling(folder: Path, text: str, **more: Any) -> list[dict]:
    sound = spoken(text)
    params = TranscriptParams(network=spelling(folder), **more)
    return transcribe(params, sound, [("speech", 0.0, len(sound) / RATE)])


def test_what_is_spelled_is_written(tmp_path: Path) -> None:
    (row,) = by_spelling(tmp_path, "aab|cab")
    assert (row["text"], row["language"]) == ("aab cab", None)


def test_each_word_has_its_times(tmp_path: Path) -> None:
    (row,) = by_spelling(tmp_path, "ab|c")
    times = [(word["text"], round(word["start_s"], 1), round(word["end_s"], 1)) for word in row["words"]]
    assert times == [("ab", 0.1, 0.4), ("c", 0.7, 0.8)]


def test_times_count_from_the_films_start(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(3 * RATE, np.float32), spoken("ab")])
    params = TranscriptParams(network=spelling(tmp_path))
    (row,) = transcribe(params, sound, [("speech", 3.5, 4.0)], start_s=0.5)
    assert (row["start_s"], row["end_s"]) == pytest.approx((3.6, 3.9), abs=MOMENT / RATE)


def test_only_where_people_speak_is_anything_heard(tmp_path: Path) -> None:
    sound = np.concatenate([spoken("aa", pause_s=0.3), spoken("bb", pause_s=0.3), spoken("cc", pause_s=0.3)])
    spans = [("music", 0.0, 1.1), ("speech", 1.3, 2.0), ("noise", 2.2, 3.3)]
    rows = transcribe(TranscriptParams(network=spelling(tmp_path)), sound, spans)
    assert [row["text"] for row in rows] == ["bb"]


def test_a_fresh_table_of_speech_gives_the_same_lines(tmp_path: Path) -> None:
    sound, task = spoken("ab|c"), Transcribe(TranscriptParams(network=spelling(tmp_path)), Film("a_film"))
    rows = SPEECH.batch("a_film", span=[0], kind=["speech"], start_s=[0.0], end_s=[len(sound) / RATE], score=[1.0])
    task.on_rows("speech", rows)
    task.on_rows("speech", None)
    task.on_batch(SoundBatch(0, 0.0, RATE, sound[:, None]))
    assert [row for batch in task.finish() for row in batch.to_pylist()] == by_spelling(tmp_path, "ab|c")


def test_a_line_that_is_not_sure_has_no_text(tmp_path: Path) -> None:
    params, sound = TranscriptParams(network=spelling(tmp_path, gain=7.0), min_score=0.99), spoken("ab")
    (row,) = transcribe(params, sound, [("speech", 0.0, 0.5)])
    assert (row["text"], row["words"]) == (None, None)


def test_a_line_longer_than_the_network_takes_is_cut_where_it_is_quiet(tmp_path: Path) -> None:
    rows = by_spelling(tmp_path, "abc" * 60)
    assert len(rows) == 2
    assert "".join(row["text"] for row in rows) == "abc" * 60


def test_a_film_without_speech_asks_no_network(tmp_path: Path) -> None:
    task = Transcribe(TranscriptParams(network=spelling(tmp_path)), Film("a_film"))
    (tmp_path / "spelling.onnx").unlink()
    assert list(task.finish()) == []


@pytest.mark.parametrize(("letter", "text"), [("a", "low tone"), ("|", "high tone")])
@pytest.mark.parametrize("times", [False, True])
def test_a_pair_writes_what_it_hears(tmp_path: Path, letter: str, text: str, times: bool) -> None:
    sound = spoken(letter, 1.0)
    (row,) = transcribe(TranscriptParams(network=writing(tmp_path, times)), sound, [("speech", 0.0, 1.2)])
    assert (row["text"], row["language"]) == (text, "de")
    assert row["end_s"] == pytest.approx(0.5 if times else 1.2)


@pytest.mark.parametrize("layout", ["alone", "two", "merged"])
def test_a_folder_as_it_is_published_is_a_network(tmp_path: Path, layout: str) -> None:
    params = TranscriptParams(network={"folder": published(tmp_path, layout)})
    (row,) = transcribe(params, spoken("|", 1.0), [("speech", 0.0, 1.2)])
    assert (row["text"], row["language"], row["end_s"]) == ("high tone", "de", pytest.approx(0.5))


@pytest.mark.parametrize("layout", ["two", "merged"])
def test_a_decoder_with_a_past_gives_what_one_without_gives(tmp_path: Path, layout: str) -> None:
    heard = np.random.default_rng(0).random((1, 30, 80), np.float32)
    found = []
    for name in ("alone", layout):
        (tmp_path / name).mkdir()
        files = files_in(published(tmp_path / name, name), None)
        decoder = Decoder(files["decoder"], files.get("decoder_with_past"), "cpu")
        decoder.begin([3, 4], heard + 1)  # another line before
        found.append([decoder.begin([4, 6, 7], heard), decoder.follow(0), decoder.follow(2)])
    np.testing.assert_allclose(found[1], found[0], atol=1e-4)


def test_only_one_variant_of_a_folder_needs_no_name(tmp_path: Path) -> None:
    files = files_in(published(tmp_path, "two", ending="_int8"), None)
    assert files["decoder_with_past"].name == "decoder_with_past_model_int8.onnx"


def test_of_several_variants_one_must_be_named(tmp_path: Path) -> None:
    (tmp_path / "vocab.json").write_text("{}")
    for name in ("model.int8.onnx", "model_fp16.onnx"):
        (tmp_path / name).touch()
    with pytest.raises(WeightsMissing, match=r"has the variants fp16, int8: say which"):
        files_in(tmp_path, None)
    with pytest.raises(WeightsMissing, match=r"no variant 'int'.*int8"):
        files_in(tmp_path, "int")
    assert files_in(tmp_path, "int8")["file"] == tmp_path / "model.int8.onnx"


@pytest.mark.parametrize(("names", "missing"), [([], "no network of speech"), (["model.onnx"], r"no vocab\.json or")])
def test_a_folder_without_all_files_says_what_is_missing(tmp_path: Path, names: list[str], missing: str) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(WeightsMissing, match=missing):
        preflight(TranscriptParams(network={"folder": tmp_path}))


def test_decoders_of_two_exports_are_no_pair(tmp_path: Path) -> None:
    (tmp_path / "two").mkdir()
    files = files_in(published(tmp_path / "two", "two"), None)
    with pytest.raises(ModelUnusable, match=r"takes past_key_values\.0\.decoder\.key, which .* does not give"):
        Decoder(writing(tmp_path)["decoder"], files["decoder_with_past"], "cpu")


def test_a_decoder_that_forgets_the_token_it_read_is_none(tmp_path: Path) -> None:
    files = files_in(published(tmp_path, "two"), None)
    later = onnx.load(str(files["decoder_with_past"]))
    del later.graph.output[1:]
    onnx.save(later, str(files["decoder_with_past"]))
    with pytest.raises(ModelUnusable, match=r"past_key_values\.0\.decoder\.key .*would be forgotten"):
        Decoder(files["decoder"], files["decoder_with_past"], "cpu")


def test_the_parts_of_a_network_lie_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "tokenizer.json").touch()
    for name in ("encoder_model", "decoder_model", "onnx/encoder_model", "onnx/decoder_model_merged"):
        (tmp_path / f"{name}.onnx").touch()
    assert files_in(tmp_path, None)["decoder"] == tmp_path / "decoder_model.onnx"


def test_a_decoder_with_a_past_alone_is_none(tmp_path: Path) -> None:
    files = files_in(published(tmp_path, "two"), None)
    with pytest.raises(ModelUnusable, match=r"name decoder_model\.onnx or decoder_model_merged\.onnx"):
        Decoder(files["decoder_with_past"], None, "cpu")


def test_the_manifest_may_say_the_language(tmp_path: Path) -> None:
    params = TranscriptParams(network=writing(tmp_path), language="en")
    (row,) = transcribe(params, spoken("a", 1.0), [("speech", 0.0, 1.2)])
    assert row["language"] == "en"


def test_a_language_that_the_network_does_not_know_gets_close_matches(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"no language 'enn'.*en"):
        open_transcriber(TranscriptParams(network=writing(tmp_path), language="enn"))


@pytest.mark.parametrize(("end", "languages"), [(ENGLISH_END, {}), (ENGLISH_END + 1, {ENGLISH_END + 3: "en"})])
def test_a_network_of_english_alone_is_asked_without_a_language(end: int, languages: dict[int, str]) -> None:
    names = ("<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>")
    added = {end + at: SimpleNamespace(content=name) for at, name in enumerate(names)}
    signs = signs_of(SimpleNamespace(get_added_tokens_decoder=lambda: added), "tokenizer.json")
    assert signs.languages == languages and (signs.task is None) == (not languages)


def test_a_pair_that_repeats_itself_is_not_believed(tmp_path: Path) -> None:
    (row,) = transcribe(TranscriptParams(network=writing(tmp_path, stuck=True)), spoken("a", 1.0), [("speech", 0, 1.2)])
    assert row["text"] is None


@pytest.mark.parametrize(
    ("tokens", "repeats"), [([7] * 12, True), ([1, 2, 3] * 4, True), ([1, 2, 3] * 3, False), (list(range(99)), False)]
)
def test_repetition_is_the_same_few_tokens_over_and_over(tokens: list[int], repeats: bool) -> None:
    assert is_repeating([5, 6, *tokens]) is repeats


def test_without_a_network_the_manifest_says_what_to_name() -> None:
    with pytest.raises(ValidationError, match="no network of speech comes with Cinelake: name"):
        TranscriptParams()


def test_half_a_network_is_none(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="Received: encoder"):
        TranscriptParams(network={"encoder": tmp_path / "encoder.onnx"})


def test_a_missing_file_is_told_before_any_film(tmp_path: Path) -> None:
    files = spelling(tmp_path)
    files["vocabulary"].unlink()
    with pytest.raises(WeightsMissing, match=r"vocab\.json"):
        preflight(TranscriptParams(network=files))


@pytest.mark.parametrize("name", ["spelling.onnx", "spelling.model"])
def test_weights_beside_the_network_belong_to_its_identity(tmp_path: Path, name: str) -> None:
    network = spelling(tmp_path)
    beside = weights_beside(tmp_path / "spelling.onnx")
    network["file"] = network["file"].rename(tmp_path / name)
    params = TranscriptParams(network=network)
    before = preflight(params)
    beside.write_bytes(beside.read_bytes()[:-4] + b"\0\0\0\1")
    assert preflight(params)["weights"] != before["weights"]
    assert components(before)[0].digest == before["weights"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[[1]]", '{"a": "x"}', '{"model": {}}', "null", "[" * 100_000),
        *('{"a": 1e999}', '{"a": -1}', '{"a": 4, "b": 4}', '{"model": {"vocab": [[1, 0]]}}'),
    ],
)
def test_a_vocabulary_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "vocab.json"
    file.write_text(text)
    with pytest.raises(ModelUnusable, match=r"vocab\.json"):
        fit_vocabulary(read_vocabulary(file), 5, str(file))


@pytest.mark.parametrize(
    ("name", "text", "blank"),
    [
        ("tokens.txt", "<blk> 0\n\u2581a 1\nb 2\n", 0),
        ("tokens.txt", "a\nb\n \n", 3),
        ("vocab.json", '{"a": 0, "|": 1, "[PAD]": 2}', 2),
        ("tokenizer.json", json.dumps({"model": {"vocab": [["<unk>", 0], ["\u2581a", -1]]}}), 2),
    ],
)
def test_vocabularies_are_read_in_the_forms_that_exports_have(tmp_path: Path, name: str, text: str, blank: int) -> None:
    (tmp_path / name).write_text(text)
    pieces = read_vocabulary(tmp_path / name)
    classes = len(pieces) + (blank not in pieces)
    assert fit_vocabulary(pieces, classes, name).blank == blank


def test_a_vocabulary_of_another_network_is_refused(tmp_path: Path) -> None:
    files = spelling(tmp_path)
    files["vocabulary"].write_text('{"a": 0, "<pad>": 1}')
    network = open_transcriber(TranscriptParams(network=files))
    with pytest.raises(ModelUnusable, match="5 classes, the vocabulary 2 pieces"):
        network.transcribe(spoken("a"))


@pytest.mark.parametrize("number", [4, 5])
def test_classes_beyond_the_vocabulary_are_tokens_that_were_added(tmp_path: Path, number: int) -> None:
    files = spelling(tmp_path)
    pieces = {"a": 0, "b": 1, "c": 2, "|": 3} | ({"<pad>": 4} if number > 4 else {})
    files["vocabulary"].write_text(json.dumps(pieces))
    (tmp_path / "added_tokens.json").write_text(json.dumps({"<pad>" if number == 4 else "<s>": number}))
    params = TranscriptParams(network=files)
    assert [line.text for line in open_transcriber(params).transcribe(spoken("ab"))] == ["ab"]
    before = preflight(params)
    (tmp_path / "added_tokens.json").unlink()
    assert preflight(params) != before


def test_an_output_that_is_no_spelling_is_refused(tmp_path: Path) -> None:
    files = spelling(tmp_path)
    nodes = [helper.make_node("Log", ["sound"], ["logits"])]
    save(files["file"], nodes, [("sound", FLOAT, [1, "n"])], [("logits", FLOAT, [1, "n"])])
    with pytest.raises(ModelUnusable, match="gives an output of shape"):
        open_transcriber(TranscriptParams(network=files)).transcribe(spoken("a"))


@pytest.mark.parametrize(
    ("bands_first", "says"),
    [
        (True, {}),
        (True, {"model_type": "EncDecCTCModelBPE", "normalize_type": ""}),
        (False, {"model_type": "zipformer2_ctc"}),
        (False, {"model_type": "wenet_ctc"}),
    ],
)
def test_log_mel_goes_into_a_network_that_takes_it(tmp_path: Path, bands_first: bool, says: dict[str, str]) -> None:
    network = {**spelling(tmp_path), "file": of_spectra(tmp_path, bands_first, says)}
    heard = open_transcriber(TranscriptParams(network=network)).transcribe(spoken("a", 1.0))
    assert [line.text for line in heard] == ["a"]


@pytest.mark.parametrize(
    ("bands_first", "says"),
    [
        (False, {}),
        (False, {"model_type": "telespeech_ctc"}),
        (True, {"model_type": "EncDecCTCModel", "is_giga_am": "1"}),
        (True, {"model_type": "EncDecCTCModel", "normalize_type": "all_features"}),
    ],
)
def test_spectra_of_an_unknown_making_are_not_guessed(tmp_path: Path, bands_first: bool, says: dict[str, str]) -> None:
    network = {**spelling(tmp_path), "file": of_spectra(tmp_path, bands_first, says)}
    with pytest.raises(ModelUnusable, match="says of them"):
        open_transcriber(TranscriptParams(network=network))


def test_kaldis_bands_are_those_of_its_own_program() -> None:
    tone = np.sin(np.arange(16_000) * 0.2).astype(np.float32)
    of_kaldi = [-6.096, -2.18, -4.264, -15.942]  # kaldi-native-fbank 1.23, 80 bands of a second
    found = kaldi_spectrum(tone, 80)
    assert found.shape == (80, 100)
    np.testing.assert_allclose(found[[0, 14, 20, 79], 50], of_kaldi, atol=1e-3)


def test_a_tone_lies_in_the_bands_of_its_frequency() -> None:
    low, high = (whisper_spectrum(spoken(letter, 1.0), 80).max(axis=1).argmax() for letter in "a|")
    assert 10 < low < 25 < high < 50


def test_bands_of_silence_are_numbers() -> None:
    assert np.isfinite(nemo_spectrum(np.zeros(RATE, np.float32), 80)).all()
    assert np.isfinite(whisper_spectrum(np.zeros(0, np.float32), 128)).all()


def test_near_speech_goes_in_together_where_the_network_says_when() -> None:
    assert joined([(0, 10), (12, 20), (50, 60)], longest=25, gap=5) == [(0, 20), (50, 60)]
    assert joined([(0, 10), (10, 20)], longest=25, gap=0) == [(0, 10), (10, 20)]


def test_margins_share_what_lies_between() -> None:
    assert with_margins([(0, 8000), (8100, 16000)], 16000) == [(0, 8050), (8050, 16000)]


def test_a_cut_is_made_where_it_is_quiet() -> None:
    sound = np.ones(9 * RATE, np.float32)
    sound[7 * RATE : 7 * RATE + 1600] = 0
    assert quietest_cut(sound, 9 * RATE) / RATE == pytest.approx(7.05, abs=0.06)


def test_planning_imports_no_network() -> None:
    code = (
        "import sys; import tasks.transcript; "
        "print({'onnxruntime', 'tokenizers', 'onnx'} & set(sys.modules) or 'nothing heavy')"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert found == "nothing heavy\n"
