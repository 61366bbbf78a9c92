"""Ctrl-C while a command waits."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from jupyter_mlplat.commands.interrupts import noticing_interrupts


class Careless:
    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_that_a_destructor_swallows_still_ends_the_waiting() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), noticing_interrupts() as pause:
        pause(0.0)
        Careless()
        pause(60.0)
    assert signal.getsignal(signal.SIGINT) is before


def test_another_thread_than_the_main_one_just_sleeps() -> None:
    pauses = []

    def work() -> None:
        with noticing_interrupts() as pause:
            pauses.append(pause(0.0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert pauses == [None]
