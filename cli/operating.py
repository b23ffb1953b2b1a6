"""The commands of those who run a lake night after night: servers, deployments, pauses, published versions."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.options import HERE, JsonOption, ManifestOption
from cli.options import example as _example
from cli.options import finish as _exit

app = typer.Typer()


@app.command(epilog=_example("cinelake pause", "cinelake resume"))
def pause(manifest: ManifestOption = HERE) -> None:
    """Let runs on this lake end the films that they work on and start no others, until `cinelake resume`."""
    from cli.running import pause_runs

    _exit(pause_runs(manifest))


@app.command(epilog=_example("cinelake resume"))
def resume(manifest: ManifestOption = HERE) -> None:
    """Let paused runs go on."""
    from cli.running import resume_runs

    _exit(resume_runs(manifest))


@app.command(epilog=_example("cinelake up", "cinelake up --prefect-port 4200 --mlflow-port 5000"))
def up(
    manifest: ManifestOption = HERE,
    prefect_port: Annotated[int, typer.Option(help="Port of Prefect's UI on loopback.")] = 4200,
    mlflow_port: Annotated[int, typer.Option(help="Port of MLflow's UI on loopback.")] = 5000,
) -> None:
    """Keep Prefect, MLflow and a worker for deployments running, until Ctrl-C."""
    from cli.serving import keep_up

    _exit(keep_up(manifest, prefect_port, mlflow_port))


@app.command(epilog=_example("cinelake deploy --dry-run", "cinelake deploy", "cinelake deploy --prune"))
def deploy(
    manifest: ManifestOption = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would change; change nothing.")] = False,
    prune: Annotated[bool, typer.Option("--prune", help="Delete what the manifest no longer wants.")] = False,
    json: JsonOption = False,
) -> None:
    """Make the manifest's schedules, triggers, limits and notifications be on the Prefect server."""
    from cli.deploying import deploy_manifest

    _exit(deploy_manifest(manifest, dry_run=dry_run, prune=prune, as_json=json))


@app.command(epilog=_example("PREFECT_API_URL=http://prefect:4200/api cinelake work"))
def work(manifest: ManifestOption = HERE) -> None:
    """Run deployments that are due, on this machine, until Ctrl-C (`cinelake up` does it too)."""
    from cli.serving import work as keep_working

    keep_working(manifest)


@app.command(
    epilog=_example(
        "cinelake publish",
        "cinelake publish --dry-run",
        "cinelake publish --list --json",
        "cinelake publish --rollback",
        "cinelake publish --rollback --to 12",
    )
)
def publish(
    manifest: ManifestOption = HERE,
    keep: Annotated[int | None, typer.Option(help="Versions that are kept, instead of the manifest's.", min=1)] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the versions that are kept.")] = False,
    rollback: Annotated[bool, typer.Option("--rollback", help="Make the version before the present one.")] = False,
    to: Annotated[int | None, typer.Option("--to", help="With --rollback: this version.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be made; publish nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Publish the lake's tables, compacted and sorted, with tables over the whole catalogue, as one new version."""
    from cli.publishing import go_back, list_versions, publish_manifest

    if list_:
        _exit(list_versions(manifest, as_json=json))
    if rollback:
        _exit(go_back(manifest, to, as_json=json))
    _exit(publish_manifest(manifest, keep=keep, dry_run=dry_run, as_json=json))
