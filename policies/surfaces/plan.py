"""``terraform show -json`` plans: what will exist after apply, with what is known only then as links or unknowns.

``planned_values`` has every instance with evaluated values; the ``configuration`` of its resource tells which expressions refer
to other resources, and ``resource_changes`` what will be known only after apply. A plan has no lines: places are the file.
Format: https://developer.hashicorp.com/terraform/internals/json-format (format_version 1.x).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import read_bounded, read_text
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, Reference, Unknown
from averment.policies.graph.terraform_graph import normal_graph
from averment.policies.graph.terraform_map import TerraformResource
from averment.policies.interface import Surface
from averment.policies.surfaces.tf_values import attribute_reference
from averment.policies.surfaces.walk import walk

_INDEX = re.compile(r"\[[^\]]*\]")


class PlanSurface(Surface):
    """Plans in Terraform's (and OpenTofu's) JSON output format."""

    name = "terraform-plan"

    def recognises(self, path: Path) -> bool:
        if not path.name.endswith(".json") or not path.is_file():
            return False
        try:
            return has_marks(read_bounded(path), path)
        except BadInputError:
            return False  # too large to look at: the CloudFormation surface refuses it aloud

    def graphs(self, root: Path) -> Iterator[Graph]:
        for path in walk(root).files:
            if self.recognises(path):
                yield read_plan(path)


def has_marks(data: bytes, path: Path) -> bool:
    """Whether ``data`` looks like a plan."""
    return path.name.endswith(".json") and b'"planned_values"' in data and b'"format_version"' in data


def read_plan(path: Path) -> Graph:
    """The graph of one plan; a file that isn't one gives an empty graph with its problem."""
    where = SourceRef(str(path))
    try:
        value = json.loads(read_text(path))
    except BadInputError as error:
        return Graph(problems=[Problem(error.message, error.where or where)])
    except json.JSONDecodeError as error:
        return Graph(problems=[Problem(f"is not valid JSON: {error.msg}", SourceRef(str(path), error.lineno))])
    except RecursionError:
        return Graph(problems=[Problem("is nested too deeply", where)])
    root = _map(_map(value).get("planned_values")).get("root_module")
    if not isinstance(root, Mapping) or not str(_map(value).get("format_version", "")).startswith(("0.", "1.")):
        return Graph(problems=[Problem("is not a Terraform plan of a known format version (0.x, 1.x)", where)])
    return normal_graph(_Plan(_map(value), where).resources(), ())


class _Plan:
    """One plan: its parts by address."""

    def __init__(self, value: Mapping[str, Any], where: SourceRef) -> None:
        self.where = where
        self.planned = value["planned_values"]["root_module"]
        self.after_apply = {
            change["address"]: _map(change.get("change")).get("after_unknown")
            for change in value.get("resource_changes") or ()
            if isinstance(change, Mapping) and "address" in change
        }
        self.configuration = _map(_map(value.get("configuration")).get("root_module"))
        self.prior: dict[str, Any] = {}
        self.addresses = [item["address"] for item in self._walk(self.planned)]

    def _walk(self, module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for item in module.get("resources") or ():
            if isinstance(item, Mapping) and item.get("mode") == "managed" and isinstance(item.get("address"), str):
                yield item
        for child in module.get("child_modules") or ():
            yield from self._walk(_map(child))

    def resources(self) -> Iterator[TerraformResource]:
        for item in self._walk(self.planned):
            address = item["address"]
            expressions, prefix = self._expressions(address)
            values = self._filled(_map(item.get("values")), self.after_apply.get(address), expressions, prefix)
            yield TerraformResource(address, str(item.get("type", "")), _map(values), self.where, Dialect.TERRAFORM_PLAN)

    def _expressions(self, address: str) -> tuple[Mapping[str, Any], str]:
        """The configured expressions of a resource, and the address of the module instance that it stands in."""
        module, prefix, rest = self.configuration, "", address
        while rest.startswith("module."):
            step = re.match(r'module\.([^.\[]+)(\["(?:[^"\\]|\\.)*"\]|\[\d+\])?\.', rest)
            if step is None:
                return {}, prefix
            module = _map(_map(_map(module.get("module_calls")).get(step[1])).get("module"))
            prefix, rest = prefix + step[0], rest[step.end() :]
        bare = _INDEX.sub("", rest)
        found = next((item for item in module.get("resources") or () if isinstance(item, Mapping) and item.get("address") == bare), None)
        return _map(_map(found).get("expressions")), prefix

    def _filled(self, value: Any, hidden: Any, expression: Any, prefix: str) -> Any:
        """``value`` with links for what refers to resources, and unknowns for what is known only after apply."""
        if hidden is True:
            return self._link(expression, prefix)
        if isinstance(value, Mapping):
            names = dict.fromkeys([*value, *(_map(hidden))])
            parts = _map(expression)
            return {
                name: self._choose(value.get(name), _map(hidden).get(name), parts.get(name), prefix)
                for name in names
                if value.get(name) is not None or _map(hidden).get(name)
            }
        if isinstance(value, list):
            inner = expression if isinstance(expression, list) else []
            flags = hidden if isinstance(hidden, list) else []
            return [
                self._filled(item, flags[i] if i < len(flags) else None, inner[i] if i < len(inner) else None, prefix)
                for i, item in enumerate(value)
            ]
        return value

    def _choose(self, value: Any, hidden: Any, expression: Any, prefix: str) -> Any:
        """A name that links to exactly one resource stays a link even where its value is known already."""
        if isinstance(value, str) and isinstance(expression, Mapping):
            link = self._link(expression, prefix)
            if isinstance(link, Reference):
                return link
        return self._filled(value, hidden, expression, prefix)

    def _link(self, expression: Any, prefix: str) -> Any:
        names = _map(expression).get("references")
        reason = "the value is known only after apply"
        if not isinstance(names, list):
            return Unknown(reason)
        full = [
            name for name in names if isinstance(name, str) and name.count(".") >= 2 and not name.startswith(("data.", "module.", "each."))
        ]
        if len(full) != 1:
            return Unknown(f"{reason} (of {', '.join(map(str, names[:3]))})")
        owner, _, attribute = full[0].rpartition(".")
        address = next((known for known in (prefix + owner, f"{prefix}{owner}[0]") if known in self.addresses), None)
        if address is None:
            return Unknown(f"{reason} (of {full[0]})")
        return attribute_reference(address, attribute) or Unknown(f"{reason} (of {full[0]})")


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
