"""Ctrl-C, where it must not come in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import pytest

from cinelake.storage.interrupts import interrupt, interrupts_answered, interrupts_held, joined, waited_for


@pytest.fixture(autouse=True)
def _as_people_start_it():
    """Ctrl-C is taken even where the tests themselves run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_is_raised_when_what_must_not_be_broken_off_is_done():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        signal.raise_signal(signal.SIGINT)
        done.append("written")
    assert done == ["written"]


def test_a_second_interrupt_is_raised_at_once():
    done = []
    with pytest.raises(KeyboardInterrupt), interrupts_held():
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        done.append("written")
    assert done == []


def test_afterwards_ctrl_c_is_as_before():
    with interrupts_held():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_is_answered_at_once_even_where_it_is_held():
    said = []
    with pytest.raises(KeyboardInterrupt), interrupts_answered(said.append), interrupts_held():
        signal.raise_signal(signal.SIGINT)
        said.append("written")
    assert said == ["", "written"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_is_stopped_by_another_thread_says_why():
    said = []
    with pytest.raises(KeyboardInterrupt, match="cancelled in the UI"), interrupts_answered(said.append):
        thread = threading.Thread(target=interrupt, args=("cancelled in the UI",))
        thread.start()
        thread.join()
        time.sleep(5)
    assert said == ["cancelled in the UI"]


KILLED = """
import os, signal, time
from cinelake.storage.interrupts import interrupts_answered
with interrupts_answered(lambda why: print("killed" if why is None else "stopping", flush=True)):
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(60)
"""


def test_a_second_interrupt_ends_a_process_that_is_stopping():
    done = subprocess.run([sys.executable, "-c", KILLED], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (130, "stopping\nkilled\n")


SECOND_OUTSIDE = """
import contextlib, signal
from cinelake.storage.interrupts import interrupts_answered
def said(whose):
    return lambda why: print(whose, "killed" if why is None else "stopping", flush=True)
with interrupts_answered(said("outer")):
    with contextlib.suppress(KeyboardInterrupt), interrupts_answered(said("inner")):
        signal.raise_signal(signal.SIGINT)
    signal.raise_signal(signal.SIGINT)
"""


def test_a_second_interrupt_ends_a_process_that_has_left_the_part_that_answered_the_first():
    done = subprocess.run([sys.executable, "-c", SECOND_OUTSIDE], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (130, "inner stopping\nouter killed\n")


def test_an_interrupt_is_raised_while_others_are_waited_for_whatever_handler_a_library_put_before():
    """Polars' handler has waiting system calls taken up again; so has `siginterrupt`."""
    signal.siginterrupt(signal.SIGINT, False)
    others = threading.Event()
    working = threading.Thread(target=others.wait, args=(20,), daemon=True)
    working.start()
    threading.Timer(0.3, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        joined(working)
    others.set()
    assert time.monotonic() - began < 10


def test_waiting_ends_with_what_is_waited_for_or_with_the_time():
    assert waited_for(lambda _: True) and not waited_for(lambda _: False, 0.01)
