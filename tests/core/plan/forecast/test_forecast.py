"""What a forecast says of a run: its length for many films, what bounds it, what would help."""

from __future__ import annotations

import numpy as np
import pytest

from cinelake.plan.forecast import bounds as forecast
from cinelake.plan.forecast.bounds import FilmMix, Forecast, run_of
from cinelake.plan.forecast.cluster import ClusterSettings
from cinelake.plan.forecast.simulation import Stage, simulate

VARIED = [[Stage(1, 0, 5.3), Stage(0, 0.5, 1.1)], [Stage(1, 0, 15.7), Stage(0, 0.5, 3.2)], [Stage(1, 0, 10.9)]]
FOUR_NODES = ClusterSettings(nodes=4, cpus=8, gpus=1, engine="ray", driver_ms=0)


def films(count: int, *costs: list[Stage], seed: int = 0) -> FilmMix:
    return FilmMix([costs or VARIED], np.zeros(count, np.int32), seed)


def test_a_sample_continued_at_its_own_rate_tells_what_all_films_one_by_one_tell(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster, many = FOUR_NODES.cluster(), films(12_000)
    exact = simulate(cluster, many.first(12_000))
    monkeypatch.setattr(forecast, "SAMPLED_FILMS", 2_000)
    continued = run_of(cluster, many)
    assert continued.wall_s == pytest.approx(exact.wall_s, rel=0.03)
    assert continued.busy() == pytest.approx(exact.busy(), abs=0.03)


def test_the_same_seed_draws_the_same_run_and_another_another() -> None:
    walls = [Forecast(FOUR_NODES, films(500, seed=seed)).run.wall_s for seed in (7, 7, 8)]
    assert walls[0] == walls[1] != walls[2]


@pytest.mark.parametrize(
    ("settings", "stages", "bound"),
    [
        (ClusterSettings(cpus=2, engine="ray", driver_ms=0), [Stage(1, 0, 10.0)], "cpus"),
        (ClusterSettings(cpus=40, gpus=1, engine="ray", driver_ms=0), [Stage(1, 0, 1.0), Stage(0, 1, 1.0)], "gpus"),
        (ClusterSettings(cpus=40, engine="ray", driver_ms=500), [Stage(1, 0, 10.0)], "driver"),
        (ClusterSettings(cpus=40, engine="ray", driver_ms=0, store_gbit=8), [Stage(1, 0, 1.0, 10**9)], "store"),
        (ClusterSettings(cpus=40, engine="ray", driver_ms=0, window=5), [Stage(1, 0, 10.0)], "window"),
    ],
)
def test_what_bounds_a_run_is_what_would_shorten_it(settings: ClusterSettings, stages: list[Stage], bound: str) -> None:
    found = Forecast(settings, films(400, stages))
    assert found.bound_by == bound
    assert found.changes[0].wall_s == pytest.approx(found.run.wall_s / 2, rel=0.1)


def test_a_cluster_larger_than_its_films_is_bound_by_nothing() -> None:
    assert Forecast(FOUR_NODES, films(3, [Stage(1, 0, 10.0)])).bound_by is None


def test_twice_the_decoders_are_proposed_where_there_are_decoders() -> None:
    settings = ClusterSettings(cpus=0, gpus=1, decoders=(2, 4), engine="ray", driver_ms=0)
    change = Forecast(settings, films(80, [Stage(1, 0, 10.0)])).changes[0]
    assert (change.words, change.wall_s) == ("twice the decoders", pytest.approx(50))


def test_every_pool_is_paid_for_the_whole_run() -> None:
    settings = ClusterSettings(nodes=2, cpus=0, decoders=(3, 1), price=2, decoder_price=0.5, engine="ray", driver_ms=0)
    found = Forecast(settings, films(3, [Stage(1, 0, 3600.0)]))
    assert found.node_hours() == pytest.approx({"nodes": 2, "decoders": 3})
    assert found.cost() == pytest.approx({"nodes": 4, "decoders": 1.5})
