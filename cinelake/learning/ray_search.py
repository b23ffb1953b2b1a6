"""Random search with Ray Tune: trials side by side, bad ones stopped early, nothing left running.

Ray is this process's own, on this machine, unless the process works for a Ray cluster (the engine sets
`CLUSTER`): then the trials are placed on that cluster's nodes, each with the model's resources.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from typing import Any

from cinelake.engines.shipping import CLUSTER, QUIET, ray_token, shipped_folders
from cinelake.learning.trial import WORST, Trial, TrialWork, read_trial, write_trial
from cinelake.storage.processes import environment_variables

QUIET_TUNE = {
    "RAY_AIR_NEW_OUTPUT": "0",
    "RAY_CHDIR_TO_TRIAL_DIR": "0",
    "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
    "TUNE_DISABLE_SIGINT_HANDLER": "1",
    "TUNE_WARN_THRESHOLD_S": "100000",
}
IN_FORCE = "__in_force__"
"""In Ray's configuration of a trial: whether it has the settings in force, in place of what is drawn beside it (Ray
takes preset values only where they are within the ranges)."""
COMPARED_FROM = 4
"""Trials before the first is stopped by the median rule."""
OnTrial = Callable[[int, Trial], None]
"""Called with a trial's number and what is known of it, after each fold and at its end."""


def search(
    work: TrialWork,
    space: Mapping[str, Mapping[str, Any]],
    trials: int,
    workers: int | None,
    on_trial: OnTrial,
    in_force: Mapping[str, Any],
) -> list[Trial]:
    """Draw and make `trials` trials, `workers` at a time (by default what Ray carries); returns them in that order.

    The first trial has the settings in force, and is never stopped: the others are measured against it. The draws
    depend on the space and the seed alone: a search that was killed draws the same again, and trials that
    ended are read from their files. So are the first n of a longer search those of a shorter one. A trial is stopped
    after a fold when it is worse than the median of the others' running means there (the median rule of Golovin et
    al., Google Vizier, 2017).
    """
    requested = work.entry.resources
    with _ray(min(trials, workers or os.cpu_count() or 1), requested.gpus) as gpus_each:
        from ray import tune
        from ray.tune.search.basic_variant import BasicVariantGenerator

        scratch = work.folder / "ray"
        shutil.rmtree(scratch, ignore_errors=True)
        listener = _listener(work.folder, on_trial, in_force)
        resources = {"cpu": requested.processors, "gpu": gpus_each}
        if CLUSTER in os.environ:
            resources["memory"] = requested.memory_gb * 1e9
        tuner = tune.Tuner(
            tune.with_resources(tune.with_parameters(_trainable, work=work, in_force=dict(in_force)), resources),
            param_space={**_domains(space), IN_FORCE: False},
            tune_config=tune.TuneConfig(
                metric="score",
                mode="max",
                num_samples=trials,
                max_concurrent_trials=workers,
                reuse_actors=True,
                search_alg=BasicVariantGenerator(
                    points_to_evaluate=[{IN_FORCE: True}], random_state=work.seed, max_concurrent=workers or 0
                ),
                scheduler=_median_rule(),
            ),
            run_config=tune.RunConfig(name="ray", storage_path=str(work.folder), verbose=0, callbacks=[listener]),
        )
        results = tuner.fit()
        drawn = [_drawn(result.config or {}, in_force) for result in results]
        shutil.rmtree(scratch, ignore_errors=True)
    return [_closed(work, read_trial(work.folder, one)) for one in drawn]


def _drawn(config: Mapping[str, Any], in_force: Mapping[str, Any]) -> dict[str, Any]:
    """A trial's settings: those in force where Ray's configuration says so, else what was drawn."""
    if config.get(IN_FORCE):
        return dict(in_force)
    return {name: value for name, value in config.items() if name != IN_FORCE}


