"""Publishing a lake: the files of the next version are made by Dask, then the pointer is moved.

Dask runs here on processes of this machine, or on the cluster of `engine: {kind: dask, address: …}`. A failure
before the pointer is moved leaves the last version current, and the files written for the new one are removed.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from cinelake.errors import DamagedPublication, PublishRefused, UsageError
from cinelake.lake.cells import Lake
from cinelake.lake.publication import Publication, PublishJob, TableToPublish, bucket_count, make_file, prepare
from cinelake.lake.published import (
    PublishedFile,
    PublishedVersion,
    find_version,
    forget_version,
    forget_versions,
    keep_version,
    latest_number,
    one_publisher,
    readable_versions,
    switch,
    version_numbers,
)
from cinelake.lake.statistics import with_statistics
from cinelake.plan.build import Planning
from cinelake.query.quality import broken_bounds, measure_new, watched_tables
from cinelake.storage.processes import die_with
from flows.summaries import SUMMARIES

MAX_JOBS_HERE = 4
"""Up to this many files are made in this process: starting others takes longer."""
OnFile = Callable[[int, int], None]


@dataclass(frozen=True)
class Published:
    """What a publish did. version: the present one; made, reused: files; forgotten: versions that were deleted."""

    version: PublishedVersion
    made: int
    reused: int
    forgotten: tuple[int, ...] = ()
    is_new: bool = True


def prepare_publication(planning: Planning) -> Publication:
    """Which files the next version has, and which are to be made. Writes nothing."""
    settings, lake = planning.manifest.publish, planning.lake
    known = [*readable_versions(lake).values()]
    films = planning.films
    sources = {}
    for name, entry in planning.manifest.enabled.items():
        if settings.tables and name not in settings.tables:
            continue
        keys = {m: footer.key for m, footer in planning.index.cells(name).items() if m in films}
        sources[name] = TableToPublish(entry.spec.contract, entry.task, keys)
    buckets = settings.buckets or bucket_count(len(films), known[-1].buckets if known else None)
    present = {movie_id for source in sources.values() for movie_id in source.keys}
    return prepare(lake, sources, SUMMARIES, films=len(present), buckets=buckets, blobs=settings.blobs, known=known)


def publish_planned(planning: Planning, on_file: OnFile = lambda _done, _all: None) -> Published:
    """Make the next version and switch to it; nothing is done where the present one is up to date.

    Raises `PublishRefused` where the manifest's bounds are broken, `InputChanged`, `StorageError`, `UsageError` when
    another process publishes.
    """
    with one_publisher(planning.lake):
        planning.lake.storage.sweep()
        _check_bounds(planning)
        publication = prepare_publication(planning)
        present = _up_to_date(planning, publication)
        if present:
            return Published(present, 0, sum(map(len, publication.there.values())), is_new=False)
        number = max([0, *version_numbers(planning.lake)]) + 1
        try:
            made = _make(planning, publication, on_file)
            version = _complete(planning, publication, made, number)
            keep_version(planning.lake, version)
            switch(planning.lake, number)
        except BaseException:  # Ctrl-C too: no partial version is left
            _remove(planning, publication, number)
            raise
        forgotten = forget_versions(planning.lake, planning.manifest.publish.keep)
        reused = sum(map(len, publication.there.values()))
        return Published(version, len(made), reused, tuple(forgotten))


def _check_bounds(planning: Planning) -> None:
    bounds = planning.manifest.quality.bounds
    measure_new(planning.lake, planning.index, watched_tables(planning.manifest))
    broken = broken_bounds(planning.lake, bounds, sorted(planning.films)) if bounds else []
    if broken:
        raise PublishRefused([bound.message for bound in broken])


def _up_to_date(planning: Planning, publication: Publication) -> PublishedVersion | None:
    """The present version, if the next one would be the same; None where it, or what names it, is damaged."""
    if publication.work:
        return None
    with suppress(DamagedPublication):
        number = latest_number(planning.lake)
        present = None if number is None else readable_versions(planning.lake).get(number)
        return present if present and _is_same(present, publication) else None
    return None


def _is_same(present: PublishedVersion, publication: Publication) -> bool:
    wanted = publication.version([], present.number, present.at, present.stale)
    return wanted.files() == present.files() and wanted.films == present.films


def _complete(
    planning: Planning, publication: Publication, made: Sequence[tuple[PublishJob, PublishedFile]], number: int
) -> PublishedVersion:
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    published = {job.table for job, _ in made} | set(publication.there)
    stale = sum(cell.table in published for cell in planning.whole.stale)
    version = publication.version(made, number, at, stale)
    return with_statistics(planning.lake, version, publication.contracts)


def _remove(planning: Planning, publication: Publication, number: int) -> None:
    """Delete the files of a version whose publication failed."""
    forget_version(planning.lake, number)
    needed: set[Any] = set().union(*(version.files() for version in readable_versions(planning.lake).values()))
    for job in publication.work:
        if job.parts not in needed:
            planning.lake.storage.delete(*job.parts)


def _make(planning: Planning, publication: Publication, on_file: OnFile) -> list[tuple[PublishJob, PublishedFile]]:
    """Do the jobs with Dask: a summary waits for the files that it reads."""
    import dask

    tasks: dict[tuple[str, ...], Any] = {}
    for job in publication.work:
        before = [tasks[parts] for files in job.inputs.values() for _, parts in files if parts in tasks]
        tasks[job.parts] = dask.delayed(_after, pure=False)(job, before)
    if not tasks:
        return []
    with _scheduled(planning, len(tasks), on_file) as options:
        files = dask.compute(*tasks.values(), **options)
    return list(zip(publication.work, files, strict=True))


def _after(job: PublishJob, _before: Iterable[PublishedFile]) -> PublishedFile:
    return make_file(job)


@contextmanager
def _scheduled(planning: Planning, jobs: int, on_file: OnFile) -> Iterator[dict[str, Any]]:
    """Options of `dask.compute`: to run here, on processes of this machine, or on the manifest's cluster."""
    engine, workers = planning.manifest.engine, planning.manifest.publish.workers or len(os.sched_getaffinity(0))
    if engine.kind == "dask" and engine.address:
        from distributed import Client

        with Client(engine.address):
            yield {}
        return
    import dask.config
    from dask.callbacks import Callback

    done: list[object] = []

    def count(key: object, *_: object) -> None:
        done.append(key)
        on_file(min(len(done), jobs), jobs)

    few = {"scheduler": "synchronous"}
    # A process of the pool holds both ends of the pipe that it waits at, so it would wait on when this one was killed
    many = {
        "scheduler": "processes",
        "num_workers": workers,
        "chunksize": 1,
        "initializer": partial(die_with, os.getpid()),
    }
    # However Dask is set up here: a fork server would be the parent of its processes, and forks inherit held locks
    with Callback(posttask=count), dask.config.set({"multiprocessing.context": "spawn"}):
        yield few if jobs <= MAX_JOBS_HERE or workers == 1 else many


def roll_back(lake: Lake, number: int | None = None) -> PublishedVersion:
    """Make an earlier version the present one; by default the one before. Raises `UnknownName`, `UsageError`."""
    with one_publisher(lake):
        chosen = _one_before(lake) if number is None else number
        switch(lake, chosen)
        return find_version(lake, chosen)


def _one_before(lake: Lake) -> int:
    """The number of the version before the present one. Raises `UsageError` without one."""
    present, numbers = latest_number(lake), version_numbers(lake)
    earlier = [known for known in numbers if present is not None and known < present]
    if not earlier:
        raise UsageError(f"there is no version before the present one ({present or 'nothing is published'})")
    return earlier[-1]
