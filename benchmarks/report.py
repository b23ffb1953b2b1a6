"""What the report costs: one film, the pages of a two-hour film in a browser, a catalogue that is all the same.

Measured: wall time of `cinelake report --film` for a film of two hours with 1,800 shots (a fresh process, its page
written anew); how long that page takes in headless Chromium until its timeline is drawn, and a step of zooming, where
Chromium and its driver are installed; and, of 1,000 films, the first report, a second one with nothing changed, and
one after a table of one film has changed, with how many pages each wrote. The tables are made up.
Target:   one film at most 5 s; the page at most 2 s; of 1,000 films only changed pages.

    python -m benchmarks.report --folder /tmp/benchmarks
    python -m benchmarks.report --films 100 --repeat 2       # a quick look
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks._made_films import every_second, make_films
from benchmarks.children import cinelake, cost_of
from benchmarks.figures import Figure, Report, run, say

SECONDS, SHOTS = 7200, 1800
SMALL = ("films", "shots", "frames", "embeddings", "scenes", "sound")
"""The tables of each of many films, of a minute and twenty shots."""
PATIENCE_S = 120.0
STEPS = 24


def measure(given: argparse.Namespace) -> Report:
    """One film, its page, many films."""
    figures, material = _one_film(given.folder / "long", given.repeat)
    return Report("report", [*figures, *_many_films(given.folder / f"many_{given.films}", given.films)], material)


def _project(folder: Path, make: Callable[[], object]) -> Path:
    """The manifest of a project that is made once."""
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        say(f"making the tables in {folder}")
        make()
        (folder / "complete").touch()
    return folder / "pipeline.yaml"


def _make_long(folder: Path) -> None:
    frames = {"frames": every_second(SECONDS, SHOTS)}
    make_films(folder, {"long": "A film of two hours"}, SECONDS, SHOTS, others=frames)


def _make_many(folder: Path, films: int) -> None:
    make_films(folder, {f"film_{number:05d}": f"Film {number}" for number in range(films)}, 60, 20, SMALL)


def _one_film(folder: Path, repeat: int) -> tuple[list[Figure], list[str]]:
    manifest = _project(folder, lambda: _make_long(folder))
    made = [cost_of(cinelake("report", "--film", "long", "--force", "-m", str(manifest))) for _ in range(repeat)]
    figures = [
        Figure("one film of two hours: wall time", [cost.wall_s for cost in made], "s", at_most=5),
        Figure("one film of two hours: processor time", [cost.cpu_s for cost in made], "s CPU"),
        Figure("one film of two hours: peak memory", [cost.peak_rss_mib for cost in made], "MiB"),
    ]
    loads, busy, steps, why = _in_browser(folder / "site" / "films" / "long" / "index.html", repeat)
    if loads:
        figures += [
            Figure("its page in Chromium: until it is drawn", loads, "s", at_most=2),
            Figure("its page in Chromium: processor time", busy, "s CPU"),
            Figure("a step of zooming: processor time", steps, "ms CPU"),
        ]
    return figures, [f"{SECONDS / 3600:g} hours, {SHOTS:,} shots, every lane", *([why] if why else [])]


def _in_browser(page: Path, repeat: int) -> tuple[list[float], list[float], list[float], str]:
    """Seconds until the timeline is drawn, processor seconds of that, processor ms of a step of zooming; or why not."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        return [], [], [], "the page was not opened: Chromium or its driver is not installed here"
    options = ChromeOptions()
    for flag in (
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-background-networking",
        "--no-first-run",
    ):
        options.add_argument(flag)
    options.binary_location = chromium
    browser = Chrome(options=options, service=Service(driver))
    try:
        browser.set_window_size(1440, 1000)
        browser.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        loads = [_load(browser, page.as_uri()) for _ in range(repeat + 1)][1:]  # the first one starts the renderer
        return [wall for wall, _ in loads], [cpu for _, cpu in loads], [_zoom_ms(browser) for _ in range(repeat)], ""
    finally:
        browser.quit()


def _load(browser: Any, address: str) -> tuple[float, float]:
    browser.get("about:blank")
    before, began = _busy_s(browser), time.monotonic()
    browser.get(address)
    while not browser.execute_script("return document.documentElement.dataset.ready"):
        if time.monotonic() - began > PATIENCE_S:
            raise SystemExit(f"{address} was not drawn within {PATIENCE_S:g} s")
        time.sleep(0.01)
    return time.monotonic() - began, max(0.0, _busy_s(browser) - before)


def _zoom_ms(browser: Any) -> float:
    before = _busy_s(browser)
    browser.execute_async_script(f"""
        let left = {STEPS};
        const step = () => {{
          if (!left--) return arguments[0]();
          document.getElementById(left % 12 < 6 ? "zoom-out" : "zoom-in").click();
          requestAnimationFrame(() => requestAnimationFrame(step));
        }};
        step();""")
    return (_busy_s(browser) - before) / STEPS * 1000


def _busy_s(browser: Any) -> float:
    """Processor seconds of the page's main thread."""
    values = {m["name"]: m["value"] for m in browser.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]}
    return float(values["TaskDuration"])


def _many_films(folder: Path, films: int) -> list[Figure]:
    manifest = _project(folder, lambda: _make_many(folder, films))
    shutil.rmtree(folder / "site", ignore_errors=True)
    command = cinelake("report", "-m", str(manifest), "--json")
    say(f"the first report of {films:,} films")
    first, again = cost_of(command), cost_of(command)
    changed = folder / "lake" / "scenes" / "film_00007.parquet"
    kept = changed.read_bytes()
    changed.unlink()
    try:
        after = cost_of(command)
    finally:
        changed.write_bytes(kept)
    return [
        Figure(f"{films:,} films, first report: wall time", [first.wall_s], "s"),
        Figure(f"{films:,} films, nothing changed: wall time", [again.wall_s], "s"),
        Figure("pages written when nothing changed", [len(again.answer["written"])], at_most=0, at_least=0),
        Figure(f"{films:,} films, one table of one film changed: wall time", [after.wall_s], "s"),
        Figure("pages written when one film changed", [len(after.answer["written"])], at_most=1, at_least=1),
    ]


if __name__ == "__main__":
    sys.exit(run(__doc__, measure, ("--films", {"type": int, "default": 1000, "help": "of the catalogue"}), repeat=3))
