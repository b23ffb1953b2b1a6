"""Questions load no code: what an extension of DuckDB would answer is refused without a look at its folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from _small_lake import MARKS, commit_marks

from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.query.views import ask, open_query


@pytest.mark.parametrize("sql", ["from read_avro('lake://x')", "from 'lake://x.xlsx'", "select '::1'::inet"])
def test_a_question_neither_looks_for_an_extension_nor_fetches_one(sql: str, tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    commit_marks(lake, "alien")
    with pytest.raises(UsageError) as refused:
        ask(open_query(lake, {"marks": MARKS}), sql)
    assert "automatically install" not in str(refused.value) and ".duckdb" not in str(refused.value)
