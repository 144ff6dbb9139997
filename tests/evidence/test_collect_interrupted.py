"""Ctrl-C while a service doesn't answer: the program ends, whichever threads still wait for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAD = """
import os, signal, threading
from datetime import UTC, datetime
from averment.core.fetch import Fetch
from averment.core.organisation import Organisation
from averment.core.period import parse_period
from averment.core.scope import MediaRole
from averment.core.threads import Unawaited
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.media_objects import MediaBucket, MediaListing, Sampling
from averment.evidence.collectors.progress import Progress
from averment.evidence.collectors.registry import collectors
from averment.evidence.collectors.run import AccountToAsk, collect_accounts
from averment.evidence.collectors.trail_files import Owner, TrailFiles, Wanted
from averment.evidence.collectors.trails import Place

signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in the background is told to ignore it
Unawaited.PATIENCE = 0.2
now = datetime(2026, 11, 28, tzinfo=UTC)

def stuck(*_, **__):
    os.kill(os.getpid(), signal.SIGINT)
    threading.Event().wait()

class S3(Fetch):
    stream = stuck
    def pages(self, operation, parameters, **_):
        yield {"Contents": [{"Key": f"{parameters['Prefix']}1_CloudTrail_eu-west-1_20261128T0000Z_x.json.gz"}]}

s3 = S3(None, "s3")
"""

WAITING = {
    "accounts": """
[alarms] = collectors(("alarms",))
scope = CollectScope(Organisation(), parse_period("2026Q4"), client=stuck)
list(collect_accounts([alarms], scope, [AccountToAsk("1", stuck)], ["eu-west-1"]))
""",
    "objects": """
listing = MediaListing(s3, Sampling.of(Organisation(), 5, "seed"), Progress(now))
listing.look(MediaBucket("media", MediaRole.UPLOAD, "its name", chosen=[("a.jpg", 1)]), stuck, 4)
""",
    "trail": """
place = Place("trail", "", digests=False)
TrailFiles(place, Owner("1", "eu-west-1"), s3, s3, Progress(now)).read(Wanted("kms.amazonaws.com", {"Sign": now}, now))
""",
}


@pytest.mark.parametrize("what", WAITING)
def test_nobody_waits_at_the_end_for_what_doesn_t_answer(what: str) -> None:
    """Python joins the threads of its own executor, for however long they take: Ctrl-C seemed to do nothing."""
    script = f"{HEAD}\ntry:{WAITING[what].replace(chr(10), chr(10) + '    ')}\nexcept KeyboardInterrupt:\n    print('stopped')\n"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "stopped\n", done.stderr
