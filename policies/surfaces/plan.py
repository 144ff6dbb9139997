"""``terraform show -json`` plans: what will exist after apply, with what is known only then as links or unknowns.

``planned_values`` has every instance with evaluated values; the ``configuration`` of its resource tells which expressions refer
to other resources, and ``resource_changes`` what will be known only after apply. A plan has no lines: places are the file.
Format: https://developer.hashicorp.com/terraform/internals/json-format (format_version 1.x).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import MAX_TEXT_BYTES, decoded, read_bounded
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, Reference, Unknown
from averment.policies.graph.terraform_graph import normal_graph
from averment.policies.graph.terraform_map import TerraformResource
from averment.policies.surfaces.loosely import as_list, as_map
from averment.policies.surfaces.plan_computed import configured_alone
from averment.policies.surfaces.plan_configuration import Configuration, Stand, Target, references
from averment.policies.surfaces.plan_missing import missing
from averment.policies.surfaces.plan_regions import Regions
from averment.policies.surfaces.service_calls import service_calls
from averment.policies.surfaces.sniff import in_utf8, is_plan
from averment.policies.surfaces.states.machines import add_machines
from averment.policies.surfaces.terraform.modules.data_sources import rendered, statement_of
from averment.policies.surfaces.terraform.values import attribute_reference
from averment.policies.surfaces.walk import walk

MAX_STATEMENTS = 5_000
"""Statements that a policy document may take in: IAM takes none of that size."""

MAX_BLOCKS = 1_000
"""Nested blocks of one kind that are told apart by what they say: AWS takes fewer of any."""

_Told = dict[str, tuple[Any, tuple[str, ...]]]
"""By attribute: its constant, or None and the texts that it is put together of."""

_DOCUMENTS = frozenset(
    {"policy", "assume_role_policy", "event_pattern", "redrive_policy", "definition", "body", "access_policy", "content"}
)
"""Attributes that hold JSON."""

_LINKS = ("arn", "bucket", "role", "rule", "function_name", "key_id", "queue_url", "api_id", "resource_id", "pool_id")
"""How attributes end that are another resource's name or ARN, also where the expression shows only whose (``all[each.key].id``)."""

_SETS = frozenset(
    {
        "condition",
        "function_association",
        "grant",
        "inline_policy",
        "lambda_function_association",
        "metric_query",
        "not_principals",
        "notification",
        "origin",
        "principals",
        "subscriber",
    }
)
"""Nested blocks whose order in a plan isn't that of the configuration."""

_SEVERAL = frozenset(
    {
        "alarm_actions",
        "dimensions",
        "groups",
        "identifiers",
        "managed_policy_arns",
        "policy_arns",
        "provider_arns",
        "roles",
        "subscriber_sns_topic_arns",
        "trusted_key_groups",
        "users",
        "variables",
    }
)
"""Lists and maps of such values: what stands around a link (``"${bucket.arn}/*"``) isn't in a plan, so that others could be more than links."""


class PlanSurface:
    """Plans in Terraform's (and OpenTofu's) JSON output format."""

    def recognises(self, path: Path) -> bool:
        """Whether ``path`` is one, by its name and what it begins with."""
        if not path.name.lower().endswith(".json") or not path.is_file():
            return False
        try:
            return is_plan(read_bounded(path), path)
        except BadInputError:
            return False  # too large to look at: the CloudFormation surface refuses it aloud

    def graphs(self, root: Path) -> Iterator[Graph]:
        """The graph of each plan under ``root``."""
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
    except ValueError:  # Python reads no number of more than 4,300 digits
        return Graph(problems=[Problem("holds a number that is too long to be read", where)])
    root = as_map(as_map(value).get("planned_values")).get("root_module")
    if not isinstance(root, Mapping) or not str(as_map(value).get("format_version", "")).startswith(("0.", "1.")):
        return Graph(problems=[Problem("is not a Terraform plan of a known format version (0.x, 1.x)", where)])
    graph = normal_graph(_Plan(as_map(value), where).resources(), missing(as_map(value), where))
    for asked in service_calls(graph):
        graph.add(asked)
    add_machines(graph, path.parent, observer)
    return graph


