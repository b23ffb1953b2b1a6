"""subtitles: files in formats other than SubRip, WebVTT and SubStation Alpha have the times and letters they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from cinelake.errors import BadSubtitles
from tasks.subtitles.lines import MAX_LINE, CueLines, read_lines

TTML = '<tt xmlns="http://www.w3.org/ns/ttml"><body><div>%s</div></body></tt>'
SHOWN = '<p begin="1s" end="2s">%s</p>'
CLEAR = "<P>&nbsp;"


def read(folder: Path, data: str | bytes, fps: float | None = None) -> CueLines:
    file = folder / "film.sub"
    file.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_lines(file, fps=fps)


def spans(lines: CueLines) -> list[tuple[float, float, str]]:
    return [(line.start_s, line.end_s, line.text) for line in lines.lines]


@pytest.mark.parametrize("first", ["{1}{1}10.000", "{0}{0}10", "{1}{1}10,0"])
def test_microdvd_counts_by_the_rate_that_it_says_not_by_the_film(tmp_path: Path, first: str) -> None:
    lines = read(tmp_path, f"{first}\n{{10}}{{20}}Hello\n", fps=25.0)
    assert (spans(lines), lines.dropped) == ([(1.0, 2.0, "Hello")], 0)


def test_microdvd_that_says_no_rate_counts_the_pictures_of_the_film(tmp_path: Path) -> None:
    assert spans(read(tmp_path, "{1}{1}Ten\n{25}{50}Hello\n", fps=25.0)) == [(1.0, 2.0, "Hello")]


def test_a_text_of_sami_is_shown_until_the_next_one(tmp_path: Path) -> None:
    syncs = [(500, "Hi"), (4500, CLEAR), (6000, "Bye"), (6000, "Salut"), (9000, CLEAR)]
    lines = read(tmp_path, "<SAMI><BODY>" + "\n".join(f"<SYNC Start={ms}><P>{text}" for ms, text in syncs) + "</BODY>")
    assert spans(lines) == [(0.5, 4.5, "Hi"), (6.0, 9.0, "Bye"), (6.0, 9.0, "Salut")]
    assert lines.dropped == 0


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_ttml_has_the_letters_that_its_bytes_are(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?>\n' + TTML % (SHOWN % "Le café d'été")
    assert spans(read(tmp_path, text.encode(encoding))) == [(1.0, 2.0, "Le café d'été")]


def test_ttml_may_be_one_line(tmp_path: Path) -> None:
    text = TTML % "".join(f'<p begin="{n}s" end="{n + 1}s">Line {n}</p>' for n in range(400))
    assert len(text) > MAX_LINE and len(read(tmp_path, text).lines) == 400


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (f'<!ENTITY b "{"x" * 1000}"><!ENTITY c "{"&b;" * 1000}"><!ENTITY a "{"&c;" * 1000}">', "amplification"),
        ('<!ENTITY a SYSTEM "film.sub">', "undefined entity"),
    ],
    ids=["bomb", "another_file"],
)
def test_entities_of_ttml_neither_grow_nor_open_files(tmp_path: Path, declared: str, words: str) -> None:
    with pytest.raises(BadSubtitles, match=words):
        read(tmp_path, f"<!DOCTYPE tt [{declared}]>" + TTML % (SHOWN % "&a;"))


def test_ttml_without_end_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadSubtitles, match="recursion"):
        read(tmp_path, TTML % (SHOWN % ("<span>" * 20_000 + "</span>" * 20_000)))
