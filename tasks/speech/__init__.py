"""Table `speech`: where people speak, where music plays, where there is only noise or silence.

In the manifest:

    speech: {}
    speech: {singing: true}                # singing too, as the network hears it (it takes some speech for it)

Speech and music may overlap; noise and silence are what is left. A line of speech ends with a pause of 0.4 s. What
is said in it is not written down.

Reading order: listener, spans, and the task below.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cinelake.media.batches import SoundBatch
from cinelake.spec.arrays import Floats
from cinelake.spec.components import Component
from cinelake.spec.contract import ENUM, Column, Contract, Measure
from cinelake.spec.contract import Rule as Check
from cinelake.spec.roles import Components
from cinelake.spec.task import Field, Film, Params, SoundStream, task
from tasks.speech.listener import CLASSES, HOP, NETWORK, PACKAGE, RATE, Listener
from tasks.speech.spans import SpanRule, Stretch, rest, runs, smoothed, stretches

KINDS = (*CLASSES, "noise", "silence")
FRAME_S = HOP / RATE

SPEECH = Contract(
    table="speech",
    doc="What is heard when: spans of speech, music, singing, noise and silence. Speech and music may overlap.",
    columns=[
        Column("span", pa.int32(), "Number of the span, by its begin.", at_least=0),
        Column("kind", ENUM, "speech, singing, music, noise (none of them) or silence (nearly nothing).", one_of=KINDS),
        Column("start_s", pa.float64(), "Begin in seconds.", at_least=0),
        Column("end_s", pa.float64(), "End in seconds, exclusive.", at_least=0),
        Column(
            "score",
            pa.float32(),
            "Mean probability of the kind in the span; of noise and silence: that there is no other.",
            at_least=0,
            at_most=1,
        ),
    ],
    key=["span"],
    rules=[Check("must be after start_s", "end_s", lambda b: pc.less_equal(b["end_s"], b["start_s"]))],
    measures=[
        Measure(
            "speech_s", "sum(CASE WHEN kind = 'speech' THEN end_s - start_s ELSE 0 END)", "Seconds of speech.", "s"
        ),
    ],
)


class SpeechParams(Params):
    """What counts as which kind."""

    speech: float = Field(0.5, gt=0, lt=1)
    """A span of speech reaches this probability somewhere; it goes on down to 0.8 of it."""
    music: float = Field(0.8, gt=0, lt=1)
    """The same for music; it goes on down to 0.6 of it."""
    singing: bool = False
    """Whether singing is told too. The network takes excited speech for singing and some songs for none."""
    silence_db: float = Field(-50.0, ge=-90, le=0)
    """What is quieter (root mean square of 0.3 s, dB below full scale) is silence."""
    min_rest_s: float = Field(0.3, ge=0)
    """Shorter silence and noise are left out."""


RULES = {
    "speech": lambda p: SpanRule(p.speech, 0.8 * p.speech, smooth=5, gap=40, shortest=20),
    "singing": lambda p: SpanRule(0.6, 0.4, smooth=31, gap=50, shortest=100),
    "music": lambda p: SpanRule(p.music, 0.6 * p.music, smooth=51, gap=100, shortest=100),
}
"""Found on drawn voices and music (`python -m benchmarks.speech` measures them on others)."""
LEVEL_FRAMES = 30


class Heard(NamedTuple):
    """One span, in frames of 10 ms."""

    first: int
    last: int
    kind: str
    score: float


def preflight(_params: SpeechParams) -> dict[str, str]:
    """Digest of the network's file. Raises `WeightsMissing`, `ModelUnusable`."""
    NETWORK.path()
    return {"weights": NETWORK.digest}


def components(_params: Mapping[str, Any]) -> list[Component]:
    """The network, as the data dictionary tells it."""
    return [PACKAGE.component("FireRedVAD's network of sound events", NETWORK.digest)]


@task(
    writes=SPEECH,
    reads=SoundStream(sample_rate=RATE, channels=1),
    params=SpeechParams,
    version=1,
    preflight=preflight,
    roles=[Components(components)],
)
class HearSpeech:
    """Spans of speech, music, noise and silence; a film without sound has none."""

    def __init__(self, params: SpeechParams, film: Film) -> None:
        self._params, self._film = params, film
        self._listener = Listener()
        self._blocks: list[Floats] = []
        self._start_s: float | None = None
        self.facts = {"weights": f"{PACKAGE.name} {PACKAGE.version}, aed"}

    def on_batch(self, batch: SoundBatch) -> Iterable[pa.RecordBatch]:
        """Listens; spans are known at the end."""
        if self._start_s is None:
            self._start_s = batch.start_s
        mono = np.asarray(batch.samples, np.float32).reshape(len(batch), -1)[:, 0]
        self._blocks += (block.astype(np.float16) for block in self._listener.hear(mono))
        return ()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """All spans, by their begin."""
        self._blocks += (block.astype(np.float16) for block in self._listener.rest())
        if not self._blocks:
            return
        heard = spans_of(np.concatenate(self._blocks).astype(np.float32), self._params)
        start_s, end_s = self._start_s or 0.0, self._listener.samples / RATE
        if heard:
            yield SPEECH.batch(
                self._film.movie_id,
                span=range(len(heard)),
                kind=[span.kind for span in heard],
                start_s=[start_s + span.first * FRAME_S for span in heard],
                end_s=[start_s + min(span.last * FRAME_S, end_s) for span in heard],
                score=[span.score for span in heard],
            )


def spans_of(frames: Floats, params: SpeechParams) -> list[Heard]:
    """Spans of a film, by begin and kind. frames: (n, 4) probability of speech, singing, music; level in dB."""
    kinds = [kind for kind in CLASSES if kind != "singing" or params.singing]
    found = {kind: stretches(frames[:, CLASSES.index(kind)], RULES[kind](params)) for kind in kinds}
    heard = [
        Heard(first, last, kind, _mean(frames[first:last, CLASSES.index(kind)]))
        for kind, spans in found.items()
        for first, last in spans
    ]
    heard += _left(frames, [span for spans in found.values() for span in spans], params)
    return sorted(heard, key=lambda span: (span.first, KINDS.index(span.kind)))


def _left(frames: Floats, taken: list[Stretch], params: SpeechParams) -> Iterator[Heard]:
    """Silence and noise where nothing else is."""
    free = rest(len(frames), taken)
    quiet = smoothed(frames[:, -1], LEVEL_FRAMES) < params.silence_db
    nothing = 1 - frames[:, : len(CLASSES)].max(axis=1)
    for kind, mask in (("silence", free & quiet), ("noise", free & ~quiet)):
        for first, last in runs(mask):
            if (last - first) * FRAME_S >= params.min_rest_s:
                yield Heard(first, last, kind, _mean(nothing[first:last]))


def _mean(values: Floats) -> float:
    return float(np.clip(values.mean(dtype=np.float64), 0, 1))
