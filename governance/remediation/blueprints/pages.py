"""The page of a blueprint, written from its template, so that parameters and outputs on it are those that are deployed."""

from __future__ import annotations

import re
from collections import Counter
from fnmatch import fnmatch
from typing import Any

import yaml

from averment.core.files import read_bounded
from averment.governance.remediation.blueprints import Blueprint, CheckException, exceptions
from averment.governance.remediation.markdown import bullets, table


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions, which the page doesn't look into."""


def _tagged(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {suffix: loader.construct_mapping(node, deep=True)}
    raise AssertionError(node)


_Loader.add_multi_constructor("!", _tagged)


def read_template(blueprint: Blueprint) -> dict[str, Any]:
    """The template as data; a short function ``!Ref X`` is ``{"Ref": "X"}``."""
    value: dict[str, Any] = yaml.load(read_bounded(blueprint.template), Loader=_Loader)  # noqa: S506 - a SafeLoader with one more constructor
    return value


def render(blueprint: Blueprint) -> str:
    """The page, Markdown."""
    template = read_template(blueprint)
    argued = _argued(blueprint, template)
    parts = [
        f"# {blueprint.title}",
        blueprint.what,
        f"Serves the controls {', '.join(blueprint.controls)}." if blueprint.controls else "",
        "`template.yaml` is for CloudFormation, `main.tf` for Terraform; both make the same.",
        "## To deploy it\n\n" + _deploying(blueprint, template),
        "## Parameters\n\n" + table(("name", "default", "what"), [_parameter(*item) for item in template.get("Parameters", {}).items()]),
        "## Outputs\n\n" + table(("name", "what"), [(f"`{name}`", text(item)) for name, item in template.get("Outputs", {}).items()]),
        "## What it costs\n\n" + bullets(blueprint.costs),
        "## What was tried\n\n" + _tried(blueprint, template, argued=bool(argued)),
        "## What remains for a real account\n\n" + bullets(blueprint.remains),
        "## Where Checkov's own checks are not met, and why\n\n" + bullets(f"{item.check}: {item.reason}" for item in argued)
        if argued
        else "",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def text(item: Any) -> str:
    """The description of a parameter or output."""
    return str(item.get("Description", "")) if isinstance(item, dict) else ""


def _parameter(name: str, item: dict[str, Any]) -> tuple[str, str, str]:
    default = item.get("Default")
    shown = "required" if default is None else "empty" if default == "" else f"`{default}`"
    return f"`{name}`", shown, text(item)


def _deploying(blueprint: Blueprint, template: dict[str, Any]) -> str:
    """The commands, for both forms; who deploys it fills in what has no default."""
    name, required = blueprint.name, [key for key, item in template.get("Parameters", {}).items() if "Default" not in item]
    region = " --region us-east-1" if blueprint.name == "edge" else ""
    rights = (
        " --capabilities CAPABILITY_NAMED_IAM"
        if any(item["Type"].startswith("AWS::IAM::") for item in template["Resources"].values())
        else ""
    )
    overrides = " --parameter-overrides " + " ".join(f"{key}=..." for key in required) if required else ""
    lines = [
        f"averment blueprints write {name}",
        f"aws cloudformation deploy --template-file {name}/template.yaml --stack-name {name}{region}{rights}{overrides}",
    ]
    inputs = (
        {"source": f'"./{name}"'} | ({"providers": "{ aws = aws.us_east_1 }"} if region else {}) | {_snake(key): "..." for key in required}
    )
    width = max(len(key) for key in inputs)
    module = [f'module "{name}" {{', *(f"  {key:<{width}} = {value}" for key, value in inputs.items()), "}"]
    there = ", with a provider of that alias for the region us-east-1" if region else ""
    shown = [
        "```console",
        *(f"$ {line}" for line in lines),
        "```",
        "",
        f"With Terraform, in the configuration beside the folder{there}:",
        "",
    ]
    return "\n".join([*shown, "```hcl", *module, "```"])


def _snake(parameter: str) -> str:
    """The Terraform variable of a parameter: ``TrustAnchors`` is ``trust_anchors``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", parameter).lower()


_DECLARED = re.compile(r'^(?:resource|data) "(\w+)" "(\w+)"', re.MULTILINE)


def _argued(blueprint: Blueprint, template: dict[str, Any]) -> list[CheckException]:
    """The exceptions that are about something in this blueprint."""
    types = {item["Type"] for item in template["Resources"].values()}
    names = [f"{item['Type']}.{name}" for name, item in template["Resources"].items()]
    names += [".".join(found) for found in _DECLARED.findall(read_bounded(blueprint.terraform).decode())]
    return [
        item
        for item in exceptions()
        if item.blueprint in {blueprint.name, "*"}
        and (item.about is None or item.about in types)
        and any(fnmatch(name, pattern) for name in names for pattern in item.resources)
    ]


def _tried(blueprint: Blueprint, template: dict[str, Any], *, argued: bool) -> str:
    types = Counter(resource["Type"] for resource in template["Resources"].values())
    done = sum(count for kind, count in types.items() if kind not in blueprint.not_run)
    lines = [
        "`averment check` finds nothing in the template or the Terraform, and cfn-lint nothing in the template.",
        *(f"`{rule}` can't tell: {why}" for rule, why in blueprint.unknown.items()),
        "Checkov's own checks pass" + (", but for those argued below." if argued else "."),
        f"On the embedded AWS {done} of {types.total()} resources of the template are deployed by its CloudFormation.",
    ]
    if blueprint.not_run:
        lines.append(f"It can't create {', '.join(blueprint.not_run)}.")
    return bullets(lines)
