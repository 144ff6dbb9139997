"""A package at the size of a large quarter: written whole, verified twice, and its lake, each in a process of its own.

    python benchmarks/package/scale.py                    10,080 and 100,800 records, some ten minutes
    python benchmarks/package/scale.py --days 9           the smaller one alone

The ledger is made up: 40 accounts, two regions and 14 collectors, a record of each every day. One record in a hundred has a payload that
is too long for an entry and lies beside it. What is measured of each step is its CPU time (user and system) and the peak of its resident
memory, beside that of a process that imports the same and does nothing. ``README.md`` beside this file holds figures of a whole run.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from averment.controls.loader import load_catalogue
from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.period import parse_period
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.package import standalone
from averment.evidence.package.verify import verify_package
from averment.evidence.package.write import write_package
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.evidence.sinks.lake import write_lake

START = datetime(2026, 10, 1, 6, tzinfo=UTC)
ACCOUNTS, REGIONS = 40, ("eu-west-1", "eu-central-1")
KINDS = (
    *(Kind.CONFIG_COMPLIANCE, Kind.MEDIA_STATES, Kind.DETECTOR_METRICS, Kind.PROVENANCE, Kind.BUCKET_POLICIES, Kind.SCAN_PIPELINE),
    *(Kind.ALARMS, Kind.ENDPOINTS, Kind.SIGNING_CALLS, Kind.FACE_CALLS, Kind.INFERENCE_ROLES, Kind.AUTOMATION, Kind.INFERENCE_COST),
    Kind.SECURITY_HUB,
)
RULES = ("s3-put-object-gated", "s3-bucket-encrypted", "media-upload-scanned")
DAYS = (9, 90)
LONG = "x" * 40_000
QUARTER = parse_period("2026Q4")


def shop(folder: Path) -> Organisation:
    """The organisation whose evidence it is."""
    return Organisation(name="Benchmark", root=folder, evidence=EvidenceSettings(origin="example.com/benchmark"))


def record(kind: Kind, account: str, region: str, day: int, number: int) -> Record:
    """One collector's record of a day in one place; the same number gives the same record."""
    moment = START + timedelta(days=day, seconds=number)
    partial = number % 997 == 0
    resources = [
        {
            "type": "AWS::S3::Bucket",
            "id": f"media-{account[-3:]}-{item}",
            "compliance": "NON_COMPLIANT" if number % 499 == item else "COMPLIANT",
        }
        for item in range(5)
    ]
    payload: dict[str, Any] = {"rules": [{"rule": rule, "config_rule": f"averment-{rule}", "resources": resources} for rule in RULES]}
    if kind is not Kind.CONFIG_COMPLIANCE:
        payload = {"summary": {"total": 50, "flagged": 0, "changes": number % 7}}
    if number % 100 == 0:
        payload["listing"] = LONG
    return Record(
        kind=kind,
        collector=str(kind),
        collector_version="1",
        source=f"{kind}, made up for a benchmark",
        query={"calls": [{"operation": "GetComplianceDetailsByConfigRule", "parameters": {"ConfigRuleName": rule}} for rule in RULES]},
        effective_at=moment,
        collected_at=moment + timedelta(seconds=1),
        payload=payload,
        gathering=Gathering.PARTIAL if partial else Gathering.COLLECTED,
        reason="AccessDenied: allow config:GetComplianceDetailsByConfigRule" if partial else None,
        account=account,
        region=region,
        period_start=QUARTER.start,  # as a daily collection writes it, which asks about the quarter so far
        period_end=QUARTER.end,
        population=Population("resources", 50, 25 if partial else 50, partial),
        redactions=("IP address: 2",) if number % 50 == 0 else (),
    )


def records(days: int) -> Iterator[Record]:
    """Every record of the quarter's first ``days``, in the order in which they came about."""
    number = 0
    for day in range(days):
        for account in range(ACCOUNTS):
            for region in REGIONS:
                for kind in KINDS:
                    yield record(kind, f"{100_000_000_000 + account}", region, day, number)
                    number += 1


def make(folder: Path, days: int) -> dict[str, Any]:
    """The ledger."""
    with open_ledger(shop(folder), write=True) as ledger:
        return {"records": len(ledger.append(records(days)))}


