"""The index of a large lake's vectors: the same answers, and never those of another state of the lake."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from _search_lake import commit, searched_lake

from cinelake.client.lake_client import lake_contracts
from cinelake.errors import StorageError, UsageError
from cinelake.lake.cells import Lake
from cinelake.search.index import about_index, index_folder
from cinelake.search.searcher import Query, SearchAnswer, Searcher, index_lake
from tasks.embeddings import EMBEDDINGS

ROWS, SIZE = 400, 16


def film(lake: Lake, movie_id: str, seed: int, key: str = "k") -> None:
    """A film of 40 shots, each a cluster of 10 vectors."""
    rng = np.random.default_rng(seed)
    vectors = np.repeat(rng.standard_normal((40, SIZE)), 10, axis=0) + 0.1 * rng.standard_normal((ROWS, SIZE))
    batch = EMBEDDINGS.batch(
        movie_id,
        frame=np.arange(ROWS),
        time_s=np.arange(float(ROWS)),
        shot=np.arange(ROWS) // 10,
        backbone=["drawn"] * ROWS,
        embedding=vectors.astype(np.float32),
        face=[None] * ROWS,
        features=[[None]] * ROWS,
    )
    commit(lake, EMBEDDINGS, movie_id, [batch], key=key)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    for number in range(3):
        film(lake, f"film_{number}", number)
    return lake


def search(lake: Lake, how: str, time_s: int = 15, limit: int = 5) -> SearchAnswer:
    return Searcher(lake, lake_contracts(lake)).search(Query(like=f"film_1@{time_s}", limit=limit, how=how))


def found(answer: SearchAnswer) -> list[tuple[str, int | None]]:
    return [(moment.movie_id, moment.shot) for moment in answer.moments]


def test_the_index_finds_what_the_exact_search_finds(lake: Lake) -> None:
    about = index_lake(lake, lake_contracts(lake), "embeddings")
    answers = {how: search(lake, how) for how in ("index", "exact", "auto")}
    assert found(answers["index"]) == found(answers["exact"]) == found(answers["auto"])
    assert [answers[how].how for how in ("index", "exact", "auto")] == ["index", "exact", "index"]
    assert about.vectors == 3 * ROWS and about.recall >= 0.98


def test_kinds_of_lines_without_a_text_leave_the_search_to_the_index(lake: Lake) -> None:
    index_lake(lake, lake_contracts(lake), "embeddings")
    query = Query(like="film_1@15", words={"said": (), "written": ()})
    assert Searcher(lake, lake_contracts(lake)).search(query).how == "index"


def test_the_index_goes_on_until_it_has_as_many_moments_as_are_asked_for(lake: Lake) -> None:
    index_lake(lake, lake_contracts(lake), "embeddings")
    assert len(search(lake, "index", limit=20).moments) == 20


def test_the_index_is_no_table_of_the_lake(lake: Lake) -> None:
    index_lake(lake, lake_contracts(lake), "embeddings")
    assert lake.tables() == ["embeddings"]


def test_an_index_of_another_state_is_noticed_and_not_used(lake: Lake) -> None:
    index_lake(lake, lake_contracts(lake), "embeddings")
    film(lake, "film_2", seed=1, key="changed")
    answer = search(lake, "auto")
    assert answer.how == "exact" and found(answer)[0] == ("film_2", 1)
    assert "the index is of another state of the table" in answer.notes[0]
    with pytest.raises(StorageError, match="cinelake index --table embeddings"):
        search(lake, "index")


def test_a_renewed_index_takes_the_place_of_the_old_one(lake: Lake) -> None:
    before = index_lake(lake, lake_contracts(lake), "embeddings")
    film(lake, "film_3", seed=1)
    after = index_lake(lake, lake_contracts(lake), "embeddings")
    names = {path.name for path in index_folder(lake, "embeddings").iterdir()}
    assert names == {"about.json", after.file} and before.file != after.file
    assert found(search(lake, "index"))[0] == ("film_3", 1)


def test_without_an_index_the_search_is_exact_and_asking_for_it_says_how_to_make_it(lake: Lake) -> None:
    assert search(lake, "auto").how == "exact" and not search(lake, "auto").notes
    with pytest.raises(StorageError, match="there is no index: `cinelake index"):
        search(lake, "index")


@pytest.mark.parametrize("content", [b"", b"torn"])
def test_a_damaged_index_is_said(lake: Lake, content: bytes) -> None:
    about = index_lake(lake, lake_contracts(lake), "embeddings")
    (index_folder(lake, "embeddings") / about.file).write_bytes(content)
    with pytest.raises(StorageError, match="makes it anew"):
        search(lake, "index")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 99}'])
def test_what_an_unknown_index_says_of_itself_is_not_believed(lake: Lake, text: str) -> None:
    folder = index_folder(lake, "embeddings")
    folder.mkdir(parents=True)
    (folder / "about.json").write_text(text)
    assert about_index(lake, "embeddings") is None


def test_a_small_table_needs_no_index(tmp_path: Path) -> None:
    lake = searched_lake(tmp_path, conditions=False)
    with pytest.raises(UsageError, match="has 36 vectors"):
        index_lake(lake, lake_contracts(lake), "embeddings")


def test_conditions_are_answered_without_the_index(lake: Lake) -> None:
    index_lake(lake, lake_contracts(lake), "embeddings")
    query = Query(like="film_1@15", films=("film_0",))
    assert Searcher(lake, lake_contracts(lake)).search(query).how == "exact"


def test_a_lake_in_a_bucket_has_its_index_in_the_cache(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CINELAKE_CACHE", str(tmp_path / "cache"))
    lake.storage.local = None
    assert index_folder(lake, "embeddings").is_relative_to(tmp_path / "cache")
