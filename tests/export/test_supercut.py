"""Which spans a supercut shows."""

import numpy as np
import pyarrow as pa
import pytest

from cinelake.errors import UnknownName, UsageError
from cinelake.search.spans import Span, combined, merged, within
from export.supercut import appearing, by_line, chosen, felt, fullest, labelled, numbered, of_beats, ordered, tagged

SHOTS = pa.table({"shot": [0, 1, 2, 3], "start_s": [0.0, 1.0, 2.5, 4.0], "end_s": [1.0, 2.5, 4.0, 6.0]})
TAGS = pa.table({"shot": [0, 1, 1, 3], "tag": ["chase", "chase", "night", "kiss"], "probability": [0.9, 0.4, 0.8, 0.6]})


def times(spans):
    return [(span.start_s, span.end_s) for span in spans]


def test_tags_give_the_shots_that_carry_any_of_them_with_their_probability():
    found = tagged(TAGS, SHOTS, ["chase", "kiss"], 0.5)
    assert [(s.start_s, s.end_s, s.relevance, s.what) for s in found] == [(0, 1, 0.9, "chase"), (4, 6, 0.6, "kiss")]


def test_an_unknown_tag_gets_its_close_matches():
    with pytest.raises(UnknownName, match="did you mean 'chase'"):
        tagged(TAGS, SHOTS, ["chas"])


def test_people_s_labels_give_spans_by_time_or_by_shots():
    rows = [{"tag": "chase", "start_s": 0.5, "end_s": 0.7}, {"tag": "chase", "start_shot": 1, "end_shot": 3}]
    labels = pa.Table.from_pylist(
        rows, pa.schema([("tag", "string"), *((n, "double") for n in ("start_s", "end_s", "start_shot", "end_shot"))])
    )
    labels = labels.set_column(3, "start_shot", labels["start_shot"].cast("int32"))
    labels = labels.set_column(4, "end_shot", labels["end_shot"].cast("int32"))
    assert times(labelled(labels, SHOTS, ["chase"])) == [(0.5, 0.7), (1.0, 4.0)]


def test_scenes_are_chosen_by_number():
    scenes = pa.table({"scene": [0, 1], "start_s": [0.0, 4.0], "end_s": [4.0, 6.0]})
    assert times(numbered(scenes, [1])) == [(4, 6)]
    with pytest.raises(UnknownName, match="unknown scene '7': there is 0, 1"):
        numbered(scenes, [7])


def test_beats_are_chosen_by_category_and_confidence():
    beats = pa.table(
        {"category": ["pursuit", "pursuit"], "start_s": [0.0, 3.0], "end_s": [1.0, 4.0], "confidence": [0.9, 0.3]}
    )
    assert times(of_beats(beats, ["pursuit"], 0.5)) == [(0, 1)]


def test_a_character_is_where_it_appears():
    seen = pa.table({"character": ["tom", "jerry"], "start_s": [0.0, 3.0], "end_s": [1.0, 4.0]})
    assert times(appearing(seen, ["tom"])) == [(0, 1)]


def test_affect_holds_until_the_next_value_and_is_more_relevant_the_further_it_goes():
    affect = pa.table({"time_s": [0.0, 1.0, 2.0], "valence": [0.0, 0.0, -0.5], "arousal": [0.2, 0.75, 1.0]})
    found = felt(affect, "arousal > 0.5")
    assert times(found) == [(1, 2), (2, 3)] and [s.relevance for s in found] == [0.5, 1.0]
    assert times(felt(affect, "valence<=-0.5")) == [(2, 3)]


def test_a_condition_that_is_none_says_what_one_looks_like():
    with pytest.raises(UsageError, match=r"arousal>0\.5.*Received: 'joy>1'"):
        felt(pa.table({"time_s": [0.0]}), "joy>1")


def test_several_selectors_must_hold_at_the_same_time():
    first, second = [Span(0, 4, 0.9, "a")], [Span(1, 2, 0.5, "b"), Span(3, 6, 1.0, "c")]
    found = combined([first, second])
    assert [(s.start_s, s.end_s, s.relevance, s.what) for s in found] == [(1, 2, 0.5, "a, b"), (3, 4, 0.9, "a, c")]


def test_with_either_one_selector_is_enough_and_the_greatest_relevance_counts():
    found = combined([[Span(0, 4, 0.9)], [Span(3, 6, 0.5)]], either=True)
    assert [(s.start_s, s.end_s, s.relevance) for s in found] == [(0, 3, 0.9), (3, 4, 0.9), (4, 6, 0.5)]


def test_neighbouring_shots_stay_apart_until_the_choice_is_made():
    assert times(combined([[Span(0, 1, 0.5), Span(1, 2, 0.5)]])) == [(0, 1), (1, 2)]


def test_overlapping_and_adjacent_spans_are_merged_with_their_mean_relevance():
    found = merged([Span(0, 1, 1.0, "a"), Span(1, 4, 0.6, "b"), Span(5, 6, 0.2, "c")])
    assert times(found) == [(0, 4), (5, 6)]
    assert found[0].relevance == pytest.approx(0.7) and found[0].what == "a, b"


def test_a_limit_keeps_the_most_relevant_in_film_order_and_passes_over_what_does_not_fit():
    spans = [Span(0, 3, 0.5), Span(4, 6, 0.9), Span(7, 12, 0.8), Span(13, 14, 0.4)]
    assert times(chosen(spans, 6)) == [(0, 3), (4, 6), (13, 14)]


