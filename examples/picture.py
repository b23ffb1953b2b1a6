"""Photograph a page of the demo's report with headless Chromium, as the README shows it.

cinelake demo && python -m examples.picture demo/site/films/the_seventh_mirror_001/index.html docs/report.png
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

BROWSERS = ("chromium", "google-chrome", "chrome")
COLOURS = 256
MOST_BYTES = 200_000


class NoPicture(RuntimeError):
    """No picture was made."""


def photograph(page: Path, picture: Path, width: int = 1200, height: int = 1180) -> int:
    """Write the top of a page as a PNG of few colours; returns its bytes. Raises `NoPicture`."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise NoPicture(f"none of {', '.join(BROWSERS)} is installed")
    if not page.is_file():
        raise NoPicture(f"there is no page {page}: `cinelake demo` writes the report")
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "page.png"
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=10000"]
        command = [browser, *flags, f"--user-data-dir={folder}/profile", f"--window-size={width},{height}"]
        done = subprocess.run(
            [*command, f"--screenshot={raw}", page.resolve().as_uri()], capture_output=True, text=True, timeout=120
        )
        if not raw.is_file():
            raise NoPicture(f"{browser} made no picture: {done.stderr.strip()[-500:]}")
        with Image.open(raw) as image:
            image.convert("RGB").quantize(COLOURS, method=Image.Quantize.MEDIANCUT).save(picture, optimize=True)
    return picture.stat().st_size


def main() -> int:
    """The command; 0 done, 1 no picture or one that is too large for a README."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="an index.html of the report")
    parser.add_argument("picture", type=Path, help="the PNG that is written")
    given = parser.parse_args()
    try:
        size = photograph(given.page, given.picture)
    except NoPicture as error:
        print(f"picture: {error}", file=sys.stderr)
        return 1
    print(f"{given.picture}: {size / 1000:.0f} kB")
    return int(size > MOST_BYTES)


if __name__ == "__main__":
    sys.exit(main())
