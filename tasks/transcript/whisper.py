"""Networks that write down what they hear, token by token: an encoder and a decoder, as Whisper's exports have them.

Radford et al., 2022 (https://arxiv.org/abs/2212.04356). Each token is the likeliest one (no beam), under Whisper's
rules for times: they come in pairs, never go back, and one comes wherever times together are likelier than any word. A
decoder has no bound of its own: what it writes is bounded by the length of the sound, and one that repeats itself is
stopped and what it wrote not believed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cinelake.errors import ModelUnusable, did_you_mean
from cinelake.lake.onnx import onnx_session
from cinelake.spec.arrays import Device, Floats
from tasks.shared.texts import read_tokenizer, tokenizer_errors
from tasks.transcript.decoders import Decoder
from tasks.transcript.lines import Line
from tasks.transcript.spectra import WHISPER_S, whisper_spectrum
from tasks.transcript.stretches import RATE

START, END, TASK, NO_TIMES = "<|startoftranscript|>", "<|endoftext|>", "<|transcribe|>", "<|notimestamps|>"
ENGLISH_END = 50256
"""The number of `END` in GPT-2's vocabulary, which Whisper's networks of English alone have (the others 50257): they
have tokens of languages and were never asked with them (`whisper/model.py`, `is_multilingual`)."""
MOST_TOKENS = 224
TOKENS_A_SECOND, TOKENS_AT_LEAST = 15, 16
"""Speech of any language has fewer tokens; what is longer is made up."""
REPEATS, LONGEST_PERIOD, LEAST_REPEATED = 4, 24, 12
SURE_LANGUAGE = 0.5
TIME_STEP_S = 0.02
_LANGUAGE = re.compile(r"<\|([a-z]{2,3})\|>")
_TIME = re.compile(r"<\|(\d+\.\d\d)\|>")


@dataclass(frozen=True)
class Signs:
    """Numbers of the tokens that are no text. times: number → seconds. languages: number → code."""

    start: int
    end: int
    task: int | None
    no_times: int | None
    languages: dict[int, str]
    times: dict[int, float]
    others: frozenset[int]


@dataclass(frozen=True)
class Written:
    """What a decoder wrote: tokens with the logarithms of their probabilities."""

    tokens: list[int]
    logs: list[float]
    is_stuck: bool


class WhisperTranscriber:
    """An encoder, a decoder and their tokenizer. language: what is spoken; None: as the network hears it."""

    longest_s = float(WHISPER_S) - 1.0

    def __init__(self, files: Mapping[str, Path], language: str | None, device: Device):
        """files: `encoder`, `decoder`, `tokenizer`, and `decoder_with_past` where there is one."""
        encoder, self._where = files["encoder"], files["decoder"]
        self._tokenizer = read_tokenizer(files["tokenizer"])
        self._signs = signs_of(self._tokenizer, str(files["tokenizer"]))
        self._encoder = onnx_session(encoder, device)
        self._decoder = Decoder(self._where, files.get("decoder_with_past"), device)
        self.provider = str(self._encoder.get_providers()[0])
        self.gap_s = 3.0 if self._signs.times else 0.0
        spectrum, *more = self._encoder.get_inputs()
        bands = spectrum.shape[1] if len(spectrum.shape) == 3 else None
        if more or not isinstance(bands, int):
            raise ModelUnusable(f"{encoder} takes {spectrum.shape}, not log-mel spectra (1, 80 or 128, 3000)")
        self._spectrum, self._bands = spectrum.name, bands
        self._type = np.float16 if spectrum.type == "tensor(float16)" else np.float32
        is_known = self._signs.end == ENGLISH_END and language == "en"
        self._language = self._number_of(language) if language and not is_known else None

    def _number_of(self, language: str) -> int:
        known = {code: number for number, code in self._signs.languages.items()}
        if language not in known:
            raise ModelUnusable(f"{self._where} knows no language {language!r}{did_you_mean(language, list(known))}")
        return known[language]

    def transcribe(self, sound: Floats) -> list[Line]:
        """The lines of at most half a minute of sound."""
        heard = self._hear(sound)
        if heard.ndim != 3 or not np.isfinite(heard).all():
            raise ModelUnusable(f"the encoder beside {self._where} gives {list(heard.shape)}, not (1, moments, values)")
        language, code = self._heard_language(heard)
        prompt = [self._signs.start, language, self._signs.task if language is not None else None]
        if not self._signs.times:
            prompt.append(self._signs.no_times)
        length_s = len(sound) / RATE
        written = self._write([token for token in prompt if token is not None], heard, length_s)
        if written.is_stuck:
            return [Line("", 0.0, length_s, _mean(written.logs), language=code, is_stuck=True)]
        return [
            Line(text, start_s, end_s, _mean(logs), language=code)
            for tokens, logs, start_s, end_s in self._segments(written, length_s)
            if (text := self._text(tokens))
        ]

    def _text(self, tokens: list[int]) -> str:
        with tokenizer_errors("the tokenizer of the network cannot join what it has written"):
            return " ".join(self._tokenizer.decode(tokens, skip_special_tokens=True).split())

    def _heard_language(self, heard: Floats) -> tuple[int | None, str | None]:
        """The token of the language, and its code where it is named or heard for sure; none of a network of one."""
        languages = self._signs.languages
        if self._language is not None:
            return self._language, languages[self._language]
        if not languages or self._signs.task is None:
            return None, None
        logs = self._logs(self._decoder.begin([self._signs.start], heard))
        numbers = np.array(sorted(languages))
        chances = np.exp(logs[numbers] - logs[numbers].max())
        best = int(numbers[chances.argmax()])
        is_sure = chances.max() / chances.sum() >= SURE_LANGUAGE
        return best, languages[best] if is_sure else None

    def _write(self, prompt: list[int], heard: Floats, length_s: float) -> Written:
        """Tokens up to the end, or as many as so much sound may have."""
        tokens: list[int] = []
        chosen: list[float] = []
        most = min(MOST_TOKENS, TOKENS_AT_LEAST + int(TOKENS_A_SECOND * length_s))
        values = self._decoder.begin(prompt, heard)
        while len(tokens) < most:
            logs = allowed(self._logs(values), tokens, self._signs, length_s)
            token = int(logs.argmax())
            chosen.append(float(logs[token]))
            if token == self._signs.end:
                return Written(tokens, chosen, False)
            tokens.append(token)
            if is_repeating([token for token in tokens if token not in self._signs.times]):
                break
            values = self._decoder.follow(token)
        return Written(tokens, chosen, True)

    def _logs(self, values: Floats) -> Floats:
        """Logarithms of the probabilities, of what the decoder gives for the token that comes next."""
        if len(values) <= max(self._signs.end, self._signs.start, *self._signs.times, *self._signs.others, 0):
            raise ModelUnusable(f"{self._where} knows {len(values)} tokens, its tokenizer more: they are no pair")
        last = values.astype(np.float64)
        return np.asarray(last - last.max() - np.log(np.exp(last - last.max()).sum()), np.float64)

    def _hear(self, sound: Floats) -> Floats:
        spectrum = whisper_spectrum(sound, self._bands)[None].astype(self._type)
        try:
            return np.asarray(self._encoder.run(None, {self._spectrum: spectrum})[0], np.float32)
        except Exception as error:  # ONNX Runtime's, of several kinds
            raise ModelUnusable(f"the encoder beside {self._where} does not take its input: {error}") from error

    def _segments(self, written: Written, length_s: float) -> list[tuple[list[int], list[float], float, float]]:
        """Tokens of text between two times, with their logarithms; all of it where there are no times."""
        segments, tokens, logs, start_s = [], list[int](), list[float](), 0.0
        for token, log in zip(written.tokens, written.logs, strict=False):  # the end has a logarithm and is no token
            if token not in self._signs.times:
                tokens.append(token)
                logs.append(log)
                continue
            time_s = min(self._signs.times[token], length_s)
            if tokens:
                segments.append((tokens, logs, start_s, max(time_s, start_s + TIME_STEP_S)))
                tokens, logs = [], []
            start_s = time_s
        if tokens:
            segments.append((tokens, logs, start_s, max(length_s, start_s + TIME_STEP_S)))
        return segments


def signs_of(tokenizer: Any, where: str) -> Signs:
    """The tokens that are no text. Raises `ModelUnusable` where it has no beginning and end of a transcript."""
    added = {number: token.content for number, token in tokenizer.get_added_tokens_decoder().items()}
    numbers = {content: number for number, content in added.items()}
    if START not in numbers or END not in numbers:
        raise ModelUnusable(f"{where} has no tokens {START} and {END}: it is no tokenizer of a Whisper-like network")
    is_english = numbers[END] == ENGLISH_END
    times = {number: float(found[1]) for number, text in added.items() if (found := _TIME.fullmatch(text))}
    return Signs(
        start=numbers[START],
        end=numbers[END],
        task=None if is_english else numbers.get(TASK),
        no_times=numbers.get(NO_TIMES),
        languages={
            number: found[1]
            for number, text in (added if not is_english else {}).items()
            if (found := _LANGUAGE.fullmatch(text))
        },
        times=times,
        others=frozenset(added) - set(times) - {numbers[END]},
    )


def allowed(logs: Floats, tokens: Sequence[int], signs: Signs, length_s: float) -> Floats:
    """Logarithms with minus infinity at what may not come after these tokens (`whisper/decoding.py`)."""
    logs = logs.copy()
    logs[sorted(signs.others)] = -np.inf
    if not signs.times:
        return logs
    times = np.array(sorted(signs.times, key=lambda number: signs.times[number]))
    seconds = np.array([signs.times[number] for number in times])
    is_time = [token in signs.times for token in tokens[-2:]]
    last_s = max((signs.times[token] for token in tokens if token in signs.times), default=0.0)
    too_late = max(length_s + TIME_STEP_S, last_s)
    logs[times[(seconds < last_s) | (seconds > too_late)]] = -np.inf
    before, now = (is_time[0] if len(is_time) > 1 else True), (is_time[-1] if is_time else False)
    is_text = np.ones(len(logs), np.bool_)
    is_text[times] = False
    if not tokens:
        logs[is_text] = -np.inf
        logs[times[seconds > 1.0]] = -np.inf
    elif now and before:
        logs[times] = -np.inf
    elif now:
        logs[is_text & (np.arange(len(logs)) != signs.end)] = -np.inf
    else:
        together = np.logaddexp.reduce(logs[times]) if len(times) else -np.inf
        words = is_text & (np.arange(len(logs)) != signs.end)
        if together > logs[words].max(initial=-np.inf):
            logs[is_text] = -np.inf
    return logs


def is_repeating(tokens: Sequence[int]) -> bool:
    """Whether the last tokens are the same few over and over."""
    for period in range(1, LONGEST_PERIOD + 1):
        size = max(REPEATS * period, LEAST_REPEATED)
        tail = tokens[-size:]
        if len(tail) == size and all(tail[at] == tail[at - period] for at in range(period, size)):
            return True
    return False


def _mean(logs: Sequence[float]) -> float:
    """The geometric mean of probabilities, by their logarithms."""
    return float(np.exp(np.mean(logs))) if len(logs) else 0.0
