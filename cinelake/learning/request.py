"""What a training is to do, what it needs before any time is spent, and what it comes to."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.events import FilmGathered, OnEvent
from cinelake.lake.cells import Lake
from cinelake.lake.champions import open_applied, read_champion_record
from cinelake.learning.candidate import Prepared, held_out_known_to, prepare
from cinelake.learning.gate import Interval
from cinelake.manifest.document import Manifest
from cinelake.spec.artefact import Artefact
from cinelake.spec.model import Scores
from cinelake.spec.task import Params, Resources


@dataclass(frozen=True)
class TrainingRequest:
    """What a training is to do.

    all_films: the held-out films are learned from too: scores on them are in-sample, only a person can promote it.
    from_scratch: what an earlier attempt left is thrown away. config: in place of the manifest's (a tuning's best).
    from_champion: the present champion is brought up to date with the labels of today, instead of learning anew.
    """

    manifest: Manifest
    model: str
    seed: int | None = None
    all_films: bool = False
    from_scratch: bool = False
    config: Params | None = None
    parent_run: str | None = None
    from_champion: bool = False

    @property
    def needs(self) -> dict[str, Resources]:
        """What an engine must be able to carry, by name."""
        return {f"model {self.model}": self.manifest.model(self.model).resources}


@dataclass
class TrainingSummary:
    """The result of a training. `moved`: the champion is this version now; `why`: what the gate says.

    simple: name → scores of a strong simple predictor.
    intervals: of the score, of the gain over the baseline and over the champion. in_sample: the version has learned
    from the films that it is scored on. learners: those that were compared, a row each.
    """

    model: str
    version: int = 0
    run_id: str = ""
    metric: str = ""
    scores: Scores = field(default_factory=dict)
    baseline: Scores = field(default_factory=dict)
    simple: dict[str, Scores] = field(default_factory=dict)
    champion: Scores | None = None
    champion_version: int | None = None
    intervals: dict[str, Interval | None] = field(default_factory=dict)
    in_sample: bool = False
    learners: list[dict[str, Any]] = field(default_factory=list)
    moved: bool = False
    why: str = ""
    warning: str = ""
    films: dict[str, list[str]] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    wall_s: float = 0.0
    interrupted: bool = False

    def to_json(self) -> dict[str, Any]:
        """The summary for machines."""
        intervals = {name: bounds and bounds.to_json() for name, bounds in self.intervals.items()}
        return {**asdict(self), "intervals": intervals}


def prepare_request(request: TrainingRequest, on_event: OnEvent) -> Prepared:
    """A request's data, gathered and split. Raises `CannotTrain` before any time is spent."""
    entry = request.manifest.model(request.model)
    if request.config is not None:
        entry = replace(entry, config=request.config)
    return prepare(
        request.manifest,
        entry,
        all_films=request.all_films,
        on_film=lambda done, films, movie_id: on_event(FilmGathered(done, films, movie_id)),
    )


def epochs_of(config: Any) -> int | None:
    """How many epochs a training has at most, where its configuration says so."""
    return getattr(config, "planned_epochs", None) or getattr(config, "epochs", None)


def present_champion(lake: Lake, name: str) -> Artefact | None:
    """Today's champion, where its files can be read."""
    applied = read_champion_record(lake, name).find("champion")
    try:
        return open_applied(lake, applied) if applied else None
    except ModelUnusable:
        return None


def check_start(prepared: Prepared, champion: Artefact | None) -> Artefact:
    """The champion to continue from. Raises `CannotTrain` when it is missing or does not fit today's data."""
    name, spec = prepared.entry.name, prepared.entry.spec
    if not spec.continues:
        raise CannotTrain(f"{name}: a model of kind {spec.name} learns anew each time: leave out --from-champion")
    if champion is None:
        raise CannotTrain(f"{name} has no champion to go on from: `cinelake train {name}` makes the first")
    if champion.code != spec.version or any(champion.inputs.get(t) != i for t, i in prepared.dataset.inputs.items()):
        raise CannotTrain(
            f"the champion of {name} was trained by other code or on other versions of its tables: `cinelake train "
            f"{name}` learns anew"
        )
    if leaked := held_out_known_to(champion, prepared.split):
        raise CannotTrain(
            f"the champion of {name} has learned from {len(leaked)} of today's held-out films ({leaked[0]} first), "
            f"which would flatter it: `cinelake train {name}` learns anew"
        )
    return champion
