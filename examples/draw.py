"""Draw the example catalogue: short films with sound whose every label is known.

examples:
  python -m examples.draw demo --films 6 --seed 1            six films and their labels
  python -m examples.draw held_out --films 12 --seed 1 --first 100   other films of the same kind
  python -m examples.draw demo --films 6 --sheet sheet.png   and a contact sheet of every shot
"""

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path

from examples.catalogue import DrawnFilm, catalogue_films, draw_catalogue
from examples.encode import EncodingFailed
from examples.sheet import write_sheet

__all__ = ["DrawnFilm", "draw_catalogue", "main"]


def main(arguments: list[str] | None = None) -> int:
    """The command; returns its exit code: 0 done, 1 a film could not be drawn, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    began = time.monotonic()
    try:
        films = draw_catalogue(
            options.out,
            options.films,
            options.seed,
            options.first,
            None if options.json else _show_progress,
            options.workers,
            options.seconds,
        )
    except (EncodingFailed, OSError) as error:
        print(f"draw: {error}", file=sys.stderr)
        return 1
    if options.sheet:
        wanted = {film.movie_id for film in films}
        write_sheet([film for film in catalogue_films(options.out) if film.movie_id in wanted], options.sheet)
    if options.json:
        print(json.dumps({"films": [{**asdict(film), "path": str(film.path)} for film in films]}, indent=2))
    else:
        drawn = sum(film.was_drawn for film in films)
        print(
            f"{drawn} films drawn, {len(films) - drawn} there already, in {time.monotonic() - began:.0f} s; "
            f"films in {options.out / 'films'}, labels in {options.out / 'labels'}"
        )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m examples.draw", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path, help="folder that gets films/ and labels/")
    parser.add_argument("--films", type=_positive, default=6, help="how many films (default: %(default)s)")
    parser.add_argument(
        "--seed", type=_not_negative, default=1, help="another seed, other films (default: %(default)s)"
    )
    parser.add_argument(
        "--first", type=_not_negative, default=0, help="number of the first film (default: %(default)s)"
    )
    parser.add_argument("--workers", type=_positive, default=2, help="films drawn at once (default: %(default)s)")
    parser.add_argument("--seconds", type=float, help="length of every film (default: 42 to 58 s, by film)")
    parser.add_argument("--sheet", type=Path, help="also write a contact sheet: a PNG of every shot's middle frame")
    parser.add_argument("--json", action="store_true", help="print the films as JSON, no progress")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number. Received: {text}")
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"expected zero or a positive number. Received: {text}")
    return number


def _show_progress(film: DrawnFilm, done: int, total: int) -> None:
    how = f"drawn in {film.took_s:.1f} s" if film.was_drawn else "there already"
    print(f"[{done}/{total}] {film.movie_id}: {film.duration_s:.0f} s, {how}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
