"""Lines by what they mean: the cosine of their vectors with that of what is searched for, over the lake's files.

Every search reads the vectors of all films that it may find, a film at a time, and keeps a number for each line: 12
bytes, whatever the vectors' size.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.index import Index
from cinelake.lake.onnx import inference_threads
from cinelake.search.likeness import made_alike
from cinelake.search.vectors import cosines, matrix, unit
from cinelake.search.words import FoundLine
from cinelake.spec.arrays import Floats
from cinelake.spec.contract import Contract
from cinelake.spec.roles import Meanings
from cinelake.spec.task import Params, tasks_with

ROWS_TOGETHER = 1000
"""Lines of which the texts are read at first; each further time four times as many, since films are read anew."""


class MeaningIndex:
    """The lines of a lake by what they mean.

    table: of the vectors. params: the manifest's for it. Raises `UsageError` where lake or manifest name no encoder.
    """

    def __init__(self, lake: Lake, contracts: Mapping[str, Contract], params: Params | None):
        self._lake, self._params = lake, params
        self.table, self._role = meanings_table(contracts)
        index = Index(lake)
        self._cells = index.cells(self.table)
        if params is None:
            raise UsageError(f"to search by meaning, name the manifest whose entry {self.table!r} names the encoder")
        made_alike(index, self.table, self._cells, params)

    @property
    def films(self) -> set[str]:
        """The films whose lines have vectors."""
        return set(self._cells)

    def find(self, kind: str, text: str, films: Collection[str] | None = None) -> Iterator[FoundLine]:
        """All lines of a kind, the nearest in meaning first; their relevance is the cosine.

        films: only of these; None: of all. Raises `UsageError` where no line of the kind has a vector.
        """
        question: Floats = unit(np.asarray(self._role.of_text(self._params, text), np.float32)[None])[0]
        wanted = sorted(self.films if films is None else self.films & set(films))
        with ThreadPoolExecutor(inference_threads()) as pool:
            near = list(pool.map(lambda movie_id: self._near(movie_id, kind, question), wanted))
        if not any(len(rows) for rows, _ in near) and films is None:
            raise UsageError(f"{self.table} has no lines that are {kind}: name their table in its `of`, `cinelake run`")
        numbers = np.repeat(np.arange(len(wanted), dtype=np.int32), [len(rows) for rows, _ in near])
        rows = np.concatenate([rows for rows, _ in near]) if near else np.empty(0, np.int32)
        scores = np.concatenate([scores for _, scores in near]) if near else np.empty(0, np.float32)
        order = np.argsort(-scores, kind="stable")
        start, count = 0, ROWS_TOGETHER
        while start < len(order):
            some = order[start : start + count]
            start, count = start + count, count * 4
            texts = {n: self._texts(wanted[n], rows[some[numbers[some] == n]]) for n in np.unique(numbers[some])}
            for at in some:
                row = texts[numbers[at]][int(rows[at])]
                yield FoundLine(wanted[numbers[at]], *row, float(np.clip(scores[at], -1, 1)), kind)

    def _near(self, movie_id: str, kind: str, question: Floats) -> tuple[npt.NDArray[np.int32], Floats]:
        """Which rows of a film are lines of a kind, and the cosine of each."""
        rows, scores, at = [np.empty(0, np.int32)], [np.empty(0, np.float32)], 0
        for batch in self._lake.reader(self.table, movie_id).batches(["kind", "embedding"]):
            mine = np.array([value == kind for value in batch["kind"].to_pylist()], np.bool_)
            rows.append((at + np.flatnonzero(mine)).astype(np.int32))
            scores.append(cosines(matrix(batch["embedding"], movie_id, len(question)), question)[mine])
            at += len(batch)
        return np.concatenate(rows), np.concatenate(scores)

    def _texts(self, movie_id: str, rows: npt.NDArray[np.int32]) -> dict[int, tuple[float, float, str]]:
        """Row → begin, end and text."""
        table = self._lake.reader(self.table, movie_id).read(["start_s", "end_s", "text"]).take(rows)
        return dict(
            zip(rows.tolist(), zip(*(column.to_pylist() for column in table.columns), strict=True), strict=True)
        )


def meanings_table(contracts: Mapping[str, Contract]) -> tuple[str, Meanings]:
    """The lake's table of lines' vectors, and its task's role. Raises `UsageError` without one."""
    roles = tasks_with(Meanings)
    for name, contract in contracts.items():
        if contract.table in roles:
            return name, roles[contract.table]
    raise UsageError(
        f"the lake has no vectors of lines: name `{' or '.join(roles)}` with a sentence encoder in the manifest and "
        "`cinelake run`"
    )
