"""The ledger at size: records appended, verified and proven, beside plain hashing and a signed git commit a record.

    python benchmarks/ledger/scale.py                        100,000 records, some minutes
    python benchmarks/ledger/scale.py --records 1000000      the whole thing

Each phase is a process of its own, so that its CPU (user and system) and peak memory are its own; CPU seconds say more than wall
time on a machine that does other things. They still depend on what else runs, so while the log grows the cost of an append is given beside
that of making and sealing the same number of records without a log, measured in turn with it, and beside the bytes that the kernel
counted (Linux). The baselines run in the same call on the same bytes:

  hashing   SHA-256 of each entry, and the digests written to a file: what must be done at the very least, and proves nothing about order,
            signers or completeness
  git       one file and one signed commit (SSH, Ed25519) a record, as evidence lockers in git are kept, and ``git verify-commit`` on each;
            on the first ``--commits`` records, because it is slow

``README.md`` beside this file holds figures of a whole run.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from averment.core.organisation import EvidenceSettings, Organisation
from averment.core.signing.interface import Signer
from averment.core.signing.opening import open_signer
from averment.evidence.ledger.checkpoint import Checkpoint
from averment.evidence.ledger.envelope import seal, verify_envelope
from averment.evidence.ledger.log import BATCH, Ledger
from averment.evidence.ledger.merkle import verify_consistency, verify_inclusion
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.tiles import WIDTH
from averment.evidence.record import Kind, Population, Record

START = datetime(2026, 10, 1, tzinfo=UTC)
SINGLES, FILLED = 25, 100
"""Appends of one record each, at every size at which the cost is looked at; and how full the last bundle of entries is when they begin,
because that is written anew each time."""

SEALED = {"batch": 1024, "single": 64}
"""How many records are sealed without a log beside each batch and each single append."""


def shop(folder: Path) -> Organisation:
    """The organisation whose ledger is measured."""
    return Organisation(root=folder, evidence=EvidenceSettings(origin="example.com/shop"))


def record(number: int) -> Record:
    """A record as collectors make them, of about 700 bytes; the same number gives the same."""
    moment = START + timedelta(seconds=number)
    return Record(
        kind=Kind.CONFIG_COMPLIANCE,
        collector="config-compliance",
        collector_version="1",
        source="AWS Config",
        query={"operation": "GetComplianceDetailsByConfigRule", "parameters": {"ConfigRuleName": "averment-s3-put-object-gated"}},
        effective_at=moment,
        collected_at=moment,
        payload={"resource": f"arn:aws:s3:::media-{number:07}", "verdict": "pass", "annotation": "uploads pass the gate"},
        account=f"{100000000000 + number % 7:012}",
        region="eu-west-1",
        population=Population("resources", 1, 1),
        controls=("SM-UPL-03/runtime",),
    )


def cpu() -> float:
    """CPU seconds of this process so far."""
    return time.process_time()


def milestones(records: int) -> list[int]:
    """The sizes at which the cost of an append is looked at: the decades up to ``records``."""
    sizes = [10**power for power in range(3, 8) if 10**power < records]
    return [*sizes, records]


def moved() -> tuple[int, int]:
    """Bytes that this process has read and written by system calls so far; nothing where the kernel doesn't say."""
    path = Path("/proc/self/io")
    if not path.exists():
        return 0, 0
    lines = dict(line.split(": ") for line in path.read_text().splitlines())
    return int(lines["rchar"]), int(lines["wchar"])


class Meter:
    """Appends to ``ledger``, and adds up what they cost since ``begin``, with records sealed without a log in between."""

    def __init__(self, ledger: Ledger, signer: Signer) -> None:
        self.ledger, self.signer, self.done, self.aside = ledger, signer, 0, 0.0
        self.begin()

    def begin(self) -> None:
        """Start anew."""
        self.costs: list[float] = []
        self.sealing: list[float] = []
        self.records = self.read = self.written = 0

    def append(self, upto: int) -> None:
        """Append records up to the number ``upto``."""
        numbers = range(self.done, upto)
        before, at = cpu(), moved()
        self.ledger.append(record(number) for number in numbers)
        self.costs.append(cpu() - before)
        self.read, self.written = (sum_ + now - then for sum_, now, then in zip((self.read, self.written), moved(), at, strict=True))
        self.records += len(numbers)
        self.done = upto
        sealed = SEALED["batch" if len(numbers) > 1 else "single"]
        before = cpu()
        for number in range(sealed):
            seal(record(number), self.signer)
        spent = cpu() - before
        self.sealing.append(spent / sealed)
        self.aside += spent

    def report(self) -> dict[str, float]:
        """CPU seconds and bytes a record, and the CPU in times of sealing one."""
        if len(self.costs) == self.records:
            each, beside = median(self.costs), median(self.sealing)
        else:
            each, beside = sum(self.costs) / self.records, sum(self.sealing) / len(self.sealing)
        return {"cpu": each, "times": each / beside, "read": self.read / self.records, "written": self.written / self.records}


