"""`labels next`: which moments are named, who decides, what is left out, and what is said when nothing is left."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks._made_films import make_films
from cinelake.errors import CannotTrain, CinelakeError, UnknownName, UsageError
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import record_version
from cinelake.spec.model import Trained, find_model, known_models
from cli.main import app

RNG = np.random.default_rng(0)
SHOT_S = 3.0
OTHERS = {
    "shot_features": {
        "shot": np.arange(20, dtype=np.int32),
        "start_s": SHOT_S * np.arange(20),
        "end_s": SHOT_S * np.arange(1, 21),
        "start_frame": 72 * np.arange(20),
        "end_frame": 72 * np.arange(1, 21),
        "has_face": np.ones(20, bool),
        "has_sound": np.ones(20, bool),
        **{kind: RNG.normal(size=(20, 8)).astype(np.float32) for kind in ("place", "cast", "action", "audio")},
    },
    "faces": {
        "frame": 24 * np.arange(60),
        "time_s": np.arange(60.0),
        "shot": (np.arange(60) // 3).astype(np.int32),
        "face": np.zeros(60, np.int32),
        **{name: np.full(60, 0.4, np.float32) for name in ("x", "y", "width", "height", "score")},
        "is_main": np.ones(60, bool),
        "patch": RNG.integers(0, 255, (60, 48 * 48)).astype(np.uint8),
        "embedding": RNG.normal(size=(60, 128)).astype(np.float32),
    },
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("next")
    make_films(folder, {"one": "One", "two": "Two </script>", "three": "Three"}, 60, 20, others=OTHERS)
    return folder


@pytest.fixture(autouse=True)
def unlabelled(project):
    """No labels from the test before."""
    yield
    for path in sorted((project / "labels").rglob("*"), reverse=True) if (project / "labels").exists() else []:
        path.unlink() if path.is_file() else path.rmdir()


def run(project, *words):
    result = CliRunner().invoke(app, ["labels", *map(str, words), "-m", str(project / "pipeline.yaml")])
    if isinstance(result.exception, CinelakeError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def told(project, *words):
    return json.loads(run(project, "next", *words, "--json"))


def take(project, model, text):
    (project / "given.csv").write_text(text)
    run(project, "import", project / "given.csv", "--model", model, "--before-run")


LABELLED = ("tags", "scenes", "beats", "characters", "expressions", "funny", "affect")


@pytest.mark.parametrize("model", LABELLED)
def test_moments_of_every_model_are_named_by_what_its_labels_need(project, model):
    found = told(project, model, "--count", "6")
    extent = {"spans": {"movie_id", "start_s", "end_s"}, "moments": {"movie_id", "time_s"}}
    assert len(found["moments"]) == 6 and found["by"] == "difference" and found["labelled"] == 0
    assert extent[find_model(model).labels.shape] <= set(found["moments"][0]["label"])


def test_every_model_says_how_moments_are_labelled_or_that_they_are_not():
    assert {name for name in known_models() if find_model(name).labelling is None} == {"identities"}


def test_moments_come_from_all_films(project):
    assert {m["movie_id"] for m in told(project, "characters", "--count", "9")["moments"]} == {"one", "two", "three"}


def test_what_has_a_label_is_not_named_again(project):
    first = told(project, "characters", "--count", "6")["moments"]
    rows = [f"{m['movie_id']},{m['label']['time_s']},{'mara' if n % 2 else 'nobody'}" for n, m in enumerate(first)]
    take(project, "characters", "\n".join(["movie_id,time_s,character", *rows]))
    then = told(project, "characters", "--count", "6")
    assert then["labelled"] == 6 and then["by"] == "labels" and then["moments"][0]["doubt"] > 0
    assert not {(m["movie_id"], m["start_s"]) for m in first} & {(m["movie_id"], m["start_s"]) for m in then["moments"]}


@pytest.fixture
def champion(project, tmp_path):
    """A champion of characters that is surer of tom the greater the first number of a frame's vector is."""
    spec = find_model("characters")
    size = len(Lake(str(project / "lake")).reader("embeddings", "one").read()["embedding"][0])
    scale = {"mean": np.zeros(size), "scale": np.ones(size), "positive": np.ones(1)}
    weights = {"coefficients": np.eye(size)[:, :1], "intercepts": np.zeros(1)}
    facts = {"characters": ["tom"], "exclusive": False, "shares": {"linear": 1.0}}
    trained = Trained(arrays={name: v.astype(np.float32) for name, v in (scale | weights).items()}, facts=facts)
    artefact = write_artefact(tmp_path / "made", "characters", spec.config(head="linear", smoothing_s=0.0), trained)
    yield record_version(Lake(str(project / "lake")), "characters", 3, artefact, champion=True)
    (project / "lake" / "_models" / "characters.json").unlink()


