"""The publishing flow, for schedules: the lake's tables as one new version of its published copy."""

from __future__ import annotations

from pathlib import Path

from prefect import flow

from cinelake.manifest.document import load_manifest
from cinelake.plan.build import plan_manifest
from cinelake.spec.names import counted
from flows.events import flow_started
from flows.lake_versions import publish_planned
from flows.prefect_ui import name_run


@flow(name="publish", validate_parameters=True)
def publish(manifest: str = "pipeline.yaml") -> dict[str, int]:
    """Publish a manifest's lake; returns the version's number, and how many files were made and taken over.

    Args:
        manifest: The manifest's file, on the worker's machine.
    """
    loaded = load_manifest(Path(manifest))
    flow_started(loaded, "publish")
    planning = plan_manifest(loaded)
    films, tables = len(planning.catalogue.films), len(planning.whole.tables)
    name_run(f"publish: {counted(tables, 'table')} of {counted(films, 'film')}")
    done = publish_planned(planning)
    return {"version": done.version.number, "made": done.made, "reused": done.reused}
