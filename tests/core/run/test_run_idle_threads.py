"""The threads of libraries while a film is read."""

import os
import sys

import cv2
import pytest

from cinelake.run.isolation import no_idle_threads
from cinelake.storage.processes import OPENCV_THREADS


@pytest.fixture
def usual(monkeypatch):
    monkeypatch.delenv(OPENCV_THREADS, raising=False)
    before = cv2.getNumThreads()
    cv2.setNumThreads(3)
    yield 3
    cv2.setNumThreads(before)


def test_opencv_has_one_thread_while_a_film_is_read(usual):
    with no_idle_threads():
        assert (cv2.getNumThreads(), os.environ[OPENCV_THREADS]) == (1, "1")


def test_it_has_its_threads_again_afterwards_whatever_happened(usual):
    with pytest.raises(ZeroDivisionError), no_idle_threads():
        _ = 1 / 0
    assert cv2.getNumThreads() == usual
    assert OPENCV_THREADS not in os.environ


def test_one_that_is_loaded_meanwhile_has_as_many_as_its_surroundings_say_afterwards(usual, monkeypatch):
    monkeypatch.setenv(OPENCV_THREADS, "2")
    monkeypatch.delitem(sys.modules, "cv2")
    with no_idle_threads():
        sys.modules["cv2"] = cv2
        cv2.setNumThreads(1)
    assert cv2.getNumThreads() == 2
