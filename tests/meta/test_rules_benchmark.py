"""The comparison of labels with a run's findings counts what it says it counts."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "rules" / "measure.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("measure_rules", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def finding(rule: str, resource: str, verdict: str = "fail") -> dict[str, Any]:
    return {"rule": rule, "resource": resource, "verdict": verdict, "message": "because"}


def label(resource: str, rule: str = "r", verdict: str = "fail") -> dict[str, Any]:
    return {"repo": "acme/shop", "rule": rule, "resource": resource, "verdict": verdict}


def run(*findings: dict[str, Any]) -> dict[str, Any]:
    return {"acme/shop": {"counts": {"resources": 10}, "findings": list(findings)}}


def test_found_missed_unknown_and_false_alarms_are_told_apart(script: ModuleType):
    """Precision is over failures, recall over labels; that the check can't tell is neither found nor a false alarm."""
    labels = [label("aws_s3_bucket.a"), label("aws_s3_bucket.b"), label("aws_s3_bucket.c"), label("aws_s3_bucket.d", verdict="either")]
    findings = [
        finding("r", "aws_s3_bucket.a"),
        finding("r", "aws_s3_bucket.b", "unknown"),
        finding("r", "aws_s3_bucket.d"),
        finding("r", "aws_s3_bucket.e"),
        finding("r", "aws_s3_bucket.f", "unknown"),
    ]
    tally = script.measure(labels, run(*findings)).of("r")
    assert (tally.labelled, tally.found, tally.missed, tally.unknown, tally.false_alarms, tally.doubts) == (3, 1, 1, 1, 1, 1)
    assert tally.precision == pytest.approx(1 / 2)
    assert tally.recall == pytest.approx(1 / 3)


def test_a_resource_is_met_in_whatever_module_and_instance_and_counts_once(script: ModuleType):
    """A module that two environments call has one place to mend."""
    alarms = (finding("r", 'module.prod.aws_s3_bucket.x["a"]'), finding("r", 'module.prod.aws_s3_bucket.x["b"]'))
    measured = script.measure([label("aws_s3_bucket.a")], run(finding("r", 'module.m["x"].aws_s3_bucket.a[0]'), *alarms))
    assert (measured.total().found, measured.total().false_alarms) == (1, 1)
    assert not script.same_resource("aws_s3_bucket.a", "aws_s3_bucket.ba")
    assert not script.same_resource("module.m.aws_s3_bucket.a", "module.n.aws_s3_bucket.a")


def test_rules_that_the_labels_are_not_about_are_left_out(script: ModuleType):
    """Neither their findings nor their labels count."""
    measured = script.measure([label("x", rule="code"), {"repo": "acme/shop"}], run(finding("code", "y")), frozenset({"code"}))
    assert measured.total() == script.Tally()


def test_a_repository_without_a_run_is_an_error(script: ModuleType):
    """Its labels would be misses, which nobody would notice."""
    with pytest.raises(SystemExit, match="no run of acme/shop"):
        script.measure([label("x")], {})


def test_the_table_is_printed(tmp_path: Path):
    """From files, as people call it."""
    (tmp_path / "labels.json").write_text(json.dumps([label("aws_s3_bucket.a"), label("aws_s3_bucket.b")]), encoding="utf-8")
    (tmp_path / "acme+shop.json").write_text(json.dumps(run(finding("r", "aws_s3_bucket.a"))["acme/shop"]), encoding="utf-8")
    command = [sys.executable, str(SCRIPT), str(tmp_path / "labels.json"), str(tmp_path / "acme+shop.json"), "--verbose"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line}
    assert rows["all"] == ["2", "1", "1", "0", "0", "100.0%", "50.0%"]
    assert "missed       acme/shop  r  aws_s3_bucket.b" in printed
