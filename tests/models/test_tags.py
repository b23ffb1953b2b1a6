"""Tags: what labels mean, what is looked at, what is learned, and what a film without the right tables gets."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from _tagged_films import TAGS, VOCABULARY, shots, spans, tables_of_a_film, tagged, trained_tags

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.learning.images import MemoryTable
from cinelake.spec.artefact import Artefact
from cinelake.spec.training import Training
from models.heads.config import shifted
from models.heads.networks import best_thresholds
from models.shots.scaling import alike
from models.tags import MODEL
from models.tags.config import Config

KERNEL = TAGS.model_copy(update={"head": "kernel"})
KNOWN = TAGS.model_copy(update={"absence": "unknown"})


@pytest.fixture(scope="module")
def artefact(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """Tags learned from four films."""
    return trained_tags(tmp_path_factory.mktemp("tags"))


def targets(*rows: dict, config: Config = TAGS, kept: list[int] | None = None) -> dict[str, np.ndarray]:
    features = shots(4, kept)
    return MODEL.targets(spans(MODEL.labels, *rows), features, config)


def test_a_span_by_time_tags_the_shots_it_covers_by_half():
    found = targets({"start_s": 1.0, "end_s": 4.9, "tag": "wet"})
    assert found["tags"][:, 2].tolist() == [1, 1, 0, 0]


def test_time_counts_before_shot_numbers():
    found = targets({"start_s": 0.0, "end_s": 2.0, "start_shot": 2, "end_shot": 4, "tag": "wet"})
    assert found["tags"][:, 2].tolist() == [1, 0, 0, 0]


def test_tags_may_overlap():
    found = targets({"start_shot": 0, "end_shot": 2, "tag": "wet"}, {"start_shot": 1, "end_shot": 3, "tag": "loud"})
    assert found["tags"][1].tolist() == [0, 1, 1]


def test_a_tag_of_the_whole_film_is_one_of_each_shot():
    assert targets({"tag": "calm"})["tags"][:, 0].tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize(("config", "known"), [(TAGS, [True] * 4), (KNOWN, [False, True, False, False])])
def test_what_a_labelled_film_does_not_say_is_not_there_unless_absence_is_unknown(config, known):
    assert targets({"start_shot": 1, "end_shot": 2, "tag": "wet"}, config=config)["known"].tolist() == known


def test_an_empty_tag_says_that_none_fits():
    found = targets({"start_shot": 1, "end_shot": 2, "tag": None}, config=KNOWN)
    assert found["known"].tolist() == [False, True, False, False] and not found["tags"].any()


def test_shots_that_say_too_little_are_neither_learned_nor_scored():
    assert targets({"tag": "calm"}, kept=[0, 3])["known"].tolist() == [True, False, False, True]


def test_the_middle_picture_stands_for_its_shot_if_its_entropy_suffices():
    tables = tables_of_a_film(np.array([[1.0, 2.0], [3.0, 4.0]]), [7.0, 1.0])
    found = MODEL.features(tables, TAGS.model_copy(update={"min_entropy": 2.0}))
    assert found["picture"].tolist() == [[1, 2], [3, 4]]
    assert found["kept"].tolist() == [True, False]


def test_embeddings_of_other_pictures_than_the_middle_ones_are_refused():
    tables = tables_of_a_film(np.ones((2, 2)), [7.0, 7.0])
    tables["embeddings"] = MemoryTable(tables["embeddings"].read().slice(0, 3))
    with pytest.raises(ModelUnusable, match="1 of 2 middle pictures are missing"):
        MODEL.features(tables, TAGS)


def test_only_the_tables_of_the_inputs_in_use_are_read():
    assert MODEL.reads(TAGS) == ["shots", "frames", "embeddings"]
    assert MODEL.reads(TAGS.model_copy(update={"use": ("motion", "faces")})) == ["shot_features", "faces"]


def test_what_is_looked_at_follows_from_the_tables_that_are_there():
    there = {"shot_features", "sound"}
    assert MODEL.settle(Config(), there.__contains__).use == ("place", "motion", "sound")
    assert MODEL.settle(Config(), {"frames"}.__contains__).use == ("picture",)


def test_what_the_configuration_names_is_looked_at_whatever_is_there():
    assert MODEL.settle(Config(use=("motion",)), lambda table: True).use == ("motion",)


def test_the_kernel_learns_overlapping_tags_and_survives_the_way_through_disk(tmp_path: Path):
    artefact, example = trained_tags(tmp_path, KERNEL), tagged(9, KERNEL)
    found = MODEL.predict(artefact, example.features)
    scores = MODEL.summarise([MODEL.score_film(example.features, example.targets, found, KERNEL)])
    assert scores["macro_f1"] > 0.9


def test_overlapping_tags_are_learned_and_survive_the_way_through_disk(artefact: Artefact):
    example = tagged(9)
    found = MODEL.predict(artefact, example.features)
    scores = MODEL.summarise([MODEL.score_film(example.features, example.targets, found, TAGS)])
    assert scores["macro_f1"] > 0.95


def test_the_same_seed_gives_the_same_tags(artefact: Artefact, tmp_path: Path):
    features = tagged(9).features
    again = MODEL.predict(trained_tags(tmp_path), features)["probability"]
    assert np.array_equal(MODEL.predict(artefact, features)["probability"], again)


def test_the_seeds_head_shares_one_probability_among_the_tags(tmp_path: Path):
    config = TAGS.model_copy(update={"head": "seed", "multi_label": False, "epochs": 10})
    found = MODEL.predict(trained_tags(tmp_path, config), tagged(9, config).features)
    assert np.allclose(found["probability"].sum(axis=1), 1, atol=1e-5)


def test_the_seeds_head_cannot_be_asked_for_overlapping_tags():
    with pytest.raises(ValueError, match="needs multi_label: false"):
        Config(head="seed", multi_label=True)


def test_the_vocabulary_is_the_labels_own_unless_one_is_given():
    labels = pa.table({"tag": ["night", "day", "night"]})
    assert MODEL.settle_by_labels(Config(), labels).vocabulary == ("day", "night")
    assert MODEL.settle_by_labels(TAGS, labels).vocabulary == VOCABULARY


def test_the_publications_fifty_tags_have_a_name():
    assert len(set(Config(vocabulary="khan2017").vocabulary)) == 50


def test_labels_of_any_tag_are_taken_where_no_vocabulary_is_given():
    assert MODEL.vocabularies(Config()) == {}


def test_a_model_that_lacks_a_tag_of_the_labels_says_so():
    labels = pa.table({"movie_id": ["a"], "tag": ["unheard of"]})
    with pytest.raises(ModelUnusable, match="unheard of"):
        MODEL.targets(labels, tagged(9).features, TAGS)


def test_shots_without_enough_entropy_get_no_tag(artefact: Artefact):
    features = tagged(9).features
    features["kept"][:] = False
    assert not MODEL.predict(artefact, features)["probability"].any()


def test_tags_that_are_on_all_shots_teach_nothing(tmp_path: Path):
    example = tagged(0)
    example.targets["tags"][:] = 1
    with pytest.raises(CannotTrain, match="label other films"):
        MODEL.train([example], [], TAGS, Training(tmp_path))


def test_the_baseline_says_every_tag_that_occurs_of_every_shot():
    example = tagged(0)
    example.targets["tags"][:] = [0, 1, 0]
    example.targets["tags"][0] = [1, 0, 0]
    guess = MODEL.baseline([example], TAGS)(shots(2))["probability"]
    assert (guess >= 0.5).tolist() == [[True, True, False]] * 2


def test_no_constant_has_more_macro_f1_than_the_baseline():
    films, rng = [tagged(number) for number in range(4)], np.random.default_rng(0)

    def macro_f1(row: np.ndarray) -> float:
        said = [{"probability": np.tile(row, (len(film), 1))} for film in films]
        scores = [MODEL.score_film(f.features, f.targets, s, TAGS) for f, s in zip(films, said, strict=True)]
        return MODEL.summarise(scores)["macro_f1"]

    best = macro_f1(MODEL.baseline(films, TAGS)(films[0].features)["probability"][0])
    assert all(macro_f1(rng.integers(0, 2, 3)) <= best for _ in range(8))


def test_figures_show_each_tag_and_how_tags_go_together():
    example = tagged(0)
    said = {"probability": example.targets["tags"]}
    names = set(MODEL.figures([example], [said], TAGS))
    assert names == {"f1_per_tag", "correlation_labelled", "correlation_predicted"}


def test_labels_are_held_to_the_vocabulary():
    assert MODEL.vocabularies(TAGS) == {"tag": VOCABULARY}


def test_a_threshold_is_where_the_tag_is_told_best():
    probabilities = np.array([[0.1], [0.2], [0.25], [0.3], [0.32], [0.35]])
    here = np.array([[0], [0], [1], [1], [1], [1]])
    assert 0.15 < best_thresholds(here, probabilities)[0] < 0.3


def test_a_rare_tag_keeps_one_half():
    assert best_thresholds(np.array([[1], [0]]), np.array([[0.1], [0.0]])).tolist() == [0.5]


def test_shifting_makes_the_threshold_one_half_and_keeps_the_order():
    found = shifted(np.array([[0.0], [0.2], [0.6], [1.0]]), np.array([0.2]))[:, 0]
    assert found[1] == pytest.approx(0.5) and (np.diff(found) > 0).all()


def test_context_comes_from_shots_that_look_alike_and_are_near():
    weights = alike(np.array([[0.0], [5.0], [0.0], [0.0]]), reach=2)
    assert weights[0].tolist() == pytest.approx([0.5, 0, 0.5, 0], abs=1e-6)


def test_early_stopping_and_thresholds_come_from_films_left_out(tmp_path: Path):
    config = TAGS.model_copy(update={"calibration_folds": 2, "epochs": 15, "patience": 5})
    found = MODEL.train([tagged(n, config) for n in range(4)], [tagged(4, config)], config, Training(tmp_path))
    assert found.facts["epochs"] <= 15
    assert set(found.facts["thresholds"]) == set(VOCABULARY)


def test_known_steps_alone_are_learned_from(tmp_path: Path):
    clean, spoilt = tagged(0), tagged(0)
    spoilt.targets["known"][10:] = clean.targets["known"][10:] = False
    spoilt = replace(spoilt, targets={**spoilt.targets, "tags": spoilt.targets["tags"].copy()})
    spoilt.targets["tags"][10:] = 1
    one, other = (MODEL.train([e], [], TAGS, Training(tmp_path / str(i))) for i, e in enumerate((clean, spoilt)))
    assert all(
        np.array_equal(a, b) for a, b in zip(one.network.get_weights(), other.network.get_weights(), strict=True)
    )
