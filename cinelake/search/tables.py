"""Which of the lake's tables holds what a search needs of a film: its shots, its pictures, its length."""

from __future__ import annotations

from cinelake.lake.cells import Lake
from cinelake.spec.roles import RoleT
from cinelake.spec.task import tasks_with


def table_of(lake: Lake, movie_id: str, kind: type[RoleT]) -> tuple[str, RoleT] | None:
    """The first table with this role that the lake has of the film, and the role; None where it has none."""
    for task, role in tasks_with(kind).items():
        if lake.footer(task, movie_id) is not None:
            return task, role
    return None