def package(folder: Path, _: int) -> dict[str, Any]:
    """The whole package: records, proofs, payloads, report, README, workbook, OSCAL, manifest."""
    with open_ledger(shop(folder), write=True) as ledger:
        written = write_package(shop(folder), ledger, load_catalogue(), QUARTER, folder / "package")
    sizes = {name: (folder / "package" / name).stat().st_size for name in ("MANIFEST.json", "report.json", "workbook.xlsx", "README.html")}
    return {"records": written.records, "files": written.files, "sizes": sizes}


def lake(folder: Path, _: int) -> dict[str, Any]:
    """The records as Parquet."""
    with open_ledger(shop(folder)) as ledger:
        written = write_lake(ledger.records(), folder / "lake")
    return {"records": written.records, "partitions": written.partitions}


def verify(folder: Path, _: int) -> dict[str, Any]:
    """``averment verify``."""
    result = verify_package(folder / "package")
    assert result.genuine, result.problems[:3]
    return {}


def enclosed(folder: Path, _: int) -> dict[str, Any]:
    """The verifier that lies in the package. What it says goes to standard error here."""
    sys.argv = ["verify.py", str(folder / "package")]
    answer, sys.stdout = sys.stdout, sys.stderr
    code = standalone.main()
    sys.stdout = answer
    assert code == 0
    return {}


def nothing(_folder: Path, _days: int) -> dict[str, Any]:
    """What importing alone takes, with the catalogue of controls and without the lake's library."""
    return {"controls": len(load_catalogue().controls)}


STEPS = {"nothing": nothing, "make": make, "package": package, "lake": lake, "verify": verify, "enclosed": enclosed}
TITLES = {
    "nothing": "imports alone",
    "package": "package written whole",
    "lake": "lake written",
    "verify": "`averment verify`",
    "enclosed": "the enclosed `verify.py`",
}


def peak() -> float:
    """The peak of this process's resident memory in MiB. On Linux ``getrusage`` begins with what the parent had, so the kernel is asked."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(next(line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM"))) / 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def cpu() -> float:
    """CPU seconds of this process so far, user and system, from its start on."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measured(step: str, folder: Path, days: int) -> dict[str, Any]:
    """Run a step in a process of its own: what it says of itself."""
    command = [sys.executable, __file__, "--step", step, "--folder", str(folder), "--days", str(days)]
    answer: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return answer


def run(folder: Path, days: int) -> None:
    """Every step at one size, as a table in Markdown."""
    found = {}
    for step in STEPS:
        found[step] = measured(step, folder, days)
        print(f"{step}: {found[step]['cpu']:,.0f} s of CPU, {found[step]['mib']:,.0f} MiB", file=sys.stderr)
    count = found["package"]["records"]
    print(f"{count:,} records; {platform.machine()}, Python {platform.python_version()}\n")
    print("| | CPU s | µs a record | peak MiB | above imports |\n|---|---:|---:|---:|---:|")
    for step, title in TITLES.items():
        cpu, mib = found[step]["cpu"], found[step]["mib"]
        print(f"| {title} | {cpu:,.1f} | {cpu / count * 1e6:,.0f} | {mib:,.0f} | {mib - found['nothing']['mib']:,.0f} |")
    sizes = ", ".join(f"{name} {size / 2**20:,.1f} MiB" for name, size in found["package"]["sizes"].items())
    print(f"\n{found['package']['files']:,} files; {sizes}.\n")


def main() -> int:
    """Every size in turn, or the one step that a parent asks for."""
    parser = argparse.ArgumentParser(description="A package at size.")
    parser.add_argument("--days", type=int, action="append", help="of 1,120 records each")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder, removed at the end")
    parser.add_argument("--step", choices=STEPS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        said = STEPS[options.step](options.folder, options.days[0])
        print(json.dumps({**said, "cpu": cpu(), "mib": peak()}))
        return 0
    for days in options.days or DAYS:
        folder = options.folder or Path(tempfile.mkdtemp(prefix="averment-package-"))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            run(folder, days)
        finally:
            shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
