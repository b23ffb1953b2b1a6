"""Values of labels as people write them, in the types that a contract requires."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

DAY_S = 86_400
_CLOCK = re.compile(r"(\d+):([0-5]?\d):([0-5]?\d(?:[.,]\d*)?)|(\d+):([0-5]?\d[.,]\d+)")
"""H:MM:SS, with decimals or not, and M:SS with decimals: `1:02` alone may be hours."""
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")
MIXED = " (other numbers of the column have a point, beside which a comma may stand between thousands)"
WHOLE = " (all commas of the column have three digits behind them and other numbers are whole: it may be thousands)"
_OF_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")
_WHOLE = re.compile(r"[+-]?\d{1,3}")
_YES, _NO = ("true", "yes", "1"), ("false", "no", "0")


def cast_column(name: str, values: pa.Array, wanted: pa.DataType) -> tuple[pa.Array, list[tuple[int, str]]]:
    """A column in the wanted type, null where a value cannot be read, and which rows those are and why.

    Texts are trimmed, and an empty one is null. A column of seconds (`…_s`) takes H:MM:SS.mmm and M:SS.m too. Numbers
    have a point or a comma before their decimals; a comma only where no number of the column has a point, and not where
    all would be thousands beside whole numbers (`998`, `1,002`), since it may stand between thousands there.
    """
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        trimmed = pc.utf8_trim_whitespace(values)
        values = pc.if_else(pc.equal(trimmed, ""), None, trimmed)
    try:
        if not pa.types.is_boolean(wanted):
            return values.cast(wanted), []
    except pa.ArrowException:
        pass  # one by one, to report which
    given = values.to_pylist()
    why_not = _no_decimal_commas(given) if pa.types.is_floating(wanted) else ""
    if pa.types.is_floating(wanted) and not why_not:
        given = [_with_a_point(value) for value in given]
    return _one_by_one(name, given, wanted, why_not)


def in_seconds(values: pa.Array, unit_s: float) -> pa.Array:
    """Times in another unit as texts of seconds; H:MM:SS, and what is no number, as they are. unit_s: its seconds."""
    numbers, wrong = cast_column("", values, pa.float64())
    unread = {row for row, _ in wrong}
    seconds = [
        given if row in unread or number is None else repr(round(number * unit_s, 6))
        for row, (given, number) in enumerate(zip(values.to_pylist(), numbers.to_pylist(), strict=True))
    ]
    return pa.array([None if text is None else str(text) for text in seconds], pa.string())


def _no_decimal_commas(values: list[Any]) -> str:
    """Why commas of a column are not taken for points; '' where they are."""
    texts = [value for value in values if isinstance(value, str) and ":" not in value]
    if any("." in text for text in texts):
        return MIXED
    commas = [text for text in texts if _DECIMAL_COMMA.fullmatch(text)]
    grouped = all(map(_OF_THOUSANDS.fullmatch, commas)) and any(map(_WHOLE.fullmatch, texts))
    return WHOLE if commas and grouped else ""


def _with_a_point(value: Any) -> Any:
    """`12,5` as `12.5`; everything else as it is."""
    return value.replace(",", ".") if isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value) else value


def _one_by_one(
    name: str, values: list[Any], wanted: pa.DataType, why_not: str
) -> tuple[pa.Array, list[tuple[int, str]]]:
    read, wrong = [], []
    for row, value in enumerate(values):
        try:
            read.append(None if value is None else _value(name, value, wanted))
        except (ValueError, TypeError, OverflowError, pa.ArrowException):
            read.append(None)
            why = f"expected {_words(name, wanted)}, received {str(value)[:80]!r}"
            has_comma = isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value)
            wrong.append((row, why + (why_not if has_comma else "")))
    return pa.array(read, wanted), wrong


def _value(name: str, value: Any, wanted: pa.DataType) -> Any:
    """One value; raises what `_one_by_one` catches."""
    if pa.types.is_boolean(wanted):
        text = str(value).lower().removesuffix(".0")
        if text not in (*_YES, *_NO):
            raise ValueError(text)
        return text in _YES
    if isinstance(value, str) and pa.types.is_floating(wanted) and name.endswith("_s") and ":" in value:
        match = _CLOCK.fullmatch(value)
        if not match:
            raise ValueError(value)
        hours, minutes, seconds = match[1] or "0", match[2] or match[4], match[3] or match[5]
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds.replace(",", "."))
    return pa.scalar(value).cast(wanted).as_py()


def _words(name: str, wanted: pa.DataType) -> str:
    """What is expected, in words."""
    if pa.types.is_floating(wanted):
        return "seconds (12.5), M:SS.m, H:MM:SS.mmm or a time code H:MM:SS:FF" if name.endswith("_s") else "a number"
    if pa.types.is_integer(wanted):
        return "a whole number"
    return "true or false" if pa.types.is_boolean(wanted) else f"a value of type {wanted}"
