"""CPU seconds an object of ``averment media scan``, in this process and on a local Spark, and how that grows with a million of them.

``python benchmarks/detector/scale.py [--objects 100 500] [--spark .venv-spark/bin/python]``

Each engine scans two prefixes of a bucket of the embedded AWS, which runs in this process and isn't in the figures. The CPU time is that of the
scan's processes (for Spark: the driver, Java, and the Python workers); the line through both points gives what an object costs and what it
costs to begin. Objects are portraits of the reference corpus at 1024 px, each with bytes of its own. Linux only: it reads /proc.
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
from pathlib import Path
from typing import Any, NamedTuple

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


def of_session(session: int) -> list[tuple[int, float, float]]:
    """Process id, CPU seconds and MiB of every process of ``session``."""
    tick, page, found = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE"), []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[3]) == session:
            found.append((int(path.parent.name), (int(fields[11]) + int(fields[12])) / tick, int(fields[21]) * page / 2**20))
    return found


def table(engines: dict[str, list[str]], counts: list[int], size: int) -> None:
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
        each = (runs[-1].cpu - runs[0].cpu) / (counts[-1] - counts[0])
        begin = runs[0].cpu - each * counts[0]
        print(f"{'':8}an object: {1000 * each:.1f} ms of CPU; to begin: {begin:.1f} s of CPU")
        print(f"{'':8}N million objects: {each * 1e6 / 3600:.1f} x N CPU hours, plus {begin:.1f} s to begin\n")
    print(f"requests, N million objects: {10**6:,} x N GetObject, and {10**6 // PAGE:,} x N ListObjectsV2")
    print("by S3 Inventory in place of the listing: a few ListObjectsV2, 2 GetObject for the manifest, 1 for each data file")
    print("bytes read, N million objects: N million times the mean size of an object")


def main() -> None:
    """Measure both engines, or one where PySpark isn't there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, nargs=2, default=[100, 500], metavar=("FEW", "MANY"))
    parser.add_argument("--spark", type=Path, help="the Python that has PySpark; without it the plain loop is measured alone")
    given = parser.parse_args()
    engines = {"plain": [sys.executable, "-m", "averment", "media", "scan"]}
    if given.spark is not None:
        engines["spark"] = [str(given.spark), "-m", "averment", "media", "scan", "--engine", "spark"]
    with Sandbox() as server, server.applied():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": server.region})
        sizes = [fill(s3, count) for count in given.objects]
        table(engines, given.objects, sizes[-1])


if __name__ == "__main__":
    main()
