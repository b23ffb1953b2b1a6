"""A simulated run, on cases worked by hand."""

from __future__ import annotations

import pytest

from cinelake.plan.forecast.simulation import NodePool, SimulatedCluster, Stage, simulate

DECODING, WITH_GPU = Stage(1, 0, 10.0), Stage(0, 1, 4.0)


def cluster(*pools: NodePool, window: int = 1000, driver_s: float = 0.0, link: float = 1e9) -> SimulatedCluster:
    return SimulatedCluster(pools or (NodePool(1, 1),), window, driver_s, link)


def seconds(of: SimulatedCluster, count: int, *stages: Stage) -> float:
    return simulate(of, [stages] * count).wall_s


def test_one_film_takes_the_driver_its_transfer_and_its_work() -> None:
    film = Stage(1, 0, 10.0, moved_bytes=3e9)
    assert seconds(cluster(driver_s=0.5), 1, film) == pytest.approx(0.5 + 3 + 10)


@pytest.mark.parametrize(("count", "rounds"), [(1, 1), (6, 1), (7, 2), (12, 2), (13, 3)])
def test_like_films_run_in_rounds_of_as_many_as_there_are_processors(count: int, rounds: int) -> None:
    assert seconds(cluster(NodePool(2, 3)), count, DECODING) == pytest.approx(10 * rounds)


def test_a_leg_never_spans_nodes() -> None:
    """Two nodes of three processors run two stages that want two each, not three."""
    assert seconds(cluster(NodePool(2, 3)), 3, Stage(2, 0, 10.0)) == pytest.approx(20)


def test_quarters_of_a_gpu_share_it() -> None:
    assert seconds(cluster(NodePool(1, 1, 1)), 5, Stage(0, 0.25, 10.0)) == pytest.approx(20)


def test_the_driver_hands_out_one_film_after_another() -> None:
    """100 films a second apart, on more processors than films: the last one starts after 100 s."""
    run = simulate(cluster(NodePool(1, 200), driver_s=1.0), [[DECODING]] * 100)
    assert run.wall_s == pytest.approx(110) and run.busy()["driver"] == pytest.approx(100 / 110)


def test_one_gpu_bounds_many_decoders() -> None:
    """The first film is decoded in 10 s; then the GPU has its 4 s of each of the ten without a pause."""
    run = simulate(cluster(NodePool(1, 20, 1)), [[DECODING, WITH_GPU]] * 10)
    assert run.wall_s == pytest.approx(10 + 10 * 4) and run.busy()["gpus"] == pytest.approx(40 / 50)


def test_a_gpu_works_on_one_film_while_the_next_is_decoded() -> None:
    """Decoding bounds: three films one after another, then the last one's four seconds."""
    assert seconds(cluster(NodePool(1, 1, 1)), 3, DECODING, WITH_GPU) == pytest.approx(3 * 10 + 4)


@pytest.mark.parametrize(("window", "wall_s"), [(1, 6 * 14), (2, 46), (100, 10 + 6 * 4)])
def test_no_more_films_are_in_flight_than_the_window_holds(window: int, wall_s: float) -> None:
    """Two in flight: two are done at 18 s, the two decoded from 14 and 18 on at 32, the last two at 46."""
    assert seconds(cluster(NodePool(1, 20, 1), window=window), 6, DECODING, WITH_GPU) == pytest.approx(wall_s)


def test_films_that_come_over_one_link_wait_for_each_other_and_keep_their_processors() -> None:
    """Ten seconds of transfer each, one second of work, two processors: the link is never idle."""
    run = simulate(cluster(NodePool(1, 2), link=1.0), [[Stage(1, 0, 1.0, moved_bytes=10)]] * 5)
    assert run.wall_s == pytest.approx(5 * 10 + 1) and run.busy()["store"] == pytest.approx(50 / 51)