def test_the_champion_says_what_is_doubtful(project, champion):
    found = told(project, "characters", "--count", "5")
    assert found["by"] == "champion 3" and found["notes"] == []
    assert {m["guess"] for m in found["moments"]} == {"tom"}
    assert all(0 < m["probability"] < 1 and 0 < m["doubt"] <= 1 for m in found["moments"])


def test_a_champion_that_cannot_be_applied_is_not_asked_and_it_says_so(project, champion):
    file = project / "lake" / "_models" / "characters" / "3" / "model.json"
    file.write_text(file.read_text() + " ")
    found = told(project, "characters", "--count", "5")
    assert found["by"] == "difference" and "the champion (version 3) is not asked" in found["notes"][0]


def test_a_film_alone_can_be_asked_about(project):
    assert {m["movie_id"] for m in told(project, "tags", "--movie", "two")["moments"]} == {"two"}


def test_what_is_known_of_a_film_comes_from_the_labels_of_others_too(project):
    seen = [m for m in told(project, "characters", "--count", "12")["moments"] if m["movie_id"] != "two"]
    rows = [f"{m['movie_id']},{m['label']['time_s']},{'mara' if n % 2 else 'nobody'}" for n, m in enumerate(seen)]
    take(project, "characters", "\n".join(["movie_id,time_s,character", *rows]))
    found = told(project, "characters", "--movie", "two")
    assert found["by"] == "labels" and {m["movie_id"] for m in found["moments"]} == {"two"}
    assert (found["labelled"], found["films_looked_at"]) == (0, 1)
    assert found["notes"] == [f"{len(seen)} labelled moments of other films say what is doubtful too"]


def test_labels_of_others_that_say_nothing_are_not_said_to(project):
    take(project, "characters", "movie_id,time_s,character\none,1.0,mara\n")
    found = told(project, "characters", "--movie", "two")
    assert (found["by"], found["notes"]) == ("difference", [])


def test_a_film_that_is_named_twice_is_one_film(project):
    found = told(project, "tags", "--movie", "two", "--movie", "two", "--count", "100")
    assert found["films_looked_at"] == 1 and len(found["moments"]) == len({m["start_s"] for m in found["moments"]})


def test_where_everything_is_labelled_it_says_so(project):
    take(project, "funny", "movie_id,is_funny\none,false\ntwo,false\nthree,false\n")
    assert "Nothing is left to label for funny: all 183 moments of 3 films have labels" in run(project, "next", "funny")


def test_tags_that_are_given_to_some_shots_alone_need_another_configuration(project):
    assert told(project, "tags")["notes"] == [
        "films that are labelled in part are learned from rightly with `config: {absence: unknown}` only"
    ]


def test_unknown_models_and_films_get_close_matches(project):
    with pytest.raises(UnknownName, match="did you mean 'tags'"):
        run(project, "next", "tag")
    with pytest.raises(UnknownName, match="did you mean 'three'"):
        run(project, "next", "tags", "--movie", "thre")


def test_a_model_that_is_not_labelled_by_moments_says_what_to_do(project):
    with pytest.raises(UsageError, match="cinelake labels template identities"):
        run(project, "next", "identities")


def test_a_lake_without_tables_says_what_to_run(tmp_path):
    make_films(tmp_path, {"one": "One"}, 60, 20, ["films"])
    with pytest.raises(CannotTrain, match=r"none of the 1 films .*\n.*`cinelake run --select \+frames --movie one`"):
        run(tmp_path, "next", "characters")


def test_the_page_is_one_file_whose_titles_cannot_end_its_script(project, tmp_path):
    page = tmp_path / "page.html"
    said = run(project, "next", "characters", "--html", page)
    text = page.read_text(encoding="utf-8")
    assert "20 moments to label" in said and "Two </script>" not in text
    assert "http" not in text.replace("http-equiv", "") and 'src="' not in text


def test_a_page_that_is_there_is_not_replaced(project, tmp_path):
    (tmp_path / "page.html").write_text("mine")
    with pytest.raises(UsageError, match="--force"):
        run(project, "next", "tags", "--html", tmp_path / "page.html")
