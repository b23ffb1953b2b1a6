"""The whole site: a page for each film and the catalogue, written anew only where what they show has changed.

out/index.html                       the catalogue
out/films/MOVIE_ID/index.html        a film's page, with its pictures and card.json (which holds the page's key)
out/assets/…                         style, scripts, the charting library and its licence, once for all pages
out/cinelake-report.json             that this folder is a report; the scores of models are in scores.json
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cinelake.errors import UnknownName
from cinelake.plan.build import Planning
from cinelake.query.quality import FOLDER, Outlier, outliers
from cinelake.storage.content import digest
from report.details import film_row
from report.files import MARK, check_place, new_folder, site_errors, write_assets, write_text
from report.film_page import Card, film_source, models_of, page_key, read_card, write_film
from report.models_page import models_page
from report.people_page import people_page
from report.proxies import make_proxy, plays_in_browsers, proxy_path
from report.runs_page import runs_page
from report.said import PeopleSaid
from report.scores import FILE as SCORES
from report.scores import ModelScores, known_scores, scores_file, scores_of
from report.tables import FilmTables, LakeTables
from report.templates import code_digest, rendered

MAX_OUTLIERS = 20
"""Films that stand out which the catalogue names; `cinelake status --json` names all."""
MOST_COMPARED = 1000
"""Films that can be laid side by side: the page holds an outline of each."""
OnProgress = Callable[[int, int, str], None]


@dataclass
class SiteOutcome:
    """What a report did, or would do: movie_id → why its page is written; pages that stay; pages that go."""

    out: Path
    written: dict[str, str] = field(default_factory=dict)
    unchanged: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    index_written: bool = False
    without_proxy: dict[str, str] = field(default_factory=dict)


def write_site(
    planning: Planning,
    out: Path,
    *,
    movies: Sequence[str] = (),
    force: bool = False,
    dry_run: bool = False,
    with_people: bool = True,
    proxies: bool = False,
    on_progress: OnProgress = lambda _done, _all, _what: None,
) -> SiteOutcome:
    """Write the report of a lake. Raises `UnknownName` for films that are missing, `UsageError` for a bad folder.

    movies: only these films' pages. force: every page, by scores requested anew, and into a folder that holds something
    else. dry_run: write nothing. with_people: with the page of people, and their faces. proxies: a small copy of each
    film that browsers do not play; those that are there are used in any case.
    """
    lake = LakeTables(planning)
    for movie_id in movies:
        if movie_id not in lake.movie_ids:
            raise UnknownName("film", movie_id, lake.movie_ids)
    check_place(out, force=force)
    with site_errors(out):
        site = _Site(lake, out, dry_run=dry_run, with_people=with_people, proxies=proxies)
        site.scores = {} if force else known_scores(out)
        site.write_films(list(movies) or lake.movie_ids, on_progress, force=force)
        site.remove_gone()
        if not dry_run:
            site.write_catalogue()
    return site.outcome


class _Site:
    """A site that is being written."""

    def __init__(self, lake: LakeTables, out: Path, *, dry_run: bool, with_people: bool, proxies: bool):
        self.with_people, self.proxies = with_people, proxies
        self.lake, self.out, self.films, self.dry_run = lake, out, out / "films", dry_run
        self.scores: ModelScores = {}
        self.people = PeopleSaid(lake.planning.manifest)
        self.outcome = SiteOutcome(out)

    def write_films(self, movie_ids: Sequence[str], on_progress: OnProgress, *, force: bool) -> None:
        """Write the pages that have changed."""
        if not self.dry_run:
            self.out.mkdir(parents=True, exist_ok=True)
            write_text(self.out / MARK, json.dumps({"what": "a report of cinelake", "version": 1}) + "\n")  # before all
            self.films.mkdir(exist_ok=True)
            write_assets(self.out)
        for done, movie_id in enumerate(movie_ids):
            on_progress(done, len(movie_ids), movie_id)
            self._write_film(self.lake.film(movie_id), force=force)
        on_progress(len(movie_ids), len(movie_ids), "")

    def _write_film(self, tables: FilmTables, *, force: bool) -> None:
        movie_id, folder = tables.movie_id, self.films / tables.movie_id
        self.scores |= scores_of(self.lake.planning.manifest, models_of(tables), self.scores)
        source = film_source(self._played(tables), folder)
        key, card = (
            page_key(tables, self.scores, source, [self.people.key(movie_id), str(self.with_people)]),
            read_card(folder),
        )
        if card and card["key"] == key and not force:
            self.outcome.unchanged.append(movie_id)
            return
        self.outcome.written[movie_id] = "new" if card is None else "changed" if card["key"] != key else "--force"
        if not self.dry_run:
            with new_folder(folder) as part:
                problem = self.lake.problems.get(movie_id, "")
                write_film(part, tables, self.scores, key, problem, source, self.people, with_people=self.with_people)

    def _played(self, tables: FilmTables) -> str:
        """The file that the film's player plays: the film's own, or its proxy."""
        if not tables.of_task("films").is_present:
            return tables.path
        row = film_row(tables)
        proxy = proxy_path(self.out, tables.movie_id, row)
        if self.proxies and not self.dry_run and not plays_in_browsers(row):
            planning = self.lake.planning
            max_pixels = planning.manifest.defaults.max_pixels
            why = make_proxy(self.out, tables, planning.films.get(tables.movie_id), row, max_pixels)
            if why:
                self.outcome.without_proxy[tables.movie_id] = why
        return str(proxy) if proxy.is_file() else tables.path

    def remove_gone(self) -> None:
        """Remove the pages of films that have left the catalogue."""
        known = set(self.lake.movie_ids)
        gone = [path for path in self._folders() if path.name not in known and read_card(path)]
        self.outcome.removed = [path.name for path in gone]
        for path in () if self.dry_run else gone:
            shutil.rmtree(path)

    def _folders(self) -> list[Path]:
        return sorted(p for p in self.films.iterdir() if p.is_dir()) if self.films.is_dir() else []

    def _outliers(self) -> list[Outlier]:
        if not self.lake.lake.storage.files(FOLDER):
            return []
        settings = self.lake.planning.manifest.quality
        beyond, fewest = settings.outlier_score, settings.fewest_films
        return outliers(self.lake.lake, beyond=beyond, fewest=fewest, films=self.lake.movie_ids)

    def write_catalogue(self) -> None:
        """Write the catalogue page and the cached scores."""
        cards = [card for path in self._folders() if (card := read_card(path))]
        problems = {name: why for name, why in self.lake.problems.items() if name not in self.lake.movie_ids}
        named = {card["movie_id"] for card in cards}
        unlike = [outlier for outlier in self._outliers() if outlier.movie_id in named]
        write_text(self.out / SCORES, scores_file(self.scores))
        pages = self._write_pages(cards)
        page = catalogue_page(cards, problems, unlike, pages)
        self.outcome.index_written = write_text(self.out / "index.html", page)

    def _write_pages(self, cards: Sequence[Card]) -> list[tuple[str, str]]:
        """Write the pages that speak of all films, remove those of which there is nothing; returns files and titles."""
        made = {
            ("people.html", "People"): people_page(self._folders(), self.lake.lake) if self.with_people else None,
            ("models.html", "Models"): models_page(cards, self.scores, self.films),
            ("runs.html", "Runs"): runs_page(self.lake),
            ("compare.html", "Side by side"): compare_page(cards),
        }
        for (file, _), page in made.items():
            if page is None:
                (self.out / file).unlink(missing_ok=True)
            else:
                write_text(self.out / file, page)
        return [about for about, page in made.items() if page is not None]


def compare_page(cards: Sequence[Card]) -> str | None:
    """The page on which films stand side by side; None where there are fewer than two."""
    if len(cards) < 2:
        return None
    names = ("movie_id", "title", "poster", "duration_s", "shots", "average_shot_s", "scenes", "beats", "tags")
    films = [
        {**{name: card[name] for name in (*names, "characters") if name in card}, "lines": card.get("lines", {})}
        for card in sorted(cards, key=lambda card: (card["title"].casefold(), card["movie_id"]))[:MOST_COMPARED]
    ]
    return rendered("compare.html", title="Side by side", data=films, key=digest([code_digest(), films]))


def catalogue_page(
    cards: Sequence[Card],
    problems: dict[str, str],
    unlike: Sequence[Outlier],
    pages: Sequence[tuple[str, str]] = (),
) -> str:
    """The catalogue of these films; unlike: those that stand out from it; pages: files and titles of the others."""
    shown = [str(outlier) for outlier in unlike]
    key = digest([code_digest(), [card["key"] for card in cards], problems, shown, list(pages)])
    tags = sorted({tag for card in cards for tag in card["tags"]})
    hours = sum(card.get("duration_s", 0.0) for card in cards) / 3600
    shots = sum(card.get("shots", 0) for card in cards)
    ordered = sorted(cards, key=lambda card: (card["title"].casefold(), card["movie_id"]))
    return rendered(
        "catalogue.html",
        title="Films",
        films=ordered,
        problems=problems,
        unlike=unlike[:MAX_OUTLIERS],
        pages=pages,
        tags=tags,
        hours=hours,
        shots=shots,
        key=key,
    )
