"""Table `line_vectors`: what lines mean, as numbers, so that `cinelake search --by meaning` finds them in other words.

By a sentence encoder in an ONNX file and its tokenizer, which the manifest names; none comes with Cinelake:

    line_vectors: {network: minilm.onnx, tokenizer: tokenizer.json}
    line_vectors: {network: e5.onnx, tokenizer: tokenizer.json, of: [subtitles, writing], prefix: "passage: "}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
from pydantic import field_validator, model_validator

from cinelake.errors import WeightsMissing, did_you_mean
from cinelake.lake.network_files import network_digest
from cinelake.spec.arrays import Floats
from cinelake.spec.components import Component
from cinelake.spec.contract import ENUM, Column, Contract, vector
from cinelake.spec.roles import Components, Meanings, Words
from cinelake.spec.task import Film, ManifestPath, Params, Resources, TableReader, find_task, task, tasks_with
from cinelake.storage.content import digest, file_digest
from tasks.shared.texts import TextEncoder

LINE_VECTORS = Contract(
    table="line_vectors",
    doc="Lines that are said or written, each with a vector of what it means, by the encoder that the manifest names.",
    columns=[
        Column("line", pa.int32(), "Number of the line: table by table, in their order.", at_least=0),
        Column("kind", ENUM, "said or written."),
        Column("source", pa.string(), "The table that it is of."),
        Column("start_s", pa.float64(), "Begin in seconds.", at_least=0),
        Column("end_s", pa.float64(), "End in seconds, exclusive.", at_least=0),
        Column("text", pa.string(), "What it says."),
        Column("embedding", vector(), "The vector; its size is the encoder's."),
    ],
    key=["line"],
)
ROWS_TOGETHER = 256


class LineVectorsParams(Params):
    """Which encoder, and which lines."""

    network: ManifestPath | None = None
    """The sentence encoder: an ONNX file that takes `input_ids`; none comes with Cinelake, so it must be named."""
    tokenizer: ManifestPath | None = None
    """Its `tokenizer.json`."""
    of: tuple[str, ...] = ("subtitles",)
    """Tables of lines: `subtitles`, `transcript`, `writing`."""
    prefix: str = ""
    """What stands before each line, where the encoder was trained so (`passage: `)."""
    question_prefix: str = ""
    """What stands before what is searched for (`query: `)."""

    @field_validator("of")
    @classmethod
    def _has_lines(cls, of: tuple[str, ...]) -> tuple[str, ...]:
        known = sorted(tasks_with(Words))
        for table in of:
            if table not in known:
                raise ValueError(f"{table!r} has no lines of text{did_you_mean(table, known)}")
        if not of:
            raise ValueError(f"at least one table of lines is named: {', '.join(known)}")
        return tuple(dict.fromkeys(of))

    @model_validator(mode="after")
    def _is_named(self) -> LineVectorsParams:
        if self.network is None or self.tokenizer is None:
            raise ValueError(
                "no sentence encoder comes with Cinelake: name one, `network: encoder.onnx, tokenizer: tokenizer.json`"
            )
        return self


def files_of(params: LineVectorsParams) -> tuple[Path, Path]:
    """Network and tokenizer. Raises `WeightsMissing` where one is not there."""
    assert params.network is not None and params.tokenizer is not None
    for file in (params.network, params.tokenizer):
        if not file.is_file():
            raise WeightsMissing(f"there is no {file}: put the file there, or correct the manifest")
    return params.network, params.tokenizer


def preflight(params: LineVectorsParams) -> dict[str, str]:
    """Digest of the encoder's files. Raises `WeightsMissing`, `ModelUnusable`."""
    network, tokenizer = files_of(params)
    return {"weights": digest([network_digest(network), file_digest(tokenizer)]), "file": network.name}


def components(params: Mapping[str, Any]) -> list[Component]:
    """The encoder, as the data dictionary tells it."""
    weights = str(params.get("weights") or "")
    what = f"sentence encoder in {params.get('file')}"
    return [Component(what, "as its publisher says", digest=weights)] if weights else []


def of_question(params: LineVectorsParams, text: str) -> Floats:
    """(d,) of what is searched for."""
    return TextEncoder(*files_of(params)).encode(params.question_prefix + text)


@task(
    writes=LINE_VECTORS,
    reads=lambda params: list(params.of),
    params=LineVectorsParams,
    version=1,
    resources=Resources(memory_gb=2.0),
    preflight=preflight,
    roles=[Meanings(of_question), Components(components)],
)
class EmbedLines:
    """A vector a line; lines without a text have none."""

    def __init__(self, params: LineVectorsParams, film: Film):
        self._params, self._film = params, film
        self.facts = {"provider": "CPUExecutionProvider"}

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """The lines, table by table."""
        waiting: list[dict[str, Any]] = []
        encoder: TextEncoder | None = None
        for number, line in enumerate(self._lines(tables)):
            encoder = encoder or TextEncoder(*files_of(self._params))
            waiting.append({"line": number, **line, "embedding": encoder.encode(self._params.prefix + line["text"])})
            if len(waiting) == ROWS_TOGETHER:
                yield self._batch(waiting)
                waiting = []
        if waiting:
            yield self._batch(waiting)

    def _lines(self, tables: Mapping[str, TableReader]) -> Iterator[dict[str, Any]]:
        for name in self._params.of:
            role = find_task(name).role(Words)
            assert role is not None
            for batch in tables[name].batches([role.start_s, role.end_s, role.text]):
                for start_s, end_s, text in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    if text and text.strip():
                        yield {"kind": role.kind, "source": name, "start_s": start_s, "end_s": end_s, "text": text}

    def _batch(self, rows: list[dict[str, Any]]) -> pa.RecordBatch:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        return LINE_VECTORS.batch(self._film.movie_id, **columns)
