"""Search: moments that look like a picture or a moment, and that meet conditions."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _moods import MOODS, FindMoods
from _search_lake import FILMS, PER_SHOT, SHOTS_OF_FILM, commit, pattern, searched_lake
from PIL import Image

import cinelake
from cinelake.client.lake_client import LakeClient, lake_contracts
from cinelake.errors import UsageError
from cinelake.lake.cells import Lake
from cinelake.search.conditions import Conditions
from cinelake.search.moments import FoundMoment, SearchWarning, best, hits_of, timecode
from cinelake.search.searcher import Query, SearchAnswer, Searcher
from cinelake.search.thumbnails import write_thumbnails
from cinelake.search.vectors import film_vectors, read_samples, unit
from tasks.actor_appearances import ACTOR_APPEARANCES
from tasks.affect import AFFECT
from tasks.embeddings import EMBEDDINGS


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Only for reading; see `_search_lake`."""
    return searched_lake(tmp_path_factory.mktemp("searched"))


@pytest.fixture(scope="module")
def opened(lake: Lake) -> LakeClient:
    return cinelake.open(lake.storage.uri)


def search(lake: Lake, query: Query) -> SearchAnswer:
    return Searcher(lake, lake_contracts(lake)).search(query)


def still(folder: Path, film: int, shot: int, name: str = "still.png", size: tuple[int, int] = (160, 90)) -> Path:
    """A shot's second picture as a file of its own."""
    path = folder / name
    Image.fromarray(pattern(film, shot, 1)).resize(size).save(path)
    return path


# --- by likeness


@pytest.mark.parametrize("name", ["still.png", "still.jpg", "still.webp", "still.bmp", "still.tiff"])
def test_a_still_finds_its_moment(opened: LakeClient, tmp_path: Path, name: str) -> None:
    (first, *_) = opened.search(still(tmp_path, 1, 2, name))
    assert (first.movie_id, first.shot, first.start_s, first.end_s) == ("brazil", 2, 10, 15)
    assert first.score > 0.9 and first.time_s == 11


def test_a_still_of_another_size_finds_its_moment(opened: LakeClient, tmp_path: Path) -> None:
    (first, *_) = opened.search(still(tmp_path, 2, 0, size=(1920, 1080)))
    assert (first.movie_id, first.shot) == ("clue", 0)


def test_a_moment_finds_others_but_not_itself(opened: LakeClient) -> None:
    found = opened.search(like="alien@00:00:06", limit=100)
    assert len(found) == 11 and ("alien", 1) not in {(moment.movie_id, moment.shot) for moment in found}


def test_pictures_of_one_shot_are_one_moment(opened: LakeClient, tmp_path: Path) -> None:
    found = opened.search(still(tmp_path, 0, 0), limit=100)
    assert len({(moment.movie_id, moment.shot) for moment in found}) == len(found) == 12


def test_the_score_is_the_cosine_of_the_best_picture(lake: Lake, opened: LakeClient) -> None:
    vectors = {film: unit(np.concatenate(list(film_vectors(lake, "embeddings", film)))) for film in FILMS}
    (first, *_) = opened.search(like="alien@0")
    cosines = {film: found @ vectors["alien"][0] for film, found in vectors.items()}
    cosines["alien"] = cosines["alien"][3:]
    assert first.score == pytest.approx(max(float(found.max()) for found in cosines.values()), abs=1e-6)


def test_vectors_in_memory_and_files_give_the_same_answer(lake: Lake, opened: LakeClient) -> None:
    over_files = search(lake, Query(like="clue@7", limit=5)).moments
    assert [(m.movie_id, m.shot) for m in opened.search(like="clue@7", limit=5)] == [
        (m.movie_id, m.shot) for m in over_files
    ]


def test_a_film_that_comes_later_is_found(tmp_path: Path) -> None:
    lake = searched_lake(tmp_path)
    opened = cinelake.open(lake.storage.uri)
    opened.search(like="alien@0")
    rows = lake.reader("embeddings", "alien").read().to_batches()[0]
    columns = {name: rows[name] for name in rows.schema.names if name != "movie_id"}
    params = lake.footer("embeddings", "alien")
    assert params
    commit(lake, EMBEDDINGS, "dune", [EMBEDDINGS.batch("dune", **columns)], params=params.ingredients["params"])
    assert opened.search(like="alien@0")[0].movie_id == "dune"


