"""writing: lines in pictures, read and followed over the pictures that show them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageDraw, ImageFont

from cinelake.spec.task import Film
from tasks.shared.pictures import Jpeg, decode
from tasks.writing import (
    PAGE,
    WRITING,
    ReadWriting,
    WritingParams,
    WritingRow,
    blocks_of,
    lines_of,
    look_at,
    rows_of_film,
)
from tasks.writing.chosen import alike, due
from tasks.writing.lacking import TRIED, without_unread
from tasks.writing.reader import TextReader, WrittenLine, open_reader, same_line
from tasks.writing.scripts import is_of_another_script
from tasks.writing.tracks import LineTrack, Tracks


def line(text: str, y: float, score: float = 0.98, x: float = 0.3) -> WrittenLine:
    return WrittenLine(text, score, x, y, 0.3, 0.05)


def follow(pictures: list[tuple[float, list[WrittenLine]]]) -> list[LineTrack]:
    tracks = Tracks()
    ended = [track for time_s, lines in pictures for track in tracks.add(time_s, lines)]
    return [*ended, *tracks.close(pictures[-1][0] + 1)]


def drawn(text: str = "", down: int = 160) -> bytes:
    picture = Image.new("RGB", (640, 360), (12, 12, 16))
    if text:
        ImageDraw.Draw(picture).text((60, down), text, font=ImageFont.load_default(28), fill=(240, 240, 240))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=85)
    return file.getvalue()


@dataclass
class Frames:
    """The table `frames` of these pictures, one a second; the shot of each."""

    jpegs: list[bytes]
    shots: list[int]

    def batches(self, columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
        rows = [
            {"frame": n, "time_s": float(n), "shot": shot, "jpeg": jpeg, "is_middle": shot not in self.shots[:n]}
            for n, (jpeg, shot) in enumerate(zip(self.jpegs, self.shots, strict=True))
        ]
        if rows:
            yield pa.RecordBatch.from_pylist(rows).select(columns)


class Scripted:
    """A reader that sees what is written into a picture's red corner: nothing is recognised here."""

    def __init__(self, says: dict[int, list[WrittenLine]]):
        self.says, self.looked = says, []

    def lines(self, picture: np.ndarray) -> list[WrittenLine]:
        self.looked.append(number := round(int(picture[:40, :40, 0].mean()) / 20))
        return self.says.get(number, [])


def read_film(frames: Frames, reader: Scripted, params: WritingParams) -> Iterator[WritingRow]:
    looks = [
        (n, found)
        for block in blocks_of(frames)
        for n, found in zip(block, look_at(block, reader, params), strict=True)
    ]
    return rows_of_film([(picture.time_s, found) for (picture, _), found in looks], params)


def numbered(number: int) -> bytes:
    picture = Image.new("RGB", (160, 90), (number * 20, 0, 0))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=95)
    return file.getvalue()


def test_writing_that_stands_is_one_line() -> None:
    (track,) = follow([(t, [line("HOTEL", 0.5)]) for t in (0.0, 1.0, 2.0)])
    assert (track.seen[0][0], track.end_s, track.speed) == (0.0, 3.0, 0.0)


def test_rolled_lines_are_followed_as_they_move() -> None:
    pictures = [(float(t), [line(f"Name {n}", 0.9 - 0.1 * t + 0.1 * n) for n in range(3)]) for t in range(5)]
    tracks = follow(pictures)
    assert sorted(track.best[1].text for track in tracks) == ["Name 0", "Name 1", "Name 2"]
    assert [track.speed for track in tracks] == pytest.approx([-0.1] * 3)


def test_the_same_word_on_two_lines_stays_two() -> None:
    pictures = [(float(t), [line("Stunts", 0.8 - 0.1 * t), line("Only", 0.85 - 0.1 * t), line("Stunts", 0.9 - 0.1 * t)])
                for t in range(4)]  # fmt: skip
    assert sorted(track.best[1].text for track in follow(pictures)) == ["Only", "Stunts", "Stunts"]


def test_most_readings_by_their_scores_are_right() -> None:
    texts = [("HOTEL", 0.97), ("H0TEL", 0.99), ("HOTEL", 0.98)]
    (track,) = follow([(float(t), [line(text, 0.5, score)]) for t, (text, score) in enumerate(texts)])
    assert track.best[1].text == "HOTEL"


def test_a_line_that_is_cut_by_the_edge_does_not_count() -> None:
    pictures = [(0.0, [line("Nama", 0.949, 0.99)]), (1.0, [line("Name", 0.9, 0.95)])]
    (track,) = follow(pictures)
    assert track.best[1].text == "Name"


