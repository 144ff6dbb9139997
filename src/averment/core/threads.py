"""Threads for work that somebody else may never finish: who ends the program doesn't wait for them.

``ThreadPoolExecutor`` joins its threads when the program ends. Where each of them waits for an answer, Ctrl-C and SIGTERM would take as long as the
slowest service, and whoever sent SIGTERM kills what is still there after some seconds.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any, ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")
_Job = tuple["Future[Any]", Callable[[], Any]]


class Unawaited(Executor):
    """At most ``most`` threads, begun as they are needed, which the end of the program doesn't wait for. To be used from one thread."""

    PATIENCE = 5.0
    """Seconds that ``shutdown`` waits for what is being done: native code had better not run while the program ends."""

    def __init__(self, most: int, *, name: str) -> None:
        self._most, self._name = most, name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        future: Future[_T] = Future()
        self._jobs.put((future, lambda: fn(*args, **kwargs)))
        if len(self._threads) < self._most:
            thread = threading.Thread(target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As of any executor; but what is being done is waited for ``PATIENCE`` seconds at most."""
        if cancel_futures:
            with suppress(Empty):
                while job := self._jobs.get_nowait():
                    job[0].cancel()
        for _ in self._threads:
            self._jobs.put(None)
        until = time.monotonic() + self.PATIENCE
        for thread in self._threads if wait else ():
            thread.join(max(0.0, until - time.monotonic()))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, do = job
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(do())
            except BaseException as error:  # noqa: BLE001 - told to whoever asks for the result
                future.set_exception(error)
