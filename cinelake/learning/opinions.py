"""How people judge what a model made: further kinds of labels (viewers' ratings) against a table of the lake."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from cinelake.errors import UsageError
from cinelake.labels.store import read_labels
from cinelake.lake.cells import Lake
from cinelake.manifest.document import Manifest
from cinelake.spec.model import Scores


@dataclass(frozen=True)
class Opinions:
    """What people say of a table. left_out: film → why."""

    model: str
    on: str
    table: str
    films: tuple[str, ...]
    scores: Scores
    baseline: Scores
    by_class: dict[str, Scores]
    left_out: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The judgement for machines."""
        return asdict(self)


def judged_by_people(manifest: Manifest, name: str, kind: str) -> Opinions:
    """Score the lake's table of model `name` by the further labels `kind` (`ratings`) of its label set.

    Raises `CannotTrain` without such labels, `UsageError` where no labelled film has the table.
    """
    entry = manifest.model(name)
    opinion, contract = entry.spec.opinions[kind], entry.spec.more_labels[kind]
    labels = read_labels(Path(manifest.labels), entry.labels, contract, kind)
    lake = Lake(manifest.lake.place)
    footers = {movie_id: lake.footer(opinion.table, movie_id) for movie_id in labels.films()}
    present = [movie_id for movie_id, footer in footers.items() if footer]
    if not present:
        raise UsageError(
            f"the lake has no {opinion.table} of the {len(footers)} films with {kind}: `cinelake run --select "
            f"+{opinion.table}` makes them"
        )
    rated = labels.table.filter(pc.is_in(labels.table["movie_id"], pa.array(present)))
    rows = [lake.reader(opinion.table, movie_id).read() for movie_id in present]
    judged = opinion.judge(rated, pa.concat_tables(rows, promote_options="permissive"), entry.config)
    return Opinions(
        entry.name, kind, opinion.table, tuple(present), judged.scores, judged.baseline, judged.by_class,
        {movie_id: f"the lake has no {opinion.table} of it" for movie_id, footer in footers.items() if not footer},
    )  # fmt: skip