def test_the_most_relevant_span_is_shortened_if_it_alone_is_too_long():
    assert times(chosen([Span(0, 9, 0.9), Span(10, 11, 0.1)], 4)) == [(0, 4)]


def test_relevance_puts_the_most_relevant_first():
    spans = [Span(0, 1, 0.5), Span(2, 3, 0.9)]
    assert times(ordered(spans, "relevance")) == [(2, 3), (0, 1)] and times(ordered(spans, "film")) == [(0, 1), (2, 3)]


def test_spans_end_with_the_film():
    assert times(within([Span(-1, 2), Span(5, float("inf")), Span(8, 9)], 7)) == [(0, 2), (5, 7)]


def test_a_line_that_the_gate_blocked_is_not_said_to_stay_below():
    affect = pa.table({"time_s": [0.0, 1.0], "valence": [0.5, 0.5], "arousal": pa.array([None, None], pa.float32())})
    with pytest.raises(UsageError, match="blocked the model's line of arousal"):
        felt(affect, "arousal>0.8")
    assert len(felt(affect, "valence>0")) == 2


LINES = pa.table({"line": ["importance"] * 6, "time_s": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0], "value": [1.0, 3, 5, 3, 2, 2]})


def test_shots_are_as_relevant_as_a_line_is_high_during_them():
    found = by_line(LINES, SHOTS)
    assert [span.relevance for span in found] == pytest.approx([0.0, 1.0, 2 / 3, 1 / 3])
    assert times(found) == [(0, 1), (1, 2.5), (2.5, 4), (4, 6)] and found[1].what == "importance 4"


def test_of_several_lines_one_is_named():
    both = pa.concat_tables([LINES, LINES.set_column(0, "line", pa.array(["suspense"] * 6))])
    assert by_line(both, SHOTS, "suspense") != []
    with pytest.raises(UnknownName, match="importance, suspense"):
        by_line(both, SHOTS)
    with pytest.raises(UsageError, match=r"a table of lines over time\. This one has shot, tag, probability"):
        by_line(TAGS, SHOTS)


def test_a_column_of_numbers_is_a_line_too():
    affect = pa.table({"time_s": LINES["time_s"], "arousal": LINES["value"]})
    assert times(by_line(affect, SHOTS, "arousal")) == times(by_line(LINES, SHOTS))
    with pytest.raises(UsageError, match="of this one name a column, arousal"):
        by_line(affect, SHOTS)
    with pytest.raises(UnknownName, match="did you mean 'arousal'"):
        by_line(affect, SHOTS, "arousel")


@pytest.mark.parametrize("order", [[0, 1, 2], [1, 2, 0]])
def test_a_number_of_a_span_holds_until_its_end_in_whatever_order_rows_are(order):
    """A shot within a long span had what lies between two beginnings."""
    scenes = pa.table({"start_s": [0.0, 4.0, 5.0], "end_s": [4.0, 5.0, 6.0], "probability": [0.1, 0.7, 0.9]})
    found = by_line(scenes.take(order), SHOTS, "probability")
    assert [span.what for span in found] == [f"probability {value}" for value in (0.1, 0.1, 0.1, 0.8)]


def test_a_summary_has_the_most_relevance_that_fits_not_the_most_relevant_span_first():
    spans = [Span(0, 6, 0.9), Span(6, 11, 0.8), Span(11, 16, 0.8)]
    assert times(fullest(spans, 10)) == [(6, 11), (11, 16)] and times(chosen(spans, 10)) == [(0, 6)]


@pytest.mark.parametrize("seconds", [600.0, 719.0, 720.0, 1e300])
def test_a_summary_has_no_room_left_for_another_shot(seconds, monkeypatch):
    monkeypatch.setattr("export.supercut.STEPS", 100)
    spans = [Span(1.2 * n, 1.2 * n + 1.2, n % 7 / 7) for n in range(600)]
    assert len(fullest(spans, seconds)) == min(600, int(seconds / 1.2 + 1e-6))


def test_what_is_no_number_is_not_weighed():
    lines = pa.table({"line": ["a"] * 4, "time_s": [0.5, 1.5, 3.0, 5.0], "value": [1.0, float("nan"), 3.0, None]})
    assert [span.relevance for span in by_line(lines, SHOTS)] == pytest.approx([0, 0.5, 1, 1])
    with pytest.raises(UsageError, match="no value of the line 'a' is a number"):
        by_line(lines.slice(1, 1), SHOTS)


def test_a_summary_shorter_than_every_span_is_a_part_of_the_most_relevant():
    assert times(fullest([Span(0, 6, 0.4), Span(6, 11, 0.8)], 2)) == [(6, 8)]


def test_a_summary_is_what_trying_all_of_them_finds():
    rng = np.random.default_rng(0)
    spans = [Span(10 * n, 10 * n + int(rng.integers(1, 9)), float(rng.random())) for n in range(10)]
    subsets = [[s for n, s in enumerate(spans) if number >> n & 1] for number in range(1 << 10)]
    total = max(sum(s.relevance * s.length_s for s in own) for own in subsets if sum(s.length_s for s in own) <= 20)
    assert sum(s.relevance * s.length_s for s in fullest(spans, 20)) == pytest.approx(total)
