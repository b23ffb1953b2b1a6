"""The memory of a process while it reads a film."""

import re
import sys
from pathlib import Path

import pytest

from cinelake.run.isolation import quiet_memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="huge pages are Linux's")


def _takes_huge_pages() -> bool:
    enabled = re.search(r"THP_enabled:\s+(\d)", Path("/proc/self/status").read_text())
    assert enabled
    return enabled[1] == "1"


def test_no_huge_page_is_taken_while_a_film_is_read():
    with quiet_memory():
        assert not _takes_huge_pages()


def test_huge_pages_are_taken_again_afterwards_whatever_happened():
    with pytest.raises(ZeroDivisionError), quiet_memory():
        _ = 1 / 0
    assert _takes_huge_pages()


def test_one_within_another_leaves_the_outer_as_it_is():
    with quiet_memory():
        with quiet_memory():
            pass
        assert not _takes_huge_pages()
