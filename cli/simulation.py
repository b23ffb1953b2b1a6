"""`cinelake plan --simulate`: the forecast of a run on a described cluster, in words and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cinelake.plan.build import Planning
from cli.screen import duration, out, table

if TYPE_CHECKING:
    from cinelake.plan.forecast.bounds import FilmMix
    from cinelake.plan.forecast.from_plan import Forecasted

PART_WORDS = {
    "cpus": "processors",
    "gpus": "GPUs",
    "driver": "the driver",
    "store": "the links to the store",
    "window": "the window of films in flight",
}

FULL = 0.9
"""A resource that is busy for at least this share of the run is saturated."""


@dataclass(frozen=True)
class Simulation:
    """What is to be simulated: a described cluster, and how many films; None: the plan's stale cells."""

    cluster: str
    films: int | None = None

    def forecast(self, planning: Planning) -> Forecasted:
        """The forecast of the plan's run. Raises `UsageError`, `NotMeasured`, `EngineUnavailable`."""
        from cinelake.plan.forecast.cluster import parse_settings
        from cinelake.plan.forecast.from_plan import forecast_of

        return forecast_of(planning, parse_settings(self.cluster), self.films)


def simulation_json(forecasted: Forecasted) -> dict[str, Any]:
    """A forecast as plain data."""
    forecast = forecasted.forecast
    return {
        "films": len(forecast.films),
        "wall_s": forecast.run.wall_s,
        "first_end_s": forecast.run.first_end_s,
        "simulated_films": forecast.simulated,
        "settings": forecast.settings.model_dump(),
        "window": forecast.cluster.window,
        "node_hours": forecast.node_hours(),
        "cost": forecast.cost(),
        "busy": forecast.run.busy(),
        "bound_by": forecast.bound_by,
        "changes": [{"part": c.part, "change": c.words, "wall_s": c.wall_s} for c in forecast.changes],
        "film": _mean_film(forecast.films),
        "measured_films": len(forecasted.measured),
        "tables": list(forecasted.tables),
        "assumed": list(forecasted.assumed),
    }


def print_simulation(forecasted: Forecasted) -> None:
    """Print a forecast for people."""
    forecast = forecasted.forecast
    out.print()
    rows = [
        ["films", f"{len(forecast.films):,}, each as one of {len(forecasted.measured)} measured, drawn by seed"],
        ["tables", ", ".join(forecasted.tables)],
        ["each film", _film_words(forecast.films)],
        ["cluster", _cluster_words(forecasted)],
        ["takes", _takes(forecasted)],
        ["node-hours", _amounts(forecast.node_hours())],
        *([["cost", _amounts(forecast.cost())]] if forecast.cost() else []),
        ["busy", ", ".join(f"{PART_WORDS[part]} {share:.0%}" for part, share in forecast.run.busy().items())],
        ["bound by", _bound_words(forecasted)],
        *(["", f"{change.words}: {duration(change.wall_s)}"] for change in forecast.changes),
    ]
    table(["simulated", ""], rows)
    out.print("taken for granted, not measured:")
    for sentence in forecasted.assumed:
        out.print(f"  {sentence}", markup=False)


def _cluster_words(forecasted: Forecasted) -> str:
    settings = forecasted.forecast.settings
    words = f"{settings.nodes:,} nodes of {settings.cpus} cpus and {settings.gpus} gpus"
    if settings.decoders:
        words += f", {settings.decoders[0]:,} decoders of {settings.decoders[1]} cpus"
    return f"{words}; {settings.engine}, {forecasted.forecast.cluster.window:,} films in flight at most"


def _mean_film(films: FilmMix) -> dict[str, float]:
    return {
        "cpu_s": films.mean(lambda stage: 0.0 if stage.gpus else stage.seconds),
        "gpu_s": films.mean(lambda stage: stage.seconds if stage.gpus else 0.0),
        "moved_bytes": films.mean(lambda stage: stage.moved_bytes),
    }


def _film_words(films: FilmMix) -> str:
    mean = _mean_film(films)
    with_gpu = f"{duration(mean['gpu_s'])} with a GPU, " if mean["gpu_s"] else ""
    moved = f"{mean['moved_bytes'] / 1e6:,.1f} MB read and written"
    return f"{duration(mean['cpu_s'])} on processors, {with_gpu}{moved}, in the mean"


def _takes(forecasted: Forecasted) -> str:
    forecast = forecasted.forecast
    takes = duration(forecast.run.wall_s)
    if forecast.simulated < len(forecast.films):
        return f"{takes}; {forecast.simulated:,} films simulated one by one, the others at the same rate"
    return f"{takes}; every film simulated"


def _amounts(by_pool: dict[str, float]) -> str:
    return ", ".join(f"{pool} {amount:,.1f}" for pool, amount in by_pool.items())


def _bound_words(forecasted: Forecasted) -> str:
    forecast = forecasted.forecast
    if forecast.bound_by is not None:
        return PART_WORDS[forecast.bound_by]
    full = [PART_WORDS[part] for part, share in forecast.run.busy().items() if share >= FULL]
    if len(full) > 1:
        return f"{' and '.join(full)} alike: more of one of them alone helps little"
    return "nothing of which there could be more: there are too few films to fill the cluster"
