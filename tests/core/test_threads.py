"""Threads that nobody waits for: they work as any executor's do, and the program ends while they wait for somebody else."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from concurrent.futures import wait

import pytest

from averment.core.threads import Unawaited

STUCK = """
import threading
from averment.core.threads import Unawaited
pool = Unawaited(2, name="stuck")
pool.submit(threading.Event().wait)
pool.shutdown(wait=False)
print("done")
"""


def test_results_come_in_order_and_errors_are_raised() -> None:
    """``map`` gives what was asked in the order in which it was, by no more threads than were allowed; what failed says why."""
    names = set()

    def halved(number: int) -> float:
        names.add(threading.current_thread().name)
        time.sleep(0.001 * (number % 3))
        return 1 / number

    with Unawaited(3, name="half") as pool:
        assert list(pool.map(halved, range(1, 40))) == [1 / number for number in range(1, 40)]
        with pytest.raises(ZeroDivisionError):
            list(pool.map(halved, [1, 0]))
    assert names <= {"half-0", "half-1", "half-2"}


def test_what_waits_is_cancelled_and_what_is_being_done_is_waited_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is begun after the end; what was begun has some seconds, and no more."""
    monkeypatch.setattr(Unawaited, "PATIENCE", 0.2)
    free, begun = threading.Event(), threading.Event()

    def stuck() -> None:
        begun.set()
        free.wait(30)

    pool = Unawaited(1, name="one")
    first, second = pool.submit(stuck), pool.submit(stuck)
    assert begun.wait(10)
    started = time.monotonic()
    pool.shutdown(cancel_futures=True)
    assert 0.1 < time.monotonic() - started < 5
    assert (first.done(), second.cancelled()) == (False, True)
    free.set()
    wait([first], timeout=10)
    assert first.done()


def test_the_program_ends_while_a_thread_waits() -> None:
    """Python joins the threads of its own executor at the end, for however long they take."""
    done = subprocess.run([sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "done\n"
