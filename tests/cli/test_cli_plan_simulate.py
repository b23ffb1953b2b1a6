"""`plan --estimate --simulate`: a run on a described cluster, from what the lake's films cost."""

import pytest
from end_to_end._command import answer_of, cinelake
from end_to_end._lakes import TABLES, change


def simulated(project, cluster, *words):
    found = answer_of("plan", "-m", project / "pipeline.yaml", "--simulate", cluster, *words)
    return found["simulation"]


def test_many_films_are_drawn_from_those_measured_and_the_same_seed_draws_the_same(made):
    walls = [simulated(made, f"cpus=2,seed={seed}", "--films", "101")["wall_s"] for seed in (1, 1, 2)]
    assert walls[0] == walls[1] != walls[2]


def test_every_table_is_made_of_each_film_though_all_are_fresh(made):
    found = simulated(made, "nodes=2,cpus=4,price=3", "--films", "500")
    assert (found["films"], set(found["tables"]), found["measured_films"]) == (500, set(TABLES), 2)
    assert found["cost"]["nodes"] == pytest.approx(3 * 2 * found["wall_s"] / 3600)


def test_stale_cells_alone_are_simulated_where_no_number_is_named(project):
    change(project, "fps: 1", "fps: 2")
    found = simulated(project, "cpus=1,driver_ms=0")
    assert (found["films"], set(found["tables"])) == (2, {"frames", "faces", "embeddings"})


def test_a_gpu_is_taken_to_be_as_fast_as_it_is_said_to_be(project):
    change(project, "{backbone: descriptor}", "{backbone: descriptor, resources: {gpus: 1}}")
    slow, fast = (simulated(project, f"gpus=1,gpu_speedup={times}", "--films", "9") for times in (1, 10))
    assert slow["film"]["gpu_s"] == pytest.approx(10 * fast["film"]["gpu_s"])
    assert any("embeddings: measured on a processor" in sentence for sentence in fast["assumed"])


def test_films_may_be_like_one_film(made):
    film = sorted(path.stem for path in (made / "lake" / "films").iterdir())[0]
    assert simulated(made, "cpus=2", "--films", "50", "--movie", film)["measured_films"] == 1


def test_films_are_scaled_to_a_length(made):
    one, two = (simulated(made, f"film_minutes={m}", "--films", "9")["film"] for m in (10, 20))
    assert two == pytest.approx({name: 2 * value for name, value in one.items()})


def test_people_read_what_bounds_the_run_and_what_is_taken_for_granted(made):
    words = ("--estimate", "--simulate", "nodes=4,cpus=8,driver_ms=5000", "--films", "400")
    said = cinelake("plan", "-m", made / "pipeline.yaml", *words).stdout
    assert "the driver" in said.split("bound by")[1].splitlines()[0]
    assert "a driver twice as fast" in said and "taken for granted, not measured" in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--simulate", "nods=4"), "unknown setting 'nods': did you mean 'nodes'?"),
        (("--simulate", "nodes=4"), "nothing is stale, so there is no run to simulate"),
        (("--films", "4"), "--films is of a simulation: it wants --simulate"),
        (("--simulate", "cpus=0,decoders=1x0", "--films", "4"), "decoders: expected NODESxCPUS"),
        (("--simulate", "cpus=0,gpus=1", "--films", "4"), "asks for 1 cpus, and no node of the cluster has that"),
    ],
)
def test_what_cannot_be_simulated_is_refused_with_the_reason(made, words, said):
    done = cinelake("plan", "-m", made / "pipeline.yaml", *words)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr


def test_a_lake_without_recorded_costs_names_the_tables(drawn):
    done = cinelake("plan", "-m", drawn / "pipeline.yaml", "--simulate", "nodes=2")
    assert done.returncode == 2 and "no run has recorded a cost yet of: films, shots" in done.stderr


def test_a_catalogue_without_films_has_nothing_to_simulate(project):
    for film in (project / "films").iterdir():
        film.unlink()
    done = cinelake("plan", "-m", project / "pipeline.yaml", "--simulate", "nodes=2", "--films", "5")
    assert done.returncode == 2 and "no selected table can be made" in done.stderr
