"""Table `tags`: the tags of a whole film with their weight and relevance, from the tags of its shots.

After Khan et al., "Movies Tags Extraction Using Deep Learning" (AVSS 2017): W_i = (n_i / N) Σ_j P_ij and
R_i = (W_i − W_min) / (W_max − W_min), over the N kept frames: the middle pictures whose entropy suffices.

    tags: {}
    tags: {threshold: 0.7, min_entropy: 3}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa

from cinelake.spec.contract import Column, Contract
from cinelake.spec.task import Field, Film, Params, TableReader, task
from models.tags.predict import relevance, tag_weights

TAGS = Contract(
    table="tags",
    doc="The film's tags: those that at least one of its shots carries.",
    columns=[
        Column("tag", pa.string(), "The tag."),
        Column(
            "weight", pa.float32(), "W = (n / N) Σ P: share of kept shots with it × sum of its probabilities.", False, 0
        ),
        Column("relevance", pa.float32(), "The weight between the film's least (0) and greatest (1).", False, 0, 1),
        Column("shots", pa.int32(), "How many shots carry it: n.", at_least=1),
    ],
    key=["tag"],
)


class TagsParams(Params):
    """What counts as carrying a tag, and which shots are kept."""

    threshold: float = Field(0.5, ge=0, le=1)
    """A shot carries a tag from this probability on; `tag_shots` must hold tags down to it."""
    min_entropy: float = Field(2.0, ge=0, le=8)
    """Shots whose middle picture has fewer bits do not count; as in the model's configuration."""


@task(writes=TAGS, reads=["tag_shots", "frames"], params=TagsParams, version=1)
class WeighTags:
    """The film's tags, weighed by how many of its shots carry them and how surely."""

    def __init__(self, params: TagsParams, film: Film):
        self._params, self._film = params, film

    def run(self, tables: Mapping[str, TableReader]) -> Iterator[pa.RecordBatch]:
        """One row per tag, by name. The sum is over the probabilities in `tag_shots`; others count as 0."""
        kept = self._kept_shots(tables["frames"])
        found = tables["tag_shots"].read(["shot", "tag", "probability"])
        names = sorted(set(found["tag"].to_pylist()))
        probabilities = np.zeros((len(kept), len(names)))
        rows, columns = {shot: row for row, shot in enumerate(kept)}, {tag: i for i, tag in enumerate(names)}
        for shot, tag, probability in zip(*(found[name].to_pylist() for name in found.column_names), strict=True):
            if shot in rows:
                probabilities[rows[shot], columns[tag]] = probability
        carried = (probabilities >= self._params.threshold) & (probabilities > 0)
        used = np.flatnonzero(carried.any(axis=0))
        if not len(used):
            return
        weights = tag_weights(probabilities[:, used], carried[:, used])
        yield TAGS.batch(
            self._film.movie_id,
            tag=[names[i] for i in used],
            weight=weights,
            relevance=relevance(weights),
            shots=carried[:, used].sum(axis=0),
        )

    def _kept_shots(self, frames: TableReader) -> list[int]:
        middle = frames.read(["shot", "is_middle", "entropy"])
        chosen = middle["is_middle"].to_numpy() & (middle["entropy"].to_numpy() >= self._params.min_entropy)
        return sorted(set(middle["shot"].to_numpy()[chosen].tolist()))
