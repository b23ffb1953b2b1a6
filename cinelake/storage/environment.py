"""What the process takes from its environment, and variables that are set for a while."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cinelake.errors import may_be_secret


def cache_folder() -> Path:
    """Where exported networks are kept: `CINELAKE_CACHE`, else `~/.cache/cinelake`. Deleting it loses nothing."""
    return Path(os.environ.get("CINELAKE_CACHE") or Path.home() / ".cache" / "cinelake")


_PLAIN = re.compile(
    r"PATH|LANG|LC_\w+|TZ|TMPDIR|HOME|PYTHON\w+|LD_\w+|DYLD_\w+|GLIBC_TUNABLES|MALLOC_\w+"
    r"|(?:OMP|OPENBLAS|MKL|NUMEXPR|CINELAKE)_\w+|IMAGEIO_FFMPEG_EXE|FFREPORT|AV_LOG_\w+"
    r"|(?:CUDA|NVIDIA|LIBVA|VDPAU|VK|MESA|LIBGL|DRI|INTEL|AMD)_\w+"
)
"""What a program needs of its surroundings: language, libraries, threads, drivers of devices."""


def plain_environment() -> dict[str, str]:
    """This process's environment without what may be a secret, for programs that read strangers' files.

    Known names are kept, and no others: a key of a bucket, a database's password or a server's word may have any name.
    """
    return {name: value for name, value in os.environ.items() if _PLAIN.fullmatch(name) and not may_be_secret(name)}


@contextmanager
def environment_variables(variables: Mapping[str, str], *, restore_all: bool = False) -> Iterator[None]:
    """Set environment variables while the context lasts; they are as before at its end, set or not.

    restore_all: so are all others, which a library that is used within may set on its own.
    """
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        for name in {*before, *os.environ} if restore_all else variables:
            if name in before:
                os.environ[name] = before[name]
            else:
                os.environ.pop(name, None)
