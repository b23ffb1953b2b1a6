"""A training from data to a judged version in the registry; the champion moves if the gate opens.

A training that was killed leaves its checkpoints in its folder; requested again with the same data, configuration and
seed it resumes from there, in the same MLflow run.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cinelake.errors import CannotTrain, ModelUnusable
from cinelake.events import (
    DataPrepared,
    EpochEnded,
    EvaluationBegan,
    LearnerCompared,
    OnEvent,
    TrainingBegan,
)
from cinelake.lake.artefact import with_facts
from cinelake.lake.cells import Lake
from cinelake.lake.champions import open_applied, read_champion_record, record_version
from cinelake.learning.candidate import (
    AUTO,
    Candidate,
    Prepared,
    answers_of,
    config_of,
    evaluate,
    score_champion,
    scored,
    split_unknown_to,
    train_artefact,
)
from cinelake.learning.card import model_card
from cinelake.learning.diagnosis import CURVE, ERRORS, diagnosis
from cinelake.learning.gate import Verdict, decide
from cinelake.learning.learners import LearnerChoice, as_markdown, choose_learner, learner_of
from cinelake.learning.learning_curve import learning_curve
from cinelake.learning.recorded import class_of, class_rows, datasets_of, label_words
from cinelake.learning.request import (
    TrainingRequest,
    TrainingSummary,
    check_start,
    epochs_of,
    present_champion,
)
from cinelake.spec.artefact import Artefact
from cinelake.spec.example import Example
from cinelake.spec.model import FilmScores, Scores
from cinelake.spec.task import Params
from cinelake.spec.training import Member, Training
from cinelake.storage.content import digest
from cinelake.storage.files import alone


def train_model(request: TrainingRequest, prepared: Prepared, folder: Path, on_event: OnEvent) -> TrainingSummary:
    """Train, judge, register, and move the champion if the gate opens.

    folder: for the checkpoints of all trainings. Raises `UsageError` when another process trains the very
    same, `TrainingFailed` for a NaN or infinite loss; the present champion stays in every case.
    """
    started = time.monotonic()
    entry = prepared.entry
    config = entry.config
    seed = entry.settings.seed if request.seed is None else request.seed
    lake = Lake(request.manifest.lake.place)
    lake.storage.sweep()
    present = present_champion(lake, entry.name)
    if present and not prepared.all_films:
        prepared = replace(prepared, split=split_unknown_to(present, prepared.split))
    sides = {side: len(films) for side, films in prepared.split.films().items()}
    on_event(DataPrepared(sides, len(prepared.dataset.left_out), prepared.split.warning))
    what = [prepared.key(config, seed), request.all_films]
    if entry.settings.learner == AUTO:
        what += [AUTO, entry.settings.budget_minutes, entry.settings.epsilon]
    elif entry.settings.learner:
        what.append(entry.settings.learner)
    if request.from_champion:
        what.append(check_start(prepared, present).digest)
    own = folder / f"{entry.name}-{digest(what)[:16]}"
    with _alone_in(own, entry.name, from_scratch=request.from_scratch):
        summary = _TrainingSession(request, prepared, config, seed, own, on_event, present).run()
    shutil.rmtree(own, ignore_errors=True)
    summary.wall_s = time.monotonic() - started
    return summary


@contextmanager
def _alone_in(folder: Path, name: str, *, from_scratch: bool) -> Iterator[None]:
    """The training's folder, which no other process works in."""
    folder.mkdir(parents=True, exist_ok=True)
    with alone(folder / "lock", f"{name} is being trained on the same data by another process: wait for it"):
        if from_scratch:
            for path in folder.iterdir():
                if path.name != "lock":
                    path.unlink() if path.is_file() else shutil.rmtree(path)
        yield


def recorded_run(file: Path) -> str | None:
    """The MLflow run that an earlier attempt recorded in a file; None without one."""
    try:
        return str(json.loads(file.read_text())["run_id"])
    except (OSError, ValueError, KeyError):
        return None


