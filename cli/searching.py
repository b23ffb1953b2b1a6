"""`search` and `index`: moments that look like a picture, or carry tags, characters or an affect."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import HERE, JsonOption, ManifestOption, MovieOption, Values, example, finish, several

SEARCH_EPILOG = example(
    "cinelake search --image still.jpg",
    "cinelake search --like my_film@00:12:31 --thumbnails found",
    'cinelake search --tag chase --character Anna --affect "arousal>0.5"',
)
INDEX_EPILOG = example("cinelake index", "cinelake index --table embeddings_cnn --json")
TableOption = Annotated[str, typer.Option(help="The table of vectors.")]


def search(
    image: Annotated[Path | None, typer.Option(help="A picture: JPEG, PNG, WebP, TIFF or BMP.")] = None,
    like: Annotated[str | None, typer.Option(help="A moment of the lake.", metavar="FILM@HH:MM:SS")] = None,
    tag: Annotated[Values, typer.Option(help="Shots with any of these tags.", metavar="A,B")] = None,
    character: Annotated[Values, typer.Option(help="When any of these characters is seen.", metavar="A,B")] = None,
    affect: Annotated[Values, typer.Option(help="As in [cyan]arousal>0.5[/].", metavar="CONDITION")] = None,
    movie: MovieOption = None,
    limit: Annotated[int, typer.Option("-n", "--limit", help="How many moments.", min=1, max=1000)] = 10,
    thumbnails: Annotated[Path | None, typer.Option(help="A folder for each moment's picture.")] = None,
    min_probability: Annotated[float, typer.Option(help="For --tag.", min=0, max=1)] = 0.5,
    table: TableOption = "embeddings",
    how: Annotated[str, typer.Option(help="exact, index, or auto: by the index where it is up to date.")] = "auto",
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Find moments that look like a picture or a moment, and that carry tags, characters or an affect.

    An option given twice is two conditions; all must hold at once. Of several values of one any will do. Pictures of
    one shot are one moment. The search is exact unless there is an index of the table as it is (`cinelake index`).
    """
    from cinelake.search.conditions import Conditions
    from cinelake.search.searcher import Query
    from cli.searching_work import search_lake

    selectors = {"tags": several(tag), "characters": several(character), "affect": [(one,) for one in affect or ()]}
    conditions = Conditions(selectors, min_probability)
    query = Query(image, like, conditions, tuple(movie or ()), limit, table, how)
    finish(search_lake(manifest, query, thumbnails, as_json=json))


def index(table: TableOption = "embeddings", manifest: ManifestOption = HERE, json: JsonOption = False) -> None:
    """Make the index of a table's vectors, for lakes of millions of them; again after they changed.

    It lies beside the lake with the keys of what it covers, and is never used for another state of the table.
    """
    from cli.searching_work import index_table

    finish(index_table(manifest, table, as_json=json))
