"""The workbook's memory by rows of evidence: ``python benchmarks/package/workbook.py [--rows 1000 --rows 10000 --rows 100000]``.

Each figure comes out of a process of its own: the peak of resident memory while the workbook is written, above what the process held
when it had the report's rows, which lie in memory anyway. The rows are made up: each is a record with a counted population, so that it
stands on two sheets, with a link between them. Time is CPU time of the process.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

from averment.core.canonical import stable_id
from averment.core.period import parse_period
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.reporting.rows import EvidenceRow
from averment.evidence.sinks.workbook import workbook_bytes

AT = datetime(2026, 10, 1, tzinfo=UTC)


def row(number: int) -> EvidenceRow:
    return EvidenceRow(
        record=stable_id("benchmark", number),
        index=number,
        kind="config-compliance",
        collector="config-compliance 1",
        source="made up for a benchmark",
        query={"calls": [{"operation": "GetComplianceDetailsByConfigRule", "number": number}]},
        account=f"{100_000_000_000 + number % 200}",
        region="eu-west-1",
        effective_at=AT + timedelta(seconds=number),
        collected_at=AT + timedelta(seconds=number),
        gathering="collected",
        reason=None,
        unit="resources",
        total=50,
        examined=50,
        truncated=False,
        redactions=(),
        sha256=f"{number:064x}",
        used_by=(),
    )


def report(rows: int) -> PeriodReport:
    scope = {"accounts": [], "regions": [], "organisation_id": None, "media": [], "controls": ["*"], "iac": ["."]}
    return PeriodReport(
        organisation="Benchmark",
        profile={},
        scope=scope,
        period=parse_period("2026Q4"),
        as_of=AT + timedelta(days=30),
        judged_at=AT + timedelta(days=30),
        totals={},
        left_out=(),
        controls=(),
        assessments=(),
        evidence=tuple(row(number) for number in range(rows)),
        claims=(),
        findings=(),
        waivers=(),
        attestations=(),
    )


def peak() -> int:
    """Peak resident memory of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def child(rows: int) -> dict[str, float]:
    workbook_bytes(report(1))  # imports are not the rows' cost
    made = report(rows)
    before, start = peak(), time.process_time()
    data = workbook_bytes(made)
    return {"rows": rows, "above": peak() - before, "seconds": time.process_time() - start, "bytes": len(data)}


def main() -> None:
    """One line a size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, action="append")
    parser.add_argument("--child", type=int)
    arguments = parser.parse_args()
    if arguments.child is not None:
        print(json.dumps(child(arguments.child)))
        return
    print(f"{platform.machine()}, Python {platform.python_version()}")
    for rows in arguments.rows or (1_000, 10_000, 100_000):
        done = subprocess.run([sys.executable, __file__, "--child", str(rows)], check=True, capture_output=True, text=True)
        found = json.loads(done.stdout)
        print(
            f"{rows:>9,} rows: {found['above'] / 2**20:6.1f} MiB above the report, {found['bytes'] / 2**20:6.1f} MiB file, {found['seconds']:.1f} s CPU"
        )


if __name__ == "__main__":
    main()
