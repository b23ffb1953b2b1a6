"""Data that nothing can be learned from is known before any time is spent."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from core._toy_model import MODEL
from core.learning._taught import Project

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.lake.artefact import read_artefact
from cinelake.learning.candidate import check_labels
from cinelake.learning.dataset import Dataset, gather
from cinelake.learning.evaluation import evaluate_version
from cinelake.spec.arrays import Arrays


def gathered(project: Project, **changes: Any) -> Dataset:
    """The toy's data, with some of its functions in place of its own."""
    manifest = project.load()
    return gather(manifest, replace(manifest.model("loud"), spec=replace(MODEL, **changes)))


def with_nan(tables: Any, config: Any) -> Arrays:
    """Features of which one is no number."""
    found = MODEL.features(tables, config)
    found["level"][1] = np.nan
    return found


def sizes_differ(tables: Any, config: Any) -> Arrays:
    """Features of another size in every film."""
    found = MODEL.features(tables, config)
    return {**found, "place": np.zeros((len(found["time_s"]), int((found["level"] > -20).sum()) + 1))}


def test_features_that_are_no_numbers_are_said_with_film_and_name(labelled):
    with pytest.raises(CannotTrain, match=r"level of film_00 holds NaN or infinite values in 1 steps"):
        gathered(labelled, features=with_nan)


def test_vectors_of_different_sizes_come_from_different_backbones(labelled):
    with pytest.raises(CannotTrain, match="they come from different backbones"):
        gathered(labelled, features=sizes_differ)


def test_a_single_class_teaches_nothing(labelled):
    manifest = labelled.load()
    one_class = replace(MODEL, labels=replace(MODEL.labels, class_column="word"))
    with pytest.raises(CannotTrain, match="two classes are needed"):
        check_labels(replace(manifest.model("loud"), spec=one_class), gathered(labelled))


def test_a_model_that_needs_no_classes_learns_from_films_without_labels(labelled):
    manifest = labelled.load()
    loud = manifest.model("loud")
    alone = replace(loud, spec=replace(MODEL, least_classes=0), labels="never_imported")
    assert len(gather(manifest, alone).examples) == 12


def test_labels_that_the_manifest_names_must_be_there(labelled):
    manifest = labelled.load()
    loud = manifest.model("loud")
    settings = loud.settings.model_copy(update={"labels": "misspelt"})
    alone = replace(loud, spec=replace(MODEL, least_classes=0), labels="misspelt", settings=settings)
    with pytest.raises(CannotTrain, match="there are no labels 'misspelt'"):
        gather(manifest, alone)


def test_labels_of_films_that_left_the_catalogue_are_left_out_with_the_reason(labelled):
    (labelled.folder / "films" / "film_03.mkv").unlink()
    assert gathered(labelled).left_out == {"film_03": "it is not in the catalogue"}


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    (tmp_path / "model.json").write_text('{"kind": "loud"}')
    with pytest.raises(ModelUnusable, match="is no trained model of Cinelake"):
        read_artefact(tmp_path)


@pytest.mark.parametrize("kind", ["<f8", "|O"])
def test_a_model_whose_arrays_are_larger_than_memory_or_objects_is_refused(tmp_path, kind):
    (tmp_path / "model.json").write_text('{"kind": "loud"}')
    said = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': (999999999999,), }}".encode()
    with zipfile.ZipFile(tmp_path / "arrays.npz", "w") as archive:
        archive.writestr("weights.npy", b"\x93NUMPY\x01\x00v\x00" + said.ljust(117) + b"\n")
    with pytest.raises(ModelUnusable, match="is no trained model of Cinelake, or is damaged"):
        read_artefact(tmp_path)


def test_a_version_that_is_scored_on_films_that_it_learned_from_says_so(labelled):
    films = labelled.train().films
    labelled.write(f"{{loud: {{held_out: [{films['train'][0]}, {films['test'][0]}]}}}}")
    found = evaluate_version(labelled.load(), "loud")
    assert found.in_sample and "loud 1 has learned from 1 of the 2 films that it is scored on" in found.warning


def test_a_version_that_is_scored_on_films_that_were_held_out_is_not_in_sample(labelled):
    labelled.train()
    found = evaluate_version(labelled.load(), "loud")
    assert (found.in_sample, found.warning) == (False, "")


def test_parts_of_films_that_a_version_learned_whole_are_in_sample(labelled):
    films = labelled.train().films
    labelled.label([*films["train"][:5], films["test"][0]], into="few")
    labelled.write("{loud: {labels: few}}")
    found = evaluate_version(labelled.load(), "loud")
    assert found.in_sample and "5 of the 6 films" in found.warning
    assert not found.interval.is_known and not found.gain.is_known


def test_a_version_is_scored_on_another_label_set_without_the_films_it_has_seen(labelled):
    seen = labelled.train().films["train"][0]
    new = labelled.add_films(2, start=12)
    labelled.run()
    labelled.label([seen, *new], into="checked")
    found = evaluate_version(labelled.load(), "loud", "champion", "checked")
    assert sorted(found.by_film) == new and "has learned from it" in found.left_out[seen]


def test_simple_predictors_never_learn_from_the_films_of_another_set_that_they_are_scored_on(labelled, monkeypatch):
    seen, taught = labelled.train().films["train"][0], []
    new = labelled.add_films(1, start=12)
    labelled.run()
    labelled.label([seen, *new], into="checked")
    labelled.label(new, into="unseen")

    def by_heart(examples: Any, config: Any) -> Any:
        taught.append([example.movie_id for example in examples])
        return MODEL.baseline(examples, config)

    manifest = labelled.load()
    entry = replace(manifest.model("loud"), spec=replace(MODEL, simple={"by heart": by_heart}))
    monkeypatch.setattr(type(manifest), "model", lambda *_: entry)
    assert "by heart" in evaluate_version(manifest, "loud", "champion", "checked").simple and taught == [[seen]]
    alone = evaluate_version(manifest, "loud", "champion", "unseen")
    assert not alone.simple and "the model stands alone" in alone.warning