def test_a_line_that_is_read_surely_once_is_one_line_all_the_time() -> None:
    unread = WrittenLine("", 0.0, 0.3, 0.5, 0.3, 0.05)
    (track,) = follow([(0.0, [unread]), (1.0, [line("Ida", 0.5)]), (2.0, [unread])])
    assert (track.best[1].text, track.seen[0][0], track.end_s) == ("Ida", 0.0, 3.0)


def test_another_text_at_the_same_place_is_another_line() -> None:
    tracks = follow([(0.0, [line("HOTEL", 0.5)]), (1.0, [line("Meanwhile", 0.5)])])
    assert [(track.best[1].text, track.end_s) for track in tracks] == [("HOTEL", 1.0), ("Meanwhile", 2.0)]


def test_pictures_that_show_the_same_are_read_once() -> None:
    reader = Scripted({5: [line("HOTEL", 0.5)]})
    rows = list(read_film(Frames([numbered(5)] * 6, [0] * 6), reader, WritingParams()))
    assert len(reader.looked) == 1
    assert [(row.start_s, row.end_s) for row in rows] == [(0.0, 6.0)]


def test_writing_between_two_chosen_pictures_is_found_from_its_begin() -> None:
    reader = Scripted({5: [line("HOTEL", 0.5)], 6: [line("HOTEL", 0.5)], 7: [line("HOTEL", 0.5)]})
    frames = Frames([numbered(n) for n in (1, 2, 5, 6, 7, 8)], [0] * 6)
    (row,) = read_film(frames, reader, WritingParams(every_s=4))
    assert (row.start_s, row.end_s) == (2.0, 5.0)


def test_without_writing_a_picture_is_looked_at_every_few_seconds_only() -> None:
    reader = Scripted({})
    list(read_film(Frames([numbered(n % 12) for n in range(12)], [0] * 12), reader, WritingParams(every_s=4)))
    assert reader.looked == [0, 4, 7, 11]


