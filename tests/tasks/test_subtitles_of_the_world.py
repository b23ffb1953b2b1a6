"""Subtitles as they are found: what YouTube, televisions, fan groups and broken disks make of them."""

from __future__ import annotations

import itertools
import re
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from _drawn_captions import FPS, captioned
from _drawn_teletext import with_teletext

from cinelake.errors import BadSubtitles
from cinelake.media.ffmpeg import binary
from cinelake.spec.task import Film
from tasks.subtitles import ReadSubtitles, SubtitlesParams
from tasks.subtitles.lines import read_lines

ROLLING_VTT = """WEBVTT
Kind: captions
Language: en

00:00:00.160 --> 00:00:02.310 align:start position:0%
 
welcome<00:00:00.560><c> to</c><00:00:00.800><c> the</c><00:00:01.000><c> show</c>

00:00:02.310 --> 00:00:02.320 align:start position:0%
welcome to the show
 

00:00:02.320 --> 00:00:04.309 align:start position:0%
welcome to the show
my<00:00:02.560><c> friends</c>

00:00:04.309 --> 00:00:04.319 align:start position:0%
my friends
 
"""  # noqa: W293 (blanks are part of the form)
ROLLING_SRT = """1
00:00:00,160 --> 00:00:02,310
welcome to the show

2
00:00:02,310 --> 00:00:02,320
welcome to the show

3
00:00:02,320 --> 00:00:04,309
welcome to the show
my friends

4
00:00:04,309 --> 00:00:06,000
my friends
and everybody
"""
THREE_ROWS = "".join(
    f"{n}\n00:00:0{n},000 --> 00:00:0{n + 1},000\n{rows}\n\n"
    for n, rows in enumerate(["one", "one\ntwo", "one\ntwo\nthree", "two\nthree\nfour"], 1)
)
CHORUS = "".join(f"{n}\n00:00:0{n},000 --> 00:00:0{n + 1},000\nNo.\n\n" for n in range(1, 5))
ASS = "[Script Info]\n\n[V4+ Styles]\n\n[Events]\n" + "".join(
    f"Dialogue: 0,0:00:0{n}.00,0:00:0{n + 1}.00,D,,0,0,0,,{text}\n"
    for n, text in enumerate(["hello", r"{\an7\p1}m 0 0 l 9 9{\p0}", r"{\p1}m 0 0 l 9 9{\p0}a sign", r"be{\p2}m 1 1"])
)


def cue(text: str, times: str = "00:00:01,000 --> 00:00:02,500", number: str = "1") -> str:
    return f"{number}\n{times}\n{text}\n\n"


