"""The program: what the console script and ``python -m averment`` start."""

from __future__ import annotations

import os
import signal
from typing import NoReturn

_INTERRUPTED = 130
"""What a shell says of a program that Ctrl-C ended (128 and SIGINT)."""


def _at_once(*_: object) -> NoReturn:
    """End before anything was begun. What Python raises would come up in the middle of an import, and end as a traceback or, out of the making of a
    class, with the exit code of findings."""
    os.write(2, b"averment: interrupted\n")
    os._exit(_INTERRUPTED)


def main() -> NoReturn:
    """Run the program."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # not where whoever started this ignores it
        signal.signal(signal.SIGINT, _at_once)
    from averment.cli.main import main as run

    signal.signal(signal.SIGINT, handler)
    run()


if __name__ == "__main__":
    main()
