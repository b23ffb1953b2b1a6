"""Copies of films on this machine: whole, as planned, within a bound, and gone afterwards."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from _folder_store import FolderStore, raising, store
from _toy_tasks import HOOKS, TASKS, Night, outcomes

from cinelake.errors import DiskFull, InputChanged, StagingFull, StorageError, StoreUnavailable
from cinelake.events import Deadline, StagingMoved
from cinelake.run.cells import StepReport
from cinelake.run.staging import Staging, staged, sweep_staged
from cinelake.spec.task import Film
from cinelake.storage.store import StorageLocation

__all__ = ["store"]
GB = 10**9


@pytest.fixture
def night(
    tmp_path: Path, draw_film: Callable[..., Path], own_tasks: Callable[..., None], store: FolderStore
) -> Iterator[Night]:
    """A night whose one film is on a store."""
    own_tasks(*TASKS)
    night = Night(tmp_path)
    draw_film(store.folder / "b/films/film.mp4", sound=True)
    night.catalogue, night.more = '{films: "s3://b/films/*"}', "staging: {folder: copies}"
    yield night
    HOOKS.clear()


def copies(night: Night) -> list[str]:
    return sorted(path.name for path in (night.folder / "copies").rglob("*") if path.is_file())


ALL = ("cards", "echoes", "clock", "tones", "sums", "totals")


def test_a_film_on_a_store_gives_the_cells_of_the_same_film_here(
    night: Night, store: FolderStore, draw_film: Callable[..., Path]
) -> None:
    assert outcomes(night.run(*ALL)) == dict.fromkeys(ALL, "made")
    draw_film(night.film, sound=True)
    night.catalogue = "{films: films}"
    assert night.steps(*ALL) == []


def test_one_copy_serves_every_cell_and_is_removed(night: Night, store: FolderStore) -> None:
    seen: list[str] = []
    HOOKS["clock.on_batch"] = lambda: seen.extend(copies(night))
    report = night.run(*ALL)
    assert set(seen) == {"film.mp4", "held"} and copies(night) == []
    assert report.staged_bytes == (store.folder / "b/films/film.mp4").stat().st_size


def test_the_copy_is_gone_before_tables_are_worked_on(night: Night) -> None:
    seen: list[list[str]] = []
    HOOKS["sums.run"] = lambda: seen.append(copies(night))
    night.run("cards", "sums")
    assert seen == [[]]


def test_nothing_is_copied_for_cells_that_read_tables(night: Night, store: FolderStore) -> None:
    night.run("cards")
    (step,) = night.steps("cards", "sums")
    store.asked.clear()
    assert outcomes(step.run(lambda _: None)) == {"sums": "made"} and not store.asked


def test_progress_is_told_in_bytes(night: Night, store: FolderStore) -> None:
    night.run("clock")
    size = (store.folder / "b/films/film.mp4").stat().st_size
    assert [event for event in night.events if isinstance(event, StagingMoved)] == [StagingMoved("film", size, size)]


def test_a_copy_that_goes_on_puts_the_deadline_off(night: Night, store: FolderStore) -> None:
    (step,) = night.steps("clock")
    step.run(night.events.append)
    size = step.film.size_bytes
    place = night.events.index(StagingMoved("film", size, size))
    assert night.events[place - 1] == Deadline("film", step.limit_s()) and step.limit_s() > 600


def test_a_share_s_films_are_copied_where_the_manifest_says_so(night: Night, draw_film: Callable[..., Path]) -> None:
    draw_film(night.film)
    night.catalogue, night.more = "{films: films}", "staging: {folder: copies, always: true}"
    report = night.run("clock")
    assert (outcomes(report), report.staged_bytes) == ({"clock": "made"}, night.film.stat().st_size)


@pytest.mark.parametrize(
    ("words", "reason", "transient"),
    [
        ("ACCESS_DENIED during HeadObject operation", "film_refused", True),
        ("NETWORK_CONNECTION during HeadObject operation", "store_unavailable", True),
        ("NO_SUCH_KEY during HeadObject operation", "film_missing", True),
    ],
)
def test_a_film_that_cannot_be_had_fails_with_its_address_and_tables_go_on(
    night: Night, store: FolderStore, words: str, reason: str, transient: bool
) -> None:
    night.run("cards")
    (step,) = night.steps("cards", "clock", "sums")
    store.on_open = raising(words)
    report = StepReport("film")
    report.add(step.run(lambda _: None))
    assert outcomes(report) == {"clock": reason, "sums": "made"}
    failure = night.failure("clock")
    assert failure and failure["transient"] is transient and "s3://b/films/film.mp4" in failure["message"]


def test_a_film_replaced_after_planning_is_not_decoded(night: Night, store: FolderStore) -> None:
    (step,) = night.steps("clock")
    (store.folder / "b/films/film.mp4").write_bytes(b"shorter")
    assert outcomes(step.run(lambda _: None)) == {"clock": "input_changed"} and copies(night) == []


def test_a_film_of_the_same_size_but_other_content_is_not_decoded_either(night: Night, store: FolderStore) -> None:
    (step,) = night.steps("clock")
    path = store.folder / "b/films/film.mp4"
    path.write_bytes(bytes(path.stat().st_size))
    assert outcomes(step.run(lambda _: None)) == {"clock": "input_changed"}


def test_a_film_replaced_while_it_is_copied_fails_alone(night: Night, store: FolderStore) -> None:
    (step,) = night.steps("clock")
    path, opened = store.folder / "b/films/film.mp4", []

    def replace_at_second(_: str) -> None:
        opened.append(1)
        if len(opened) == 2:
            os.utime(path, (1, 1))

    store.on_open = replace_at_second
    assert outcomes(step.run(lambda _: None)) == {"clock": "input_changed"}
    failure = night.failure("clock")
    assert failure and failure["message"] == "s3://b/films/film.mp4 changed while it was copied"


def test_a_damaged_film_s_failure_names_its_address_and_not_the_copy(night: Night, store: FolderStore) -> None:
    path = store.folder / "b/films/film.mp4"
    path.write_bytes(path.read_bytes()[:500])
    night.run("clock")
    failure = night.failure("clock")
    assert failure and str(night.folder / "copies") not in failure["message"] + failure["log_tail"]


def test_subtitles_beside_a_film_on_a_store_are_read_under_their_own_name(night: Night, store: FolderStore) -> None:
    (store.folder / "b/films/film.en.srt").write_text("1\n00:00:00,500 --> 00:00:01,000\nHello\n")
    assert outcomes(night.run("subtitles")) == {"subtitles": "made"}
    lines = night.lake.reader("subtitles", "film").read().to_pylist()
    assert [(line["text"], line["source"]) for line in lines] == [("Hello", ".en.srt")]


# --- the bound


@pytest.fixture
def film(store: FolderStore) -> Film:
    (store.folder / "b").mkdir()
    (store.folder / "b/x.mp4").write_bytes(bytes(1000))
    return Film("x", "s3://b/x.mp4", "s3://b/x.mp4", size_bytes=1000)


def staging(tmp_path: Path, max_bytes: int) -> Staging:
    return Staging(str(tmp_path / "copies"), max_bytes, StorageLocation(""))


def test_a_film_larger_than_the_bound_is_refused_before_it_is_opened(
    tmp_path: Path, film: Film, store: FolderStore
) -> None:
    with pytest.raises(StagingFull, match=r"raise `staging: \{max_gb"), staged(staging(tmp_path, 999), film, print):
        pass
    assert store.asked["open"] == 0


def test_a_full_bound_is_waited_for(tmp_path: Path, film: Film) -> None:
    order: list[str] = []
    told = threading.Event()

    def second() -> None:
        with staged(staging(tmp_path, 1999), film, lambda copied: told.set() if not copied else None):
            order.append("second has it")

    thread = threading.Thread(target=second)
    with staged(staging(tmp_path, 1999), film, lambda _: None):
        thread.start()
        assert told.wait(60)
        order.append("first leaves")
    thread.join(60)
    assert order == ["first leaves", "second has it"]


def test_who_came_first_is_not_overtaken_by_a_smaller_film(tmp_path: Path, film: Film, store: FolderStore) -> None:
    (store.folder / "b/s.mp4").write_bytes(bytes(10))
    small = Film("s", "s3://b/s.mp4", "s3://b/s.mp4", size_bytes=10)
    order: list[str] = []

    def take(which: Film, told: threading.Event) -> None:
        with staged(staging(tmp_path, 1005), which, lambda copied: told.set() if not copied else None):
            order.append(which.movie_id)

    threads = []
    with staged(staging(tmp_path, 1005), film, lambda _: None):
        for which in (film, small):
            waits = threading.Event()
            threads.append(threading.Thread(target=take, args=(which, waits)))
            threads[-1].start()
            assert waits.wait(60)
    for thread in threads:
        thread.join(60)
    assert order == ["x", "s"]


def hold(folder: str, ready: Any) -> None:
    """What a process that will be killed does: it has asked for room, and copies."""
    from cinelake.run import staging as module

    with module._room(Path(folder), 1000, 1000, lambda _: None) as mine:
        (mine / "x.mp4.part").write_bytes(bytes(500))
        ready.set()
        time.sleep(600)


def killed_holder(folder: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    process = context.Process(target=hold, args=(str(folder), ready))
    process.start()
    assert ready.wait(120)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join(60)


def test_what_a_killed_process_held_is_given_to_the_next(tmp_path: Path, film: Film) -> None:
    killed_holder(tmp_path / "copies")
    assert list((tmp_path / "copies").rglob("*.part"))
    with staged(staging(tmp_path, 1000), film, lambda _: None) as copy:
        assert Path(copy.path).stat().st_size == 1000 and not list((tmp_path / "copies").rglob("*.part"))


def test_a_run_sweeps_what_nobody_holds_and_touches_nothing_else(tmp_path: Path, film: Film) -> None:
    folder = tmp_path / "copies"
    (folder / "staged-00000007-500").mkdir(parents=True)
    (folder / "notes").mkdir()
    with staged(staging(tmp_path, 2000), film, lambda _: None) as copy:
        sweep_staged(str(folder))
        assert Path(copy.path).is_file()
    assert [path.name for path in folder.iterdir()] == ["notes"]


def test_a_folder_that_cannot_be_used_stops_the_run_in_words(tmp_path: Path, film: Film) -> None:
    (tmp_path / "copies").write_text("a file")
    with pytest.raises(StorageError, match=r"staging: \{folder"), staged(staging(tmp_path, 2000), film, print):
        pass


def test_a_full_disk_fails_the_film_and_leaves_nothing(
    tmp_path: Path, film: Film, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "pwrite", lambda *_: 3)
    full = pytest.raises(DiskFull, match="the disk is full: free space there")
    with full, staged(staging(tmp_path, 2000), film, lambda _: None):
        pass
    assert list((tmp_path / "copies").iterdir()) == []


def test_names_of_a_store_cannot_leave_the_folder_of_copies(tmp_path: Path, film: Film, store: FolderStore) -> None:
    odd = store.folder / "b" / f"x.{'é' * 100}"
    odd.write_bytes(bytes(1000))
    about = Film("x", f"s3://b/{odd.name}", f"s3://b/{odd.name}", size_bytes=1000)
    with staged(staging(tmp_path, 2000), about, lambda _: None) as copy:
        assert Path(copy.path).name == "x"


def test_a_store_that_goes_away_in_the_middle_leaves_no_film(tmp_path: Path, film: Film, store: FolderStore) -> None:
    store.on_open = raising("NETWORK_CONNECTION during GetObject operation")
    with pytest.raises(StoreUnavailable), staged(staging(tmp_path, 2000), film, lambda _: None):
        pass
    assert list((tmp_path / "copies").iterdir()) == []


def test_a_short_object_is_never_taken_for_the_film(tmp_path: Path, film: Film, store: FolderStore) -> None:
    (store.folder / "b/x.mp4").write_bytes(bytes(999))
    changed = pytest.raises(InputChanged, match="1000 bytes then, 999 now")
    with changed, staged(staging(tmp_path, 2000), film, lambda _: None):
        pass


def test_no_film_is_copied_into_a_folder_that_another_user_prepared(tmp_path: Path, night: Night) -> None:
    (tmp_path / "tmp").mkdir()
    (tmp_path / "tmp").chmod(0o1777)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "tmp" / "staged").symlink_to(tmp_path / "elsewhere")
    night.more = "staging: {folder: tmp/staged}"
    with pytest.raises(StorageError, match="another user has made this folder"):
        night.run("cards")
    assert list((tmp_path / "elsewhere").iterdir()) == []