FOUND: dict[str, tuple[str, list[str]]] = {
    "captions that roll, with the time of each word": (ROLLING_VTT, ["welcome to the show", "my friends"]),
    "the same with its blanks taken off": (
        "\n".join(map(str.strip, ROLLING_VTT.splitlines())),
        ["welcome to the show", "my friends"],
    ),
    "the same, converted": (ROLLING_SRT, ["welcome to the show", "my friends", "and everybody"]),
    "three rows that roll": (THREE_ROWS, ["one", "two", "three", "four"]),
    "a word that is said again and again": (CHORUS, ["No."] * 4),
    "drawings, and text beside them": (ASS, ["hello", "a sign", "be"]),
    "times without a fraction": (cue("a") + cue("b", "00:00:03 --> 00:00:04") + cue("c"), ["a", "c", "b"]),
    "times without hours": (cue("a", "00:01,5 --> 00:02,5"), ["a"]),
    "times with a colon before the thousandths": (cue("a", "00:00:01:500 --> 00:00:02:500"), ["a"]),
    "times that count pictures, at a rate nobody knows": (cue("a", "00:00:01:12 --> 00:00:02:12") + cue("b"), ["b"]),
    "times with points, blanks and places": (cue("a", " 0:00:01.500-->0:00:02.500  X1:201 Y1:30"), ["a"]),
    "no blank line between cues": (cue("a")[:-1] + cue("b", number="2"), ["a", "b"]),
    "an empty line within a text": (cue("a\n\nb") + cue("c", number="2"), ["a\nb", "c"]),
    "no numbers": (cue("a")[2:] + cue("b")[2:], ["a", "b"]),
    "a text that ends in a number": (cue("a\n42") + cue("b\n7", number="2"), ["a\n42", "b\n7"]),
    "brackets that are text": (
        cue("I <3 you, a < b and c > d, <- <<so>>, <laughs>, x<y>z"),
        ["I <3 you, a < b and c > d, <- <<so>>, <laughs>, x<y>z"],
    ),
    "tags of every kind": (cue("<I>a</i> < b >b</ b> <font color=\"#fff\" size='1'>c</font><br/><u>d</u>"), ["a b cd"]),
    "tags of WebVTT": (
        "WEBVTT\n\n00:01.0 --> 00:02.0\n<v.loud Ada L.><i.x>a</i> <c.red.big>b</c> <lang en>c</lang> <00:01.500>d\n",
        ["a b c d"],
    ),
    "brackets that WebVTT writes as entities": ("WEBVTT\n\n00:01.000 --> 00:02.000\na &lt;b&gt; c\n", ["a <b> c"]),
    "notes after a cue": (
        "WEBVTT\n\n1\n00:01.000 --> 00:02.000\na\n\nNOTE b\n\nx\n00:03.000 --> 00:04.000\nc\n",
        ["a", "c"],
    ),
    "arrows of other signs": (
        cue("a", "00:00:01,000 → 00:00:02,000") + cue("b", "00:00:03,0 –> 00:00:04,0"),
        ["a", "b"],
    ),
    "an arrow within a text": (cue("It is 5 --> 6 now"), ["It is 5 --> 6 now"]),
    "an arrow between numbers alone": (
        cue("score\n- 5 --> 6\nall") + cue("5 --> 6", number="2") + cue("at 5: 5 --> 6", number="3"),
        ["score\n- 5 --> 6\nall", "5 --> 6", "at 5: 5 --> 6"],
    ),
    "blanks that are entities": ("WEBVTT\n\n00:01.0 --> 00:02.0\na&nbsp;b&emsp;c\n", ["a b c"]),
    "lines that end twice": ((cue("a") + cue("b", number="2")).replace("\n", "\r\r\n"), ["a", "b"]),
    "hours of three digits": (cue("a", "001:00:01,000 --> 001:00:02,000"), ["a"]),
    "times that cannot be read": (
        cue("a") + cue("lost", "00:00:x3,000 --> 00:00:04,000", "2") + cue("c", number="3"),
        ["a", "c"],
    ),
}
"""What is found in a file → what it says."""


@pytest.mark.parametrize(("text", "said"), FOUND.values(), ids=FOUND)
def test_a_file_says_what_a_player_shows(tmp_path: Path, text: str, said: list[str]) -> None:
    (tmp_path / "film.srt").write_text(text)
    assert [line.text for line in read_lines(tmp_path / "film.srt").lines] == said


def test_a_line_that_rolls_has_the_time_when_it_first_appears(tmp_path: Path) -> None:
    (tmp_path / "film.vtt").write_text(ROLLING_VTT)
    lines = read_lines(tmp_path / "film.vtt").lines
    assert [(line.start_s, line.end_s) for line in lines] == [(0.16, 2.32), (2.32, 4.319)]


BAD_TIMES = ["00:00:x3,000 --> 00:00:04,000", "100:00:01,000 --> 100:00:02,000", "1.5 --> 2.5", "00:00:01,0000 --> 2"]


@pytest.mark.parametrize("times", BAD_TIMES)
def test_cues_whose_times_cannot_be_read_are_counted(tmp_path: Path, times: str) -> None:
    (tmp_path / "film.srt").write_text(cue("a") + cue("lost", times, "2"))
    lines = read_lines(tmp_path / "film.srt")
    assert ([line.text for line in lines.lines], lines.dropped) == (["a"], 1)


