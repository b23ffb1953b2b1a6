"""The words that describe a cluster."""

from __future__ import annotations

import pytest

from cinelake.errors import UsageError
from cinelake.plan.forecast.cluster import DRIVER_MS, ClusterSettings, parse_settings
from cinelake.plan.forecast.simulation import NodePool


def test_words_become_pools_a_link_and_a_driver() -> None:
    settings = parse_settings("nodes=64, cpus=16,gpus=1,decoders=128x32,store_gbit=10,driver_ms=20,engine=ray")
    cluster = settings.known("local", None).cluster()
    assert cluster.pools == (NodePool(64, 16, 1), NodePool(128, 32))
    assert (cluster.window, cluster.driver_s, cluster.link_bytes_per_s) == (2 * (1024 + 64 + 4096), 0.02, 1.25e9)


def test_what_is_left_out_is_the_manifests() -> None:
    known = parse_settings("nodes=2").known("dask", 7)
    assert (known.engine, known.window, known.driver_ms) == ("dask", 7, DRIVER_MS["dask"])


def test_several_nodes_are_no_work_for_the_local_engine() -> None:
    kinds = [parse_settings(words).known("local", None).engine for words in ("cpus=4", "nodes=2", "decoders=1x8")]
    assert kinds == ["local", "ray", "ray"]


def test_an_engine_that_was_never_measured_counts_as_the_slowest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(DRIVER_MS, "local")
    assert parse_settings("cpus=4").known("local", None).driver_ms == max(DRIVER_MS.values())


def test_films_wait_for_every_place_on_a_gpu() -> None:
    assert parse_settings("cpus=2,gpus=1").cluster(gpu_share=0.25).window == 2 * (2 + 4)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nods=4", "unknown setting 'nods': did you mean 'nodes'?"),
        ("nodes=0", "nodes: input should be greater than 0. Received: 0"),
        ("nodes=many", "Received: many"),
        ("decoders=32", "decoders: expected NODESxCPUS, as in 128x32. Received: 32"),
        ("decoders=0x8", "decoders: expected NODESxCPUS"),
        ("gpu_speedup=nan", "gpu_speedup: input should be a finite number"),
        ("nodes", "nodes has no value"),
        ("cpus=2,cpus=4", "cpus is given 2 times"),
        ("engine=spark", "Received: spark"),
    ],
)
def test_words_that_describe_nothing_are_refused(words: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings(words)
    assert said in str(refused.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError) as refused:
        parse_settings("nodes=-1,gpuz=3,price=-2")
    assert all(word in str(refused.value) for word in ("nodes:", "'gpuz'", "price:"))


def test_twice_of_each_part_changes_that_part_alone() -> None:
    settings = ClusterSettings(cpus=4, gpus=1, driver_ms=10, store_gbit=1)
    changed = {part: settings.twice(part, 10)[1] for part in ("cpus", "gpus", "driver", "store", "window")}
    assert (changed["cpus"].cpus, changed["gpus"].gpus, changed["driver"].driver_ms) == (8, 2, 5)
    assert (changed["store"].store_gbit, changed["window"].window) == (2, 20)