def _median_rule() -> Any:
    """Stops a trial that is worse than the median of the others, but never the one with the settings in force."""
    from ray.tune.schedulers import MedianStoppingRule, TrialScheduler

    class Rule(MedianStoppingRule):  # type: ignore[misc]  # Ray is not type-checked here
        def on_trial_result(self, controller: Any, trial: Any, result: dict[str, Any]) -> str:
            said = str(super().on_trial_result(controller, trial, result))
            return TrialScheduler.CONTINUE if trial.config[IN_FORCE] else said

    return Rule(time_attr="training_iteration", grace_period=1, min_samples_required=COMPARED_FROM - 1)


def _closed(work: TrialWork, trial: Trial) -> Trial:
    """A trial that still runs after the search was stopped while its process wrote; what it left is deleted."""
    if trial.status == "running":
        trial.status = "stopped"
        write_trial(work.folder, trial)
    if trial.ended:
        work.forget(trial)
    return trial


def _trainable(config: dict[str, Any], work: TrialWork, in_force: Mapping[str, Any]) -> None:
    """What a worker does: one trial; the mean of the folds so far is reported to Ray."""
    from ray import tune

    metric = work.entry.spec.metric
    work.run(_drawn(config, in_force), lambda trial: tune.report({"score": trial.scores().get(metric, WORST)}))


def _domains(space: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    from ray import tune

    make = {
        "choice": tune.choice,
        "uniform": lambda ends: tune.uniform(*ends),
        "log_uniform": lambda ends: tune.loguniform(*ends),
        "int": lambda ends: tune.randint(ends[0], ends[1] + 1),
    }
    return {name: make[kind](values) for name, given in space.items() for kind, values in given.items()}


def _listener(folder: Path, on_trial: OnTrial, in_force: Mapping[str, Any]) -> Any:
    """Receives trials' results in the searching process, and records what their own processes could not."""
    from ray.tune import Callback

    class Listener(Callback):  # type: ignore[misc]  # Ray is not type-checked here
        def __init__(self, on_trial: OnTrial) -> None:
            self.on_trial = on_trial

        def __getstate__(self) -> dict[str, Any]:
            return {}  # Ray saves its search; the callback here is no part of it

        def on_trial_result(self, iteration: int, trials: list[Any], trial: Any, result: Any, **_: Any) -> None:
            self.on_trial(_number(trial), read_trial(folder, _drawn(trial.config, in_force)))

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            known = read_trial(folder, _drawn(trial.config, in_force))
            if not known.ended:
                known.status = "stopped"
                write_trial(folder, known)
            self.on_trial(_number(trial), known)

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **_: Any) -> None:
            known = read_trial(folder, _drawn(trial.config, in_force))
            lines = str(trial.get_error() or "").strip().splitlines()
            known.status, known.error = "lost", lines[-1] if lines else "its process died"
            write_trial(folder, known)
            self.on_trial(_number(trial), known)

    return Listener(on_trial)


def _number(trial: Any) -> int:
    return int(str(trial.trial_id).rpartition("_")[2])


@contextmanager
def _ray(workers: int, gpus: float) -> Iterator[float]:
    """Ray, left or ended with the search; yields how many GPUs (or what part of one) each trial may have.

    gpus: what it asks for; without that, trials share what GPUs this machine has. The token of a Ray of our own is in
    memory only.
    """
    with environment_variables(QUIET_TUNE, restore_all=True):
        try:
            if CLUSTER in os.environ:
                _join(os.environ[CLUSTER])
                yield gpus
            else:
                yield _own(workers, gpus)
        finally:
            import ray

            ray.shutdown()


def _own(workers: int, gpus: float) -> float:
    os.environ.update(QUIET, RAY_AUTH_TOKEN=ray_token())
    os.environ.setdefault("CINELAKE_THREADS", str(max(1, (os.cpu_count() or 1) // workers)))
    for name in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, os.environ["CINELAKE_THREADS"])
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(num_cpus=workers, num_gpus=ceil(workers * gpus) or None, include_dashboard=False, **_QUIET_INIT)
    return gpus or float(ray.cluster_resources().get("GPU", 0)) / workers


def _join(address: str) -> None:
    """The cluster that this process works for; its trials run this process's code."""
    import ray

    logging.getLogger("ray").setLevel(logging.ERROR)
    ray.init(address=address, runtime_env={"py_modules": shipped_folders()}, **_QUIET_INIT)


_QUIET_INIT: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