@pytest.mark.parametrize("times", BAD_TIMES)
def test_a_file_of_which_no_times_can_be_read_is_refused_and_never_shifted(tmp_path: Path, times: str) -> None:
    (tmp_path / "film.srt").write_text(cue("lost", times))
    with pytest.raises(BadSubtitles, match="of none can the times be read"):
        read_lines(tmp_path / "film.srt")


LONG = [f"line {n} is said" for n in range(20)]
PLAIN = "".join(cue(text, number=str(n)) for n, text in enumerate(LONG, 1)).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (PLAIN.replace(b"line 7", b"line \xff7"), [*LONG[:7], "line \ufffd7 is said", *LONG[8:]]),
        (PLAIN.replace(b"said", b"sa\xc3\xaed").replace(b"line 7", b"line \x807", 1), None),
        (b"\xef\xbb\xbf" + PLAIN.replace(b"line 7", b"line \xff7"), None),
        (PLAIN.decode().encode("utf-16") + b"\n", None),
        (PLAIN.replace(b"\n8\n", b"\n\xff\n"), LONG),
        (PLAIN.replace(b"line 7", b"line \x007", 1), LONG),
    ],
)
def test_a_bad_byte_costs_its_own_sign_and_no_more(tmp_path: Path, data: bytes, said: list[str] | None) -> None:
    (tmp_path / "film.srt").write_bytes(data)
    found = [line.text for line in read_lines(tmp_path / "film.srt").lines]
    assert len(found) == 20 if said is None else found == said


def test_a_file_in_another_encoding_is_not_taken_for_a_damaged_one(tmp_path: Path) -> None:
    said = ["Привет, как дела? Хорошо ли ты спал сегодня ночью?", *LONG]
    (tmp_path / "film.srt").write_bytes("".join(map(cue, said)).encode("cp1251"))
    assert [line.text for line in read_lines(tmp_path / "film.srt").lines] == said


LETTERS = [
    ("cp1252", "Não sei o que é isso.|Você está aí, João?|Amanhã de manhã."),
    ("cp1252", "Ça va très bien, merci.|Où étais-tu ?|À l’hôtel, près de la forêt."),
    ("cp1252", "Jag är här, älskling.|Vi måste gå nu på en gång.|Hör du?"),
    ("cp1252", "Góðan daginn, hvað segirðu?|Ég veit ekki hvað ég á að gera."),
    ("cp1252", "¶ Over the rainbow ¶|¶ way up high ¶"),
    ("cp1250", "Zażółć gęślą jaźń.|Proszę państwa, chodźmy."),
    ("iso8859-2", "Zażółć gęślą jaźń.|Proszę państwa, chodźmy.|Śpij."),
    ("cp1250", "Příliš žluťoučký kůň.|Kde jsi byl včera večer?"),
    ("cp1254", "Günaydın, nasılsın?|Ne yapacağımı bilmiyorum.|Şimdi değil."),
    ("cp1254", "İyi değil.|İyi ağaç.|İstanbul çok iyi."),
    ("cp1257", "Kur buvai vakar vakare?|Nežinau, ką daryti.|Eime iš čia, greičiau!"),
    ("iso8859_4", "Ačiū, viskas gerai, žmonės.|Šiandien šilta."),
    ("cp1253", "Καλημέρα σας, τι κάνετε;|Πού ήσουν χθες το βράδυ;|Δεν ξέρω."),
    ("cp850", "Répète ce que tu as dit à la fenêtre.|Où étais-tu, ma chérie ?|Ça m'est égal, François."),
    ("cp850", "Schöne Grüße aus München!|Ich weiß, das wäre möglich."),
    ("mac_roman", "Répète ce que tu as dit à l’hôtel…|Où étais-tu, ma chérie ?|Ça m’est égal, François."),
    ("mac_roman", "¿Dónde está la niña?|Mañana será otro día.|¡Qué bárbaro!"),
    ("cp852", "Zażółć gęślą jaźń.|Proszę państwa, chodźmy."),
    ("mac_latin2", "Příliš žluťoučký kůň.|Kde jsi byl včera večer?"),
    ("koi8-r", "Привет, как дела?|Всё хорошо, спасибо.|Где ты был вчера вечером?"),
    ("shift_jis", "こんにちは、元気ですか。|昨日の夜はどこにいたの?"),
    ("gbk", "你好,今天天气怎么样?|昨天晚上你在哪里?"),
    ("utf-16-le", "Привет, как дела?|Всё хорошо."),
    ("utf-16-be", "Ça va très bien, merci."),
]
"""Encodings that a file does not name, and what is said in it."""


