"""One night over a folder of damaged, odd and hostile files beside two good films."""

from __future__ import annotations

import http.server
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from end_to_end._bad_films import ODD, Odd, draw, pointers
from end_to_end._command import answer_of, cinelake, start
from end_to_end._lakes import MANIFEST, TABLES, change, contents, identities, read

from cinelake.catalogue.names import movie_id_of
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.run.step import run_step

pytestmark = pytest.mark.slow
GOOD = ("good_one.mp4", "good_two.mkv")
LAST = "zz_vanishes"


@dataclass
class Night:
    """The project, what its first run said and ended with, and what the HTTP server was asked."""

    folder: Path
    code: int
    said: str
    asked: list[str]

    def reasons(self) -> dict[str, set[str]]:
        """movie_id → reasons of its rows in `failures`."""
        found: dict[str, set[str]] = defaultdict(set)
        for row in self.failures():
            found[row["movie_id"]].add(row["reason"])
        return found

    def failures(self) -> list[dict]:
        return [row for path in self.folder.glob("lake/failures/*/*") for row in read(path).to_pylist()]

    def tables_of(self, movie_id: str) -> set[str]:
        return {path.parent.name for path in self.folder.glob(f"lake/*/{movie_id}.parquet")}


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[str, list[str]]]:
    """The address of an HTTP server on loopback, and what it is asked."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/film.ts", asked
        server.shutdown()


@pytest.fixture(scope="module")
def night(asked: tuple[str, list[str]], prefect: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Night:
    folder = tmp_path_factory.mktemp("night")
    films = folder / "films"
    films.mkdir()
    for odd in ODD:
        odd.make(films / odd.name)
    for kind, target in {"file": f"file://{films / GOOD[0]}", "plain": GOOD[0], "net": asked[0]}.items():
        for name, text in pointers(target).items():
            (films / f"{kind}_{name}").write_text(text)
    draw(films / f"{LAST}.mp4", "testsrc2=d=3:s=96x64:r=25")
    (folder / "pipeline.yaml").write_text(MANIFEST.replace("workers: 2", "workers: 1"))
    process = start("run", cwd=folder, env=prefect)
    while process.poll() is None and not list(folder.glob("lake/films/*")):
        time.sleep(0.05)
    (films / f"{LAST}.mp4").unlink()
    return Night(folder, process.wait(250), (folder / "command.log").read_text(), asked[1])


def identity(odd: Odd) -> str:
    return odd.movie_id or movie_id_of(odd.name)


def test_new_failures_end_the_night_with_1_and_no_traceback(night):
    assert night.code == 1, night.said
    assert "Traceback" not in night.said


@pytest.mark.parametrize("odd", [odd for odd in ODD if odd.reason], ids=lambda odd: odd.name)
def test_what_is_no_usable_film_has_a_typed_reason_and_no_tables(night, odd):
    assert night.reasons()[identity(odd)] == {odd.reason}
    assert not night.tables_of(identity(odd))


@pytest.mark.parametrize("odd", [odd for odd in ODD if not odd.reason], ids=lambda odd: repr(odd.name))
def test_an_odd_film_has_all_its_tables(night, odd):
    assert identity(odd) not in night.reasons()
    assert night.tables_of(identity(odd)) == set(TABLES)
    (film,) = read(night.folder / "lake" / "films" / f"{identity(odd)}.parquet").to_pylist()
    assert film["frame_count"] == odd.frames


def film_row(night, movie_id):
    (row,) = read(night.folder / "lake" / "films" / f"{movie_id}.parquet").to_pylist()
    return row


def test_odd_pictures_are_described_as_they_are(night):
    assert (film_row(night, "odd_size")["width"], film_row(night, "odd_size")["height"]) == (33, 17)
    assert (film_row(night, "rotated")["width"], film_row(night, "rotated")["height"]) == (64, 96)
    assert film_row(night, "variable")["is_vfr"] and not film_row(night, "good_one")["is_vfr"]


def test_a_film_without_pictures_has_sound_and_no_shots(night):
    rows = {name: read(night.folder / "lake" / name / "sound_only.parquet").num_rows for name in TABLES}
    assert rows["sound"] == 3 and rows["films"] == 1
    assert rows["shots"] == rows["frames"] == rows["faces"] == 0


def test_a_film_without_sound_has_shots_and_no_windows(night):
    assert read(night.folder / "lake" / "sound" / "picture_only.parquet").num_rows == 0
    assert read(night.folder / "lake" / "shots" / "picture_only.parquet").num_rows == 1


@pytest.mark.parametrize("kind", ["file", "plain", "net"])
@pytest.mark.parametrize("name", pointers(""))
def test_a_playlist_or_script_is_forbidden_whatever_its_name(night, kind, name):
    movie_id = movie_id_of(f"{kind}_{name}")
    assert night.reasons()[movie_id] == {"forbidden_input"} and not night.tables_of(movie_id)


def test_nothing_is_asked_of_the_network(night):
    assert not night.asked


def test_a_film_that_disappears_while_the_run_goes_on_is_missing(night):
    assert night.reasons()[LAST] == {"film_missing"}
    assert all(row["transient"] for row in night.failures() if row["movie_id"] == LAST)


def test_good_films_are_as_they_are_without_bad_neighbours(night, tmp_path):
    (tmp_path / "films").mkdir()
    for name in GOOD:
        shutil.copy(night.folder / "films" / name, tmp_path / "films")
    (tmp_path / "pipeline.yaml").write_text(MANIFEST)
    planning = plan_manifest(load_manifest(tmp_path / "pipeline.yaml"))
    for movie_id, stale in planning.plan.by_film().items():
        run_step(planning.step(movie_id, stale))
    there = contents(night.folder / "lake")
    for name, (key, rows) in contents(tmp_path / "lake").items():
        if "films/" not in name:
            assert there[name][0] == key and there[name][1].equals(rows), name


def test_a_second_night_plans_nothing_and_ends_well_unless_strict(night):
    before = identities(night.folder / "lake")
    plan = answer_of("plan", "-m", night.folder / "pipeline.yaml")
    assert plan["counts"]["stale"] == 0
    assert cinelake("run", cwd=night.folder).returncode == 0
    assert cinelake("run", "--strict", cwd=night.folder).returncode == 1
    assert identities(night.folder / "lake") == before


def test_failed_tries_the_bad_ones_again_and_only_those(night, prefect, tmp_path):
    again = Path(shutil.copytree(night.folder, tmp_path / "again", symlinks=True))
    change(again, "workers: 1", "workers: 2")
    before = identities(again / "lake")
    (again / "films" / "text.mp4").write_bytes((again / "films" / GOOD[0]).read_bytes())
    assert cinelake("run", "--failed", cwd=again, env=prefect).returncode == 1
    rows = Night(again, 0, "", []).failures()
    assert {row["attempt"] for row in rows if row["movie_id"] == "spoiled"} == {2}
    after = identities(again / "lake")
    assert {name.split("/")[1] for name in after.keys() - before.keys()} == {"text"}
    assert before.items() <= after.items()
