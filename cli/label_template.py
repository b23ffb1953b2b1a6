"""What labels of a model look like, before there are any: their columns in words, and a CSV to fill in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cinelake.errors import UnknownName
from cinelake.manifest.document import load_manifest
from cinelake.spec.labels import LabelContract
from cinelake.spec.model import find_model
from cli.docs import type_name

BY_SHOTS = ("start_shot", "end_shot")
SPANS = "A span has start_s and end_s; or start_shot and end_shot, added as columns; or none: it is the whole film."
SHOWN_VALUES = 60


def find_contract(model: str, kind: str, manifest: Path) -> tuple[LabelContract, Mapping[str, Sequence[str]]]:
    """What a model's labels are held to, and the values that a list limits; a kind of model needs no manifest.

    Raises `UnknownName`.
    """
    if manifest.exists():
        entry = load_manifest(manifest).model(model)
        spec, config = entry.spec, entry.config
    else:
        spec = find_model(model)
        config = spec.config()
    if kind and kind not in spec.more_labels:
        raise UnknownName("kind of labels", kind, spec.more_labels)
    return (spec.more_labels[kind] if kind else spec.labels), spec.vocabularies(config)


def column_rows(contract: LabelContract, vocabularies: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """Each column with its type, whether every row needs it, and what it says."""
    return [
        {
            "column": column.name,
            "type": type_name(column.type),
            "needed": not column.nullable,
            "doc": column.doc,
            "values": list(vocabularies.get(column.name, column.one_of))[:SHOWN_VALUES],
        }
        for column in contract.all_columns
    ]


def header(contract: LabelContract) -> str:
    """The first line of a CSV of such labels; spans by time."""
    return ",".join(column.name for column in contract.all_columns if column.name not in BY_SHOTS)
