"""Table `expressions`: what every face shows, by a trained model of kind `expressions`.

In the manifest:

    expressions: {}                                  # by expressions@champion
    expressions: {model: expressions@3, only_main: true}

A network that was trained elsewhere (a mini-Xception, say) is no model of this kind: its vectors are a table of
`embeddings` with `source: faces`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import ENUM, Column, Contract, vector
from cinelake.spec.task import Film, Params, Resources, TableReader, task
from models.expressions import MODEL
from models.expressions.networks import EMBEDDING, EMOTIONS

EXPRESSIONS = Contract(
    table="expressions",
    doc="What each face shows; pictures without a face have no row.",
    columns=[
        Column("frame", pa.int64(), "Number of the picture among all of the film.", at_least=0),
        Column("time_s", pa.float64(), "When the picture is shown, in seconds.", at_least=0),
        Column("face", pa.int32(), "Number of the face within the picture, as in `faces`.", at_least=0),
        Column("is_main", pa.bool_(), "Whether of the picture's faces this is nearest to its centre."),
        Column("emotion", ENUM, "The likeliest of the seven.", one_of=EMOTIONS),
        Column(
            "probabilities",
            vector(len(EMOTIONS)),
            f"Of each: {', '.join(EMOTIONS)}.",
            at_least=0,
            at_most=1,
        ),
        Column("embedding", vector(EMBEDDING), "What they are told from, for networks that read on."),
    ],
    key=["frame", "face"],
)
ROWS_AT_ONCE = 256
"""Faces that go through the network together."""


class ExpressionsParams(Params):
    """Which faces are looked at."""

    only_main: bool = False
    """Whether only the face nearest to the centre of each picture is kept (the publication looks at no other)."""


@task(
    writes=EXPRESSIONS,
    reads=[],
    params=ExpressionsParams,
    version=1,
    resources=Resources(memory_gb=1.5),
    applies="expressions",
    apart=lambda params: 0 if params.only_main else ROWS_AT_ONCE,
)
class TellExpressions:
    """Emotion, probabilities and embedding of every face."""

    def __init__(self, params: ExpressionsParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per face, by picture and face."""
        faces = MODEL.features(tables, self._artefact.config)
        kept = np.flatnonzero(faces["is_main"]) if self._params.only_main else np.arange(len(faces["time_s"]))
        for start in range(0, len(kept), ROWS_AT_ONCE):
            rows = {name: values[kept[start : start + ROWS_AT_ONCE]] for name, values in faces.items()}
            predicted = MODEL.predict(self._artefact, rows)
            yield EXPRESSIONS.batch(
                self._film.movie_id,
                **{name: rows[name] for name in ("frame", "time_s", "face", "is_main")},
                emotion=[EMOTIONS[index] for index in predicted["emotion"]],
                probabilities=predicted["probabilities"],
                embedding=predicted["embedding"],
            )