def test_each_shot_is_read_in_its_middle_and_no_longer_part_of_the_film_goes_unread() -> None:
    pictures = [(Jpeg(n, n / 2, n // 30, b""), n in (4, 25)) for n in range(40)]
    assert sorted(due(pictures, 4.0)) == [0, 4, 11, 18, 25, 32, 39]
    assert due(pictures, 0.0) == due(pictures, 1e-12) == set(range(40))


@pytest.mark.parametrize("parted", [0, 1, 2])
def test_a_line_whose_box_parts_in_one_picture_stays_one(parted: int) -> None:
    whole = [WrittenLine("THE BLENDER FOUNDATION", 0.98, 0.3, 0.5, 0.3, 0.05)]
    parts = [
        WrittenLine("THE", 0.98, 0.3, 0.5, 0.04, 0.05),
        WrittenLine("BLENDER FOUNDATION", 0.98, 0.35, 0.5, 0.25, 0.05),
    ]
    tracks = follow([(float(t), parts if t == parted else whole) for t in range(3)])
    assert [(track.best[1].text, track.seen[0][0], track.end_s) for track in tracks] == [(whole[0].text, 0.0, 3.0)]


def test_a_word_that_is_seen_apart_in_most_pictures_is_not_lost() -> None:
    whole = [WrittenLine("THE BLENDER FOUNDATION", 0.98, 0.3, 0.5, 0.3, 0.05)]
    parts = [
        WrittenLine("THE", 0.98, 0.3, 0.5, 0.04, 0.05),
        WrittenLine("BLENDER FOUNDATION", 0.98, 0.35, 0.5, 0.25, 0.05),
    ]
    tracks = follow([(float(t), whole if t == 4 else parts) for t in range(6)])
    assert sorted(track.best[1].text for track in tracks) == ["BLENDER FOUNDATION", "THE"]


def test_a_word_that_follows_a_line_in_its_place_is_another_line() -> None:
    tracks = follow([(0.0, [line("THE BLENDER FOUNDATION", 0.5)]), (1.0, [line("THE", 0.5)])])
    assert [track.best[1].text for track in tracks] == ["THE BLENDER FOUNDATION", "THE"]


def test_numbers_beside_a_plot_make_no_page_of_credits() -> None:
    plot = [line(text, 0.1 * n) for n, text in enumerate(["A histogram", "50", "100", "150", "200", "250"], 1)]
    names = [line(text, 0.1 * n) for n, text in enumerate(["Ida", "Bo", "Omar", "Ann", "Per"], 1)]
    frames = Frames([numbered(1), numbered(9)], [0, 1])
    rows = read_film(frames, Scripted({1: plot, 9: names}), WritingParams())
    assert {row.page >= PAGE for row in rows if row.start_s == 0.0} == {False}
    assert {row.page >= PAGE for row in read_film(frames, Scripted({1: names}), WritingParams())} == {True}


def test_a_line_that_lacks_a_letter_in_most_pictures_has_no_text() -> None:
    lacking = WrittenLine("", 0.0, 0.3, 0.5, 0.3, 0.05, is_foreign=True)
    (track,) = follow([(0.0, [lacking]), (1.0, [line("Vit Nam", 0.5)]), (2.0, [lacking])])
    assert track.best[1].text == ""


def test_what_cannot_be_read_is_a_null_and_noise_in_one_picture_is_nothing() -> None:
    unsure = WrittenLine("CTOП", 0.7, 0.3, 0.5, 0.3, 0.05, box_score=0.95)
    frames = Frames([numbered(n) for n in (1, 2, 3)], [0] * 3)
    found = list(read_film(frames, Scripted({1: [unsure], 2: [unsure]}), WritingParams()))
    assert [row.track.best[1].text for row in found] == [""]
    assert list(read_film(frames, Scripted({1: [unsure]}), WritingParams())) == []
    assert list(read_film(frames, Scripted({1: [unsure], 2: [unsure]}), WritingParams(unread=False))) == []


def test_a_film_without_pictures_has_no_writing() -> None:
    assert list(ReadWriting(WritingParams(), Film("a_film")).run({"frames": Frames([], [])})) == []


def test_a_line_that_appears_changes_a_picture_and_noise_does_not() -> None:
    plain = np.full((90, 160), 100, np.uint8)
    noisy = (plain + np.random.default_rng(0).integers(-3, 4, plain.shape)).astype(np.uint8)
    titled = plain.copy()
    titled[40:44, 60:90] = 240
    assert alike(plain, noisy)
    assert not alike(plain, titled)


def test_a_drawn_title_is_read_with_its_place() -> None:
    frames = Frames([drawn(), drawn("Seven Years Later"), drawn()], [0, 1, 2])
    (rows,) = ReadWriting(WritingParams(), Film("a_film")).run({"frames": frames})
    WRITING.check(rows, "a_film")
    (row,) = rows.to_pylist()
    assert (row["text"], row["start_s"], row["end_s"]) == ("Seven Years Later", 1.0, 2.0)
    assert (row["x"], row["y"]) == pytest.approx((60 / 640, 165 / 360), abs=0.03)


def test_a_picture_of_eight_pixels_is_no_failure() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(file, "JPEG")
    assert lines_of(Jpeg(0, 0.0, 0, file.getvalue()), open_reader(), WritingParams()) == []


def test_a_card_that_stands_and_cannot_be_read_is_a_null() -> None:
    unsure = WrittenLine("CTOП", 0.7, 0.3, 0.5, 0.3, 0.05, box_score=0.95)
    (row,) = read_film(Frames([numbered(1)] * 3, [0] * 3), Scripted({1: [unsure]}), WritingParams())
    assert (row.track.best[1].text, row.start_s, row.end_s) == ("", 0.0, 3.0)


@pytest.mark.parametrize(
    ("text", "contrast", "same"),
    [
        ("Josefa 12:33", 230, True),
        ("Joséfa 12:33", 230, False),
        ("Josefa 12:38", 230, False),
        ("Josefa 12.33", 40, False),
        ("Josefa 12:33s", 230, False),
    ],
)
def test_a_line_that_moved_looks_the_same_and_one_of_another_letter_does_not(
    text: str, contrast: int, same: bool
) -> None:
    def picture(text: str, down: int) -> np.ndarray:
        drawn = Image.new("L", (320, 80), 8)
        ImageDraw.Draw(drawn).text((20, down), text, font=ImageFont.load_default(16), fill=8 + contrast)
        return np.asarray(drawn)

    before, now = picture("Josefa 12:33", 40), picture(text, 12)
    assert same_line(before, (16, 38, 130, 60), now, (14, 11, 132, 34)) is same


def test_a_line_that_stands_is_read_until_two_readings_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, read = open_reader(), list[int]()
    network = reader._read
    monkeypatch.setattr(reader, "_read", lambda crops: (read.append(len(crops)), network(crops))[1])
    texts = [reader.lines(decode(drawn("Seven Years Later", down)))[0].text for down in (200, 180, 160, 140)]
    assert (texts, read) == (["Seven Years Later"] * 4, [1, 1, 0, 0])


def test_what_is_found_in_parts_makes_the_same_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tasks.writing.BLOCK", 2)
    frames, task = Frames([drawn("HOTEL")] * 5, [0] * 5), ReadWriting(WritingParams(), Film("a_film"))
    parts = list(task.parts({"frames": frames}))
    (rows,) = task.gather(parts)
    assert len(parts) == 3
    assert [(row["text"], row["start_s"], row["end_s"]) for row in rows.to_pylist()] == [("HOTEL", 0.0, 5.0)]


@pytest.mark.parametrize(
    "text",
    [
        "Größe Café",
        "McKay eBay McTavish iMac",
        "SoHo TikTok",
        "我在找一个人",
        "コーヒー",
        "12:30 – 4°",
        "L\u02bcété",
        "Nº 5",
        "TEAM ATTACK AT HOME",
    ],
)
def test_scripts_that_are_read_are_no_other(text: str) -> None:
    assert not is_of_another_script(text)


@pytest.mark.parametrize(
    "text",
    [
        "NIKO\u03a3",
        "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1",
        "\u041c\u043e\u0441\u043a\u0432\u0430",
        "\u0e01\u0e02",
        "Vit Nam\ufffd",
        "MockBa HOTEL",
        "MOCKBA HOTEL",
        "BAR \u00abPECTOPAH\u00bb",
    ],
)
def test_letters_of_another_script_make_no_reading(text: str) -> None:
    assert is_of_another_script(text)


def test_a_box_as_large_as_the_picture_is_no_line_but_a_tall_column_may_be_one() -> None:
    boxes = ((0.0, 0.0, 1.0, 1.0), (0.1, 0.0, 0.8, 0.95), (0.9, 0.02, 0.05, 0.95), (0.1, 0.2, 0.8, 0.5))
    seen = [WrittenLine(text, 0.98, *box) for box, text in zip(boxes, ("", "2", "東京物語", "SINTEL"), strict=True)]
    found = lines_of(Jpeg(0, 0.0, 0, drawn()), Scripted({0: seen, 1: seen}), WritingParams())
    assert [line.text for line in found] == ["東京物語", "SINTEL"]


def drawn_text(*lines: str, family: str = "DejaVu Sans") -> Jpeg:
    fonts = pytest.importorskip("matplotlib.font_manager")
    picture, font = Image.new("RGB", (640, 360), (12, 12, 16)), ImageFont.truetype(fonts.findfont(family), 32)
    for row, text in enumerate(lines):
        ImageDraw.Draw(picture).text((40, 60 + 80 * row), text, font=font, fill=(240, 240, 240))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=90)
    return Jpeg(0, 0.0, 0, file.getvalue())


@pytest.mark.parametrize("family", ["DejaVu Sans", "DejaVu Serif"])
def test_a_line_with_letters_that_the_reader_lacks_is_none(family: str) -> None:
    picture = drawn_text("Việt Nam", "Một mùa thu ở Hà Nội", "Phim truyện Việt Nam", family=family)
    lines = lines_of(picture, open_reader(), WritingParams())
    assert [(found.text, found.is_foreign) for found in lines] == [("", True)] * 3


def test_a_line_with_letters_that_the_reader_has_is_read() -> None:
    texts = ["Łódź Žižkov Čeština", 'Größe: "Café", 12:30 – 4,5 %', "Directed by J. R. O’Hara"]
    lines = lines_of(drawn_text(*texts), open_reader(), WritingParams(min_score=0.5))
    assert all(found.text for found in lines) and len(lines) == 3


def fifty_letters(unread: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """A line of bars as the network takes it, and its steps, which say nothing at some of them."""
    row, steps = -np.ones((3, 48, 50 * 24), np.float32), np.zeros((150, 2), np.float32)
    for letter in range(50):
        row[:, 10:38, letter * 24 + 4 : letter * 24 + 20] = 1
        steps[letter * 3 + 1, 1] = letter not in unread
    return row, steps


@pytest.mark.parametrize(("unread_there", "lacks"), [((4,), True), ((14,), True), ((), False)])
def test_a_letter_is_lacking_only_where_one_is_half_a_step_on_too(unread_there: tuple[int, ...], lacks: bool) -> None:
    class SaysTheSame(TextReader):
        def __init__(self) -> None:
            pass

        def _texts(self, rows: np.ndarray) -> tuple[np.ndarray, list[tuple[str, float]]]:
            return fifty_letters(unread_there)[1][None], [("a" * 50, 1.0)]

    assert SaysTheSame()._lacks_a_letter(*fifty_letters((4,)), "a" * 50) is lacks


@pytest.mark.parametrize(("unread", "tried"), [((), 0), ((4,), 1), ((4, 14, 24, 34, 44), TRIED)])
def test_ink_that_was_not_read_is_taken_away_and_of_a_long_line_no_more_than_three(
    unread: tuple[int, ...], tried: int
) -> None:
    row, steps = fifty_letters(unread)
    lines = without_unread(row, steps, "a" * 50)
    assert [(line < row).any() for line in lines] == [True] * tried


def test_greek_that_is_drawn_is_never_read_as_latin() -> None:
    picture = drawn_text(
        "\u039c\u039f\u03a5\u03a3\u0399\u039a\u0397",
        "\u039d\u0399\u039a\u039f\u03a3",
        "\u0395\u03bb\u03bb\u03ac\u03b4\u03b1",
    )
    lines = lines_of(picture, open_reader(), WritingParams())
    assert [(found.text, found.is_foreign) for found in lines] == [("", True)] * 3