def test_only_the_films_asked_for_are_searched(opened: LakeClient) -> None:
    assert {moment.movie_id for moment in opened.search(like="alien@0", films=["clue"])} == {"clue"}


# --- by conditions


def test_conditions_alone_give_the_spans_in_which_all_hold(opened: LakeClient) -> None:
    found = opened.search(tags=["chase"], affect=["arousal>0.31"])
    assert [(m.movie_id, m.start_s, m.end_s, m.what) for m in found] == [
        (film, 7, 10, "chase, arousal>0.31") for film in FILMS
    ]


def test_of_the_values_of_one_condition_any_will_do(opened: LakeClient) -> None:
    spans = {(m.movie_id, m.start_s) for m in opened.search(tags=[("chase", "dinner")])}
    assert spans == {("alien", 5), ("brazil", 5), ("clue", 5), ("brazil", 15), ("clue", 15)}


def test_the_most_relevant_span_comes_first(opened: LakeClient) -> None:
    assert [round(m.score, 2) for m in opened.search(tags=["dinner"])] == [0.8, 0.6]


def test_a_line_that_is_empty_everywhere_is_not_said_to_stay_below(tmp_path: Path) -> None:
    lake = searched_lake(tmp_path, conditions=False)
    rows = AFFECT.batch("alien", time_s=[0.0, 1.0], valence=[0.1, 0.1], arousal=pa.nulls(2, pa.float32()))
    commit(lake, AFFECT, "alien", [rows])
    with pytest.raises(UsageError, match="no film's affect has a value of arousal"):
        search(lake, Query(conditions=Conditions({"affect": [["arousal>0"]]})))


def test_films_whose_line_is_blocked_are_told_in_python_as_by_the_command(tmp_path: Path) -> None:
    lake = searched_lake(tmp_path)
    blocked = AFFECT.batch("clue", time_s=[0.0, 1.0], valence=[0.1, 0.1], arousal=[None, None])
    commit(lake, AFFECT, "clue", [blocked], key="other")
    with pytest.warns(SearchWarning, match=r"1 film left out, whose arousal is not known: .* \(clue\)"):
        found = cinelake.open(lake.storage.root).search(affect=["arousal>0.81"])
    assert "clue" not in {moment.movie_id for moment in found}
    about_another = Query(conditions=Conditions({"affect": [["arousal>0"]]}), films=("alien",))
    assert Searcher(lake, lake_contracts(lake)).search(about_another).notes == []


def test_neighbouring_values_of_affect_are_one_span_with_their_mean_relevance(opened: LakeClient) -> None:
    (span,) = opened.search(affect=["arousal>0.81"], films=["alien"])
    beyond = [(0.05 * second - 0.81) / 0.19 for second in (17, 18, 19)]
    assert (span.start_s, span.end_s) == (17, 20) and span.score == pytest.approx(sum(beyond) / 3, abs=1e-4)


