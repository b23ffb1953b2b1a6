"""Search by words over the lines of 10,000 hours: rare words, the commonest ones, phrases, words that nobody says; in
all films, and in 3, 600 and 2,500 that are named.

    python -m benchmarks.word_search --folder DIR             # the lake and its index are kept in DIR
    python -m benchmarks.word_search --hours 500

Measured: wall and processor time of one `lake.search(said=…)` in a process that has the lake open, the freshness of
the index checked each time; how long the index takes where it is not yet there, and after one film of them changed;
its size. Lines are drawn from a vocabulary of 30,000 words, as often as words are (Zipf), three to ten in a line, 900
lines an hour; two hours to a film.

Target: at most 0.5 s for each question at 10,000 hours (9 million lines).
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from benchmarks.figures import Figure, Report, run, say
from cinelake.client.lake_client import LakeClient, lake_contracts
from cinelake.lake.cells import CellWriter, Footer, Lake
from cinelake.search.index import index_folder
from cinelake.search.words import WordIndex
from tasks.subtitles import SUBTITLES

LINES_AN_HOUR, HOURS_OF_FILM, VOCABULARY = 900, 2, 30_000
QUESTIONS = {
    "a rare word": "w29000",
    "the commonest word": "w0",
    "two common words": "w0 w1",
    "a phrase of common words": '"w1 w0 w2"',
    "a common and a rare word": "w0 w28000",
    "the begin of a word": "w2900*",
    "no such word": "nothing",
}
NAMED = (3, 600, 2500)
"""So many films are named."""


def measure(given: argparse.Namespace) -> Report:
    """Draw the lake, make the index, ask."""
    lake = drawn_lake(given.folder, given.hours)
    contracts = lake_contracts(lake)
    lines = given.hours * LINES_AN_HOUR
    file = index_folder(lake, "words").with_suffix(".sqlite")
    if not file.exists():
        began = time.process_time()
        with closing(WordIndex(lake, contracts)) as index:
            index.refresh()
        spent_s, peak_mb = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        say(f"the index took {spent_s:.0f} s of processor time, and all up to here {peak_mb:.0f} MB at most")
    client, figures = LakeClient(lake, contracts), []
    films = [f"film_{number:05d}" for number in range(given.hours // HOURS_OF_FILM)]
    questions = [(name, text, films[:0]) for name, text in QUESTIONS.items()]
    for count in NAMED:
        questions += [(f"the commonest word in {count} films", "w0", films[:count]),
                      (f"a rare word in {count} films", "w29000", films[:count])]  # fmt: skip
    for name, text, named in questions:
        walls, costs = [], []
        for _ in range(given.repeat):
            began, spent = time.perf_counter(), time.process_time()
            client.search(said=text, films=named)
            walls.append(time.perf_counter() - began)
            costs.append(time.process_time() - spent)
        figures.append(Figure(f"{name}: wall time", walls, "s"))
        figures.append(Figure(f"{name}: processor time", costs, "s", at_most=0.5))
    figures.append(Figure("one film changed: processor time", [_changed(lake)], "s"))
    figures.append(Figure("index", [file.stat().st_size / 1e6], "MB"))
    return Report("word_search", figures, [f"{given.hours:,} hours, {lines:,} lines"])


def drawn_lake(folder: Path, hours: int) -> Lake:
    """The lake, unless it exists."""
    lake, films = Lake(str(folder / f"lines-{hours}")), max(1, hours // HOURS_OF_FILM)
    if len(lake.storage.files("subtitles")) == films:
        return lake
    shutil.rmtree(folder / f"lines-{hours}", ignore_errors=True)
    say(f"drawing {films:,} films")
    for number in range(films):
        _commit(lake, number, key="drawn")
    return lake


def _commit(lake: Lake, number: int, key: str) -> None:
    rng, rows = np.random.default_rng(number), LINES_AN_HOUR * HOURS_OF_FILM
    lengths = rng.integers(3, 11, rows)
    words = np.minimum(rng.zipf(1.15, int(lengths.sum())) - 1, VOCABULARY - 1).tolist()
    ends = np.cumsum(lengths)
    texts = [" ".join(f"w{word}" for word in words[end - n : end]) for end, n in zip(ends, lengths, strict=True)]
    starts, movie_id = np.arange(rows) * 4.0, f"film_{number:05d}"
    batch = SUBTITLES.batch(
        movie_id,
        language=["en"] * rows,
        start_s=starts,
        end_s=starts + 2,
        text=texts,
        track=[0] * rows,
        line=range(rows),
        source=[".srt"] * rows,
    )
    made_of = {"task": "subtitles", "version": 2, "params": {}, "model": None}
    with lake.scratch() as scratch:
        writer = CellWriter(SUBTITLES, movie_id, scratch / "cell.parquet")
        writer.write(batch)
        writer.close(Footer(key=f"{key} {movie_id}", content_hash=movie_id, ingredients=made_of, run={}))
        lake.commit(writer, "subtitles")


def _changed(lake: Lake) -> float:
    """Seconds of processor time in which the index follows one film that was made anew."""
    _commit(lake, 0, key=f"changed {time.time_ns()}")
    with closing(WordIndex(lake, lake_contracts(lake))) as index:
        began = time.process_time()
        assert index.refresh() == 1
        return time.process_time() - began


OPTIONS = (("--hours", {"type": int, "default": 10_000, "help": "of film (default: %(default)s)"}),)

if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure, *OPTIONS, repeat=3))
