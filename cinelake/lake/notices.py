"""TensorFlow's C++ writes notices to standard error while it is imported, which no setting of it holds back (2.21)."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType

NOTICE = re.compile(rb"^(I\d{4} |WARNING: All log messages before absl|To enable the following instructions)")
"""Informative lines of its log, and those that go with them; warnings and errors begin otherwise."""


@contextmanager
def without_notices() -> Iterator[None]:
    """Hold standard error back, with what C++ writes to it, and pass on everything but notices at the end."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as written:
        kept = os.dup(2)
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            written.seek(0)
            if rest := b"".join(line for line in written if not NOTICE.match(line)):
                os.write(2, rest)


class QuietTensorFlow(MetaPathFinder):
    """Finds TensorFlow for `import`, whoever imports it (Keras does too), so that it is loaded without notices."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The package with a quiet loader; None for every other name."""
        if fullname != "tensorflow":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _QuietLoader(spec.loader.name, spec.loader.path)
        return spec


class _QuietLoader(SourceFileLoader):
    def exec_module(self, module: ModuleType) -> None:
        with without_notices():
            super().exec_module(module)


def quiet_tensorflow() -> None:
    """From now on this process imports TensorFlow without notices."""
    if not any(isinstance(finder, QuietTensorFlow) for finder in sys.meta_path):
        sys.meta_path.insert(0, QuietTensorFlow())
