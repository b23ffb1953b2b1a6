"""What mutated files do: films of 33 kinds of container, subtitles, lists, labels in ten forms, manifests, arrays of
models, all drawn, changed by a seed.

Measured: each mutation of a film goes through the step that makes films, shots, frames, sound and subtitles, in a
worker of the local engine, as in a run; each mutated text through the reader that a command uses. A finding is what is
neither a table nor a typed error in time: a worker that died, an untyped error, a step beyond its deadline, a file left
unfinished. Each finding is printed with its seed and the fewest changes that still show it.
Target:   no finding.

    python -m benchmarks.fuzz                                  # 300 films, 3,000 texts
    python -m benchmarks.fuzz --films 20000 --texts 100000 --seed 7
    python -m benchmarks.fuzz --minutes 60 --only mkv,avi,srt  # as long as one says, these kinds alone
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks._annotated import ANNOTATED, PACKED, annotated_readers
from benchmarks._mutations import CONTAINERS, TEXTS, Edit, applied, drawn, edits
from benchmarks.figures import Figure, Report, run, say
from cinelake.engines import Engine, make_engine
from cinelake.errors import CinelakeError, FilmError, UnknownName
from cinelake.manifest.document import Manifest, load_manifest, read_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import Step

TABLES = ("films", "shots", "frames", "sound", "subtitles")
READ = (*TEXTS, *ANNOTATED)
"""Kinds that no worker decodes: subtitles, lists, labels, manifests."""
BATCH = 40
TEXT_LIMIT_S = 10.0
UNTYPED = ("task_failed", "contract_violation", "worker_lost", "decode_timeout")
"""Reasons that a film of a second and a half never has, whatever is in it."""


@dataclass(frozen=True)
class Mutation:
    """A file to try: kind, the number that its changes are drawn from, the changes."""

    kind: str
    seed: str
    changes: tuple[Edit, ...]


@dataclass(frozen=True)
class Finding:
    """A promise that a mutation broke."""

    mutation: Mutation
    why: str

    def to_line(self) -> str:
        """The reproducer for people."""
        changes = "; ".join(f"at {c.at} drop {c.drop} put {c.put[:24]!r}" for c in self.mutation.changes)
        return f"{self.mutation.kind} (seed {self.mutation.seed}): {self.why}\n    {changes}"


@dataclass
class Fuzzing:
    """A folder to try mutations in. outcomes: how often films and texts ended how."""

    folder: Path
    good: dict[str, bytes]
    outcomes: Counter[str]

    def mutations(self, kinds: Sequence[str], count: int, seed: str) -> Iterator[Mutation]:
        """So many mutations, the kinds in turn; the same for the same seed."""
        for number, kind in enumerate(itertools.islice(itertools.cycle(kinds), count)):
            own = f"{seed}/{kind}/{number}"
            yield Mutation(
                kind, own, tuple(edits(random.Random(own), len(self.good[kind]), kind in READ and kind not in PACKED))
            )

    def data(self, mutation: Mutation) -> bytes:
        """The mutated file."""
        return applied(self.good[mutation.kind], mutation.changes)

    def smallest(self, finding: Finding, why: Callable[[Mutation], str]) -> Finding:
        """The finding with the fewest changes that still break a promise."""
        changes = list(finding.mutation.changes)
        for change in list(changes):
            fewer = Mutation(finding.mutation.kind, finding.mutation.seed, tuple(c for c in changes if c is not change))
            if fewer.changes and (said := why(fewer)):
                changes.remove(change)
                finding = Finding(fewer, said)
        return finding

    def films(self, mutations: Sequence[Mutation]) -> list[Finding]:
        """Try mutated films, a batch at a time, as one catalogue; all in the workers of one engine."""
        found = []
        with self._engine() as engine:
            for start in range(0, len(mutations), BATCH):
                new = self._batch(engine, mutations[start : start + BATCH])
                for finding in new:
                    say(f"finding: {finding.to_line()}")
                found += new
                say(f"{min(start + BATCH, len(mutations))} of {len(mutations)} films, {len(found)} findings")
            alone = partial(self._batch, engine)
            return [self.smallest(finding, lambda m: next((f.why for f in alone([m])), "")) for finding in found]

    @contextlib.contextmanager
    def _engine(self) -> Iterator[Engine]:
        """The engine of a run, its workers warm for the next film: the start of one costs as much as twenty films."""
        engine = make_engine(self._manifest(self.folder / "engine", {}), lambda _: None)
        try:
            yield engine
        finally:
            engine.stop(now=True)

    def _manifest(self, place: Path, named: Mapping[str, Mutation]) -> Manifest:
        """A catalogue of the mutated films in a folder of its own."""
        (place / "films").mkdir(parents=True, exist_ok=True)
        for name, mutation in named.items():
            (place / "films" / f"{name}.{mutation.kind}").write_bytes(self.data(mutation))
        rows = [f"{name},films/{name}.{mutation.kind}\n" for name, mutation in named.items()]
        (place / "list.csv").write_text("movie_id,uri\n" + "".join(rows))
        entries = {"lake": "lake", "catalogue": {"list": "list.csv"}, "tasks": {table: {} for table in TABLES}}
        (place / "pipeline.yaml").write_text(json.dumps(entries))
        return load_manifest(place / "pipeline.yaml")

    def _batch(self, engine: Engine, mutations: Sequence[Mutation]) -> list[Finding]:
        place = self.folder / f"batch_{time.monotonic_ns()}"
        names = {f"film_{number}": mutation for number, mutation in enumerate(mutations)}
        planning = plan_manifest(self._manifest(place, names))
        steps = [(movie_id, planning.step(movie_id, stale)) for movie_id, stale in planning.plan.by_film().items()]
        with ThreadPoolExecutor(2) as threads:
            said = list(threads.map(lambda step: self._placed(engine, step), [step for _, step in steps]))
        found = [Finding(names[name], why) for (name, _), why in zip(steps, said, strict=True) if why]
        left = [path.name for path in (place / "lake" / "_tmp").glob("*/*")]
        shutil.rmtree(place)
        return found + ([Finding(mutations[0], f"left unfinished in its batch: {left}")] if left else [])

    def _placed(self, engine: Engine, step: Step) -> str:
        """Why a step broke a promise; empty where it did not."""
        try:
            report = engine.place(step)
        except FilmError as error:
            self.outcomes[error.reason] += 1
            return f"{error.reason}: {error}"
        except Exception as error:  # noqa: BLE001 - an untyped error is what this benchmark looks for
            return f"{type(error).__name__}: {error}"
        self.outcomes.update(cell.reason or cell.outcome for cell in report.cells)
        wrong = [f"{cell.table}: {cell.reason}: {cell.message}" for cell in report.cells if cell.reason in UNTYPED]
        return "; ".join(wrong)[:1000]

    def texts(self, mutations: Sequence[Mutation]) -> list[Finding]:
        """Try mutated texts, each by the reader that it is for."""
        found = [Finding(mutation, why) for mutation in mutations if (why := self._read(mutation))]
        return [self.smallest(finding, self._read) for finding in found]

    def _read(self, mutation: Mutation) -> str:
        file = self.folder / f"text.{mutation.kind}"
        file.write_bytes(self.data(mutation))
        began = time.monotonic()
        try:
            readers()[mutation.kind](file)
            self.outcomes[f"{mutation.kind} read"] += 1
        except CinelakeError:
            self.outcomes[f"{mutation.kind} refused"] += 1
        except Exception as error:  # noqa: BLE001 - an untyped error is what this benchmark looks for
            return f"{type(error).__name__}: {error}"
        took_s = time.monotonic() - began
        return f"took {took_s:.1f} s" if took_s > TEXT_LIMIT_S else ""


def readers() -> dict[str, Callable[[Path], object]]:
    """Kind of text → what reads it in the product."""
    from cinelake.catalogue.list import read_list
    from cinelake.labels.readers import read_files
    from tasks.subtitles.lines import read_lines

    subtitles = dict.fromkeys(("srt", "vtt", "ass", "smi"), read_lines)
    return {
        **subtitles,
        "list": _as_csv(read_list),
        "labels": _as_csv(lambda p: read_files([p])),
        "manifest": _read_manifest,
        **annotated_readers(),
    }


def _read_manifest(file: Path) -> object:
    return read_manifest(file, file.read_bytes().decode(errors="replace"))


def _as_csv(read: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda file: read(file.replace(file.with_suffix(".csv")))


def measure(given: argparse.Namespace) -> Report:
    """Try films and texts until there are as many as asked, or the time is over."""
    kinds = given.only.split(",") if given.only else [*CONTAINERS, *READ]
    if unknown := [kind for kind in kinds if kind not in CONTAINERS and kind not in READ]:
        raise UnknownName("kind of file", unknown[0], [*CONTAINERS, *READ])
    fuzzing = Fuzzing(given.folder, drawn(given.folder / "good", kinds), Counter())
    found: list[Finding] = []
    tried = {"films": 0, "texts": 0}
    ends = time.monotonic() + 60 * given.minutes if given.minutes else None
    for round_ in itertools.count() if ends else range(1):
        if ends and time.monotonic() > ends:
            break
        for what, known, count, attempt in (
            ("films", CONTAINERS, given.films, fuzzing.films),
            ("texts", READ, given.texts, fuzzing.texts),
        ):
            own = [kind for kind in kinds if kind in known]
            mutations = list(fuzzing.mutations(own, count if own else 0, f"{given.seed}/{round_}"))
            found += attempt(mutations)
            tried[what] += len(mutations)
    figures = [Figure(f"mutated {what}", [count]) for what, count in tried.items()]
    counts = ", ".join(f"{name} {count}" for name, count in fuzzing.outcomes.most_common())
    material = [f"ended: {counts}", *(finding.to_line() for finding in found)]
    return Report("fuzz", [Figure("findings", [len(found)], at_most=0), *figures], material)


OPTIONS = (
    ("--films", {"type": int, "default": 300, "help": "mutated films in a round (default: %(default)s)"}),
    ("--texts", {"type": int, "default": 3000, "help": "mutated texts in a round (default: %(default)s)"}),
    ("--seed", {"default": "1", "help": "(default: %(default)s)"}),
    ("--minutes", {"type": float, "default": 0, "help": "rounds until this time is over (default: one round)"}),
    ("--only", {"default": "", "help": f"kinds: {', '.join([*CONTAINERS, *READ])} (default: all)"}),
)
main = partial(run, __doc__ or "", measure, *OPTIONS, repeat=1)

if __name__ == "__main__":
    sys.exit(main())