@pytest.mark.parametrize(("encoding", "text"), LETTERS, ids=[row[0] for row in LETTERS])
def test_an_encoding_that_is_not_named_is_told_by_letters(tmp_path: Path, encoding: str, text: str) -> None:
    said = text.split("|")
    (tmp_path / "film.srt").write_bytes("".join(map(cue, said)).encode(encoding))
    lines = read_lines(tmp_path / "film.srt")
    assert [line.text for line in lines.lines] == said
    assert bool(lines.guessed) is not encoding.startswith("utf")


@pytest.mark.parametrize("is_small", [True, False])
def test_vietnamese_whose_tones_follow_their_letters_is_read(tmp_path: Path, is_small: bool) -> None:
    said = ["Bạn có khỏe không?", "Tôi không biết phải làm gì.", "Hẹn gặp lại vào ngày mai nhé."]
    said = said if is_small else [line.upper() for line in said]
    (tmp_path / "film.srt").write_bytes(vietnamese_of_windows("".join(map(cue, said))))
    assert [line.text for line in read_lines(tmp_path / "film.srt").lines] == said


def vietnamese_of_windows(text: str) -> bytes:
    """cp1258: tones apart, hats and horns in their letters."""
    apart = "".join(unicodedata.normalize("NFD", sign) for sign in text)
    for mark, base in itertools.product("\u0302\u0306\u031b", "aAeEoOuU"):
        whole = unicodedata.normalize("NFC", base + mark)
        apart = apart.replace(base + mark, whole) if len(whole) == 1 else apart
    for tone, (base, mark) in itertools.product("\u0323", itertools.product("aAeEoO", "\u0302\u0306")):
        apart = apart.replace(base + tone + mark, unicodedata.normalize("NFC", base + mark) + tone)
    return apart.encode("cp1258")


def test_events_without_styles_are_lines(tmp_path: Path) -> None:
    head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Layer, Start, End, Style, Text\n"
    (tmp_path / "film.ass").write_text(head + "Dialogue: 0,0:00:01.00,0:00:02.00,D,{\\i1}one{\\i0}, two\n")
    assert [line.text for line in read_lines(tmp_path / "film.ass").lines] == ["one, two"]


def test_an_event_that_ends_before_its_text_says_nothing(tmp_path: Path) -> None:
    head = "[Script Info]\nScriptType: v4.00+\n\n[Events]\nFormat: Start, End, Style, Text\n"
    events = "Dialogue: 0:00:01.00,0:00:02.00,D,one\nDialogue: 0:00:03.00,0:00:04.00,D\n"
    (tmp_path / "film.ass").write_text(head + events)
    assert [line.text for line in read_lines(tmp_path / "film.ass").lines] == ["one"]


