"""What a supercut leaves out of a film, to the picture."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from cinelake.errors import UnknownName, UsageError
from cinelake.lake.artefact import write_artefact
from cinelake.lake.cells import Lake
from cinelake.lake.champions import record_version
from cinelake.media.clock import FilmClock
from cinelake.search.spans import Span
from cinelake.spec.model import Trained
from export.leaving_out import Unwanted, parse_unwanted, split, to_pictures, unwanted_spans
from models.characters.config import Config


def clock_of(*times_s, end_s):
    """Of pictures that are shown from these times on."""
    ticks = np.array(times_s, np.int64) * 100
    return FilmClock(Fraction(1, 100), ticks, end_s * 100, True, 0, np.zeros(len(ticks), bool))


def times(spans):
    return [(span.start_s, span.end_s) for span in spans]


def test_a_word_alone_is_a_tag_and_others_say_their_kind():
    found = parse_unwanted(["nudity", "beat:fight", "scene: 3", "arousal>0.8", "tag:beat: low"])
    wanted = [("tag", "nudity"), ("beat", "fight"), ("scene", "3"), ("affect", "arousal>0.8"), ("tag", "beat: low")]
    assert found == [Unwanted(*each) for each in wanted]


def test_a_kind_without_a_value_is_refused():
    with pytest.raises(UsageError, match="names no character"):
        parse_unwanted(["character:"])


def test_a_picture_that_is_still_shown_when_the_span_begins_goes_too():
    assert times(to_pictures(clock_of(0, 1, 2, 6, 7, end_s=8), [Span(3, 5)])) == [(2, 6)]


def test_spans_at_pictures_stay_as_they_are():
    assert times(to_pictures(clock_of(0, 1, 2, 3, end_s=4), [Span(1, 3)])) == [(1, 3)]


def test_a_margin_widens_by_whole_pictures_and_what_then_touches_is_one():
    found = to_pictures(clock_of(*range(10), end_s=10), [Span(2, 3, 1, "a"), Span(4, 5, 1, "b")], margin_s=0.5)
    assert [(s.start_s, s.end_s, s.what) for s in found] == [(1, 6, "a, b")]


def test_spans_beyond_the_film_leave_nothing_out():
    assert to_pictures(clock_of(0, 1, end_s=2), [Span(2, 9)]) == []


def test_what_remains_and_what_is_left_out_are_the_whole():
    kept, out = split([Span(0, 10)], [Span(0, 1), Span(4, 6), Span(9, 12)])
    assert times(kept) == [(1, 4), (6, 9)] and times(out) == [(0, 1), (4, 6), (9, 10)]


def test_of_chosen_spans_only_what_lies_in_them_is_left_out():
    kept, out = split([Span(0, 2), Span(5, 8)], [Span(1, 6)])
    assert times(kept) == [(0, 1), (6, 8)] and times(out) == [(1, 2), (5, 6)]


def test_whom_a_film_lacks_leaves_nothing_out_where_the_model_knows_the_name(tmp_path):
    cast = Trained(arrays={"mean": np.zeros(1)}, facts={"characters": ["ada", "tom"]})
    lake = Lake(str(tmp_path / "lake"))
    record_version(
        lake, "characters", 1, write_artefact(tmp_path / "made", "characters", Config(), cast), champion=True
    )
    seen = pa.table({"character": ["ada"], "start_s": [0.0], "end_s": [1.0]})
    footer = SimpleNamespace(ingredients={"model": {"name": "characters", "version": 1}})
    film = SimpleNamespace(
        lake=lake, film=SimpleNamespace(movie_id="film"), read=lambda _: seen, footer=lambda _: footer
    )
    spans, told = unwanted_spans(film, [Unwanted("character", "tom")], "", 0.5)
    assert spans == [] and told == ["nothing of film carries 'tom': it leaves nothing out"]
    with pytest.raises(UnknownName, match="did you mean 'tom'"):
        unwanted_spans(film, [Unwanted("character", "tim")], "", 0.5)