@dataclass
class _TrainingSession:
    """The steps of one training, in order."""

    request: TrainingRequest
    prepared: Prepared
    config: Params
    seed: int
    folder: Path
    on_event: OnEvent
    present: Artefact | None
    choice: LearnerChoice | None = None

    def run(self) -> TrainingSummary:
        from cinelake.tracking.experiments import Experiment
        from cinelake.tracking.runs import TrainingRecord

        entry, tracking = self.prepared.entry, self.request.manifest.tracking
        name = time.strftime(f"train {entry.name} %Y-%m-%d %H:%M:%S")
        tags = {"cinelake.model": entry.name, "cinelake.kind": entry.spec.name}
        resumed, parent = recorded_run(self.folder / "run.json"), self.request.parent_run
        kept_in = Experiment(entry.name, entry.spec.metric)
        with TrainingRecord(
            tracking, name, experiment=kept_in, tags=tags, parent=parent, resume_run_id=resumed
        ) as record:
            (self.folder / "run.json").write_text(json.dumps({"run_id": record.run_id}))
            self.on_event(TrainingBegan(record.run_id, resumed is not None))
            record.describe(self._beginning())
            self._choose_learner(record)
            self._record_origin(record)
            artefact = self._train(record)
            self.on_event(EvaluationBegan())
            return self._judge(record, artefact)

    def _record_origin(self, record: Any) -> None:
        """What the training begins with: parameters, split, keys of labels and tables, the manifest."""
        dataset, split = self.prepared.dataset, self.prepared.split
        params = {f"config.{name}": value for name, value in self.config.model_dump(mode="json").items()}
        films = {f"films.{side}": len(films) for side, films in split.films().items()}
        record.params({**params, **films, "seed": self.seed, "split": split.by, "data_key": dataset.key})
        if self.request.from_champion and self.present:
            record.params({"from_champion": self.present.digest})
        record.datasets(datasets_of(self.prepared, str(self.request.manifest.labels)))
        record.text("split.json", json.dumps(split.films(), indent=1))
        origin = {
            "labels": self._labels(),
            "inputs": dict(dataset.inputs),
            "tables": {film: dict(keys) for film, keys in dataset.tables.items()},
            "left_out": dict(dataset.left_out),
        }
        record.text("data.json", json.dumps(origin, indent=1))
        record.text("pipeline.yaml", self.request.manifest.text)
        record.text("environment.txt", environment())

    def _choose_learner(self, record: Any) -> None:
        """The learner of the settings is recorded; with `auto` it is found first, and its settings are taken."""
        entry, learner = self.prepared.entry, self.prepared.entry.settings.learner
        if learner == AUTO:
            budget_s = 60 * entry.settings.budget_minutes
            self.choice = choose_learner(
                self.prepared, self.config, self.seed, self.folder / "learners", budget_s,
                lambda text: self.on_event(LearnerCompared(text)),
            )  # fmt: skip
            record.text("learners.md", as_markdown([*self.choice.rows]))
            learner = self.choice.learner
            self.config = config_of(entry, learner, self.config)
        if learner := learner or learner_of(entry.spec, self.config):
            record.params({"learner": learner})

    def _beginning(self) -> str:
        """The run's description until its scores are known."""
        entry, labels = self.prepared.entry, self.prepared.dataset.labels
        counts = " · ".join(f"{side} {len(films)}" for side, films in self.prepared.split.films().items())
        return f"Learns `{entry.name}` from {label_words(labels)}. Films: {counts}. Seed {self.seed}."

    def _labels(self) -> dict[str, Any]:
        labels = self.prepared.dataset.labels
        return {"set": labels.name, "key": labels.key, "imports": len(labels.versions)}

    def _train(self, record: Any) -> Artefact:
        def report(number: int, metrics: Mapping[str, float], member: Member | None = None, /) -> None:
            if member is None:
                record.epoch(number, metrics)
            else:
                record.epoch(member.epoch, {f"{n}/member_{member.number}": value for n, value in metrics.items()})
            figures = {name: float(value) for name, value in metrics.items()}
            self.on_event(EpochEnded(number, epochs_of(self.config), figures))

        goes_on = self.request.from_champion
        examples = self.prepared.dataset.examples
        training = Training(
            self.folder,
            self.seed,
            report,
            champion=self.present,
            from_champion=goes_on,
            examples=examples,
            episodes=record.episodes,
        )
        return train_artefact(self.prepared, self.config, training, self.folder / "artefact")

    def _judge(self, record: Any, artefact: Artefact) -> TrainingSummary:
        from cinelake.tracking.registry import register, set_champion

        entry, spec, split = self.prepared.entry, self.prepared.entry.spec, self.prepared.split
        candidate = evaluate(self.prepared, artefact, self.config)
        lake = Lake(self.request.manifest.lake.place)
        number, of_champion, note = self._champion(lake)
        blocked = {} if self.prepared.all_films else spec.blocked(candidate.film_scores, candidate.baseline)
        if blocked:
            artefact = with_facts(artefact, blocked=blocked)
        leaves_some = bool(candidate.film_scores and spec.without(candidate.film_scores[0], blocked))

        def judged(side: Sequence[FilmScores]) -> list[FilmScores]:
            return [spec.without(scores, blocked) if leaves_some else scores for scores in side]

        verdict = decide(
            judged(candidate.film_scores),
            judged(candidate.baseline),
            judged(of_champion) if of_champion is not None else None,
            spec.summarise,
            spec.metric,
            epsilon=entry.settings.epsilon,
            by_hand=self._by_hand(),
            blocked=blocked,
            least=spec.least,
        )
        if not leaves_some:
            words = "; ".join(f"{target}: {why}" for target, why in blocked.items())
            verdict = replace(verdict, passes=False, moves=False, why=f"all that it predicts is blocked: {words}")
        if self.prepared.all_films:
            words = f"its scores are in-sample: {self._by_hand()}"
            verdict = replace(verdict, passes=False, moves=False, why=words)
        simple = {name: dict(spec.summarise(own)) for name, own in candidate.simple.items()}
        scores = {"candidate": candidate.scores, "baseline": candidate.baseline_scores, **simple}
        if of_champion is not None:
            scores["champion"] = dict(spec.summarise(of_champion))
        why = f"{verdict.why} (champion {number} was not compared: {note})" if note else verdict.why
        ahead = [name for name, own in simple.items() if own[spec.metric] > candidate.scores[spec.metric]]
        if ahead and not self.prepared.all_films:
            why += "".join(f"; {name} scores more, {simple[name][spec.metric]:.3f}" for name in ahead)
        support = spec.support(candidate.film_scores)
        compared = as_markdown([*self.choice.rows]) if self.choice else ""
        card = model_card(self.prepared, self.config, scores, verdict, artefact.facts, support, compared)
        self._record_scores(record, candidate, scores, card)
        test = scored(split.test)
        version = register(
            self.request.manifest.tracking,
            record,
            entry.name,
            artefact,
            example=test[0].features,
            prediction=candidate.predictions[0],
            metric=spec.metric,
            scores=candidate.scores,
            baseline=candidate.baseline_scores,
            interval={spec.metric: bounds} if (bounds := self._bounds(verdict)) else {},
            card=card,
            tags=self._tags(verdict),
        )
        why = why.replace(f"{entry.name} VERSION`", f"{entry.name} {version}`")
        origin = {"run_id": record.run_id, "labels": self._labels(), "seed": self.seed}
        record_version(lake, entry.name, version, artefact, champion=verdict.moves, origin=origin)
        if verdict.moves:
            set_champion(self.request.manifest.tracking, entry.name, version)
        state = "is champion now" if verdict.moves else "is not champion"
        page = f"#/models/{entry.name}/versions/{version}"
        record.describe(f"[{entry.name} {version}]({page}) {state}: {why}.\n\n{self._beginning()}")
        return self._summary(record.run_id, version, candidate, scores, verdict, why, number)

    def _bounds(self, verdict: Verdict) -> list[float]:
        """The score's interval; none of scores that are in-sample or of too few films."""
        is_known = verdict.score.is_known and not self.prepared.all_films
        return [verdict.score.low, verdict.score.high] if is_known else []

    def _tags(self, verdict: Verdict) -> dict[str, str]:
        by_hand = bool(self._by_hand()) or verdict.passes != verdict.moves
        flags = {"promote_by_hand": by_hand, "in_sample": self.prepared.all_films}
        gain = {"gain": json.dumps(verdict.gain.to_json())}
        return {**gain, "split": self.prepared.split.by, **{name: str(value).lower() for name, value in flags.items()}}

    def _champion(self, lake: Lake) -> tuple[int | None, tuple[FilmScores, ...] | None, str]:
        """Today's champion's number and its scores of each film of the held-out side, or why it has none."""
        applied = read_champion_record(lake, self.prepared.entry.name).find("champion")
        if applied is None:
            return None, None, ""
        try:
            film_scores, note = score_champion(self.request.manifest, self.prepared, open_applied(lake, applied))
        except (ModelUnusable, CannotTrain) as error:
            film_scores, note = None, str(error)
        return applied.version, film_scores, note

    def _by_hand(self) -> str:
        """Why only a person may promote; empty when the gate may."""
        entry = self.prepared.entry
        by_hand = f"only a person promotes it: `cinelake models promote {entry.name} VERSION`"
        if self.prepared.split.by == "none":
            return f"the labels are too few to hold any out, so {by_hand}"
        if self.request.all_films:
            return f"it learned from the held-out films too, so {by_hand}"
        if self.prepared.split.by == "time":
            return f"blocks of time were held out, not films, so {by_hand}"
        if self.prepared.split.by == "image":
            return f"images of all sources were held out, not sources, so {by_hand}"
        return f"`promote: hand` says that {by_hand}" if entry.settings.promote == "hand" else ""

    def _record_scores(self, record: Any, candidate: Candidate, scores: dict[str, Scores], card: str) -> None:
        from cinelake.tracking.experiments import gate_metric

        spec = self.prepared.entry.spec
        side = "in_sample" if self.prepared.all_films else "held_out"
        if not self.prepared.all_films:
            own = {who: result[spec.metric] for who, result in scores.items() if spec.metric in result}
            record.metrics({gate_metric(spec.metric, "" if who == "candidate" else who): v for who, v in own.items()})
        record.metrics({f"{side}/{name}": value for name, value in candidate.scores.items()})
        support = spec.support(candidate.film_scores)
        others = [(who, name) for who in scores if who != "candidate" for name in scores[who]]
        whole = [(who, name) for who, name in others if class_of(name, support) is None]
        record.metrics({f"{side}_{who}/{name}": scores[who][name] for who, name in whole})
        if support:
            among = {who: own for who, own in scores.items() if who not in candidate.simple}
            record.table("classes.json", class_rows(support, among))
        if self.choice:
            record.table("learners.json", self.choice.rows)
        record.text("card.md", card)
        examples = scored(self.prepared.split.test)
        record.text(ERRORS, json.dumps(self._errors(candidate, examples), ensure_ascii=False))
        if self.prepared.entry.spec.simple and not self.prepared.all_films:  # what must be trained is not trained here
            budget_s = 60 * self.prepared.entry.settings.budget_minutes
            curve = learning_curve(self.prepared, self.config, self.seed, budget_s)
            record.text(CURVE, json.dumps(curve, ensure_ascii=False))
        for name, figure in self.prepared.entry.spec.figures(examples, candidate.predictions, self.config).items():
            record.figure(f"{name}.png", figure)

    def _errors(self, candidate: Candidate, examples: Sequence[Example]) -> dict[str, Any]:
        """What the version is wrong about, for the page of errors."""
        spec = self.prepared.entry.spec
        answers = answers_of(spec, candidate.artefact, examples, candidate.predictions)
        by = {"model": candidate.film_scores, "baseline": candidate.baseline, **candidate.simple}
        return diagnosis(spec, examples, answers, by, in_sample=self.prepared.all_films)

    def _summary(
        self,
        run_id: str,
        version: int,
        candidate: Candidate,
        scores: dict[str, Scores],
        verdict: Verdict,
        why: str,
        champion: int | None,
    ) -> TrainingSummary:
        return TrainingSummary(
            model=self.prepared.entry.name,
            version=version,
            run_id=run_id,
            metric=self.prepared.entry.spec.metric,
            scores=candidate.scores,
            baseline=candidate.baseline_scores,
            simple={name: scores[name] for name in candidate.simple},
            champion=scores.get("champion"),
            champion_version=champion,
            intervals={"score": verdict.score, "gain": verdict.gain, "over_champion": verdict.over_champion},
            in_sample=self.prepared.all_films,
            learners=self.choice.rows if self.choice else [],
            moved=verdict.moves,
            why=why,
            warning=self.prepared.split.warning,
            films=self.prepared.split.films(),
            left_out=dict(self.prepared.dataset.left_out),
        )


def environment() -> str:
    """The installed distributions, as `name==version` lines."""
    from importlib.metadata import distributions

    lines = {f"{dist.metadata['Name']}=={dist.version}" for dist in distributions()}
    return "\n".join(sorted(lines, key=str.lower)) + "\n"
