"""`cinelake search`: moments that look like a picture, in which words are said or written, or conditions hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from cinelake.client.lake_client import lake_contracts, lines_params
from cinelake.lake.format import open_known
from cinelake.manifest.document import load_manifest
from cinelake.search.conditions import Conditions
from cinelake.search.searcher import Query, SearchAnswer, Searcher
from cinelake.search.thumbnails import write_thumbnails
from cli.options import HERE, JsonOption, ManifestOption, MovieOption, Values, VectorsOption, example, several
from cli.screen import err, out, print_json, table

app = typer.Typer(add_completion=False)


@app.command(
    epilog=example(
        "cinelake search --image still.jpg",
        "cinelake search --like my_film@00:12:31 --thumbnails found",
        'cinelake search --said "land of the gatekeepers" --thumbnails found',
        'cinelake search --written "hotel*" --character Anna',
        'cinelake search --person "Ada Lovelace" --said "engine"',
        'cinelake search --said "she says goodbye" --by meaning --affect "valence<0"',
        'cinelake search --tag chase --character Anna --affect "arousal>0.5"',
    )
)
def search(
    image: Annotated[Path | None, typer.Option(help="A picture: JPEG, PNG, WebP, TIFF or BMP.")] = None,
    like: Annotated[str | None, typer.Option(help="A moment of the lake.", metavar="FILM@HH:MM:SS")] = None,
    text: Annotated[str | None, typer.Option(help="What a picture shows, by a pair of networks.")] = None,
    said: Annotated[Values, typer.Option(help="Words of subtitles or of the transcript.", metavar="WORDS")] = None,
    written: Annotated[Values, typer.Option(help="Words in the pictures.", metavar="WORDS")] = None,
    tag: Annotated[Values, typer.Option(help="Shots with any of these tags.", metavar="A,B")] = None,
    character: Annotated[Values, typer.Option(help="When any of these characters is seen.", metavar="A,B")] = None,
    person: Annotated[Values, typer.Option(help="When any of these people's faces is seen.", metavar="A,B")] = None,
    affect: Annotated[Values, typer.Option(help="As in [cyan]arousal>0.5[/].", metavar="CONDITION")] = None,
    by: Annotated[
        str, typer.Option(help="How lines are found: by their words, or by meaning (needs an encoder).")
    ] = "words",
    movie: MovieOption = None,
    limit: Annotated[int, typer.Option("-n", "--limit", help="How many moments.", min=1, max=1000)] = 10,
    thumbnails: Annotated[Path | None, typer.Option(help="A folder for each moment's picture.")] = None,
    min_probability: Annotated[float, typer.Option(help="For --tag.", min=0, max=1)] = 0.5,
    table: VectorsOption = "embeddings",
    how: Annotated[str, typer.Option(help="exact, index, or auto: by the index where it is up to date.")] = "auto",
    manifest: ManifestOption = HERE,
    json: JsonOption = False,
) -> None:
    """Find moments that look like a picture, a moment or a text, or in which words or conditions hold.

    Of words all must be in one line, whatever their case and accents; "quoted ones" on end, and gate* begins a word.
    Lines that say just this come first. Their index is brought up to date by the search itself. By meaning all lines
    are ranked, by the sentence encoder that the manifest's entry `line_vectors` names.

    An option given twice is two conditions; all must hold at once. Of several values of one any will do. Pictures of
    one shot are one moment. The search is exact unless there is an index of the table as it is (`cinelake index`).
    """
    selectors = {"tags": several(tag), "characters": several(character), "persons": several(person)}
    selectors["affect"] = tuple((one,) for one in affect or ())
    conditions = Conditions(selectors, min_probability)
    words = {"said": tuple(said or ()), "written": tuple(written or ())}
    query = Query(image, like, conditions, words, tuple(movie or ()), limit, table, how, text=text, by=by)
    _search(manifest, query, thumbnails, as_json=json)


def _search(manifest: Path, query: Query, thumbnails: Path | None, *, as_json: bool) -> None:
    """Search, write the thumbnails, print the moments."""
    loaded = load_manifest(manifest)
    lake = open_known(loaded.lake.place)
    entry = loaded.tasks.get(query.table)
    given = replace(query, params=entry.params if entry else None, lines_params=lines_params(loaded))
    answer = Searcher(lake, lake_contracts(lake)).search(given)
    if thumbnails is not None:
        answer = replace(answer, moments=write_thumbnails(lake, answer.moments, thumbnails))
    for note in answer.notes:
        err.print(f"cinelake: {note}", markup=False, highlight=False)
    if as_json:
        print_json(_as_data(answer))
    else:
        _print(answer)


def _as_data(answer: SearchAnswer) -> dict[str, object]:
    moments = [{"rank": rank, **moment.to_json()} for rank, moment in enumerate(answer.moments, 1)]
    found = {"moments": moments, "how": answer.how, "films": answer.films, "vectors": answer.vectors}
    return {**found, "notes": answer.notes}


def _print(answer: SearchAnswer) -> None:
    if not answer.moments:
        out.print("nothing was found")
        return
    rows = [
        (rank, m.movie_id, m.timecode, f"{m.end_s - m.start_s:.1f} s", f"{m.score:.3f}", m.what, m.thumbnail or "")
        for rank, m in enumerate(answer.moments, 1)
    ]
    columns = ["", "film", "time", "lasts", "score", "what", "picture"]
    kept = [at for at in range(len(columns)) if at < 5 or any(row[at] for row in rows)]
    table([columns[at] for at in kept], [[row[at] for at in kept] for row in rows])
