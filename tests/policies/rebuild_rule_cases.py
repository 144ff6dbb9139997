"""Rebuilds the derived inputs of the rules' cases: ``plan.json`` out of ``main.tf``, ``config.json`` out of ``template.yaml``.

``python tests/policies/rebuild_rule_cases.py`` writes them below ``policies/rules/*/cases``; ``test_rule_cases`` compares. A plan is
what ``terraform show -json`` would say of an update once everything exists: links are values, and the configuration tells where
they came from. A Config file is what the function behind the rules sees once the template is deployed: what AWS Config records, and
what it asks of the services. Cases that end in ``unknown`` have no derived inputs: what is unknown before a deployment isn't in a
finished one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from averment.policies.graph.model import Reference
from averment.policies.graph.terraform_map import TerraformResource
from averment.policies.surfaces.cloudformation.template import read_template
from averment.policies.surfaces.terraform.hints import Hints
from averment.policies.surfaces.terraform.modules.instance import ModuleInstance
from averment.policies.surfaces.terraform.modules.loader import Loader
from averment.policies.surfaces.terraform.resources import Reader
from averment.sandbox.deployed.items import Deployment

RULES = Path(__file__).resolve().parents[2] / "policies" / "rules"
ACCOUNT, REGION = "123456789012", "eu-west-1"
BEFORE_THE_MERGE = {
    "evidence_bucket_worm/versioning_suspended.fail": "S3 refuses to suspend the versions of a bucket with Object Lock",
    "media_bucket_events_scanned/malware_results_taken_up.pass": "AWS Config doesn't record plans of GuardDuty",
    "cdn_media_gated/function_passes_on.fail": "AWS Config doesn't record what a CloudFront function does",
}
"""Cases that no deployment can show to the function behind the rules, with the reason: they have no ``config.json``."""

_TEXT = frozenset({"policy", "assume_role_policy", "event_pattern", "redrive_policy"})
_IDENTIFIED = frozenset({"aws_apigatewayv2_integration", "aws_cloudfront_origin_access_control"})
"""Types that are meant by an id, alone or within a longer text; a plan holds it once they exist."""
_NAMES = ("bucket", "function_name", "name")
_ARNS = {
    "aws_s3_bucket": "arn:aws:s3:::{name}",
    "aws_s3_access_point": f"arn:aws:s3:{REGION}:{ACCOUNT}:accesspoint/{{name}}",
    "aws_sqs_queue": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{{name}}",
    "aws_lambda_function": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{{name}}",
    "aws_iam_role": f"arn:aws:iam::{ACCOUNT}:role/{{name}}",
    "aws_iam_policy": f"arn:aws:iam::{ACCOUNT}:policy/{{name}}",
    "aws_kms_key": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{{name}}",
    "aws_cloudfront_function": f"arn:aws:cloudfront::{ACCOUNT}:function/{{name}}",
}


def plan_of(folder: Path) -> dict[str, Any]:
    """The plan of the module in ``folder``."""
    loader = Loader(folder)
    reader = Reader(Hints(folder), loader)
    reader.module(ModuleInstance(loader.read(folder), loader, given={}))
    by_address = {item.address: item for item in reader.found}
    planned, configured, changes = [], [], []
    for item in reader.found:
        label = item.address.rsplit(".", 1)[-1]
        values = {name: _text(name, _value(value, by_address)) for name, value in item.values.items()}
        if item.type in _IDENTIFIED:
            values["id"] = label
        head = {"address": item.address, "mode": "managed", "type": item.type, "name": label}
        provider = "registry.terraform.io/hashicorp/aws"
        planned.append({**head, "provider_name": provider, "schema_version": 0, "values": values})
        configured.append({**head, "provider_config_key": "aws", "expressions": _expressions(item)})
        changes.append({**head, "change": {"actions": ["update"], "before": values, "after": values, "after_unknown": {}}})
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": configured}},
    }


def items_of(template: Path) -> dict[str, Any]:
    """The snapshot of AWS Config after ``template`` was deployed."""
    return {"fileVersion": "1.0", "configurationItems": Deployment(read_template(template)).items()}


def derived(folder: Path) -> Iterator[tuple[Path, str]]:
    """The derived files of one case, with their text."""
    if folder.name.endswith(".unknown"):
        return
    yield folder / "plan.json", _json(plan_of(folder))
    if f"{folder.parents[1].name}/{folder.name}" not in BEFORE_THE_MERGE:
        yield folder / "config.json", _json(items_of(folder / "template.yaml"))


def cases() -> list[Path]:
    """The folder of every case about infrastructure."""
    return sorted(path for path in RULES.glob("*/cases/*") if path.is_dir() and not _is_source(path))


def _is_source(folder: Path) -> bool:
    """Whether a case holds source code, which has no plan and is in no deployment."""
    return any((folder / language).is_dir() for language in ("python", "javascript", "typescript"))


def _json(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=True) + "\n"


def _text(name: str, value: Any) -> Any:
    return json.dumps(value) if name in _TEXT and isinstance(value, dict) else value


def _value(value: Any, resources: dict[str, TerraformResource]) -> Any:
    if isinstance(value, Reference):
        return f"{value.prefix}{_attribute(value, resources)}{value.suffix}"
    if isinstance(value, dict):
        return {key: _value(item, resources) for key, item in value.items()}
    return [_value(item, resources) for item in value] if isinstance(value, list) else value


def _attribute(link: Reference, resources: dict[str, TerraformResource]) -> str:
    target = resources[link.address]
    name = next((str(target.values[key]) for key in _NAMES if isinstance(target.values.get(key), str)), link.address.rsplit(".", 1)[-1])
    if link.attribute == "Arn" or (link.attribute == "Ref" and target.type in ("aws_iam_policy", "aws_kms_key")):
        return _ARNS.get(target.type, f"arn:aws:other:{REGION}:{ACCOUNT}:{{name}}").format(name=name)
    if link.attribute == "ExecutionArn":
        return f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{name}"
    return f"{name}.s3.{REGION}.amazonaws.com" if link.attribute == "RegionalDomainName" else name


def _expressions(item: TerraformResource) -> dict[str, Any]:
    """What the configuration says of each top-level attribute: the addresses that it refers to, or that it is constant."""
    found: dict[str, Any] = {}
    for name, value in item.values.items():
        if isinstance(value, list):
            continue  # nested blocks: their expressions add nothing that a verdict depends on
        links = sorted(set(_links(value)))
        found[name] = {"references": [part for link in links for part in (f"{link}.{_attribute_name(item, name)}", link)]} if links else {}
    return found


def _attribute_name(item: TerraformResource, name: str) -> str:
    value = item.values[name]
    attribute = value.attribute if isinstance(value, Reference) else "Arn"
    return {"Arn": "arn", "Ref": "id"}.get(attribute, re.sub(r"(?<!^)([A-Z])", r"_\1", attribute).lower())


def _links(value: Any) -> Iterator[str]:
    if isinstance(value, Reference):
        yield value.address
    elif isinstance(value, dict):
        for item in value.values():
            yield from _links(item)
    elif isinstance(value, list):
        for item in value:
            yield from _links(item)


if __name__ == "__main__":
    for case in cases():
        for path, text in derived(case):
            path.write_text(text, encoding="utf-8")