class _Plan:
    """One plan: its parts by address."""

    def __init__(self, value: Mapping[str, Any], where: SourceRef) -> None:
        self.plan, self.where = value, where
        self.planned = value["planned_values"]["root_module"]
        changes = {
            change["address"]: as_map(change.get("change"))
            for change in as_list(value.get("resource_changes"))
            if isinstance(change, Mapping)
            and isinstance(change.get("address"), str)
            and not change.get("deposed")  # else of an old object that goes
        }
        self.after_apply = {address: change.get("after_unknown") for address, change in changes.items()}
        actions = {address: change.get("actions") for address, change in changes.items()}
        self.made = {address for address, does in actions.items() if isinstance(does, list) and "create" in does}
        self.forgotten = {address for address, does in actions.items() if does == ["forget"]}
        """What a ``removed`` block takes out of the code but leaves in the cloud: Terraform lists it among the planned values."""
        self.providers = as_map(as_map(value.get("configuration")).get("provider_config"))
        self.deferred = {
            change["address"]: as_map(change.get("change"))
            for change in as_list(value.get("resource_changes"))
            if isinstance(change, Mapping) and change.get("mode") == "data" and change.get("type") == "aws_iam_policy_document"
        }
        self.documents: dict[str, Any] = {}
        self.values = {item["address"]: as_map(item.get("values")) for item in self._walk(self.planned)}
        self.buckets = {item["address"] for item in self._walk(self.planned) if item.get("type") == "aws_s3_bucket"}
        root = as_map(as_map(value.get("configuration")).get("root_module"))
        self.configuration = Configuration(root, self.values.keys() | self.deferred.keys())

    def _walk(self, module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for item in as_list(module.get("resources")):
            known = isinstance(item, Mapping) and item.get("mode") == "managed" and isinstance(item.get("address"), str)
            if known and item["address"] not in self.forgotten:
                yield item
        for child in as_list(module.get("child_modules")):
            yield from self._walk(as_map(child))

    def resources(self) -> Iterator[TerraformResource]:
        items = [(item, *self.configuration.of(item["address"])) for item in self._walk(self.planned)]
        regions = Regions(self.plan, ((as_map(item.get("values")), configured) for item, configured, _ in items))
        for item, configured, stand in items:
            address, kind = item["address"], str(item.get("type", ""))
            values, hidden = as_map(item.get("values")), as_map(self.after_apply.get(address))
            region = regions.of(values, hidden, configured)
            known, hidden, doubts = configured_alone(kind, values, hidden, configured, new=address in self.made)
            values = self._filled(known, hidden, as_map(configured.get("expressions")), stand)
            tagged = self._tagged({**as_map(values), **doubts}, configured)
            yield TerraformResource(address, kind, tagged, self.where, Dialect.TERRAFORM_PLAN, region=region)

    def _tagged(self, values: Mapping[str, Any], configured: Mapping[str, Any]) -> Mapping[str, Any]:
        """``values`` with all tags that the resource will have: those that its provider adds stand in ``tags_all`` alone.

        One tag that isn't known hides all of them; those of the provider are in its configuration then, if it names them itself.
        """
        every, own = values.get("tags_all"), values.get("tags")
        if isinstance(every, Unknown):
            provider = as_map(as_map(self.providers.get(str(configured.get("provider_config_key")))).get("expressions"))
            blocks = provider.get("default_tags")
            every = as_map(as_map(blocks[0] if isinstance(blocks, list) and blocks else None).get("tags")).get("constant_value")
        if not isinstance(every, Mapping) or not (own is None or isinstance(own, Mapping)):
            return values
        return {**values, "tags": {**every, **as_map(own)}}

    def _filled(self, value: Any, hidden: Any, expression: Any, stand: Stand, name: str = "") -> Any:
        """``value`` with links for what refers to resources, and unknowns for what is known only after apply."""
        if hidden is True:
            return self._link(expression, stand)
        if isinstance(value, Mapping) or (value is None and isinstance(hidden, Mapping)):
            known, flags, parts = as_map(value), as_map(hidden), as_map(expression)
            return {
                name: self._choose(name, known.get(name), flags.get(name), parts.get(name), stand)
                for name in dict.fromkeys([*known, *flags])
                if known.get(name) is not None or _holds(flags.get(name))
            }
        if isinstance(value, list) or (value is None and isinstance(hidden, list)):
            items, signs = (part if isinstance(part, list) else [] for part in (value, hidden))
            size = max(len(items), len(signs))
            items, signs = items + [None] * (size - len(items)), signs + [None] * (size - len(signs))
            inner = self._paired(items, expression, stand, ordered=name not in _SETS)
            return [self._filled(item, sign, part, stand) for item, sign, part in zip(items, signs, inner, strict=True)]
        return value

    def _paired(self, items: list[Any], expression: Any, stand: Stand, *, ordered: bool) -> list[Any]:
        """The expressions of nested blocks, each where its block is: a set's blocks stand in another order, ``dynamic`` ones in no expression."""
        parts = expression if isinstance(expression, list) else []
        if len(parts) != len(items) or len(parts) > MAX_BLOCKS:
            return [None] * len(items)
        known = [self._known_of(part, stand) for part in parts]
        fits = [[index for index, told in enumerate(known) if _fits(item, told)] for item in items]
        if ordered and all(position in found for position, found in enumerate(fits)):
            return parts
        return [parts[found[0]] if len(found) == 1 else None for found in fits]

    def _known_of(self, part: Any, stand: Stand) -> _Told:
        """What is known of a block by its expressions: by name, what an attribute is, or what it holds."""
        told: _Told = {}
        for name, expression in as_map(part).items():
            if isinstance(expression, Mapping) and "constant_value" in expression:
                told[name] = (expression["constant_value"], ())
            elif isinstance(expression, Mapping):
                targets = self.configuration.targets(expression, stand).targets
                there = (self.values.get(target.address, {}).get(target.attribute) for target in targets)
                told[name] = (None, tuple(text for text in there if isinstance(text, str)))
        return told

    def _choose(self, name: str, value: Any, hidden: Any, expression: Any, stand: Stand) -> Any:
        """One attribute: a value that is known and is another resource's name or ARN stays a link to it."""
        if hidden is True:
            return self._document(expression, stand) if name in _DOCUMENTS else self._link(expression, stand, name)
        if isinstance(value, str) and isinstance(expression, Mapping):
            return self._known_link(value, expression, stand) or value
        if name in _SEVERAL and isinstance(hidden if value is None else value, list | dict) and "references" in as_map(expression):
            return self._named(self._filled(value, hidden, None, stand), expression, stand)
        return self._filled(value, hidden, expression, stand, name)

    def _named(self, filled: Any, expression: Any, stand: Stand) -> Any:
        """A list or map with links for what is missing: where as many are named as are missing, or one alone that all of them are.

        What is known is one where it is the very value of what is named.
        """
        found = self.configuration.targets(expression, stand)
        there = {target: self.values.get(target.address, {}).get(target.attribute) for target in found.targets}
        known = {value: target for target, value in there.items() if isinstance(value, str)}
        new = [target for target, value in there.items() if value is None]
        keys: list[Any] = list(filled) if isinstance(filled, dict) else list(range(len(filled)))
        missing = [key for key in keys if isinstance(filled[key], Unknown)]
        in_order = isinstance(filled, list) and len(missing) == len(new)
        meant = dict(zip(missing, new, strict=True)) if in_order else dict.fromkeys(missing, new[0]) if len(new) == 1 else {}
        meant = {} if found.left else meant
        meant.update({key: known[filled[key]] for key in keys if isinstance(filled[key], str) and filled[key] in known})
        for key, target in meant.items():
            filled[key] = attribute_reference(target.address, target.attribute) or filled[key]
        return filled

    def _document(self, expression: Any, stand: Stand) -> Any:
        """A document that only apply will tell. One around a link isn't that link, nor one that is chosen or put together its part."""
        found = self.configuration.targets(expression, stand)
        document = self._rendered(found.targets[0].address) if len(found.targets) == 1 and not found.left else None
        return (
            document if document is not None else Unknown(f"the document is known only after apply (of {_shown(references(expression))})")
        )

    def _rendered(self, address: str) -> Any:
        """A policy document that is rendered during apply, from what the plan knows of its statements."""
        if address not in self.documents:
            self.documents[address] = None  # while it is put together: it can't take itself in
            self.documents[address] = self._put_together(address)
        return self.documents[address]

    def _put_together(self, address: str) -> Any:
        change = self.deferred.get(address)
        if change is None:
            return None
        configured, stand = self.configuration.of(address)
        parts = as_map(configured.get("expressions"))
        values = self._filled(as_map(change.get("after")), change.get("after_unknown"), {"statement": parts.get("statement")}, stand)
        if not isinstance(values, dict):
            return None
        written = values.get("statement", [])
        written = written if isinstance(written, list) else [written]
        inner = self._paired(written, parts.get("statement"), stand, ordered=True)
        own = [self._statement(item, part, stand) if isinstance(item, dict) else item for item, part in zip(written, inner, strict=True)]
        before, after = (
            [part for name in names for part in self._merged_in(values.get(name), parts.get(name), stand)]
            for names in (("source_json", "source_policy_documents"), ("override_json", "override_policy_documents"))
        )
        taken_in = (part.get("Statement") for part in (*before, *after) if isinstance(part, dict))
        if sum(len(part) for part in taken_in if isinstance(part, list)) > MAX_STATEMENTS:
            return Unknown(f"{address} takes in more than {MAX_STATEMENTS:,} statements")
        return rendered(own, before, after)

    def _statement(self, values: dict[str, Any], expression: Any, stand: Stand) -> dict[str, Any]:
        """A statement as IAM JSON. Whatever an Allow names by a link it reaches: it would allow nothing otherwise.

        What stands around the link isn't in the plan: of a bucket, all objects are taken for reached. A Deny may leave some of them out.
        """
        resources = values.get("resources")
        if values.get("effect") != "Deny" and isinstance(resources, list):
            named = self._named(list(resources), as_map(expression).get("resources"), stand)
            values = {**values, "resources": [self._objects(item) for item in named]}
        return statement_of(values)

    def _objects(self, item: Any) -> Any:
        """All objects of a bucket, where ``item`` links to one."""
        linked = isinstance(item, Reference) and item.address in self.buckets and not item.suffix
        return replace(item, suffix="/*") if linked else item

    def _merged_in(self, value: Any, expression: Any, stand: Stand) -> Iterator[Any]:
        """Documents that another takes in: those that apply will tell too are found where as many are named as are missing."""
        items = value if isinstance(value, list) else [] if value is None else [value]
        found = self.configuration.targets(expression, stand)
        missing = sum(isinstance(item, Unknown) for item in items)
        whole = isinstance(value, Unknown) and len(found.targets) > 1  # a list of which not even the length is known
        fits = not found.left and missing == len(found.targets) and not whole
        named = iter(found.targets if fits else ())
        for item in items:
            target = next(named, None) if isinstance(item, Unknown) else None
            document = self._rendered(target.address) if target is not None else None
            yield document if document is not None else item

    def _known_link(self, value: str, expression: Mapping[str, Any], stand: Stand) -> Reference | None:
        target = self._target(expression, stand, "")
        if not isinstance(target, Target) or value.lstrip().startswith(("{", "[")):
            return None
        link = attribute_reference(target.address, target.attribute)
        there = self.values.get(target.address, {}).get(target.attribute)
        if link is None or not isinstance(there, str) or not there or there not in value:
            return None
        before, _, after = value.partition(there)
        return Reference(link.address, link.attribute, after, before)

    def _link(self, expression: Any, stand: Stand, name: str = "") -> Any:
        target = self._target(expression, stand, name)
        if isinstance(target, Unknown):
            return target
        return attribute_reference(target.address, target.attribute) or Unknown(
            f"the value is known only after apply (of {target.address}.{target.attribute})"
        )

    def _target(self, expression: Any, stand: Stand, name: str) -> Target | Unknown:
        """The attribute that a value is, where the expression leaves no doubt; ``name`` is the attribute that the value is of."""
        names, reason = references(expression), "the value is known only after apply"
        found = self.configuration.targets(expression, stand)
        targets = [target for target in found.targets if not target.is_data]
        doubts = [item for item in found.left if item.count(".") >= 2 and not item.startswith(("data.", "each."))]
        if len(targets) != 1 or doubts:
            return Unknown(f"{reason} (of {_shown(names)})" if names else reason)
        (target,) = targets
        if target.attribute:
            return target
        if found.left or not name.endswith(_LINKS):
            return Unknown(f"{reason} (of {_shown(names)})")
        return Target(target.address, "arn" if name.endswith("arn") else "id")


def _fits(item: Any, told: _Told) -> bool:
    """Whether a block may be the one of which ``told`` is known."""
    for name, (constant, texts) in told.items():
        value = as_map(item).get(name)
        if isinstance(value, str) and ((constant is not None and constant != value) or any(text not in value for text in texts)):
            return False
    return True


def _shown(names: list[str]) -> str:
    return ", ".join(names[:3]) or "nothing that the configuration names"


def _holds(hidden: Any) -> bool:
    """Whether something is hidden in what a plan says of an attribute: it says of each part that it isn't, too."""
    parts = hidden.values() if isinstance(hidden, Mapping) else hidden if isinstance(hidden, list) else ()
    return hidden is True or any(_holds(part) for part in parts)
