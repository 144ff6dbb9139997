"""Keeping under the rates that services allow, so that a collector doesn't use up what the account's own programs need.

What is refused in spite of that is retried by botocore, with growing, random pauses (``core.aws.client``, ``patient``).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

CALLS_A_SECOND: dict[str, float] = {
    "cloudtrail": 2,  # LookupEvents: two a second, account and region (CloudTrail user guide, quotas)
    "securityhub": 3,  # GetFindings: three a second (Security Hub user guide, quotas)
    "budgets": 5,
    "ce": 5,
    "iam": 10,
    "organizations": 5,
    "ssm": 10,
}
"""Calls a second that a collector allows itself by service, in one account and region; a documented quota where the comment says so, else a
modest share. Services that aren't named take what botocore's own pacing leaves."""


class Pace:
    """Spaces calls evenly. Safe to share between threads: each waits for its own turn."""

    def __init__(
        self, calls_a_second: float, *, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._gap = 1 / calls_a_second
        self._clock, self._sleep = clock, sleep
        self._next = 0.0
        self._lock = threading.Lock()

    def wait(self, **_: object) -> None:
        """Return when the next call may go out (botocore passes keywords that don't matter here)."""
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self._gap
        if turn > now:
            self._sleep(turn - now)


def keep_pace(made: Any, service: str) -> Any:
    """The boto3 client ``made``, each call of which (pages and retries too) waits for its turn if ``service`` has a rate."""
    rate = CALLS_A_SECOND.get(service)
    if rate is not None:
        made.meta.events.register("before-send.*.*", Pace(rate).wait)
    return made
