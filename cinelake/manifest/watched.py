"""The sections `quality` and `publish` name tables and measures: these are checked once the entries are known."""

from __future__ import annotations

from collections.abc import Mapping

from cinelake.errors import did_you_mean
from cinelake.manifest.sections import Sections
from cinelake.manifest.tasks import TaskEntry
from cinelake.manifest.yaml import Document


def check_watched(document: Document, sections: Sections, entries: Mapping[str, TaskEntry]) -> None:
    """Add a problem for each name that no enabled entry has."""
    enabled = {name: entry for name, entry in entries.items() if entry.enabled}
    for place, table in enumerate(sections.publish.tables):
        if table not in enabled:
            message = f"no entry of `tasks` makes a table {table!r}{did_you_mean(table, list(enabled))}"
            document.problem(("publish", "tables", place), message)
    known = measures_of(enabled) if sections.quality.bounds else []
    for name in sections.quality.bounds:
        if name not in known:
            document.problem(("quality", "bounds", name), f"there is no measure {name!r}{did_you_mean(name, known)}")


def measures_of(entries: Mapping[str, TaskEntry]) -> list[str]:
    """`TABLE.MEASURE` of everything that a bound may be set on."""
    from cinelake.spec.measures import COVERAGE, Watched

    measures = [
        f"{name}.{measure.name}"
        for name, e in entries.items()
        for measure in Watched(e.spec.contract, e.inputs).measures
    ]
    return sorted([*measures, *(f"{name}.{COVERAGE}" for name in entries)])
