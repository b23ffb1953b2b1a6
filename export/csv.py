"""Tables as CSV for spreadsheets."""

from __future__ import annotations

import base64
import csv
import io
import json
from typing import Any

import pyarrow as pa

from cinelake.spec.formulas import safe_text


def csv_text(rows: pa.Table, *, raw: bool = False) -> str:
    """A table as CSV: vectors as JSON, bytes as base64; text that looks like a formula is escaped unless `raw`."""

    def cell(value: Any) -> Any:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, (list, dict)):
            return json.dumps(value)
        return "" if value is None else value if raw else safe_text(value)

    sink = io.StringIO(newline="")
    writer = csv.writer(sink)
    writer.writerow(rows.column_names)
    for batch in rows.to_batches():
        writer.writerows([cell(value) for value in row.values()] for row in batch.to_pylist())
    return sink.getvalue()
