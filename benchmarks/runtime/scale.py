"""The run-time side at scale: ``python benchmarks/runtime/scale.py [--items 1000 --items 10000 --items 100000] [--only items]``.

Each figure comes out of a process of its own: CPU time of the work, and peak resident memory of the process, made-up data included,
as the recorder's items have to lie in memory as well. A ratio compares two figures of this one run. ``items``: a schedule (every item of
an account) and a change (one item, its neighbours at hand in memory). ``accounts``: the collector ``config-aggregate`` over 200 accounts,
against a client in the same process. ``cold``: the function's archive, extracted, against an interpreter that does nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any

RULES = ("media-bucket-hardened", "s3-put-object-gated", "signing-key-fit")
EVENTS = 3
ACCOUNTS, RULES_EACH, RESOURCES_EACH = 200, 20, 50


def items_at_once(rule: str, number: int) -> dict[str, Any]:
    """A schedule over ``number`` items, then ``EVENTS`` changes of each type that the rule judges, beside as many."""
    import account

    from averment.policies.runtime.bundled import rule_called
    from averment.policies.runtime.evaluate import Evaluator, subject_types
    from averment.policies.runtime.neighbours import MemoryNeighbours

    made = list(account.items(rule, number))
    evaluator = Evaluator(rule_called(rule), MemoryNeighbours(made), account.SCOPE, {}, account.ACCOUNT)
    start = time.process_time()
    verdicts = [str(evaluation.verdict) for evaluation in evaluator.every()]
    schedule = time.process_time() - start
    counted = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    peak = peak_memory()  # before the changes, each of which has a graph of its own
    changes: dict[str, float] = {}
    for kind in subject_types(evaluator.rule):
        events = list(islice((raw for raw in made if raw["resourceType"] == kind), EVENTS))
        start = time.process_time()
        for raw in events:
            evaluator.one(raw)
        if events:
            changes[kind] = (time.process_time() - start) / len(events)
    return {"seconds": schedule, "memory": peak, "verdicts": counted, "changes": changes}


class Aggregator:
    """Answers as AWS Config's aggregator would, 200 accounts of 20 rules of 50 resources, in pages as large as the service's."""

    def __init__(self, accounts: int) -> None:
        self.accounts = [f"{100_000_000_000 + number}" for number in range(accounts)]

    def can_paginate(self, _: str) -> bool:
        return True

    def get_paginator(self, method: str) -> Any:
        owner = self

        class Pages:
            def paginate(self, **request: Any) -> Iterator[dict[str, Any]]:
                return getattr(owner, method)(request)

        return Pages()

    def describe_aggregate_compliance_by_config_rules(self, _: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for number in self.accounts:
            listed = [
                {
                    "ConfigRuleName": f"averment-rule-{index:02d}",
                    "AccountId": number,
                    "AwsRegion": "eu-west-1",
                    "Compliance": {"ComplianceType": "COMPLIANT"},
                }
                for index in range(RULES_EACH)
            ]
            yield {"AggregateComplianceByConfigRules": listed}

    def describe_configuration_aggregator_sources_status(self, _: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for number in self.accounts:
            source = {"SourceId": number, "SourceType": "ACCOUNT", "AwsRegion": "eu-west-1", "LastUpdateStatus": "SUCCEEDED"}
            yield {"AggregatedSourceStatusList": [source]}

    def get_aggregate_compliance_details_by_config_rule(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        names = ({"ResourceType": "AWS::S3::Bucket", "ResourceId": f"b{request['AccountId']}-{index}"} for index in range(RESOURCES_EACH))
        found = [
            {"EvaluationResultIdentifier": {"EvaluationResultQualifier": name}, "ComplianceType": "COMPLIANT", "Annotation": "x" * 80}
            for name in names
        ]
        yield {"AggregateEvaluationResults": found}

    def batch_get_aggregate_resource_config(self, **request: Any) -> dict[str, Any]:
        keys = request["ResourceIdentifiers"]
        named = [{"resourceType": key["ResourceType"], "resourceId": key["ResourceId"], "resourceName": key["ResourceId"]} for key in keys]
        return {"BaseConfigurationItems": named}


def aggregated(accounts: int) -> dict[str, Any]:
    """The records of ``accounts`` accounts, each let go of before the next."""
    from averment.core.organisation import Organisation
    from averment.core.period import utc_now
    from averment.evidence.collectors.config_aggregate import ConfigAggregate
    from averment.evidence.collectors.interface import CollectScope
    from averment.evidence.collectors.run import present_quarter

    organisation = Organisation(parameters={"config-aggregate": {"aggregator": "all"}})
    stub = Aggregator(accounts)
    scope = CollectScope(organisation, present_quarter(utc_now()), account="123456789012", client=lambda *_, **__: stub)
    start = time.process_time()
    results = sum(record.payload["summary"]["resources"] for record in ConfigAggregate().collect(scope))
    return {"seconds": time.process_time() - start, "memory": peak_memory(), "results": results}


def peak_memory() -> float:
    """Of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def child(*arguments: str) -> Any:
    """What this program says in a process of its own."""
    answer = subprocess.run([sys.executable, __file__, "--child", *arguments], check=True, capture_output=True, text=True)
    return json.loads(answer.stdout)


