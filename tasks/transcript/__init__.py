"""Table `transcript`: what is said, as a network of speech hears it.

None comes with Cinelake: the manifest names one, in ONNX files. One that spells (CTC, as wav2vec2 or NeMo's exports),
on waveforms or log-mel spectra, with its vocabulary; or one that writes down what it hears (Whisper's exports):

    transcript: {network: {folder: models/whisper-base}}              # as it is published
    transcript: {network: {file: wav2vec2.onnx, vocabulary: vocab.json}}
    transcript: {network: {encoder: encoder_model.onnx, decoder: decoder_model_merged.onnx, tokenizer: tokenizer.json}}

It listens where `speech` says that people speak, and nowhere else. What the network is not sure of, or where it repeats
itself, has a row without a text. Networks take other times: see `deadline_s` where films are long.

Reading order: networks, stretches, spectra, lines, ctc, decoders, whisper, and the task below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import model_validator

from cinelake.lake.network_files import network_digest
from cinelake.lake.onnx import require_device
from cinelake.media.batches import SoundBatch
from cinelake.spec.arrays import Device
from cinelake.spec.components import Component
from cinelake.spec.contract import Column, Contract, Measure, Rule
from cinelake.spec.roles import Components, Words
from cinelake.spec.task import Field, Film, Params, Resources, SoundStream, task
from cinelake.storage.content import digest, file_digest
from tasks.transcript.ctc import CtcTranscriber
from tasks.transcript.lines import Line, Transcriber
from tasks.transcript.networks import GRAPHS, NETWORKS, SpeechNetwork
from tasks.transcript.stretches import RATE, Recording, SampleRange, joined, quietest_cut, with_margins
from tasks.transcript.whisper import WhisperTranscriber

WORD = pa.struct(
    [
        pa.field("text", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("score", pa.float32()),
    ]
)

TRANSCRIPT = Contract(
    table="transcript",
    doc="Lines of what is said, as the network that the manifest names hears it where people speak.",
    columns=[
        Column("line", pa.int32(), "Number of the line, by its begin.", at_least=0),
        Column("start_s", pa.float64(), "Begin in seconds.", at_least=0),
        Column("end_s", pa.float64(), "End in seconds, exclusive.", at_least=0),
        Column(
            "text",
            pa.string(),
            "What is said; null where the network is not sure enough of it or goes on repeating itself.",
            nullable=True,
        ),
        Column("score", pa.float32(), "Mean probability of what it is written with.", at_least=0, at_most=1),
        Column(
            "language",
            pa.string(),
            "What is spoken (en), as the manifest or the network says it; null where neither does for sure.",
            nullable=True,
        ),
        Column(
            "words",
            pa.list_(WORD),
            "Each word with its times in seconds and its score; null where the network gives lines only.",
            nullable=True,
        ),
    ],
    key=["line"],
    rules=[Rule("must be after start_s", "end_s", lambda batch: pc.less_equal(batch["end_s"], batch["start_s"]))],
    measures=[
        Measure("lines_with_text", "count(text)", "Lines that were understood.", of_nothing=0.0),
    ],
)


class TranscriptParams(Params):
    """Which network listens, and what of it counts."""

    network: SpeechNetwork | None = None
    """The network's files; none comes with Cinelake, so it must be named."""
    language: str | None = None
    """What is spoken (`en`), where all films have one language; none: as the network hears it, line by line."""
    singing: bool = False
    """Whether what is sung is written down too; `speech` must tell it."""
    min_score: float = Field(0.37, ge=0, le=1)
    """A line below this has no text: e⁻¹, below which Whisper holds what it wrote for failed."""
    device: Device = "cpu"
    """`cuda` needs onnxruntime-gpu and never falls back to the processor."""

    @model_validator(mode="after")
    def _is_named(self) -> TranscriptParams:
        if self.network is None:
            raise ValueError(f"no network of speech comes with Cinelake: name {NETWORKS}")
        return self


def preflight(params: TranscriptParams) -> dict[str, str]:
    """Digest of the network's files. Raises `WeightsMissing`, `ModelUnusable`."""
    assert params.network is not None
    files = params.network.files()
    digests = [network_digest(file) if name in GRAPHS else file_digest(file) for name, file in files.items()]
    return {"weights": digest(digests), "file": next(iter(files.values())).name}


