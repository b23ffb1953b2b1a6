"""A film's step is cut where its cells change between processors and GPUs, and nowhere else."""

from __future__ import annotations

from _toy_tasks import HOOKS, Night, outcomes

from cinelake.errors import DamagedFilm
from cinelake.run.cells import StepReport
from cinelake.run.step import Step, run_stages, run_step, stages
from cinelake.spec.task import Resources

ON_GPU = "sums: {resources: {gpus: 0.5}}"


def cut(night: Night, *entries: str) -> list[list[str]]:
    (step,) = night.steps(*entries)
    return [[cell.table for cell in stage.cells] for stage in stages(step)]


def walked(night: Night, *entries: str) -> tuple[list[Step], StepReport]:
    (step,) = night.steps(*entries)
    placed: list[Step] = []

    def place(stage: Step) -> StepReport:
        placed.append(stage)
        return run_step(stage)

    return placed, run_stages(step, place)


def test_a_film_without_gpu_tasks_has_one_stage(night):
    assert cut(night, "cards", "clock", "sums", "totals") == [["cards", "clock", "sums", "totals"]]


def test_decoding_then_the_gpu_then_what_needs_it(night):
    assert cut(night, "cards", "clock", ON_GPU, "totals") == [["cards", "clock"], ["sums"], ["totals"]]


def test_two_tables_on_gpus_are_one_stage_where_nothing_lies_between(night):
    totals = "totals: {resources: {gpus: 1}}"
    assert cut(night, "cards", "clock", ON_GPU, totals) == [["cards", "clock"], ["sums", "totals"]]


def test_what_shares_the_one_decode_stays_together(night):
    assert cut(night, "cards: {resources: {gpus: 1}}", "clock", "sums") == [["cards", "clock"], ["sums"]]


def test_a_stage_on_a_gpu_keeps_no_processor_unless_it_asks_for_one(night):
    (step,) = night.steps("cards", "clock", ON_GPU, "totals")
    assert [(stage.resources.processors, stage.resources.gpus) for stage in stages(step)] == [(1, 0), (0, 0.5), (1, 0)]
    assert Resources(cpus=2, gpus=1).processors == 2


def test_all_stages_together_make_what_one_step_makes(night):
    placed, report = walked(night, "cards", "clock", ON_GPU, "totals")
    assert len(placed) == 3 and night.numbers("totals") == [50]
    assert outcomes(report) == dict.fromkeys(("cards", "clock", "sums", "totals"), "made")
    assert report.frames_decoded and report.film_s and report.wall_s


def test_what_one_stage_could_not_make_the_next_ones_skip(night):
    def damaged() -> None:
        raise DamagedFilm("no picture can be read")

    HOOKS["cards.finish"] = damaged
    _, report = walked(night, "cards", "clock", ON_GPU, "totals")
    assert outcomes(report) == {"cards": "damaged_film", "clock": "made", "sums": "skipped", "totals": "skipped"}
    assert "needs cards" in next(cell.message for cell in report.cells if cell.table == "sums")


def test_a_film_with_nothing_to_make_has_no_stage(night):
    night.run("cards")
    assert night.steps("cards") == []
