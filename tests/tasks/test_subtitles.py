"""subtitles: text streams of a film and files beside it, as plain lines with their times."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pysubs2
import pytest
from _real_data import REAL
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from cinelake.errors import BadSubtitles
from cinelake.lake.cells import Lake
from cinelake.manifest.document import load_manifest
from cinelake.media.ffmpeg import binary
from cinelake.media.probe import probe
from cinelake.plan.build import Planning, plan_manifest
from cinelake.run.cells import StepReport
from cinelake.run.step import run_step
from cinelake.spec.task import Film
from tasks.subtitles import SUBTITLES, ReadSubtitles, SubtitlesParams, language_of
from tasks.subtitles.lines import MAX_BYTES, MAX_EVENT, MAX_LINE, MAX_OTHER_BYTES, read_lines

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


SAMI = "<SAMI><BODY><SYNC Start=500><P Class=ENCC>Hello<SYNC Start=1250><P Class=ENCC>&nbsp;</BODY></SAMI>"
TTML = (
    '<tt xmlns="http://www.w3.org/ns/ttml"><body><div><p begin="00:00:00.500" end="00:00:01.250">Hello</p></div></body>'
    "</tt>"
)
BY_PICTURES = "{%d}{%d}Hello\n"
"""MicroDVD, which counts pictures of the film."""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("film.smi", SAMI),
        ("film.ttml", TTML),
        ("film.dfxp", TTML),
        ("film.itt", TTML),
        ("film.mpl", "[5][13]Hello\n"),
        ("film.sbv", "0:00:00.500,0:00:01.300\nHello\n"),
        ("film.sub", ""),
    ],
)
def test_files_of_other_kinds_beside_the_film_are_read(film: Path, name: str, text: str) -> None:
    fps = probe(str(film)).video.fps
    (film.parent / name).write_text(text or BY_PICTURES % (round(0.5 * fps), round(1.25 * fps)))
    (row,) = read(film, film.parent / name)
    assert (row["text"], row["start_s"], row["end_s"]) == (
        "Hello",
        pytest.approx(0.5, abs=0.03),
        pytest.approx(1.25, abs=0.06),
    )


def test_files_of_kinds_that_are_not_read_are_told(film: Path) -> None:
    for name, data in {"film.idx": b"# VobSub", "film.sub": b"\0\0\1\xba", "film.en.json3": b"{}"}.items():
        (film.parent / name).write_bytes(data)
    task = ReadSubtitles(SubtitlesParams(), Film("film", str(film), beside=tuple(map(str, film.parent.glob("film.*")))))
    assert list(task.run({})) == []
    assert task.facts["left_aside_files"].endswith("not read: .en.json3, .idx, .sub")


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
        (cue(("x" * 4000 + "\n") * 6).encode(), "at 1 s it shows 24,010 characters at once, at most 20,000"),
        (cue(f"&#{'9' * 4500};").encode(), "has no subtitles of .srt, .vtt"),
        (b"{1}{1}25\n" + b"{25}{50}Hi\n" * (MAX_OTHER_BYTES // 10), "holds microdvd, of which at most 512 KiB"),
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


HOSTILE = {
    "braces": "{",
    "tags": "<i ",
    "tags that close at last": "< ",
    "overrides": "{}",
    "drawings that end": r"{\p0}",
    "digits": "1",
    "entities": "&#",
    "times": "00:00:00,",
}
"""What a regular expression may follow to the end of an event, again for each place where it begins."""
HEAD = "[Script Info]\n\n[V4+ Styles]\n\n[Events]\n"
SAID = "Dialogue: 0,0:00:01.00,0:00:02.00,D,,0,0,0,,"


def full_lines(part: str, count: int, begin: str = "") -> str:
    """So many lines of nearly the longest kind, all of one part."""
    return f"{begin}{part * ((MAX_LINE - 100) // len(part))}\n" * count


def hostile_files() -> dict[str, str]:
    """About a megabyte each."""
    cues = {
        f"{kind} in {suffix}": head + "".join(cue(full_lines(part, 4)[:-1], times) for _ in range(50))
        for kind, part in HOSTILE.items()
        for suffix, head, times in [
            (".srt", "", "00:00:01,000 --> 00:00:02,500"),
            (".vtt", "WEBVTT\n\n", "00:01.000 --> 00:02.500"),
        ]
    }
    dialogues = {f"{kind} in .ass": HEAD + full_lines(part, 200, SAID) for kind, part in HOSTILE.items()}
    headings = {f"heading {begin}": HEAD + full_lines("a", 200, begin) for begin in ("[", "[[[[", "][", "[][")}
    return {**cues, **dialogues, **headings, "as one event": cue(full_lines("{", 200))}


@pytest.mark.parametrize("text", hostile_files().values(), ids=hostile_files())
def test_no_text_takes_more_than_linear_time(tmp_path: Path, text: str) -> None:
    """A second a megabyte would be slow; the quadratic ways took a minute and more."""
    (tmp_path / "film.srt").write_text(text)
    began = time.process_time()
    with suppress(BadSubtitles):
        read_lines(tmp_path / "film.srt")
    assert time.process_time() - began < 5


def test_an_event_may_be_long(tmp_path: Path) -> None:
    said = "word " * 900
    assert len(texts(tmp_path, cue("\n".join([said] * 4)))[0]) > MAX_EVENT * 0.8


def test_a_heading_that_is_never_closed_costs_no_line_after_it(tmp_path: Path) -> None:
    assert texts(tmp_path, f"{HEAD}[broken\n{SAID}Hi\n", "film.ass") == ["Hi"]


PARTS = (
    *("{", "}", ">", "/", "\\", " ", "\n", "1", "a", "word", "<i>", "</b>", "< u >", "<font x='1'>"),
    *(r"\r", r"\rStyle", r"\i1", r"\N", r"\h", r"{\p0}", r"{\r}", r"{\fnp1 r}"),
)
"""Text, markup, and parts of markup. Drawings and brackets that are text differ: pysubs2 drops what is beside them."""
MARKUP = st.lists(st.sampled_from(PARTS), max_size=12).map("".join)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(MARKUP, min_size=1, max_size=3), st.sampled_from(["srt", "vtt", "ass"]))
def test_lines_are_those_that_pysubs2_shows(tmp_path: Path, said: list[str], kind: str) -> None:
    said = ["\n".join(line for line in text.split("\n") if line.strip()) for text in said]
    file = tmp_path / f"film.{kind}"
    if kind == "ass":
        file.write_text(HEAD + "".join(f"{SAID}{text.replace(chr(10), ' ')}\n" for text in said))
    elif kind == "vtt":
        file.write_text("WEBVTT\n\n" + "".join(f"00:01.000 --> 00:02.500\n{text}\n\n" for text in said))
    else:
        file.write_text("".join(map(cue, said)))
    tidied = "\n".join(" ".join(line.split()) for line in file.read_text().splitlines())
    assume(not re.search(r"\n\s*\d+\s*$", said[-1]))  # pysubs2 takes it for the next cue's number, the reader for text
    shown = [event.plaintext for event in pysubs2.SSAFile.from_string(tidied, kind) if event.is_text]
    plain = ["\n".join(" ".join(line.split()) for line in text.split("\n") if line.split()) for text in shown]
    assert [line.text for line in read_lines(file).lines] == [text for text in plain if text]


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
