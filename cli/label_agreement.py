"""How far annotators agree, as `cinelake labels show` and `list` print it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cinelake.errors import UsageError
from cinelake.labels.agreement import Agreement, find_agreement
from cinelake.labels.films import KnownFilms
from cinelake.labels.images import image_facts
from cinelake.labels.store import label_kinds, label_sets
from cinelake.manifest.document import Manifest, load_manifest
from cli.label_export import contract_of
from cli.screen import out, plain, print_json
from cli.screen import table as print_table

NOBODY = (
    "No film was labelled by two annotators: `cinelake labels import FILE --model NAME --annotator NAME` says who did."
)


def show_agreement(manifest: Path, name: str, kind: str, *, as_json: bool) -> None:
    """Print the agreement on each film, and on all. Raises `UnknownName`, `UsageError`."""
    loaded = load_manifest(manifest)
    found = _agreement(loaded, name, kind)
    if as_json:
        print_json({"set": name, "kind": kind, "agreement": [part.data() for part in found]})
    elif not found:
        out.print(NOBODY, markup=False)
    else:
        print_table(list(_row(found[0])), [list(_row(part).values()) for part in found])


def list_agreement(manifest: Path, only: str, *, as_json: bool) -> None:
    """Print the agreement on all films of every set, or of one. Raises `UnknownName`, `UsageError`."""
    loaded = load_manifest(manifest)
    root = Path(loaded.labels)
    rows = []
    for name in [only] if only else label_sets(root):
        for kind in label_kinds(root, name) or [""]:
            try:
                found = _agreement(loaded, name, kind)
            except UsageError as error:
                if only:
                    raise
                rows.append({"set": name, "kind": kind, "told": str(error)})
                continue
            parts = [part for part in found if not part.movie_id] or found
            rows += [{"set": name, "kind": kind, **(part.data() if as_json else _row(part))} for part in parts]
    if as_json:
        print_json({"agreement": rows})
    elif not any("units" in row for row in rows):
        out.print(NOBODY, markup=False)
    else:
        shown = [row for row in rows if "units" in row]
        print_table(list(shown[0]), [list(row.values()) for row in shown])
    for row in rows if not as_json else ():
        if "told" in row:
            out.print(plain(f"{row['set']}: {row['told']}"))


def _agreement(manifest: Manifest, name: str, kind: str) -> list[Agreement]:
    root = Path(manifest.labels)
    _, contract = contract_of(root, name, kind)
    return find_agreement(root, name, contract, KnownFilms(manifest, image_facts(root, name)), kind)


def _row(part: Agreement) -> dict[str, Any]:
    """A line of the table, for people."""
    numbers = {"kappa": part.kappa, "alpha": part.alpha, "f1": part.f1}
    return {
        "film": part.movie_id or "all films",
        "what": part.what or "mean",
        "annotators": ", ".join(part.annotators),
        "units": part.units,
        **{name: "" if value is None else f"{value:.3f}" for name, value in numbers.items()},
    }
