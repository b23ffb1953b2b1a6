"""What schedules, triggers and limits say of one another, of models and of tables. One function a rule.

They look at the file's own data, so that these problems are reported together with those of the settings' types.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from cinelake.errors import did_you_mean
from cinelake.manifest.yaml import Document, Where
from cinelake.spec.model import known_models

DeploymentSettings = Mapping[str, Any]


def check_deployments(document: Document) -> None:
    """Add what does not fit to the document."""
    tables = sorted(document.section("tasks"))
    _models(document)
    _after(document)
    for section in ("schedules", "triggers"):
        for name, settings in _entries(document, section):
            _tables(document, (section, name, "select"), _named(_texts(settings, "select")), tables)
    for name, settings in _entries(document, "limits"):
        _tables(document, ("limits", name, "tasks"), _texts(settings, "tasks"), tables)


def _entries(document: Document, section: str) -> Iterator[tuple[str, DeploymentSettings]]:
    """The section's entries that are mappings; what is wrong with the others is reported elsewhere."""
    return ((name, each) for name, each in document.section(section).items() if isinstance(each, dict))


def _texts(settings: DeploymentSettings, name: str) -> list[str]:
    given = settings.get(name)
    return [text for text in given if isinstance(text, str)] if isinstance(given, list) else []


def _models(document: Document) -> None:
    configured = document.section("models")
    for section in ("schedules", "triggers"):
        for name, settings in _entries(document, section):
            model = settings.get("model")
            if isinstance(model, str) and model not in configured and model not in known_models():
                known = sorted({*configured, *known_models()})
                document.problem((section, name, "model"), f"unknown model {model!r}{did_you_mean(model, known)}")


def _after(document: Document) -> None:
    known = dict(_entries(document, "schedules"))
    before = {name: after for name, each in known.items() if isinstance(after := each.get("after"), str)}
    for name, after in before.items():
        chain = list(_chain(name, before))
        if after not in known:
            others = [other for other in known if other != name]
            document.problem(("schedules", name, "after"), f"unknown schedule {after!r}{did_you_mean(after, others)}")
        elif name in chain:
            document.problem(("schedules", name, "after"), f"waits for itself: {' after '.join([name, *chain])}")


def _chain(name: str, before: Mapping[str, str]) -> Iterator[str]:
    """What comes before a schedule, nearest first, until one comes again."""
    seen: set[str] = set()
    while name in before and before[name] not in seen:
        name = before[name]
        seen.add(name)
        yield name


def _named(selectors: Iterable[str]) -> list[str]:
    """The tables that selectors name: `+faces shots,state:stale` names faces and shots."""
    parts = (part for selector in selectors for word in selector.split() for part in word.split(","))
    return [part.strip("+") for part in parts if not part.startswith("state:")]


def _tables(document: Document, where: Where, named: Iterable[str], tables: Collection[str]) -> None:
    for table in named:
        if table not in tables:
            document.problem(where, f"unknown table {table!r}{did_you_mean(table, sorted(tables))}")
