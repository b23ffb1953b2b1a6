"""The catalogue: draws films in parallel, skips those already drawn, and writes the labels of all."""

import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from cinelake.storage.processes import die_with
from examples.encode import write_film
from examples.labels import write_labels
from examples.reel import Reel
from examples.script import Film, write_script
from examples.sound import film_sound

VERSION = 3
"""Raised when a drawn film or a label changes; films of another version are drawn again."""


@dataclass(frozen=True)
class DrawnFilm:
    """One film of the catalogue."""

    movie_id: str
    title: str
    path: Path
    duration_s: float
    fps: int
    frame_count: int
    was_drawn: bool
    """False when it was there already."""
    took_s: float


@dataclass(frozen=True)
class Stamp:
    """What a film was drawn from; it lies beside the labels."""

    version: int
    seed: int
    index: int
    seconds: float | None
    size_bytes: int


Progress = Callable[[DrawnFilm, int, int], None]
"""Called after each film with how many of how many are done."""


def draw_catalogue(
    out: Path,
    films: int,
    seed: int,
    first: int = 0,
    progress: Progress | None = None,
    workers: int = 2,
    seconds: float | None = None,
) -> list[DrawnFilm]:
    """Draw films `first` … `first + films - 1` of a seed into `out/films`, with labels in `out/labels`.

    A film depends on the seed and its own number only; one that is there already is not drawn again. The labels cover
    all films of the folder, those of earlier calls too. `seconds` makes films of another length than 42 to 58 s.
    """
    out = Path(out)
    scripts = [write_script(seed, index, seconds) for index in range(first, first + films)]
    drawn: dict[str, DrawnFilm] = {}
    for film in _draw_all(out, scripts, seconds, workers):
        drawn[film.movie_id] = film
        if progress is not None:
            progress(film, len(drawn), films)
    write_labels(out / "labels", catalogue_films(out))
    return [drawn[script.movie_id] for script in scripts]


def undrawn_films(out: Path, films: int, seed: int, seconds: float | None = None) -> list[str]:
    """Ids of the first films of a seed that are not in the folder as this version of the program draws them."""
    scripts = [write_script(seed, index, seconds) for index in range(films)]
    return [script.movie_id for script in scripts if not _is_drawn(Path(out), script, seconds)]


def catalogue_films(out: Path) -> list[Film]:
    """The screenplays of all films that this version of the program has drawn into a folder."""
    films = []
    for path in sorted((out / "labels" / "drawn").glob("*.json")):
        stamp = Stamp(**json.loads(path.read_text(encoding="utf-8")))
        if stamp.version == VERSION and _film_path(out, path.stem).exists():
            films.append(write_script(stamp.seed, stamp.index, stamp.seconds))
    return films


def draw_film(out: Path, film: Film, seconds: float | None = None) -> DrawnFilm:
    """Draw one film and stamp it."""
    began, path = time.monotonic(), _film_path(out, film.movie_id)
    _stamp_path(out, film.movie_id).unlink(missing_ok=True)
    write_film(path, Reel(film).frames(), film_sound(film), film.fps)
    _write_stamp(out, film.movie_id, Stamp(VERSION, film.seed, film.index, seconds, path.stat().st_size))
    return _drawn(out, film, True, time.monotonic() - began)


def _draw_all(out: Path, scripts: list[Film], seconds: float | None, workers: int) -> Iterator[DrawnFilm]:
    missing = []
    for script in scripts:
        if _is_drawn(out, script, seconds):
            yield _drawn(out, script, False, 0.0)
        else:
            missing.append(script)
    if workers < 2 or len(missing) < 2:
        yield from (draw_film(out, script, seconds) for script in missing)
        return
    others = {child.pid for child in multiprocessing.active_children()}
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(missing)), spawn, _prepare_worker, (os.getpid(),))
    try:
        jobs = [pool.submit(_draw_in_worker, out, script, seconds) for script in missing]
        yield from (job.result() for job in as_completed(jobs))
    except BaseException:  # after Ctrl-C, or a film that failed, none is drawn to its end
        for child in multiprocessing.active_children():
            if child.pid not in others:
                child.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


_STOPPED = threading.Event()
"""Set in a worker that was told to stop: the pool has handed it films before."""


def _prepare_worker(parent: int) -> None:
    """Ctrl-C is for the process that draws the catalogue, which tells its workers to stop; they die with it."""
    die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    _STOPPED.set()
    sys.exit()  # what is half drawn is removed; one that waits for a film ends without a traceback


def _draw_in_worker(out: Path, film: Film, seconds: float | None) -> DrawnFilm:
    if _STOPPED.is_set():
        sys.exit()
    return draw_film(out, film, seconds)


def _is_drawn(out: Path, film: Film, seconds: float | None) -> bool:
    stamp, path = _stamp_path(out, film.movie_id), _film_path(out, film.movie_id)
    if not stamp.exists() or not path.exists():
        return False
    wanted = Stamp(VERSION, film.seed, film.index, seconds, path.stat().st_size)
    return bool(json.loads(stamp.read_text(encoding="utf-8")) == asdict(wanted))


def _drawn(out: Path, film: Film, was_drawn: bool, took_s: float) -> DrawnFilm:
    return DrawnFilm(
        film.movie_id,
        film.title,
        _film_path(out, film.movie_id),
        film.duration_s,
        film.fps,
        film.frames,
        was_drawn,
        round(took_s, 2),
    )


def _film_path(out: Path, movie_id: str) -> Path:
    return out / "films" / f"{movie_id}.mp4"


def _stamp_path(out: Path, movie_id: str) -> Path:
    return out / "labels" / "drawn" / f"{movie_id}.json"


def _write_stamp(out: Path, movie_id: str, stamp: Stamp) -> None:
    path = _stamp_path(out, movie_id)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    temporary.write_text(json.dumps(asdict(stamp)), encoding="utf-8")
    temporary.replace(path)
