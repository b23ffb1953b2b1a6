"""subtitles: text streams of a film and files beside it, as plain lines with their times."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _real_data import REAL

from cinelake.errors import BadSubtitles
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.media.ffmpeg import binary
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.cells import StepReport
from cinelake.run.step import run_step
from cinelake.spec.task import Film
from tasks.subtitles import SUBTITLES, ReadSubtitles, SubtitlesParams, language_of
from tasks.subtitles.lines import MAX_BYTES, MAX_LINE, read_lines

HELLO = "1\n00:00:00,500 --> 00:00:01,250\nHello\n\n2\n00:00:01,300 --> 00:00:01,900\nGoodbye\n"
HALLO = "WEBVTT\n\n00:00.500 --> 00:01.250\nHallo\n"


def cue(text: str, times: str = "00:00:01,000 --> 00:00:02,500") -> str:
    return f"1\n{times}\n{text}\n\n"


def texts(folder: Path, data: bytes | str, name: str = "film.srt", encoding: str | None = None) -> list[str]:
    file = folder / name
    file.write_bytes(data if isinstance(data, bytes) else data.encode())
    return [line.text for line in read_lines(file, encoding).lines]


def read(film: Path, *beside: Path, **params: Any) -> list[dict[str, Any]]:
    task = ReadSubtitles(SubtitlesParams(**params), Film("film", str(film), beside=tuple(map(str, beside))))
    batches = list(task.run({}))
    for batch in batches:
        SUBTITLES.check(batch, "film")
    return [row for batch in batches for row in batch.to_pylist()]


@pytest.fixture
def film(tmp_path: Path, draw_film: Callable[..., Path]) -> Path:
    return draw_film(tmp_path / "films" / "film.mp4")


@pytest.fixture
def spoken(film: Path) -> Path:
    """A film with an English stream of text."""
    (film.parent / "words.txt").write_text(HELLO)
    muxed = film.with_suffix(".mkv")
    inputs = ["-i", str(film), "-f", "srt", "-i", str(film.parent / "words.txt")]
    streams = ["-map", "0", "-map", "1", "-c", "copy", "-metadata:s:s:0", "language=eng"]
    subprocess.run([binary(), "-loglevel", "error", *inputs, *streams, str(muxed)], check=True)
    film.unlink()
    return muxed


class Night:
    """A run over one folder of films, as `cinelake run` makes it."""

    def __init__(self, folder: Path):
        self.folder = folder
        text = "lake: lake\ncatalogue: {films: films/film.*}\ntasks: {subtitles: {}}\n"
        (folder / "pipeline.yaml").write_text(text)

    def plan(self) -> Planning:
        return plan_manifest(load_manifest(self.folder / "pipeline.yaml"))

    def run(self) -> StepReport:
        planning = self.plan()
        ((movie_id, stale),) = planning.plan.by_film().items()
        return run_step(planning.step(movie_id, stale))

    def texts(self) -> list[str]:
        found: list[str] = Lake(str(self.folder / "lake")).reader("subtitles", "film").read()["text"].to_pylist()
        return found


def test_a_stream_of_text_becomes_lines_with_its_language(spoken: Path) -> None:
    rows = read(spoken)
    assert [(r["language"], r["start_s"], r["end_s"], r["text"]) for r in rows] == [
        ("eng", 0.5, 1.25, "Hello"),
        ("eng", 1.3, 1.9, "Goodbye"),
    ]
    assert {r["source"] for r in rows} == {"stream 1"}


def test_a_film_without_subtitles_has_no_rows(film: Path) -> None:
    assert read(film) == []


def test_files_beside_the_film_come_after_its_streams(spoken: Path, tmp_path: Path) -> None:
    beside = tmp_path / "films" / "film.de.vtt"
    beside.write_text(HALLO)
    found = [(r["track"], r["language"], r["text"]) for r in read(spoken, beside)]
    assert found == [(0, "eng", "Hello"), (0, "eng", "Goodbye"), (1, "de", "Hallo")]


def test_only_languages_that_are_wanted_are_read(spoken: Path, tmp_path: Path) -> None:
    german, unnamed = tmp_path / "films" / "film.de.vtt", tmp_path / "films" / "film.srt"
    german.write_text(HALLO)
    unnamed.write_text(cue("?"))
    assert [r["text"] for r in read(spoken, german, unnamed, languages=["de"])] == ["Hallo", "?"]


@pytest.mark.parametrize(
    ("name", "language"),
    [(".srt", None), (".en.srt", "en"), (".pt-BR.srt", "pt-br"), (".forced.en.vtt", "en"), (".sdh.srt", None)],
)
def test_a_files_name_tells_its_language(name: str, language: str | None) -> None:
    assert language_of(name) == language


def test_markup_is_taken_out(tmp_path: Path) -> None:
    marked = r"{\an8}<i>Hi</i> <font color='red'>you</font>" + "\n<b>two"
    assert texts(tmp_path, cue(marked)) == ["Hi you\ntwo"]


def test_notes_styles_and_names_of_cues_are_no_lines(tmp_path: Path) -> None:
    notes, last = "NOTE by me\n\nSTYLE\n::cue{}\n\n", "\nnext\n00:02.000 --> 00:03.000\n<v Ada>A &amp; B\n"
    assert texts(tmp_path, f"WEBVTT\n\n{notes}{HALLO[8:]}{last}", "film.vtt") == ["Hallo", "A & B"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1251"])
def test_the_encoding_is_found(tmp_path: Path, encoding: str) -> None:
    said = "Привет, как дела? Хорошо ли ты спал сегодня ночью?"
    assert texts(tmp_path, cue(said).encode(encoding)) == [said]


def test_lines_that_end_before_they_begin_are_dropped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "film.srt").write_text(HELLO + cue("Back", "00:00:05,000 --> 00:00:04,000") + cue(""))
    assert read_lines(tmp_path / "film.srt").dropped == 2


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert texts(tmp_path, b"\n \n") == []


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"x" * (MAX_BYTES + 1), "at most 8 MiB"),
        (bytes(range(256)) * 9, "is no text"),
        (b"Dear diary,\n" * 9, "has no subtitles of .srt, .vtt"),
        (cue("x" * (MAX_LINE + 1)).encode(), "one line has 5,001 characters"),
    ],
)
def test_a_file_that_is_no_subtitles_says_so(tmp_path: Path, data: bytes, why: str) -> None:
    with pytest.raises(BadSubtitles, match=why):
        texts(tmp_path, data)


def test_an_encoding_that_does_not_fit_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadSubtitles, match="is no text in utf-16"):
        texts(tmp_path, b"abc", encoding="utf-16")


def test_a_hundred_thousand_empty_lines_cost_nothing(tmp_path: Path) -> None:
    assert texts(tmp_path, cue("Hi") + "\n \n" * 100_000 + cue("Bye")) == ["Hi", "Bye"]


def test_a_changed_file_beside_the_film_makes_its_subtitles_stale(film: Path, tmp_path: Path) -> None:
    night, beside = Night(tmp_path), film.with_suffix(".en.srt")
    beside.write_text(HELLO)
    night.run()
    assert night.plan().plan.stale == ()
    beside.write_text(cue("Changed"))
    assert [cell.reason for cell in night.plan().plan.stale] == ["file ….en.srt beside the film"]
    night.run()
    assert night.texts() == ["Changed"]


def test_a_file_that_comes_or_goes_makes_them_stale(film: Path, tmp_path: Path) -> None:
    night, beside = Night(tmp_path), film.with_suffix(".srt")
    night.run()
    beside.write_text(HELLO)
    night.run()
    assert night.texts() == ["Hello", "Goodbye"]
    beside.unlink()
    assert [cell.reason for cell in night.plan().plan.stale] == ["file ….srt beside the film"]


def test_a_file_that_cannot_be_read_is_a_recorded_failure(film: Path, tmp_path: Path) -> None:
    night = Night(tmp_path)
    film.with_suffix(".srt").write_bytes(bytes(range(256)))
    assert [(cell.outcome, cell.reason) for cell in night.run().cells] == [("failed", "bad_subtitles")]
    assert night.plan().plan.stale == ()


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data in {REAL} (CINELAKE_REAL_DATA names the folder)")
def test_both_subtitle_streams_of_a_real_film_are_read() -> None:
    rows = read(REAL / "films" / "nasa.mp4")
    assert {(r["track"], r["source"], r["language"]) for r in rows} == {(0, "stream 2", "eng"), (1, "stream 5", "eng")}
    assert rows[0]["text"] == "NAR: This is the optical and science segment of the Webb"
