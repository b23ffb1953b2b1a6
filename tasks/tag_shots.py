"""Table `tag_shots`: which tags each shot carries, by a trained model of kind `tags`.

In the manifest:

    tag_shots: {}                                    # by tags@champion: every tag at or above the model's threshold
    tag_shots: {model: tags@3, threshold: 0.3}       # by another version, more generously
    tag_shots: {threshold: 0, top: 5}                # the five most probable of each shot
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from cinelake.spec.artefact import Artefact
from cinelake.spec.contract import Column, Contract
from cinelake.spec.roles import SearchCondition, SearchQuestion
from cinelake.spec.task import Field, Film, Params, TableReader, task
from models.tags.features import features
from models.tags.predict import predict

TAG_SHOTS = Contract(
    table="tag_shots",
    doc="Tags of shots: a row for each tag that a shot carries.",
    columns=[
        Column("shot", pa.int32(), "Number of the shot.", at_least=0),
        Column("tag", pa.string(), "The tag, of the model's vocabulary."),
        Column("probability", pa.float32(), "How likely the shot carries it; 0.5 is as likely as not.", False, 0, 1),
    ],
    key=["shot", "tag"],
)


class TagShotsParams(Params):
    """Which tags of a shot are kept."""

    threshold: float | None = Field(None, ge=0, le=1)
    """A shot carries a tag from this probability on; none: the model's own threshold."""
    top: int | None = Field(None, ge=1)
    """At most so many tags of a shot, the most probable; none: all."""


def shots_with(tables: Mapping[str, str], tags: Sequence[str], min_probability: float) -> SearchQuestion:
    """The shots that carry any of the tags with at least this probability, which is their relevance."""
    return SearchQuestion(
        f'SELECT movie_id, start_s, end_s, probability, tag FROM "{tables["tag_shots"]}" '
        f'JOIN "{tables["shots"]}" USING (movie_id, shot) WHERE list_contains(?, tag) AND probability >= ?',
        [list(tags), min_probability],
    )


@task(
    writes=TAG_SHOTS,
    reads=[],
    params=TagShotsParams,
    version=1,
    applies="tags",
    roles=[SearchCondition("tags", shots_with, joins=("shots",), column="tag")],
)
class TagShots:
    """Tags of each shot whose middle picture says enough."""

    def __init__(self, params: TagShotsParams, film: Film, artefact: Artefact):
        self._params, self._film, self._artefact = params, film, artefact

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per shot and tag that it carries, tags of a shot by name."""
        config = self._artefact.config
        shots = features(tables, config)
        probability = predict(self._artefact, shots)["probability"]
        least = config.threshold if self._params.threshold is None else self._params.threshold
        carried = (probability >= least) & shots["kept"][:, None]
        if self._params.top is not None:
            place = np.argsort(np.argsort(-probability, axis=1, kind="stable"), axis=1)
            carried &= place < self._params.top
        names = np.array(config.vocabulary)
        order = np.argsort(names)
        rows, columns = np.nonzero(carried[:, order])
        if len(rows):
            yield TAG_SHOTS.batch(
                self._film.movie_id,
                shot=shots["shot"][rows],
                tag=names[order][columns].tolist(),
                probability=probability[rows, order[columns]],
            )
