"""What is written for an annotator's tool is read back as it was: drawn labels of every kind, in every form."""

import dataclasses
import itertools
import random

import pyarrow as pa
import pytest

from cinelake.catalogue.films import CatalogueFilm
from cinelake.errors import CannotHold
from cinelake.labels.checks import check_labels, sort_labels
from cinelake.labels.film_facts import FilmFacts
from cinelake.labels.film_names import FilmNames
from cinelake.spec.contract import Column
from cinelake.spec.labels import LabelContract
from importers.annotators.annotation import NAMELESS, PLACE, FilmLabels
from importers.annotators.fitting import ANNOTATOR, Fitting
from importers.annotators.forms import FORMS, form_of, read_forms

FPS = {"dawn": 25.0, "night_train": 24000 / 1001}
FILMS = {name: FilmFacts(600.0, None, True, fps, 0.0, 1920, 1080) for name, fps in FPS.items()}
LISTED = (
    CatalogueFilm("dawn", "/films/dawn.mp4", "films/dawn.mp4", "Dawn"),
    CatalogueFilm("night_train", "/films/Night Train.mkv", "films/Night Train.mkv", "Night Train"),
)
NAMES = FilmNames(LISTED, FILMS)
WORDS = ("chase", "dialogue", "a=b; c", 'say "no"', "Überfall", "tag", "label", "x; y=z", "=1+1", "50 %")


def text(name):
    return Column(name, pa.string(), name, nullable=True)


CONTRACTS = {
    "classes": LabelContract("Tags.", "spans", (Column("tag", pa.string(), "Tag."),), class_column="tag"),
    "boundaries": LabelContract(
        "Scenes.",
        "spans",
        (Column("scene", pa.int32(), "Number.", True, 0), text("place"), text("kind")),
        overlap=False,
    ),
    "truths": LabelContract("Funny.", "spans", (Column("is_funny", pa.bool_(), "Funny.", nullable=True),)),
    "pairs": LabelContract(
        "Cues.",
        "spans",
        (Column("cue", pa.string(), "Cue."), text("answer"), Column("sure", pa.bool_(), "Sure.", nullable=True)),
        class_column="cue",
    ),
    "moments": LabelContract("Who.", "moments", (Column("who", pa.string(), "Who."),), class_column="who"),
    "points": LabelContract(
        "Faces.",
        "moments",
        (text("person"), Column("x", pa.float64(), "x", True, 0, 1), Column("y", pa.float64(), "y", True, 0, 1)),
        class_column="person",
    ),
    "boxes": LabelContract(
        "Boxes.",
        "moments",
        (Column("what", pa.string(), "What."), *(Column(n, pa.float64(), n, True, 0, 1) for n in PLACE)),
        class_column="what",
    ),
    "lines": LabelContract(
        "Lines.",
        "moments",
        (*(Column(n, pa.float64(), n, True) for n in ("valence", "arousal", "value")), text("name")),
    ),
    "films": LabelContract("Genres.", "films", (Column("genre", pa.string(), "Genre."),), class_column="genre"),
    "ratings": LabelContract(
        "Ratings.", "films", (text("viewer"), text("tag"), Column("rating", pa.float64(), "Rating."))
    ),
}  # fmt: skip
BY_PICTURES = {"cvat", "edl"}
UNITS = {"elan": 1000.0}


def drawn(kind, seed, form):
    """A table of labels at times that the form can say: pictures, milliseconds, or any."""
    rng, contract = random.Random(f"{kind} {seed}"), CONTRACTS[kind]
    rows = []
    for movie_id in FPS:
        unit = FPS[movie_id] if form in BY_PICTURES else UNITS.get(form, 0.0)
        cuts = sorted(rng.sample(range(1, 9000), 13))
        for number, (a, b) in enumerate(itertools.pairwise(cuts)):
            start, end = (a / unit, b / unit) if unit else (a / 17, b / 17 + rng.random() * (contract.overlap))
            row = {"movie_id": movie_id}
            row |= {"spans": {"start_s": start, "end_s": end}, "moments": {"time_s": start}, "films": {}}[
                contract.shape
            ]
            rows.append(row | {c.name: value_of(c, number, rng) for c in contract.columns})
    table = pa.Table.from_pylist(rows, contract.schema)
    return sort_labels(contract, table.group_by(table.column_names).aggregate([]).select(contract.schema.names))


def value_of(column, number, rng):
    if column.nullable and rng.random() < 0.3:
        return None
    if pa.types.is_string(column.type):
        return rng.choice(WORDS)
    if pa.types.is_boolean(column.type):
        return rng.random() < 0.5
    return number if pa.types.is_integer(column.type) else round(rng.random(), 4)


def film_labels(contract, table):
    for film in LISTED:
        rows = [row for row in table.to_pylist() if row["movie_id"] == film.movie_id]
        plain = [{name: value for name, value in row.items() if value is not None} for row in rows]
        yield FilmLabels(
            film.movie_id, film.uri.rpartition("/")[2], film.uri, FILMS[film.movie_id], plain, contract, "set"
        )