def append(folder: Path, records: int) -> dict[str, Any]:
    """Append ``records``; what one costs between milestones in batches, and at each of them alone."""
    steps, checkpoints = [], []
    organisation = shop(folder)
    with open_ledger(organisation, write=True) as ledger:
        meter = Meter(ledger, open_signer(organisation.evidence.signing_key, organisation.root))

        def bulk(upto: int) -> None:
            """Append in batches."""
            while meter.done < upto:
                meter.append(min(meter.done + BATCH, upto))

        meter.append(1)  # what is loaded at first belongs to no size
        for size in milestones(records):
            meter.begin()
            bulk((size // WIDTH - 1) * WIDTH + FILLED)
            step = {"size": size, "bulk": meter.report()}
            meter.begin()
            for _ in range(SINGLES):
                meter.append(meter.done + 1)
            steps.append({**step, "single": meter.report()})
            checkpoints.append(str(ledger.checkpoint.checkpoint) if ledger.checkpoint else "")
            print(f"  {size:,} appended", file=sys.stderr)
        bulk(records)
    return {"steps": steps, "checkpoints": checkpoints, "aside": meter.aside}


def entries(ledger: Ledger) -> Iterator[tuple[int, bytes]]:
    """Every entry's envelope, verified against the checkpoint by the reader."""
    for entry in ledger.records():
        yield entry.index, entry.envelope


def verify(folder: Path, checkpoints: list[str]) -> dict[str, Any]:
    """Read everything: tiles and bundles against the checkpoint, each record against its statement, each signature; and that the log
    begins with each earlier checkpoint."""
    with open_ledger(shop(folder)) as ledger:
        keys, count, size = [key.public_key for key in ledger.keys], 0, 0
        for _, envelope in entries(ledger):
            verify_envelope(envelope, keys)
            count, size = count + 1, size + len(envelope)
        head = ledger.checkpoint
        assert head is not None
        assert count == head.size, "entries are missing"
        for text in checkpoints:
            old = Checkpoint.parse(text)
            verify_consistency(old.size, old.root, head.size, head.root, ledger.prove_extension(old))
    return {"records": count, "bytes": size}


def prove(folder: Path) -> dict[str, Any]:
    """An inclusion proof of every entry, made from the tiles and verified against the signed root."""
    hashes = 0
    with open_ledger(shop(folder)) as ledger:
        head = ledger.checkpoint
        assert head is not None
        for index, leaf in enumerate(ledger.leaf_hashes()):
            proof = ledger.prove(index)
            verify_inclusion(leaf, index, head.size, proof.hashes, head.root)
            hashes += len(proof.hashes)
    return {"records": head.size, "hashes": hashes / head.size}


def hashing(folder: Path) -> dict[str, Any]:
    """The baseline: digest each entry's bytes, and write the digests. Reading the entries isn't counted."""
    spent, count = 0.0, 0
    with open_ledger(shop(folder)) as ledger, (folder / "digests").open("wb") as out:
        for bundle in range((ledger.size + 255) // 256):
            envelopes = ledger.tree.bundle(bundle)
            before = cpu()
            for envelope in envelopes:
                out.write(hashlib.sha256(envelope).digest())
            spent, count = spent + cpu() - before, count + len(envelopes)
    return {"records": count, "spent": spent}


def git(folder: Path, commits: int) -> dict[str, Any]:
    """The baseline: a signed commit a record, then each verified. CPU of git and of what it starts."""
    place = folder / "git"
    place.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "ssh")], check=True)
    public = (folder / "ssh.pub").read_text().strip()
    (folder / "allowed").write_text(f"bench@example.com {public}\n")
    settings = {
        "user.name": "bench",
        "user.email": "bench@example.com",
        "gpg.format": "ssh",
        "user.signingkey": str(folder / "ssh"),
        "commit.gpgsign": "true",
        "gpg.ssh.allowedSignersFile": str(folder / "allowed"),
        "gc.auto": "0",
    }
    run = ["git", "-C", str(place)]
    subprocess.run([*run, "init", "-q"], check=True)
    for name, value in settings.items():
        subprocess.run([*run, "config", name, value], check=True)
    with open_ledger(shop(folder)) as ledger:
        envelopes = [envelope for bundle in range((commits + 255) // 256) for envelope in ledger.tree.bundle(bundle)][:commits]
    before = children()
    for number, envelope in enumerate(envelopes):
        (place / f"{number}.json").write_bytes(envelope)
        subprocess.run([*run, "add", f"{number}.json"], check=True)
        subprocess.run([*run, "commit", "-q", "-m", f"record {number}"], check=True)
    made = children() - before
    before = children()
    for commit in subprocess.run([*run, "rev-list", "HEAD"], check=True, capture_output=True, text=True).stdout.split():
        subprocess.run([*run, "verify-commit", commit], check=True, capture_output=True)
    return {"commits": len(envelopes), "commit_us": made / len(envelopes) * 1e6, "verify_us": (children() - before) / len(envelopes) * 1e6}


def children() -> float:
    """CPU seconds of the processes started and ended so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


PHASES = {
    "append": lambda options, _: append(options.folder, options.records),
    "verify": lambda options, state: verify(options.folder, state["append"]["checkpoints"]),
    "prove": lambda options, _: prove(options.folder),
    "hashing": lambda options, _: hashing(options.folder),
    "git": lambda options, _: git(options.folder, options.commits),
}


def measured(phase: str, options: argparse.Namespace, state: dict[str, Any]) -> dict[str, Any]:
    """Run a phase in a process of its own: what it says, with its CPU seconds and peak memory in MiB."""
    command = [sys.executable, __file__, "--phase", phase, "--folder", str(options.folder)]
    command += ["--records", str(options.records), "--commits", str(options.commits)]
    started = time.monotonic()
    with (options.folder / "answer").open("w+") as answer:
        child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=answer)
        assert child.stdin is not None
        child.stdin.write(json.dumps(state).encode())
        child.stdin.close()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        answer.seek(0)
        if child.returncode:
            raise SystemExit(f"{phase} failed")
        said: dict[str, Any] = json.loads(answer.read())
    spent = used.ru_utime + used.ru_stime - said.get("aside", 0.0)
    return {**said, "cpu": spent, "mib": used.ru_maxrss / 1024, "wall": time.monotonic() - started}


def on_disk(folder: Path) -> tuple[int, int]:
    """Files and bytes of the ledger."""
    sizes = [path.stat().st_size for path in (folder / ".averment/ledger").rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def report(options: argparse.Namespace, state: dict[str, Any]) -> None:
    """The figures, as a table in Markdown."""
    count, grown = options.records, state["append"]["steps"]
    plain = state["hashing"]["spent"] / count * 1e6
    files, size = on_disk(options.folder)
    print(
        f"{count:,} records, {state['verify']['bytes'] / count:,.0f} bytes an entry; {platform.machine()}, Python {platform.python_version()}\n"
    )
    print("| | CPU s | µs a record | times hashing | times git | peak MiB | wall s |\n|---|---:|---:|---:|---:|---:|---:|")
    for phase, peer in (("append", "commit_us"), ("verify", "verify_us"), ("prove", None)):
        found = state[phase]
        each = found["cpu"] / count * 1e6
        beside = f"1/{state['git'][peer] / each:,.0f}" if peer else ""
        print(
            f"| {phase} | {found['cpu']:,.0f} | {each:,.0f} | {each / plain:,.0f} | {beside} | {found['mib']:,.0f} | {found['wall']:,.0f} |"
        )
    print(f"| plain hashing | {state['hashing']['spent']:,.1f} | {plain:,.1f} | 1 | | | |")
    for name, peer in (("git: signed commit", "commit_us"), ("git: verify-commit", "verify_us")):
        print(f"| {name} ({state['git']['commits']}) | | {state['git'][peer]:,.0f} | {state['git'][peer] / plain:,.0f} | 1 | | |")
    for what, one in (("bulk", "in batches"), ("single", "alone")):
        print(f"\n| size | µs of CPU for a record {one} | times sealing it | bytes read | bytes written |\n|---:|---:|---:|---:|---:|")
        for step in grown:
            cost = step[what]
            print(f"| {step['size']:,} | {cost['cpu'] * 1e6:,.0f} | {cost['times']:.2f} | {cost['read']:,.0f} | {cost['written']:,.0f} |")
    print(
        f"\nAn inclusion proof has {state['prove']['hashes']:.1f} hashes on average. The ledger is {files:,} files, {size / 2**20:,.0f} MiB."
    )
    for what, one in (("bulk", "in batches"), ("single", "alone")):
        last, first = grown[-1], grown[0]
        print(
            f"A record {one} costs at {last['size']:,} {last[what]['times'] / first[what]['times']:.2f} times what it costs at"
            f" {first['size']:,}, both measured in sealing; {last[what]['cpu'] / first[what]['cpu']:.2f} times in CPU seconds."
        )


def main() -> int:
    """All phases in turn, or the one that a parent asks for."""
    parser = argparse.ArgumentParser(description="The ledger at size.")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--commits", type=int, default=200, help="how many records git gets")
    parser.add_argument("--folder", type=Path, help="where to work; by default a temporary folder, removed at the end")
    parser.add_argument("--phase", choices=PHASES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.phase:
        print(json.dumps(PHASES[options.phase](options, json.load(sys.stdin))))
        return 0
    if options.records < 1000 or options.commits > options.records:
        parser.error("at least 1,000 records, and no more commits than records")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="averment-ledger-"))
    folder.mkdir(parents=True, exist_ok=True)
    options.folder, state = folder, {}
    try:
        for phase in PHASES:
            state[phase] = measured(phase, options, state)
            print(f"{phase}: {state[phase]['cpu']:,.0f} s of CPU, {state[phase]['mib']:,.0f} MiB", file=sys.stderr)
        report(options, state)
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
