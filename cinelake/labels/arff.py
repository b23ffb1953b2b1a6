"""ARFF, the tables of Weka and openSMILE, as CSV: its attributes are the header, and each row keeps its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

_ATTRIBUTE = re.compile(r"@attribute\s+('[^']*'|\"[^\"]*\"|\S+)", re.IGNORECASE)
_MISSING, _COMMENT = "?", "%"


def as_csv(text: str) -> str:
    """ARFF as CSV; any other text as it is. A missing value (`?`) is an empty one."""
    told = (line.strip().casefold() for line in io.StringIO(text))
    if not next((line for line in told if line and not line.startswith(_COMMENT)), "").startswith("@relation"):
        return text
    lines = text.splitlines()
    start = next((n for n, line in enumerate(lines, 1) if line.strip().casefold() == "@data"), len(lines))
    header = [found[1].strip("'\"") for line in lines[:start] if (found := _ATTRIBUTE.match(line.strip()))]
    sink = io.StringIO()
    table = csv.writer(sink, lineterminator="\n")
    table.writerow(header)
    sink.write("\n" * (start - 1))
    table.writerows(_rows(lines[start:]))
    return sink.getvalue()


def _rows(lines: list[str]) -> Iterator[list[str]]:
    for line in lines:
        row = [] if line.startswith(_COMMENT) else next(csv.reader([line], quotechar="'", skipinitialspace=True), [])
        yield ["" if value.strip() == _MISSING else value.strip() for value in row]
