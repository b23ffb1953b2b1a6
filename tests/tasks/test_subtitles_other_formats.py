"""subtitles: files in formats other than SubRip, WebVTT and SubStation Alpha have the times and letters they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from cinelake.errors import BadSubtitles
from tasks.subtitles.lines import MAX_LINE, CueLines, read_lines, read_sets

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


def test_microdvd_without_an_end_is_shown_until_the_next_text(tmp_path: Path) -> None:
    lines = read(tmp_path, "{DEFAULT}{}{C:$ff}\n{10}{}Hi\n{30}{40}Ho\n{50}{}Bye\n", fps=10.0)
    assert (spans(lines), lines.dropped) == ([(1.0, 3.0, "Hi"), (3.0, 4.0, "Ho"), (5.0, 10.0, "Bye")], 0)


@pytest.mark.parametrize("pair", ["00:00:01.00,00:00:03.50\nHi[br]there\n", "0:00:01.000,0:00:03.500\nHi\nthere\n"])
def test_subviewer_and_sbv_have_no_arrows(tmp_path: Path, pair: str) -> None:
    lines = read(tmp_path, f"[INFORMATION]\n[END INFORMATION]\n[COLF]&HFFFFFF,[SIZE]18\n{pair}\n")
    assert spans(lines) == [(1.0, 3.5, "Hi\nthere")]


BROKEN = {
    "SubViewer": "0:00:01.00,0:00:02.00\nHello\n\n100:00:01.00,100:00:02.00\nlost\n",
    "MicroDVD": "{10}{20}Hello\n{30}{4o}lost\n{50}{40}lost\n",
    "MPL2": "[10][20]Hello\n[30][4o]lost\n[50][50]lost\n",
    "SubStation Alpha": "[Script Info]\n[Events]\nFormat: Start, End, Text\nDialogue: 0:00:01.00,0:00:02.00,Hello\n"
    "Dialogue: 0:00:03:50,0:00:04.00,lost\nDialogue: 100:00:01.00,100:00:02.00,lost\n",
    "SAMI": "<sami><body><sync start=1000><p>Hello<sync start=o><p>lost<sync start=2000><p>&nbsp;</body></sami>",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_one_text_without_a_time_costs_no_other_and_is_counted(tmp_path: Path, text: str) -> None:
    lines = read(tmp_path, text, fps=10.0)
    assert spans(lines) == [(1.0, 2.0, "Hello")]
    assert lines.dropped == text.count("lost")


@pytest.mark.parametrize("text", ["Scenarist_SCC V1.0\n00:00:01:00\t9420 94ae\n", "00:00:01:00 , 00:00:02:00 , Hi\n"])
def test_times_that_count_pictures_are_not_taken_for_seconds(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadSubtitles, match="count pictures"):
        read(tmp_path, text)


SUBSTATION = "[Script Info]\n[Events]\nFormat: Start, End, Text\nDialogue: -0:00:01.00,0:00:02.00,Hello\n"


@pytest.mark.parametrize(
    "text",
    [
        "[-10][20]Hello\n",
        "{-10}{20}Hello\n",
        "-00:00:01,000 --> 00:00:02,000\nHello\n",
        "− 00:01,000 --> 00:02,000\nHello\n",
        SUBSTATION,
    ],
    ids=["MPL2", "MicroDVD", "SubRip", "SubRip with a sign of its own", "SubStation Alpha"],
)
def test_what_begins_before_the_film_is_shown_from_its_start(tmp_path: Path, text: str) -> None:
    lines = read(tmp_path, text, fps=10.0)
    assert (spans(lines), lines.dropped) == ([(0.0, 2.0, "Hello")], 0)


@pytest.mark.parametrize("times", ["-00:00:03,000 --> -00:00:01,000", "00:00:01,000 --> -00:00:02,000"])
def test_what_ends_before_the_film_begins_is_dropped_and_counted(tmp_path: Path, times: str) -> None:
    lines = read(tmp_path, f"{times}\nGone\n\n00:00:01,000 --> 00:00:02,000\nHello\n")
    assert (spans(lines), lines.dropped) == ([(1.0, 2.0, "Hello")], 1)


@pytest.mark.parametrize("form", ["[{}][{}]{}\n", "{{{}}}{{{}}}{}\n"], ids=["MPL2", "MicroDVD"])
def test_what_ends_later_than_any_film_is_dropped_and_counted(tmp_path: Path, form: str) -> None:
    lines = read(tmp_path, form.format(10, 10**20, "Never") + form.format(10, 20, "Hello"), fps=10.0)
    assert (spans(lines), lines.dropped) == ([(1.0, 2.0, "Hello")], 1)


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


CODE, DROP, NTSC = 'ttp:timeBase="smpte"', 'ttp:dropMode="dropNTSC"', 'ttp:frameRateMultiplier="1000 1001"'
TIMES = [
    ('ttp:frameRate="25"', 'begin="00:00:01:05" end="00:00:02:10"', (1.2, 2.4)),
    ('ttp:frameRate="24" ttp:frameRateMultiplier="1000 1001"', 'begin="24f" end="48f"', (1.001, 2.002)),
    ('ttp:tickRate="10000000"', 'begin="10000000t" end="25000000t"', (1.0, 2.5)),
    ("", 'begin="1s" dur="1500ms"', (1.0, 2.5)),
    (f'{CODE} ttp:frameRate="24" {NTSC}', 'begin="01:00:00:00" end="01:00:01:00"', (3603.6, 3604.601)),
    (f'{CODE} ttp:frameRate="30" {NTSC} {DROP}', 'begin="01:00:00:00" end="01:01:00:02"', (3599.996, 3660.056)),
    (f"{CODE} {DROP}", 'begin="01:00:00:00" end="01:01:00:02"', (3599.996, 3660.056)),
    (f'{CODE} ttp:frameRate="25"', 'begin="01:00:00:05" end="01:00:01:00"', (3600.2, 3601.0)),
    ("", 'begin="00:00:01.5" end="00:01:00.25"', (1.5, 60.25)),
]


@pytest.mark.parametrize(("root", "own", "shown"), TIMES, ids=[f"{root} {own}" for root, own, _ in TIMES])
def test_ttml_counts_frames_ticks_and_lengths(tmp_path: Path, root: str, own: str, shown: tuple[float, float]) -> None:
    named = TTML.replace("<tt ", f'<tt xmlns:ttp="http://www.w3.org/ns/ttml#parameter" {root} ')
    assert spans(read(tmp_path, named % f"<p {own}>Hi</p>")) == [(*shown, "Hi")]


def test_times_of_ttml_count_from_what_is_around_them(tmp_path: Path) -> None:
    within = '<p begin="1s" end="9s">All <span begin="2s" end="3s">and one</span></p><p begin="4s">untold</p>'
    parts = (
        f'<div begin="10s" end="18s">{within}</div><div timeContainer="seq"><p dur="2s">a</p><p dur="3s">b</p></div>'
    )
    lines = read(tmp_path, TTML.replace("<div>%s</div>", parts))
    assert spans(lines) == [(0, 2, "a"), (2, 5, "b"), (11, 18, "All"), (13, 14, "and one"), (14, 18, "untold")]


def test_ttml_of_the_drafts_is_read(tmp_path: Path) -> None:
    text = TTML.replace("ns/ttml", "2006/10/ttaf1") % (SHOWN % "one<br/>two")
    assert spans(read(tmp_path, text)) == [(1.0, 2.0, "one\ntwo")]


def test_times_of_a_clock_on_the_wall_are_refused(tmp_path: Path) -> None:
    named = TTML.replace("<tt ", '<tt xmlns:ttp="http://www.w3.org/ns/ttml#parameter" ttp:timeBase="clock" ')
    with pytest.raises(BadSubtitles, match="clock on the wall"):
        read(tmp_path, named % (SHOWN % "Hi"))


SAMI_STYLE = "<HEAD><STYLE>.ENCC { Name: English; lang: en-US; } .FRCC {lang:fr-FR;}</STYLE></HEAD>"


def test_sami_in_two_languages_is_two_sets(tmp_path: Path) -> None:
    syncs = [
        (1000, "<P Class=ENCC>Hi<P Class=FRCC>Salut"),
        (2000, "<P Class=ENCC>&nbsp;"),
        (3000, "<P Class=FRCC>&nbsp;"),
    ]
    file = tmp_path / "film.smi"
    file.write_text(f"<SAMI>{SAMI_STYLE}<BODY>" + "".join(f"<SYNC Start={ms}>{text}" for ms, text in syncs) + "</BODY>")
    sets = {language: spans(lines) for language, lines in read_sets(file)}
    assert sets == {"en": [(1.0, 2.0, "Hi")], "fr": [(1.0, 3.0, "Salut")]}


def test_sami_of_as_many_languages_as_texts_is_refused_and_not_read_for_each(tmp_path: Path) -> None:
    file = tmp_path / "film.smi"
    texts = (f"<SYNC Start={number}><P Class=C{number}>Hi\n" for number in range(50_000))
    file.write_text(f"<SAMI><BODY>{''.join(texts)}</BODY></SAMI>")
    with pytest.raises(BadSubtitles, match="50000 languages"):
        read_sets(file)


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