def components(params: Mapping[str, Any]) -> list[Component]:
    """The network, as the data dictionary tells it."""
    weights = str(params.get("weights") or "")
    what = f"network of speech in {params.get('file')}"
    return [Component(what, "as its publisher says", digest=weights)] if weights else []


def open_transcriber(params: TranscriptParams) -> Transcriber:
    """The network. Raises `WeightsMissing`, `ModelUnusable`, `EngineUnavailable`."""
    assert params.network is not None
    files = params.network.files()
    if "file" in files:
        return CtcTranscriber(files["file"], files["vocabulary"], params.device, files.get("added_tokens"))
    return WhisperTranscriber(files, params.language, params.device)


@task(
    writes=TRANSCRIPT,
    reads=SoundStream(sample_rate=RATE, channels=1),
    follows=("speech",),
    params=TranscriptParams,
    version=1,
    resources=Resources(memory_gb=3.0),
    preflight=preflight,
    roles=[Words("said"), Components(components)],
)
class Transcribe:
    """Lines of what is said. The sound waits on disk until all of `speech` is known."""

    def __init__(self, params: TranscriptParams, film: Film) -> None:
        require_device(params.device)
        self._params, self._film = params, film
        self._recording = Recording()
        self._start_s: float | None = None
        self._spans: list[tuple[float, float]] = []
        self._wanted = {"speech", "singing"} if params.singing else {"speech"}
        self.facts: dict[str, str] = {}

    def on_batch(self, batch: SoundBatch) -> Iterable[pa.RecordBatch]:
        """Records; lines are known at the end."""
        if self._start_s is None:
            self._start_s = batch.start_s
        self._recording.add(batch.samples.reshape(len(batch), -1)[:, 0])
        return ()

    def on_rows(self, _table: str, rows: pa.RecordBatch | None) -> Iterable[pa.RecordBatch]:
        """Takes where people speak."""
        for row in rows.select(["kind", "start_s", "end_s"]).to_pylist() if rows else ():
            if row["kind"] in self._wanted:
                self._spans.append((row["start_s"], row["end_s"]))
        return ()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """All lines, by their begin."""
        try:
            lines = sorted(self._lines(), key=lambda line: line.start_s) if self._spans else []
        finally:
            self._recording.close()
        if stuck := sum(line.is_stuck for line in lines):
            self.facts["stuck"] = f"{stuck} lines without a text: the network went on repeating itself"
        if unsure := sum(not line.is_stuck and line.score < self._params.min_score for line in lines):
            self.facts["unsure"] = f"{unsure} lines without a text: their score is below {self._params.min_score}"
        if lines:
            yield self._batch(lines)

    def _lines(self) -> Iterator[Line]:
        """The lines, in seconds of the film."""
        network = open_transcriber(self._params)
        self.facts["provider"] = network.provider
        for first, last in self._stretches(network):
            begin_s = (self._start_s or 0.0) + first / RATE
            for line in network.transcribe(self._recording.read((first, last))):
                yield line.moved(begin_s)

    def _stretches(self, network: Transcriber) -> Iterator[SampleRange]:
        """What is given to the network at once."""
        start_s, end = self._start_s or 0.0, self._recording.samples
        spans = [(round((a - start_s) * RATE), min(round((b - start_s) * RATE), end)) for a, b in self._spans]
        longest = int(network.longest_s * RATE)
        together = joined([span for span in spans if span[0] < span[1]], longest, int(network.gap_s * RATE))
        for first, last in with_margins(together, end):
            while last - first > longest:
                cut = first + quietest_cut(self._recording.read((first, first + longest)), longest)
                yield first, cut
                first = cut
            yield first, last

    def _batch(self, lines: list[Line]) -> pa.RecordBatch:
        known = [not line.is_stuck and line.score >= self._params.min_score for line in lines]
        return TRANSCRIPT.batch(
            self._film.movie_id,
            line=range(len(lines)),
            start_s=[line.start_s for line in lines],
            end_s=[line.end_s for line in lines],
            text=[line.text if is_known else None for line, is_known in zip(lines, known, strict=True)],
            score=[line.score for line in lines],
            language=[line.language or self._params.language for line in lines],
            words=[
                [vars(word) for word in line.words] if is_known and line.words else None
                for line, is_known in zip(lines, known, strict=True)
            ],
        )
