"""CPU seconds an object of ``averment media scan``, in this process and on a local Spark, and how that grows with a million of them.

``python benchmarks/detector/scale.py [--objects 100 500] [--spark .venv-spark/bin/python] [--millions 1 --core-hour 0.05 ...]``

Each engine scans two prefixes of a bucket of the embedded AWS, which runs in this process and isn't in the figures. The CPU time is that of the
scan's processes (for Spark: the driver, Java, and the Python workers); the line through both points gives what an object costs and what it
costs to begin. What N million objects cost follows by a formula that is printed; prices differ by region and contract, so they are options, and
without them no sum is named. Objects are portraits of the reference corpus at 1024 px, each with bytes of its own. Linux only: it reads /proc.
"""

from __future__ import annotations

import argparse
import io
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import boto3
from PIL import Image

from averment.detector import corpus
from averment.sandbox.server import Sandbox

BUCKET, SIDE = "shop-media", 1024
PAGE = 1_000
"""Keys of a page of ListObjectsV2."""


class Run(NamedTuple):
    """One scan: CPU seconds of all its processes, and the largest memory of one of them in MiB."""

    cpu: float
    memory: float


@dataclass(frozen=True)
class Prices:
    """What is paid, in one currency: an hour of a core, a thousand GetObject, a thousand ListObjectsV2. None where the caller didn't say."""

    core_hour: float | None = None
    thousand_gets: float | None = None
    thousand_lists: float | None = None

    FORMULA: ClassVar[str] = (
        "N x (1e6 x CPU s an object / 3600 x core-hour + 1000 x thousand-gets + thousand-lists) + CPU s to begin / 3600 x core-hour"
    )

    def cost(self, millions: float, each: float, begin: float) -> float | None:
        """Of ``millions`` million objects at ``each`` CPU seconds and ``begin`` once; None where a price is lacking."""
        if self.core_hour is None or self.thousand_gets is None or self.thousand_lists is None:
            return None
        hours = (1e6 * millions * each + begin) / 3600
        return hours * self.core_hour + millions * (1e6 / 1000 * self.thousand_gets + 1e6 / PAGE / 1000 * self.thousand_lists)


def line(runs: Sequence[tuple[int, float]]) -> tuple[float, float]:
    """CPU seconds an object and to begin, from (objects, CPU seconds) of two scans; what noise makes negative is 0."""
    (few, little), (many, much) = runs
    each = max(0.0, (much - little) / (many - few))
    return each, max(0.0, little - each * few)


def picture(data: bytes, number: int) -> bytes:
    """A portrait at ``SIDE`` pixels in bytes that no other has."""
    buffer = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90, comment=str(number).encode())
    return buffer.getvalue()


def fill(s3: Any, count: int) -> int:
    """Put ``count`` objects below the prefix of that name; their mean size in bytes."""
    faces = [image.read() for image in corpus.load() if image.kind == "face"]
    total = 0
    for number in range(count):
        data = picture(faces[number % len(faces)], number)
        total += len(data)
        s3.put_object(Bucket=BUCKET, Key=f"{count}/{number:09}.jpg", Body=data)
    return total // count


def measured(command: list[str]) -> Run:
    """Run ``command`` in a session of its own, and add up what the processes of that session use."""
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    used: dict[int, float] = {}
    memory = 0.0
    while process.poll() is None:
        for pid, seconds, resident in of_session(process.pid):
            used[pid] = max(used.get(pid, 0.0), seconds)
            memory = max(memory, resident)
        time.sleep(0.05)
    if process.returncode not in (0, 1, 3) or process.stderr is None:
        sys.exit(f"{' '.join(command)} exited {process.returncode}\n{process.stderr.read().decode() if process.stderr else ''}")
    return Run(sum(used.values()), memory)


def _stat(path: Path) -> list[str]:
    """The fields of a process after its name; none of one that has ended meanwhile, which is no longer anybody's."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except OSError:
        return []


def of_session(session: int) -> list[tuple[int, float, float]]:
    """Process id, CPU seconds and MiB of every process of ``session``."""
    tick, page, found = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE"), []
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _stat(path)
        if fields and int(fields[3]) == session:
            found.append((int(path.parent.name), (int(fields[11]) + int(fields[12])) / tick, int(fields[21]) * page / 2**20))
    return found


def table(engines: dict[str, list[str]], counts: list[int], size: int, millions: float, prices: Prices) -> None:
    """Measure, and print."""
    print(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}; load {os.getloadavg()[0]:.1f}")
    print(f"objects of {size:,} bytes ({SIDE} px); CPU seconds of all processes of the scan, the embedded AWS apart\n")
    print(f"{'engine':<8}{'objects':>10}{'CPU s':>10}{'MiB (largest process)':>24}")
    for name, command in engines.items():
        runs = []
        for count in counts:
            with tempfile.TemporaryDirectory() as folder:
                out = str(Path(folder) / "out")
                runs.append(measured([*command, f"s3://{BUCKET}/{count}/", "--format", "jsonl", "--out", out]))
            print(f"{name:<8}{count:>10,}{runs[-1].cpu:>10.1f}{runs[-1].memory:>24.0f}")
        each, begin = line([(count, run.cpu) for count, run in zip(counts, runs, strict=True)])
        print(f"{'':8}an object: {1000 * each:.1f} ms of CPU; to begin: {begin:.1f} s of CPU")
        print(f"{'':8}N million objects: {each * 1e6 / 3600:.1f} x N CPU hours, plus {begin:.1f} s to begin")
        cost = prices.cost(millions, each, begin)
        named = "no sum: --core-hour, --thousand-gets and --thousand-lists say what is paid" if cost is None else f"{cost:,.2f}"
        print(f"{'':8}cost of {millions:g} million objects at your prices: {named}\n")
    print(f"cost of N million objects = {Prices.FORMULA}")
    print(f"requests, N million objects: {10**6:,} x N GetObject, and {10**6 // PAGE:,} x N ListObjectsV2")
    print("by S3 Inventory in place of the listing: a few ListObjectsV2, 2 GetObject for the manifest, 1 for each data file")
    print("bytes read, N million objects: N million times the mean size of an object")


def main() -> None:
    """Measure both engines, or one where PySpark isn't there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs=2, default=[100, 500], metavar=("FEW", "MANY"))
    parser.add_argument("--spark", type=Path, help="the Python that has PySpark; without it the plain loop is measured alone")
    parser.add_argument("--millions", type=float, default=1.0, help="how many million objects the cost is worked out for")
    parser.add_argument("--core-hour", type=float, help="price of an hour of a core, such as EMR Serverless's of a vCPU with its memory")
    parser.add_argument("--thousand-gets", type=float, help="price of a thousand GetObject")
    parser.add_argument("--thousand-lists", type=float, help="price of a thousand ListObjectsV2")
    given = parser.parse_args()
    prices = Prices(given.core_hour, given.thousand_gets, given.thousand_lists)
    engines = {"plain": [sys.executable, "-m", "averment", "media", "scan"]}
    if given.spark is not None:
        engines["spark"] = [str(given.spark), "-m", "averment", "media", "scan", "--engine", "spark"]
    with Sandbox() as server, server.applied():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": server.region})
        sizes = [fill(s3, count) for count in given.objects]
        table(engines, given.objects, sizes[-1], given.millions, prices)


if __name__ == "__main__":
    main()