XML = '<tt xmlns="http://www.w3.org/ns/ttml">'
OTHERS = {
    "deep XML": XML + "<p>\n" * 30_000 + "</p>\n" * 30_000 + "</tt>",
    "XML that ends early": XML + "<body><div><p begin='1s'",
    "XML with times that are none": XML + "<body><div><p begin='x' end='y'>a</p></div></body></tt>",
    "entities within entities": f'<!DOCTYPE t [<!ENTITY a "aa"><!ENTITY b "{"&a;" * 99}">]>{XML}<p>&b;</p></tt>',
    "deep JSON": "[\n" * 100_000,
    "JSON": '{"segments": [{"start": "x"}], "text": 1}',
    "JSON of another program": '{"info": {}, "styles": {}, "events": [{"start": []}]}',
    "a page": "<html><body><p>Not found</p></body></html>",
    "a letter": "Dear diary,\n" * 9,
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_what_is_no_subtitles_is_a_typed_failure(tmp_path: Path, text: str) -> None:
    (tmp_path / "film.srt").write_text(text)
    with pytest.raises(BadSubtitles):
        read_lines(tmp_path / "film.srt")


# --- films


def read(film: Path, *beside: Path) -> tuple[list[dict[str, Any]], dict[str, str]]:
    task = ReadSubtitles(SubtitlesParams(), Film("film", str(film), beside=tuple(map(str, beside))))
    return [row for batch in task.run({}) for row in batch.to_pylist()], task.facts


def with_stream(film: Path, data: bytes | str, suffix: str) -> Path:
    """The film with a stream of subtitles, as a Matroska file."""
    words = film.with_name(f"words{suffix}")
    words.write_bytes(data if isinstance(data, bytes) else data.encode())
    inputs = ["-i", str(film), "-f", suffix[1:], "-i", str(words)]
    streams = ["-map", "0", "-map", "1", "-c", "copy", str(film.with_suffix(".mkv"))]
    subprocess.run([binary(), "-loglevel", "error", *inputs, *streams], check=True)
    return film.with_suffix(".mkv")


@pytest.fixture
def film(tmp_path: Path, draw_film: Callable[..., Path]) -> Path:
    return draw_film(tmp_path / "films" / "film.mp4", seconds=6)


def test_drawings_of_a_stream_are_no_text(film: Path) -> None:
    rows, facts = read(with_stream(film, ASS, ".ass"))
    assert [(row["start_s"], row["text"]) for row in rows] == [(0.0, "hello"), (2.0, "a sign"), (3.0, "be")]
    assert not facts


def test_a_bad_byte_in_a_stream_costs_its_own_sign(film: Path) -> None:
    rows, facts = read(with_stream(film, PLAIN.replace(b"line 7", b"line \xff7"), ".srt"))
    assert len(rows) == 20 and facts["bad_bytes"].endswith("stream 1 (1)")


def test_a_file_that_cannot_be_read_loses_none_of_the_others(film: Path) -> None:
    bad = film.with_name("film.de.srt")
    bad.write_text(OTHERS["a letter"])
    rows, facts = read(with_stream(film, cue("Hi"), ".srt"), bad)
    assert [row["text"] for row in rows] == ["Hi"]
    assert "film.de.srt has no subtitles" in facts["unreadable"]


@pytest.mark.parametrize("suffix", [".mkv", ".ts", ".mpg"])
def test_captions_within_the_pictures_are_rows(tmp_path: Path, suffix: str) -> None:
    drawn = captioned(tmp_path / "drawn.mkv", [(25, 40, "HELLO"), (70, 90, "GOODBYE")])
    film = tmp_path / f"film{suffix}"
    subprocess.run([binary(), "-loglevel", "error", "-i", str(drawn), "-c", "copy", str(film)], check=True)
    rows, facts = read(film)
    assert [(row["text"], row["source"], row["language"]) for row in rows] == [
        ("HELLO", "captions", None),
        ("GOODBYE", "captions", None),
    ]
    assert [row["start_s"] for row in rows] == pytest.approx([25 / FPS, 70 / FPS], abs=1 / FPS) and not facts


@pytest.mark.parametrize(("said", "cea_708"), [([], False), ([(25, 40, "HELLO")], True)])
def test_captions_of_which_no_text_was_read_are_a_fact(
    tmp_path: Path, said: list[tuple[int, int, str]], cea_708: bool
) -> None:
    rows, facts = read(captioned(tmp_path / "film.mkv", said, cea_708=cea_708))
    assert not rows and "captions (CEA-608, CEA-708) of which no text was read" in facts["captions"]


def test_a_film_without_captions_is_not_decoded_for_them(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.subtitles.extract_captions", lambda *_: pytest.fail("its pictures were decoded"))
    assert read(film) == ([], {})


@pytest.mark.parametrize("without", [1, 20])
def test_captions_in_the_ancillary_data_of_mxf_are_rows(without: int, tmp_path: Path) -> None:
    """Wherever they begin: the first packets hold other data."""
    within = captioned(tmp_path / "within.mpg", [(30, 60, "HELLO"), (70, 90, "WORLD")])
    words = ["-map", "0", "-c:v", "mpeg2video", "-s", "720x576", "-a53cc", "0", "-c:s", "copy"]
    source = ["-f", "lavfi", "-i", f"movie={within}[out0+subcc]"]
    film = tmp_path / "film.mxf"
    command = [binary(), "-loglevel", "error", *source, *words, "-bsf:s", "eia608_to_smpte436m", str(film)]
    subprocess.run(command, check=True)
    film.write_bytes(re.sub(rb"(?s)\x61\x01(?=.\x96\x69)", b"\x41\x05", film.read_bytes(), count=without))
    rows, _ = read(film)
    assert [(row["text"], row["source"]) for row in rows] == [("HELLO", "stream 1"), ("WORLD", "stream 1")]
    assert [row["start_s"] for row in rows] == pytest.approx([1.2, 2.8], abs=0.1)


def test_pages_of_teletext_that_are_subtitles_are_rows(tmp_path: Path) -> None:
    said = [(1.0, 2.0, "HALLO WELT"), (2.48, 3.48, "AUF WIEDERSEHEN")]
    rows, facts = read(with_teletext(tmp_path / "film.ts", said))
    assert [(row["text"], row["language"]) for row in rows] == [(text, "deu") for _, _, text in said]
    times = [(row["start_s"], row["end_s"]) for row in rows]
    assert times == [pytest.approx(span, abs=0.05) for span in ((1.0, 2.0), (2.48, 3.48))]
    assert "left_aside" not in facts


@pytest.mark.parametrize(("languages", "count"), [(("eng",), 2), (("fra", "deu"), 2), (("fra",), 0)])
def test_teletext_of_two_languages_is_read_where_one_of_them_is_wanted(
    languages: tuple[str, ...], count: int, tmp_path: Path
) -> None:
    film = with_teletext(tmp_path / "film.ts", [(0.5, 1.0, "HALLO"), (1.5, 2.0, "HELLO")], languages=("deu", "eng"))
    task = ReadSubtitles(SubtitlesParams(languages=languages), Film("film", str(film)))
    assert sum(batch.num_rows for batch in task.run({})) == count
    assert "left_aside" not in task.facts


def test_teletext_without_subtitles_is_told(tmp_path: Path) -> None:
    rows, facts = read(with_teletext(tmp_path / "film.ts", [(1.0, 2.0, "")]))
    assert not rows and "teletext" in facts["left_aside"]


OTHER_SIGNS = [
    ("iso2022_jp", "お元気ですか？\nもう遅いから、家に帰ろう。"),
    ("iso2022_kr", "안녕하세요\n늦었으니 집에 갑시다."),
    ("cp1253", "Γεια σου, τι κάνεις;\nΔεν ξέρω τι να κάνω.\nΠάμε σπίτι, είναι αργά, Άννα."),
    ("iso8859_7", "Γεια σου, τι κάνεις;\nΔεν ξέρω τι να κάνω.\nΠάμε σπίτι, είναι αργά, Άννα."),
]


@pytest.mark.parametrize(("encoding", "said"), OTHER_SIGNS, ids=[row[0] for row in OTHER_SIGNS])
def test_signs_beyond_latin_ones_are_read_in_their_encoding(encoding: str, said: str, tmp_path: Path) -> None:
    cues = (f"00:00:0{number},000 --> 00:00:0{number},900\n{line}\n\n" for number, line in enumerate(said.split("\n")))
    (tmp_path / "film.srt").write_bytes("".join(cues).encode(encoding))
    assert [line.text for line in read_lines(tmp_path / "film.srt").lines] == said.split("\n")