def there_and_back(contract, table, form, folder):
    """Labels written in a form, found to be in it, and read again."""
    labels = list(film_labels(contract, table))
    tables = []
    for number, films in enumerate([labels] if FORMS[form].many else [[film] for film in labels]):
        path = folder / f"{number}.bin"
        path.write_bytes(FORMS[form].write(films)[0])
        assert form_of(path) == form
        reading = read_forms({path: form}, contract, NAMES, FILMS, Fitting(silent=frozenset((NAMELESS, "set"))))
        assert not reading.problems
        read, problems = check_labels(
            contract, reading.rows.drop_columns([ANNOTATOR]), FILMS, source="", vocabularies={}
        )
        assert not problems
        tables.append(read)
    return sort_labels(contract, pa.concat_tables(tables))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("kind", [kind for kind, contract in CONTRACTS.items() if contract.shape != "films"])
@pytest.mark.parametrize("form", [form for form in FORMS if FORMS[form].write])
def test_labels_come_back_as_they_were(tmp_path, form, kind, seed):
    table = drawn(kind, seed, form)
    again = there_and_back(CONTRACTS[kind], table, form, tmp_path)
    assert again.to_pylist() == table.to_pylist()


@pytest.mark.parametrize("kind", ["films", "ratings"])
@pytest.mark.parametrize("form", ["label-studio", "via"])
def test_labels_of_whole_films_come_back_as_they_were(tmp_path, form, kind):
    table = drawn(kind, 0, form)
    assert there_and_back(CONTRACTS[kind], table, form, tmp_path).to_pylist() == table.to_pylist()


@pytest.mark.parametrize("form", ["cvat", "elan", "otio", "edl"])
def test_a_form_without_whole_films_says_so_before_anything_is_written(form):
    film = next(film_labels(CONTRACTS["films"], drawn("films", 0, form)))
    with pytest.raises(CannotHold, match="labels are of the whole film"):
        FORMS[form].write([film])


@pytest.mark.parametrize("form", ["cvat", "elan", "edl"])
def test_a_form_that_holds_no_control_characters_says_so_before_anything_is_written(form):
    row = {"movie_id": "dawn", "start_s": 1.0, "end_s": 2.0, "tag": "chase\x1b[2J"}
    with pytest.raises(CannotHold, match="control characters in"):
        FORMS[form].write([FilmLabels("dawn", "dawn.mp4", "", FILMS["dawn"], [row], CONTRACTS["classes"], "set")])


@pytest.mark.parametrize("form", ["cvat", "elan"])
@pytest.mark.parametrize("word", ["お\u3000茶", "caf\u00a0e", "a\u00adb"])
def test_blanks_of_other_scripts_are_no_control_characters(tmp_path, form, word):
    rows = [{"movie_id": "dawn", "start_s": 1.0, "end_s": 2.0, "tag": word}]
    table = pa.Table.from_pylist(rows, CONTRACTS["classes"].schema)
    films = [next(film_labels(CONTRACTS["classes"], table))]
    (tmp_path / "a").write_bytes(FORMS[form].write(films)[0])
    reading = read_forms({tmp_path / "a": form}, CONTRACTS["classes"], NAMES, FILMS, Fitting())
    assert reading.rows["tag"].to_pylist() == [word]


@pytest.mark.parametrize("form", ["label-studio", "cvat", "otio", "edl"])
def test_a_form_that_counts_pictures_needs_the_films_rate(form):
    contract = CONTRACTS["classes"]
    row = {"movie_id": "dawn", "start_s": 1.0, "end_s": 2.0, "tag": "chase"}
    with pytest.raises(CannotHold, match="pictures a second are unknown"):
        FORMS[form].write([FilmLabels("dawn", "dawn.mp4", "", FilmFacts(60.0), [row], contract, "set")])


def test_a_rate_that_varies_is_told():
    row = {"movie_id": "dawn", "start_s": 1.0, "end_s": 2.0, "tag": "chase"}
    facts = dataclasses.replace(FILMS["dawn"], varies=True)
    film = FilmLabels("dawn", "dawn.mp4", "", facts, [row], CONTRACTS["classes"], "set")
    assert "its rate varies, this is the mean" in FORMS["otio"].write([film])[1][0]


@pytest.mark.parametrize("before_midnight_s", [1, 60, 90])
def test_time_codes_without_drop_frames_go_on_until_midnight(before_midnight_s):
    picture, fps = (24 * 3600 - before_midnight_s) * 30, 30000 / 1001
    row = {"movie_id": "dawn", "start_s": picture / fps, "end_s": (picture + 15) / fps, "tag": "chase"}
    film = FilmLabels("dawn", "dawn.mp4", "", FilmFacts(90_000.0, fps=fps), [row], CONTRACTS["classes"], "set")
    minute, second = divmod(3600 - before_midnight_s, 60)
    assert f" 23:{minute:02d}:{second:02d}:00 23:{minute:02d}:{second:02d}:01" in FORMS["edl"].write([film])[0].decode()


@pytest.mark.parametrize("form", ["cvat", "edl"])
def test_times_between_pictures_are_rounded_and_it_is_told(form):
    row = {"movie_id": "dawn", "start_s": 1.01, "end_s": 2.0, "tag": "chase"}
    film = FilmLabels("dawn", "dawn.mp4", "", FILMS["dawn"], [row], CONTRACTS["classes"], "set")
    told = FORMS[form].write([film])[1]
    assert told == ["dawn: pictures counted at 25 a second, 1 of 1 labels rounded to the nearest picture"]