def test_a_person_is_found_by_the_name_of_the_face(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    seen = {"character": ["Ada"], "start_s": [5.0], "end_s": [9.0], "shot": [1], "confidence": [0.9]}
    commit(lake, ACTOR_APPEARANCES, "brazil", [ACTOR_APPEARANCES.batch("brazil", **seen)])
    found = Searcher(lake, lake_contracts(lake)).search(Query(conditions=Conditions({"persons": [["Ada"]]})))
    assert [(moment.movie_id, moment.start_s, moment.what) for moment in found.moments] == [("brazil", 5.0, "Ada")]


def test_films_without_the_table_that_is_asked_are_told(tmp_path: Path) -> None:
    lake = searched_lake(tmp_path)
    seen = {"character": ["Ada"], "start_s": [5.0], "end_s": [9.0], "shot": [1], "confidence": [0.9]}
    commit(lake, ACTOR_APPEARANCES, "brazil", [ACTOR_APPEARANCES.batch("brazil", **seen)])
    ada = Conditions({"persons": [["Ada"]]})
    assert search(lake, Query(conditions=ada, films=("brazil",))).notes == []
    (note,) = search(lake, Query(conditions=ada)).notes
    assert note.startswith("2 films left out without a table 'actor_appearances'") and note.endswith("(alien, clue)")


def test_likeness_is_searched_where_conditions_hold(opened: LakeClient) -> None:
    found = opened.search(like="alien@0", characters=["Anna"], limit=100)
    assert {moment.shot for moment in found} == {2, 3} and {moment.what for moment in found} == {"Anna"}


def test_nothing_may_be_found(opened: LakeClient) -> None:
    assert opened.search(tags=["chase"], characters=["Anna"]) == []


@pytest.mark.parametrize("text", ["arousal", "arousal>x", "__import__('os')>0", "joy>0.5", "arousal>0.5 or 1=1"])
def test_affect_is_a_name_and_a_comparison_and_nothing_else(opened: LakeClient, text: str) -> None:
    with pytest.raises(UsageError, match="affect is asked for as in"):
        opened.search(affect=[text])


def test_a_task_that_declares_a_condition_can_be_searched(tmp_path: Path, own_tasks: Callable[..., None]) -> None:
    own_tasks(FindMoods)
    lake = searched_lake(tmp_path)
    moods = MOODS.batch("alien", start_s=[6.0], end_s=[9.0], mood=["dark"])
    commit(lake, MOODS, "alien", [moods])
    with pytest.warns(SearchWarning, match="2 films left out without a table 'moods'"):
        (found,) = cinelake.open(lake.storage.uri).search(tags=["chase"], moods=["dark"])
    assert (found.movie_id, found.start_s, found.end_s, found.what) == ("alien", 6, 9, "chase, dark")


# --- what cannot be searched


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (Query(), "what is searched for"),
        (Query(image=Path("a.png"), like="alien@0"), "one of --image, --like and --text"),
        (Query(like="alien"), "FILM@HH:MM:SS"),
        (Query(like="alien@soon"), "FILM@HH:MM:SS"),
        (Query(like="alein@0"), "did you mean 'alien'"),
        (Query(like="alien@00:00:21"), "alien ends at 00:00:20.000. Received: 00:00:21.000"),
        (Query(like="alien@0", films=["brasil"]), "did you mean 'brazil'"),
        (Query(like="alien@0", table="embedings"), "did you mean 'embeddings'"),
        (Query(like="alien@0", limit=0), "at least one moment"),
        (Query(like="alien@0", how="fast"), "unknown way to search"),
        (Query(conditions=Conditions({"tags": [["chas"]]})), "did you mean 'chase'"),
        (Query(conditions=Conditions({"characters": [["Ana"]]})), "did you mean 'Anna'"),
        (Query(conditions=Conditions({"tag": [["chase"]]})), "unknown condition 'tag': did you mean 'tags'"),
        (Query(image=Path("nowhere.png")), "nowhere.png cannot be read: No such file"),
    ],
)
def test_what_cannot_be_searched_is_said(lake: Lake, query: Query, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        search(lake, query)


def test_of_a_film_without_pictures_no_moment_can_be_looked_for(tmp_path: Path) -> None:
    lake = searched_lake(tmp_path, conditions=False)
    commit(lake, EMBEDDINGS, "song", [])
    with pytest.raises(UsageError, match="embeddings of song has no row"):
        search(lake, Query(like="song@0", films=["song"]))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n and then nothing"])
def test_a_picture_that_cannot_be_read_is_said(lake: Lake, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.png").write_bytes(content)
    with pytest.raises(UsageError, match=r"bad\.png cannot be read: it is no JPEG"):
        search(lake, Query(image=tmp_path / "bad.png"))


def test_a_picture_that_ends_early_is_said(lake: Lake, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(pattern(0, 0)).save(buffer, "JPEG")
    (tmp_path / "half.jpg").write_bytes(buffer.getvalue()[: buffer.tell() // 2])
    with pytest.raises(UsageError, match="damaged"):
        search(lake, Query(image=tmp_path / "half.jpg"))


def test_without_vectors_the_task_to_add_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name `embeddings` in the manifest"):
        search(Lake(str(tmp_path)), Query(like="alien@0"))


def test_without_the_table_of_a_condition_the_task_to_add_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name the task 'affect'"):
        search(searched_lake(tmp_path, conditions=False), Query(conditions=Conditions({"affect": [["arousal>0"]]})))


# --- vectors that cannot be compared


def remade(folder: Path, **changed: object) -> Lake:
    """The lake with one film's vectors made in another way."""
    lake = searched_lake(folder, conditions=False)
    footer = lake.footer("embeddings", "clue")
    assert footer
    rows = lake.reader("embeddings", "clue").read().to_batches()
    version = changed.pop("version", footer.ingredients["version"])
    params = footer.ingredients["params"] | changed
    commit(lake, EMBEDDINGS, "clue", rows, params=params, version=int(str(version)))
    return lake


@pytest.mark.parametrize("changed", [{"backbone": "inception_v3"}, {"version": 7}])
def test_vectors_of_several_backbones_or_versions_are_not_mixed(tmp_path: Path, changed: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="cannot be compared, they were made in 2 ways"):
        search(remade(tmp_path, **changed), Query(like="alien@0"))


def test_films_whose_vectors_were_made_alike_can_still_be_searched(tmp_path: Path) -> None:
    lake = remade(tmp_path, backbone="inception_v3")
    assert search(lake, Query(like="alien@0", films=("alien", "brazil"))).moments


def test_another_batch_size_makes_the_same_vectors(tmp_path: Path) -> None:
    assert search(remade(tmp_path, batch_size=1), Query(like="alien@0")).moments


def test_a_picture_is_not_compared_with_vectors_of_another_version(tmp_path: Path) -> None:
    lake = remade(tmp_path, version=7)
    with pytest.raises(UsageError, match="made by version 7 of its task"):
        search(lake, Query(image=still(tmp_path, 0, 0), films=("clue",)))


def test_a_network_in_a_file_needs_the_manifest(tmp_path: Path) -> None:
    lake = remade(tmp_path, backbone={}, weights="0123", file="places.onnx")
    with pytest.raises(UsageError, match="say where with the manifest"):
        search(lake, Query(image=still(tmp_path, 0, 0), films=("clue",)))


def test_a_picture_is_not_compared_with_vectors_of_faces(tmp_path: Path) -> None:
    lake = remade(tmp_path, source="faces")
    with pytest.raises(UsageError, match="holds vectors of faces"):
        search(lake, Query(image=still(tmp_path, 0, 0), films=("clue",)))


# --- thumbnails and parts


def shown(moment: FoundMoment) -> tuple[int, int, int]:
    """Film, shot and picture that a moment's thumbnail is of."""
    picture = np.asarray(Image.open(str(moment.thumbnail)), np.float32)
    places = itertools.product(range(len(FILMS)), range(SHOTS_OF_FILM), range(PER_SHOT))
    return min(places, key=lambda place: float(np.abs(picture - pattern(*place)).mean()))


def test_thumbnails_are_the_moments_pictures(lake: Lake, opened: LakeClient, tmp_path: Path) -> None:
    (moment,) = write_thumbnails(lake, opened.search(still(tmp_path, 1, 2), limit=1), tmp_path / "found")
    assert moment.thumbnail == str(tmp_path / "found" / "01-brazil-00h00m11s.jpg")
    assert shown(moment) == (1, 2, 1)


def test_a_span_has_the_picture_nearest_to_its_beginning(lake: Lake, opened: LakeClient, tmp_path: Path) -> None:
    (moment,) = write_thumbnails(lake, opened.search(tags=["chase"], films=["alien"]), tmp_path)
    assert shown(moment) == (0, 1, 0)


def test_a_link_in_a_thumbnail_s_place_is_replaced_not_followed(lake: Lake, opened: LakeClient, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("as it was")
    (tmp_path / "01-brazil-00h00m11s.jpg").symlink_to("mine")
    write_thumbnails(lake, opened.search(still(tmp_path, 1, 2), limit=1), tmp_path)
    assert (tmp_path / "mine").read_text() == "as it was"


def test_a_folder_that_cannot_be_written_to_is_said(lake: Lake, opened: LakeClient, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="thumbnails cannot be written"):
        write_thumbnails(lake, opened.search(like="alien@0"), tmp_path / "file" / "found")


def test_equal_scores_come_in_the_order_of_films_and_times(lake: Lake) -> None:
    samples = read_samples(lake, "embeddings", "alien")
    hits = hits_of(samples, np.zeros(len(samples), np.float32), 2)
    others = [replace(hit, movie_id="aaa") for hit in hits]
    assert [(hit.movie_id, hit.shot) for hit in best([*hits, *others], 3)] == [("aaa", 0), ("aaa", 1), ("alien", 0)]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00:00.000"), (751.5, "00:12:31.500"), (3599.9996, "01:00:00.000"), (360_000, "100:00:00.000")],
)
def test_a_time_is_told_in_hours_minutes_seconds(seconds: float, text: str) -> None:
    assert timecode(seconds) == text
