"""Plans through Checkov's plan runner: the same findings as the native engine, and what Checkov passes over is said.

Origin of the data: the plans of the rules' cases (``tests/policies/rebuild_rule_cases.py``), and texts written here in the format of
``terraform show -json``.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.core.errors import ExitCode
from averment.policies.casefile import SHIPPED
from averment.policies.engine import CheckResult, check
from averment.policies.interface import Kind
from averment.policies.rules.registry import all_rules
from averment.policies.surfaces.checkov.engine import check_with_checkov

pytestmark = pytest.mark.filterwarnings("ignore")  # Checkov's own dependencies warn

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
INFRASTRUCTURE = [rule for rule in all_rules() if rule.kind is Kind.INFRASTRUCTURE]


def both(*paths: Path) -> tuple[CheckResult, CheckResult]:
    """What the native engine finds, and what is found through Checkov."""
    given = (list(paths), all_rules(), SHIPPED, load_catalogue())
    return check(*given), check_with_checkov(*given)


def key(result: CheckResult) -> list[tuple[Any, ...]]:
    return [(item.rule, item.resource, item.verdict, item.message, item.where, item.waived_by) for item in result.findings]


def plan(*resources: tuple[str, dict[str, Any]], child_modules: list[dict[str, Any]] | None = None, **top: Any) -> str:
    """A plan with ``resources`` (address and values) at its root, all to be created."""
    root: dict[str, Any] = {"resources": [resource(address, values) for address, values in resources]}
    if child_modules:
        root["child_modules"] = child_modules
    listed = [*root["resources"], *(item for module in child_modules or [] for item in module["resources"])]
    changes = [{**item, "change": {"actions": ["create"], "before": None, "after": item["values"], "after_unknown": {}}} for item in listed]
    value = {"format_version": "1.2", "terraform_version": "1.11.4", "planned_values": {"root_module": root}, "resource_changes": changes}
    return json.dumps({**value, **top})


def resource(address: str, values: dict[str, Any]) -> dict[str, Any]:
    found = re.search(r"(\w+)\.(\w+)(\[[^\]]*\])?$", address)
    assert found is not None
    return {"address": address, "mode": "managed", "type": found[1], "name": found[2], "values": values}


BUCKET = {"bucket": "shop-uploads", "tags": {"data-class": "ugc"}}


@pytest.mark.parametrize("rule", INFRASTRUCTURE, ids=lambda rule: rule.id)
def test_both_engines_agree_on_every_case_with_a_plan(rule: Any, tmp_path: Path) -> None:
    """Contract: each case that has a plan has the same findings, places and messages through Checkov as natively."""
    for file in sorted((RULES / rule.id.replace("-", "_") / "cases").glob("*/plan.json")):
        (tmp_path / file.parent.name).mkdir()
        shutil.copy(file, tmp_path / file.parent.name)
    mine, theirs = both(tmp_path)
    assert any(finding.rule == rule.id for finding in mine.findings), "a contract over nothing proves nothing"
    assert key(theirs) == key(mine)
    assert theirs.problems == mine.problems == ()
    assert theirs.counts.files == mine.counts.files


def test_modules_and_instances_of_a_plan_have_the_same_findings(tmp_path: Path) -> None:
    """Resources of called modules, with count and for_each, are found by their address."""
    modules = [
        {
            "address": f'module.store["{key}"]',
            "resources": [resource(f'module.store["{key}"].aws_s3_bucket.this[{index}]', BUCKET) for index in (0, 1)],
        }
        for key in ("eu", "us")
    ]
    (tmp_path / "plan.json").write_text(plan(("aws_s3_bucket.root", BUCKET), child_modules=modules))
    mine, theirs = both(tmp_path / "plan.json")
    assert len({finding.resource for finding in mine.failures}) == 5
    assert key(theirs) == key(mine)
    assert theirs.problems == ()


def test_a_plan_is_named_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative path and a folder that is a link lead to the same findings, in the user's own words."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "plan.json").write_text(plan(("aws_s3_bucket.u", BUCKET)))
    (tmp_path / "link").symlink_to(tmp_path / "real")
    monkeypatch.chdir(tmp_path)
    for name in ("real/plan.json", "link/plan.json", "link", "."):
        mine, theirs = both(Path(name))
        assert mine.failures
        assert key(theirs) == key(mine)
        assert theirs.problems == mine.problems


def test_code_templates_and_plans_are_told_apart_in_one_folder(tmp_path: Path) -> None:
    """Each is asked about as what it is, though the three name the same bucket; JSON of other kinds, broken or not, is nobody's."""
    (tmp_path / "main.tf").write_text('resource "aws_s3_bucket" "u" {\n  bucket = "shop-uploads"\n}\n')
    (tmp_path / "t.yaml").write_text("Resources:\n  u:\n    Type: AWS::S3::Bucket\n    Properties: {BucketName: shop-uploads}\n")
    (tmp_path / "plan.json").write_text(plan(("aws_s3_bucket.u", BUCKET)))
    (tmp_path / "tsconfig.build.json").write_text("{ // comments are allowed here\n}\n")
    mine, theirs = both(tmp_path)
    assert {Path(finding.where.file or "").name for finding in mine.failures} == {"main.tf", "t.yaml", "plan.json"}
    assert key(theirs) == key(mine)
    assert [problem for problem in theirs.problems if problem.where.file and "plan" in problem.reason] == []


def test_a_plan_that_cannot_be_parsed_is_a_problem(tmp_path: Path) -> None:
    """Checkov logs it for those who debug, and exits 0."""
    (tmp_path / "plan.json").write_text(plan(("aws_s3_bucket.u", BUCKET))[:-2])
    mine, theirs = both(tmp_path / "plan.json")
    assert any("terraform_plan" in problem.reason for problem in theirs.problems)
    assert theirs.exit_code() is mine.exit_code() is ExitCode.INCOMPLETE


def test_a_plan_without_the_version_of_terraform_is_a_problem(tmp_path: Path) -> None:
    """The one difference: Checkov passes over such a file without a word, the native engine reads it."""
    value = json.loads(plan(("aws_s3_bucket.u", BUCKET)))
    del value["terraform_version"]
    (tmp_path / "plan.json").write_text(json.dumps(value))
    mine, theirs = both(tmp_path)
    assert mine.failures
    assert mine.problems == ()
    assert theirs.findings == ()
    assert any("never asked rule media-bucket-hardened" in problem.reason for problem in theirs.problems)
    assert theirs.exit_code() is ExitCode.INCOMPLETE


def test_what_terraform_only_forgets_is_asked_about_by_neither(tmp_path: Path) -> None:
    """A ``removed`` block without destroy leaves the resource in planned_values, though it is no longer part of the code."""
    value = json.loads(plan(("aws_s3_bucket.u", BUCKET), ("aws_s3_bucket.gone", BUCKET)))
    value["resource_changes"][1]["change"] = {"actions": ["forget"], "before": BUCKET, "after": None, "after_unknown": {}}
    (tmp_path / "plan.json").write_text(json.dumps(value))
    mine, theirs = both(tmp_path)
    assert {finding.resource for finding in mine.findings} == {"aws_s3_bucket.u"}
    assert key(theirs) == key(mine)
    assert theirs.problems == ()