def report_items(numbers: list[int]) -> None:
    """The lines of the handler's core."""
    for rule in RULES:
        first: dict[str, Any] | None = None
        for number in numbers:
            found = child("items", rule, str(number))
            each = found["seconds"] / number
            grown = f"{each / (first['seconds'] / numbers[0]):5.2f} x the time an item at {numbers[0]:,}" if first else ""
            first = first or found
            print(
                f"  {rule:<22} {number:>8,} items {number / found['seconds']:8,.0f} items/s a core {found['memory']:7,.0f} MiB   {grown}",
                flush=True,
            )
            told = (f"{kind} {seconds * 1000:,.1f} ms" for kind, seconds in found["changes"].items())
            print(f"  {'':<22} a change of {', of '.join(told)}", flush=True)
            print(f"  {'':<22} {', '.join(f'{count:,} {verdict}' for verdict, count in found['verdicts'].items())}", flush=True)


def report_accounts() -> None:
    """The lines of the aggregated compliance."""
    few, many = child("accounts", str(ACCOUNTS // 10)), child("accounts", str(ACCOUNTS))
    for accounts, found in ((ACCOUNTS // 10, few), (ACCOUNTS, many)):
        print(
            f"  {accounts:>4} accounts x {RULES_EACH} rules x {RESOURCES_EACH} resources: {found['results']:>8,} results, "
            f"{found['results'] / found['seconds']:9,.0f} results/s a core {found['memory']:6,.0f} MiB"
        )
    print(f"  memory of {ACCOUNTS} accounts to that of {ACCOUNTS // 10}: {many['memory'] / few['memory']:.2f}")


def report_cold(rounds: int) -> None:
    """The archive's size, and what importing the handler costs on top of an interpreter."""
    from averment.core.scope import Scope
    from averment.policies.deployment.bundle import HANDLER, build_bundle

    made = build_bundle(Scope(), {})
    with tempfile.TemporaryDirectory() as folder:
        for name, data in made.files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        start = f"import sys; sys.path.insert(0, {folder!r}); import {HANDLER}"
        code = {"an empty interpreter": "pass", "with the handler, uncompiled": start, "with the handler, compiled": start}
        unwritten = ["-B", "-X", f"pycache_prefix={folder}/no-bytecode"]  # -B alone would still read what a compiled run has left
        times: dict[str, list[float]] = {name: [] for name in code}
        for _ in range(rounds):
            for name, text in code.items():
                times[name].append(cpu_of([sys.executable, "-I", "-S", *([] if name.endswith(" compiled") else unwritten), "-c", text]))
        compiled = list(Path(folder).rglob("*.pyc"))
    print(f"  archive {len(made.archive()):,} bytes, {len(made.files)} files, {sum(map(len, made.files.values())):,} bytes unpacked")
    empty = times["an empty interpreter"]
    for name, found in times.items():
        ratio = median(mine / theirs for mine, theirs in zip(found, empty, strict=True))
        print(f"  {name:<30} {median(found) * 1000:7.1f} ms CPU  {ratio:5.1f} x an empty one")
    print(f"  (compiled: {len(compiled)} modules found their bytecode beside them; Lambda compiles at the first start of each instance)")


def cpu_of(command: list[str]) -> float:
    """CPU seconds of one run."""
    process = subprocess.Popen(command)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command[:4])} ... failed")
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print, or be one of the measured processes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, action="append", help="how many items; may be repeated")
    parser.add_argument("--only", choices=["items", "accounts", "cold"], action="append")
    parser.add_argument("--rounds", type=int, default=7, help="of the cold start")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        kind, *rest = given.child
        print(json.dumps(items_at_once(rest[0], int(rest[1])) if kind == "items" else aggregated(int(rest[0]))))
        return
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
    print(f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {platform.system()}, Python {platform.python_version()}")
    parts = given.only or ["items", "accounts", "cold"]
    if "items" in parts:
        print("the handler's core, one rule each:", flush=True)
        report_items(given.items or [1_000, 10_000, 100_000])
    if "accounts" in parts:
        print("compliance through an aggregator:", flush=True)
        report_accounts()
    if "cold" in parts:
        print("the function's start:", flush=True)
        report_cold(given.rounds)


if __name__ == "__main__":
    main()
