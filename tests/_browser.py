"""Headless Chromium with a driver, as the tests of the site's pages use it."""

import shutil
import time

CHROMIUM = next((found for name in ("chromium", "google-chrome", "chrome") if (found := shutil.which(name))), None)
DRIVER = shutil.which("chromedriver")
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_S = 60


def why_not():
    """Why pages cannot be tried here; empty where they can."""
    missing = [name for name, found in (("chromium", CHROMIUM), ("chromedriver", DRIVER)) if not found]
    return f"not installed here: {', '.join(missing)}" if missing else ""


def open_browser():
    """A browser of 1280 × 900 in the light."""
    from selenium.webdriver import Chrome, ChromeOptions
    from selenium.webdriver.chrome.service import Service

    options = ChromeOptions()
    for flag in FLAGS:
        options.add_argument(flag)
    options.binary_location = CHROMIUM
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = Chrome(options=options, service=Service(DRIVER))
    browser.set_window_size(1280, 900)
    return browser


def visit(browser, path):
    """Open a page from its file; a film's page until its timeline is drawn."""
    browser.get(path.as_uri())
    if path.parent.parent.name == "films":
        wait(browser, "return document.documentElement.dataset.ready")


def wait(browser, script):
    """Ask until the answer is true; gives it."""
    until = time.monotonic() + PATIENCE_S
    while not (answer := browser.execute_script(script)):
        assert time.monotonic() < until, f"not within {PATIENCE_S} s: {script}"
        time.sleep(0.02)
    return answer


def complaints(browser):
    """What the console has of warnings and errors."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]
