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
from averment.core.files import MAX_TEXT_BYTES, decoded, read_bounded
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, Reference, Unknown
from averment.policies.graph.outside import listed
from averment.policies.graph.terraform_graph import normal_graph
from averment.policies.graph.terraform_map import TerraformResource
from averment.policies.interface import Surface
from averment.policies.surfaces.sniff import in_utf8, is_plan
from averment.policies.surfaces.terraform.modules.data_sources import statement_of
from averment.policies.surfaces.terraform.values import attribute_reference
from averment.policies.surfaces.walk import walk

_DOCUMENTS = frozenset(
    {"policy", "assume_role_policy", "event_pattern", "redrive_policy", "definition", "body", "access_policy", "content"}
)
"""Attributes that hold JSON."""

_INDEX = re.compile(r"\[[^\]]*\]")


class PlanSurface(Surface):
    """Plans in Terraform's (and OpenTofu's) JSON output format."""

    name = "terraform-plan"

    def recognises(self, path: Path) -> bool:
        if not path.name.endswith(".json") or not path.is_file():
            return False
        try:
            return is_plan(read_bounded(path), path)
        except BadInputError:
            return False  # too large to look at: the CloudFormation surface refuses it aloud

    def graphs(self, root: Path) -> Iterator[Graph]:
        for path in walk(root).files:
            if self.recognises(path):
                yield read_plan(path)


def read_plan(path: Path, observer: Observer | None = None) -> Graph:
    """The graph of one plan; a file that isn't one gives an empty graph with its problem."""
    where = SourceRef(str(path))
    observer = observer if observer is not None else Observer()
    try:
        value = json.loads(decoded(in_utf8(observer.read(path, limit=MAX_TEXT_BYTES)), path).removeprefix("\ufeff"))
    except BadInputError as error:
        return Graph(problems=[Problem(error.message, error.where or where)])
    except json.JSONDecodeError as error:
        return Graph(problems=[Problem(f"is not valid JSON: {error.msg}", SourceRef(str(path), error.lineno))])
    except RecursionError:
        return Graph(problems=[Problem("is nested too deeply", where)])
    root = _map(_map(value).get("planned_values")).get("root_module")
    if not isinstance(root, Mapping) or not str(_map(value).get("format_version", "")).startswith(("0.", "1.")):
        return Graph(problems=[Problem("is not a Terraform plan of a known format version (0.x, 1.x)", where)])
    return normal_graph(_Plan(_map(value), where).resources(), _missing(_map(value), where))


def _missing(plan: Mapping[str, Any], where: SourceRef) -> Iterator[Problem]:
    """What the plan itself says isn't in it: it broke off, it was narrowed to targets, or changes were put off."""
    if plan.get("errored") is True:
        yield Problem("the plan broke off with an error, and what Terraform had not planned by then is not in it: plan again", where)
    elif plan.get("complete") is False:
        yield Problem(
            "the plan is not complete (targets, or changes that were put off): what it leaves out was not checked", where, blocking=False
        )
    put_off = [_map(_map(change).get("resource_change")) for change in plan.get("deferred_changes") or ()]
    names = {str(change["address"]): where for change in put_off if "address" in change and change.get("mode") != "data"}
    yield from listed(names, "put off to a later plan, and so not checked")


