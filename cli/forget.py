"""`cinelake forget`: what labels, learned versions and tables hold of a person is deleted."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from typing import Annotated

import typer

from cinelake.lake.control import refuse, turn
from cinelake.lake.format import open_known
from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cli.options import HERE, JsonOption, ManifestOption, example
from cli.screen import out, print_json, warn
from flows.erasure import PersonTraces, find_person, forget_person

app = typer.Typer(add_completion=False)


@app.command(epilog=example("cinelake forget 'Ida Lund'", "cinelake forget 'Ida Lund' --yes"))
def forget(
    name: Annotated[str, typer.Argument(help="The person, as labels and tables spell the name.", metavar="NAME")],
    manifest: ManifestOption = HERE,
    yes: Annotated[bool, typer.Option("--yes", help="Really delete; without it only the list is shown.")] = False,
    json: JsonOption = False,
) -> None:
    """Forget a person: their name and photos in labels, versions that know them, rows that name them (a dry run first).

    A champion that knows them stays until another is learned without them. What is to be done is said, and what
    remains. Nothing is deleted while a run works on the lake.
    """
    loaded = load_manifest(manifest)
    lake = open_known(loaded.lake.place)
    with turn(lake, "cinelake forget", refuse(lake)) if yes else nullcontext():
        planning = plan_manifest(loaded)
        found = find_person(planning, name)
        if yes:
            forget_person(planning.manifest, planning.lake, found)
    if json:
        print_json(_data(found, deleted=yes))
        return
    for line in (*_found(found, deleted=yes), *_to_do(found, deleted=yes), *_remains(found)):
        out.print(line, markup=False, soft_wrap=True)
    for line in found.unreadable:
        warn(f"not looked at: {line}")


def _data(found: PersonTraces, *, deleted: bool) -> dict[str, object]:
    labels = {rows.set_name: {"rows": rows.rows, "stills": rows.still_count} for rows in found.labels}
    return {
        "name": found.name,
        "deleted": deleted,
        "labels": labels,
        "versions": found.versions,
        "champions": found.champions,
        "cells": [{"table": table, "movie_id": film} for table, film in found.cells],
        "published": found.published,
        "unreadable": found.unreadable,
    }


def _found(found: PersonTraces, *, deleted: bool) -> list[str]:
    lines = []
    for rows in found.labels:
        photos = f", {rows.still_count} photos" if rows.stills else ""
        lines.append(f"labels {rows.set_name}: {rows.rows} rows in {len(rows.versions)} versions{photos}")
    lines += [f"{model}: versions {_listed(numbers)}" for model, numbers in found.versions.items()]
    tables = sorted({table for table, _ in found.cells})
    lines += [f"{table}: {sum(1 for each, _ in found.cells if each == table)} films" for table in tables]
    if not lines:
        return [f"nothing that can be deleted names {found.name}"]
    return [*lines, "deleted" if deleted else "would be deleted (`--yes`)"]


def _to_do(found: PersonTraces, *, deleted: bool) -> list[str]:
    """What is left for the person who asks, in order."""
    again = f"`cinelake forget {shlex.quote(found.name)} --yes`"
    steps = []
    for model, number in found.champions.items():
        first = "" if deleted else f"{again}, "
        steps.append(
            f"{model} {number} is champion and knows {found.name}: {first}`cinelake train {model}`, if need be "
            f"`cinelake models promote {model} VERSION`, then {again} again"
        )
    if found.cells or found.champions:
        steps.append("`cinelake run` makes the tables anew")
    if found.published:
        steps.append(
            f"published versions {_listed(found.published)} have tables of people: `cinelake publish --keep 1` after "
            "that"
        )
    return [f"next: {step}" for step in steps]


def _remains(found: PersonTraces) -> list[str]:
    """What this command does not reach."""
    lines = [
        "`faces` keeps vectors without a name, of everybody in the films: `faces: {identify: false}` ends that, or the "
        "films leave the catalogue (`cinelake gc`)",
        "`credits`, `writing`, `subtitles` and `transcript` say what the films themselves say",
        "reports that were written (`cinelake report` writes them anew), exports, saved files, copies and backups, and "
        "what other machines keep in `CINELAKE_CACHE`; "
        "MLflow keeps names and scores of deleted runs until `mlflow gc`",
    ]
    return [f"remains: {line}" for line in lines] if found.is_known or found.published else []


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
