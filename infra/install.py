"""Install a pinned list into this Python's environment with uv, several packages at once; a third of pip's time.

uv reads none of pip's configuration, so what pip was told (indexes, links, certificates) is handed on to it. Where uv
cannot be had or fails, that is said, and pip installs.

    python infra/install.py requirements/lock.txt
"""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PIP = [sys.executable, "-m", "pip"]
QUIETLY = ["install", "--quiet", "--no-deps", "--disable-pip-version-check"]


def pip_settings(listing: str) -> dict[str, str]:
    """Option → value, of what `pip config list` prints; an environment variable counts more than a file."""
    settings: dict[str, str] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if equals and (section == ":env:" or option not in settings):
            settings[option] = " ".join(ast.literal_eval(value).split())
    return settings


def uv_environment(settings: Mapping[str, str], environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that tell uv what pip was told; those that are set already are left alone."""
    told = {
        "UV_DEFAULT_INDEX": settings.get("index-url"),
        "UV_INDEX": settings.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(settings.get("find-links", "").split()),
        "UV_NO_INDEX": settings.get("no-index"),
        "SSL_CERT_FILE": settings.get("cert"),
        "UV_HTTP_TIMEOUT": settings.get("default-timeout") or settings.get("timeout"),
    }
    if told["UV_INDEX"]:
        told["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # as pip: the best version of all indexes, in no order
    return {name: value for name, value in told.items() if value and name not in environment}


def install(file: str) -> None:
    """Install the list; raises `CalledProcessError` where pip fails too. uv itself and its cache do not stay."""
    place = Path(sys.prefix) / ".uv"
    try:
        listing = subprocess.run([*PIP, "config", "list"], check=True, capture_output=True, text=True).stdout
        subprocess.run([*PIP, *QUIETLY, "--quiet", "--target", str(place / "tool"), "uv"], check=True)
        command = [str(place / "tool" / "bin" / "uv"), "pip", "install", "--quiet", "--no-deps"]
        environment = {"UV_CACHE_DIR": str(place / "cache"), **os.environ}
        environment |= uv_environment(pip_settings(listing), os.environ)
        subprocess.run([*command, "--python", sys.executable, "-r", file], check=True, env=environment)
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"uv could not install: {error}. pip does, which takes two minutes longer", file=sys.stderr)
        subprocess.run([*PIP, *QUIETLY, "-r", file], check=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    install(sys.argv[1])