class _Plan:
    """One plan: its parts by address."""

    def __init__(self, value: Mapping[str, Any], where: SourceRef) -> None:
        self.where = where
        self.planned = value["planned_values"]["root_module"]
        self.after_apply = {
            change["address"]: _map(change.get("change")).get("after_unknown")
            for change in value.get("resource_changes") or ()
            if isinstance(change, Mapping) and "address" in change and not change.get("deposed")  # else of an old object that goes
        }
        self.forgotten = {
            change["address"]
            for change in value.get("resource_changes") or ()
            if isinstance(change, Mapping) and "address" in change and _map(change.get("change")).get("actions") == ["forget"]
        }
        """What a ``removed`` block takes out of the code but leaves in the cloud: Terraform lists it among the planned values."""
        self.configuration = _map(_map(value.get("configuration")).get("root_module"))
        self.providers = _map(_map(value.get("configuration")).get("provider_config"))
        self.deferred = {
            change["address"]: _map(change.get("change"))
            for change in value.get("resource_changes") or ()
            if isinstance(change, Mapping) and change.get("mode") == "data" and change.get("type") == "aws_iam_policy_document"
        }
        self.values = {item["address"]: _map(item.get("values")) for item in self._walk(self.planned)}

    def _walk(self, module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for item in module.get("resources") or ():
            known = isinstance(item, Mapping) and item.get("mode") == "managed" and isinstance(item.get("address"), str)
            if known and item["address"] not in self.forgotten:
                yield item
        for child in module.get("child_modules") or ():
            yield from self._walk(_map(child))

    def resources(self) -> Iterator[TerraformResource]:
        for item in self._walk(self.planned):
            address = item["address"]
            configured, prefix = self._configured(address)
            values = self._filled(_map(item.get("values")), self.after_apply.get(address), _map(configured.get("expressions")), prefix)
            tagged = self._tagged(_map(values), configured)
            yield TerraformResource(address, str(item.get("type", "")), tagged, self.where, Dialect.TERRAFORM_PLAN)

    def _tagged(self, values: Mapping[str, Any], configured: Mapping[str, Any]) -> Mapping[str, Any]:
        """``values`` with all tags that the resource will have: those that its provider adds stand in ``tags_all`` alone.

        One tag that isn't known hides all of them; those of the provider are in its configuration then, if it names them itself.
        """
        every, own = values.get("tags_all"), values.get("tags")
        if isinstance(every, Unknown):
            provider = _map(_map(self.providers.get(configured.get("provider_config_key"))).get("expressions"))
            blocks = provider.get("default_tags")
            every = _map(_map(blocks[0] if isinstance(blocks, list) and blocks else None).get("tags")).get("constant_value")
        if not isinstance(every, Mapping) or not (own is None or isinstance(own, Mapping)):
            return values
        return {**values, "tags": {**every, **_map(own)}}

    def _configured(self, address: str) -> tuple[Mapping[str, Any], str]:
        """What is configured of a resource, and the address of the module instance that it stands in."""
        module, prefix, rest = self.configuration, "", address
        while rest.startswith("module."):
            step = re.match(r'module\.([^.\[]+)(\["(?:[^"\\]|\\.)*"\]|\[\d+\])?\.', rest)
            if step is None:
                return {}, prefix
            module = _map(_map(_map(module.get("module_calls")).get(step[1])).get("module"))
            prefix, rest = prefix + step[0], rest[step.end() :]
        bare = _INDEX.sub("", rest)
        found = next((item for item in module.get("resources") or () if isinstance(item, Mapping) and item.get("address") == bare), None)
        return _map(found), prefix

    def _filled(self, value: Any, hidden: Any, expression: Any, prefix: str) -> Any:
        """``value`` with links for what refers to resources, and unknowns for what is known only after apply."""
        if hidden is True:
            return self._link(expression, prefix)
        if isinstance(value, Mapping):
            names = dict.fromkeys([*value, *(_map(hidden))])
            parts = _map(expression)
            return {
                name: self._choose(name, value.get(name), _map(hidden).get(name), parts.get(name), prefix)
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

    def _choose(self, name: str, value: Any, hidden: Any, expression: Any, prefix: str) -> Any:
        """One attribute: a value that is known and is another resource's name or ARN stays a link to it."""
        if hidden is True:
            return self._hidden(name, expression, prefix)
        if isinstance(value, str) and isinstance(expression, Mapping):
            return self._known_link(value, expression, prefix) or value
        return self._filled(value, hidden, expression, prefix)

    def _hidden(self, name: str, expression: Any, prefix: str) -> Any:
        """A value that only apply will tell. A document around one link isn't that link."""
        if name not in _DOCUMENTS:
            return self._link(expression, prefix)
        document = next((self._document(prefix + reference) for reference in _references(expression) if reference.endswith(".json")), None)
        return (
            document if document is not None else Unknown(f"the document is known only after apply (of {_shown(_references(expression))})")
        )

    def _document(self, reference: str) -> Any:
        """A policy document that is rendered during apply, from what the plan knows of its statements."""
        change = self.deferred.get(reference.removesuffix(".json").removesuffix(".minified_json"))
        if change is None:
            return None
        values = self._filled(_map(change.get("after")), change.get("after_unknown"), None, "")
        statements = values.get("statement") if isinstance(values, dict) else None
        if not isinstance(statements, list):
            return None
        return {"Version": "2012-10-17", "Statement": [statement_of(item) if isinstance(item, dict) else item for item in statements]}

    def _known_link(self, value: str, expression: Mapping[str, Any], prefix: str) -> Reference | None:
        link = self._link(expression, prefix)
        full = next((name for name in _references(expression) if name.count(".") >= 2), "")
        if not isinstance(link, Reference) or value.lstrip().startswith(("{", "[")):
            return None
        target = self.values.get(link.address, {}).get(full.rpartition(".")[2])
        if not isinstance(target, str) or not target or target not in value:
            return None
        before, _, after = value.partition(target)
        return Reference(link.address, link.attribute, after, before)

    def _link(self, expression: Any, prefix: str) -> Any:
        names = _references(expression)
        reason = "the value is known only after apply"
        full = [name for name in names if name.count(".") >= 2 and not name.startswith(("data.", "each."))]
        if len(full) != 1:
            return Unknown(f"{reason} (of {_shown(names)})" if names else reason)
        owner, _, attribute = full[0].rpartition(".")
        address = next((known for known in (prefix + owner, f"{prefix}{owner}[0]") if known in self.values), None)
        link = attribute_reference(address, attribute) if address is not None else None
        return link or Unknown(f"{reason} (of {full[0]})")


def _references(expression: Any) -> list[str]:
    names = _map(expression).get("references")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _shown(names: list[str]) -> str:
    return ", ".join(names[:3]) or "nothing that the configuration names"


def _map(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
