"""Keys: what a cell's identity is made of, what it is not, and how a difference is told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cinelake.plan.keys import Recipe, first_difference, key_params
from cinelake.spec.task import ManifestPath, Params
from cinelake.storage.content import digest

PARAMS = {"fps": 1.0, "sizes": [1, 2], "detector": {"file": "a", "threshold": 0.5}}
RECIPE = Recipe("frames", version=1, revision=1, params=PARAMS, model={"name": "scenes", "version": 3})
INPUTS = {"shots": "meaning of shots"}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def identity(recipe: Recipe = RECIPE, fingerprint: str = "f", inputs: dict[str, str] = INPUTS) -> tuple[str, str]:
    content_hash = recipe.content_hash(fingerprint, inputs)
    return content_hash, recipe.key(content_hash)


OTHERS = {
    "task": identity(replace(RECIPE, task="stills")),
    "version": identity(replace(RECIPE, version=2)),
    "parameter": identity(replace(RECIPE, params={**PARAMS, "fps": 2.0})),
    "model": identity(replace(RECIPE, model={"name": "scenes", "version": 4})),
    "film": identity(fingerprint="g"),
    "input's meaning": identity(inputs={"shots": "another"}),
    "input's name": identity(inputs={"scenes": "meaning of shots"}),
    "number of inputs": identity(inputs={}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_change_of_any_ingredient_changes_the_key_and_what_descendants_take(what: str) -> None:
    assert OTHERS[what][0] != identity()[0]
    assert OTHERS[what][1] != identity()[1]


def test_no_two_of_these_cells_are_taken_for_each_other() -> None:
    assert len(set(OTHERS.values()) | {identity()}) == len(OTHERS) + 1


def test_a_revision_changes_the_key_but_not_what_descendants_take() -> None:
    meaning, key = identity(replace(RECIPE, revision=2))
    assert meaning == identity()[0]
    assert key != identity()[1]


def test_the_order_in_which_inputs_are_named_is_no_difference() -> None:
    assert identity(inputs={"a": "1", "b": "2"}) == identity(inputs={"b": "2", "a": "1"})


def test_keys_are_the_same_in_every_release_or_every_lake_is_made_anew() -> None:
    assert identity() == ("606afce417f04dee3e70a8c38b88fa89", "d7cfe7f62448d15415b2a9a7b64c3154")


@given(json_values, json_values)
def test_digests_are_equal_just_where_the_data_are(one: Any, other: Any) -> None:
    assert (digest(one) == digest(other)) == (_sorted(one) == _sorted(other))


def _sorted(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{_sorted(value[key])}" for key in sorted(value)) + "}"
    return "[" + ",".join(map(_sorted, value)) + "]" if isinstance(value, list) else repr(value)


class Network(Params):
    """A network in a file."""

    file: ManifestPath
    """Where it is."""
    layer: str = "last"
    """Which layer."""


class FacesParams(Params):
    """Parameters of a test task."""

    network: Network
    """Which network."""
    weights: ManifestPath | None = None
    """A file of weights."""
    threshold: float = 0.5
    """From which score on."""


def test_where_files_lie_is_not_in_the_key_but_what_is_in_them() -> None:
    here = FacesParams(network=Network(file=Path("/here/n.onnx")), weights=Path("/here/w"))
    moved = FacesParams(network=Network(file=Path("/there/m.onnx")), weights=Path("/there/w"))
    added = {"weights_digest": "abc"}
    assert key_params(here, added) == key_params(moved, added)
    assert key_params(here, added) == {"network": {"layer": "last"}, "threshold": 0.5, "weights_digest": "abc"}


class Ensemble(Params):
    """Parameters that hold networks in a list and in a mapping."""

    networks: list[Network]
    """All of them."""
    by_name: dict[str, Network]
    """The same by name."""


def test_paths_within_lists_and_mappings_are_not_in_the_key_either() -> None:
    network = Network(file=Path("/here/n.onnx"))
    params = key_params(Ensemble(networks=[network], by_name={"one": network}), {})
    assert params == {"networks": [{"layer": "last"}], "by_name": {"one": {"layer": "last"}}}


DIFFERENCES = [
    ({"fingerprint": "g"}, "film changed"),
    ({"fingerprint": "f-clock2"}, "the film's time zero is that of its earliest stream"),
    ({"version": 2}, "task version 1→2"),
    ({"params": {**PARAMS, "fps": 2.0}}, "parameter fps 1.0→2.0"),
    (
        {"params": {key: PARAMS[key] for key in ("fps", "sizes")}},
        'parameter detector {"file": "a", "threshold": 0.5}→unset',
    ),
    ({"model": {"name": "scenes", "version": 4}}, "model scenes 3→4"),
    ({"inputs": {"shots": "another"}}, "upstream shots"),
    ({"revision": 2}, "task revision 1→2"),
    ({"task": "stills"}, "task frames→stills"),
    ({"version": 2, "fingerprint": "g", "revision": 2}, "film changed"),
]


@pytest.mark.parametrize(("change", "reason"), DIFFERENCES)
def test_the_reason_names_the_one_thing_that_differs_first(change: dict[str, Any], reason: str) -> None:
    old = RECIPE.ingredients("f", INPUTS)
    assert first_difference("frames", old, {**old, **change}) == reason


def test_a_long_parameter_is_shortened_in_the_reason() -> None:
    old = RECIPE.ingredients("f", INPUTS)
    reason = first_difference("frames", old, {**old, "params": {**PARAMS, "fps": "x" * 1000}})
    assert len(reason) < 100
