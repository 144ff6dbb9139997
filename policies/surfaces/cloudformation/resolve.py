"""CloudFormation's intrinsic functions and conditions, evaluated as far as a template alone allows.

Parameters have their defaults; account, region and stack name stay symbols (see ``graph.model``); whatever else only a
deployment knows is ``Unknown`` with its reason.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from typing import Any

from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.policies.graph.joined import join_parts
from averment.policies.graph.model import Reference, Unknown
from averment.policies.graph.text import hole, plain
from averment.policies.surfaces.cloudformation.foreach import expanded
from averment.policies.surfaces.lined import LinedMap

MAX_VALUES = 1_000_000
"""A template that expands to more values than this is refused (alias bombs)."""

NO_VALUE = object()
"""``AWS::NoValue``: the property is left out."""

DYNAMIC = "{{resolve:"
"""How a dynamic reference begins, which the deployment replaces by what stands in the parameter store or in Secrets Manager."""

_PSEUDO: Mapping[str, Any] = {
    "AWS::AccountId": "${AWS::AccountId}",
    "AWS::Region": "${AWS::Region}",
    "AWS::StackName": "${AWS::StackName}",
    "AWS::StackId": "${AWS::StackId}",
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::NoValue": NO_VALUE,
    "AWS::NotificationARNs": Unknown("AWS::NotificationARNs is known only at deployment"),
}
_IN_URL = ("/", "//", "://")
"""Where a bucket's ``WebsiteURL`` is split to get at its host: ``http://host``."""

_SHORTEST = 4
_SUB = re.compile(r"\$\{(!?)([^}$]*(?:\$(?!\{)[^}$]*)*)\}")


def _common(yes: Any, no: Any) -> str | None:
    """What is known of a text of which a deployment chooses one of two: the beginning that both have."""
    texts = [hole(value) for value in (yes, no) if isinstance(value, str | Unknown | Reference)]
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(*texts, strict=False)) if len(texts) == 2 else ()
    shared = "".join(first for first, _ in pairs)
    end = shared.rfind("${")
    if end >= 0 and "}" not in shared[end:]:
        shared = shared[:end]  # not half a hole
    return f"{shared}${{?}}" if len(shared) >= _SHORTEST else None


_OF_BUCKETS = frozenset({"BucketName", "Bucket"})
"""Properties that hold a bucket's name."""


class Resolver:
    """Evaluates values of one template. ``names`` are its logical ids (with those that a transform generates).

    Of a nested stack, ``prefix`` is what its addresses begin with ("Storage."), ``given`` its arguments, evaluated in the terms of the
    template that calls it. ``outputs`` answers for what the template's own nested stacks put out. ``budget`` is how many values may
    still be made, shared by all templates of a deployment.
    """

    def __init__(
        self,
        template: Mapping[str, Any],
        names: frozenset[str],
        file: str,
        *,
        prefix: str = "",
        given: Mapping[str, Any] | None = None,
        outputs: Callable[[str, str], Any] | None = None,
        budget: list[int] | None = None,
    ) -> None:
        self.names, self.file, self.prefix = names, file, prefix
        self.given: Mapping[str, Any] = given or {}
        self.outputs = outputs
        self.parameters = _section(template, "Parameters")
        self.mappings = _section(template, "Mappings")
        self.conditions = _section(template, "Conditions")
        self._budget = budget if budget is not None else [MAX_VALUES]
        self._deciding: set[str] = set()
        self._decided: dict[str, bool | Unknown] = {}
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": self._getatt,
            "Fn::Sub": self._sub,
            "Fn::Join": self._join,
            "Fn::If": self._if,
            "Fn::FindInMap": self._find_in_map,
            "Fn::Select": self._select,
            "Fn::Split": self._split,
            "Fn::Base64": self.value,
            "Fn::ToJsonString": self.value,
            "Fn::Length": self._length,
            "Fn::ImportValue": lambda _: Unknown("the value is imported from another stack"),
            "Fn::GetAZs": lambda _: Unknown("the availability zones are known only at deployment"),
            "Fn::Cidr": lambda _: Unknown("Fn::Cidr is not evaluated"),
            "Fn::Transform": lambda _: Unknown("a macro makes this value at deployment"),
        }
        if isinstance(self.conditions, LinedMap):
            self.conditions, _ = expanded(self.conditions, self.value)  # what a loop can't tell is a condition that isn't defined

    def value(self, value: Any) -> Any:
        """``value`` with every intrinsic evaluated.

        Raises:
            BadInputError: the template expands to more than ``MAX_VALUES`` values.
        """
        self._budget[0] -= 1
        if self._budget[0] < 0:
            raise BadInputError("expands to too many values", where=SourceRef(self.file), fix="remove the YAML aliases")
        if isinstance(value, LinedMap):
            value, failed = expanded(value, self.value)
            if failed:
                return Unknown(failed[0][1])
        if isinstance(value, dict):
            if len(value) == 1:
                name = next(iter(value))
                if name in self._functions:
                    return self._functions[name](value[name])
                if name.startswith("Fn::"):
                    return Unknown(f"{name} is not evaluated")
            resolved = {key: self._entry(key, item) for key, item in value.items()}
            return {key: item for key, item in resolved.items() if item is not NO_VALUE}
        if isinstance(value, list):
            return [item for item in (self.value(entry) for entry in value) if item is not NO_VALUE]
        return value

    def _entry(self, key: str, item: Any) -> Any:
        """One of a map; a bucket's name that a parameter leaves empty is one that the deployment gives, since no bucket is called so."""
        value = self.value(item)
        name = item.get("Ref") if value == "" and key in _OF_BUCKETS and isinstance(item, dict) else None
        if not isinstance(name, str) or name not in self.parameters:
            return value
        return Unknown(f"parameter '{name}' is empty by default, and no bucket is called so", self._hole(name))

    def _ref(self, name: Any) -> Any:
        if isinstance(name, dict):  # of AWS::LanguageExtensions: what is meant may be put together
            name = self.value(name)
        if not isinstance(name, str):
            return Unknown("Ref needs a name")
        if name == "AWS::StackName" and self.prefix:
            return "-".join((_PSEUDO[name], *self.prefix.rstrip(".").split(".")))  # what CloudFormation calls a nested stack
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.names:
            return Reference(self.prefix + name)
        if name not in self.parameters:
            return Unknown(f"'{name}' is neither a parameter nor a resource of this template", self._hole(name))
        return self._parameter(name, self.parameters[name])

    def _parameter(self, name: str, parameter: Any) -> Any:
        """A parameter's argument, or else its default."""
        kind = str(parameter.get("Type", "String")) if isinstance(parameter, Mapping) else "String"
        value = self.given.get(name)
        if value is None:
            value = parameter.get("Default") if isinstance(parameter, Mapping) else None
        if value is None:
            return Unknown(f"parameter '{name}' has no default", self._hole(name))
        if kind.startswith("AWS::SSM::Parameter"):
            return Unknown(f"parameter '{name}' is read from the parameter store at deployment", self._hole(name))
        if isinstance(value, Unknown | Reference):
            return value
        if kind == "CommaDelimitedList" or kind.startswith("List<"):
            return value if isinstance(value, list) else [part.strip() for part in plain(value).split(",")]
        if isinstance(value, list) and name in self.given:  # a list given for text is joined by commas
            return join_parts(part for index, item in enumerate(value) for part in ((",", item) if index else (item,)))
        return plain(value) if kind == "String" and not isinstance(value, dict | list) else value

    def _hole(self, name: str) -> str:
        """How what isn't known of ``name`` is shown; the same name in another template is another."""
        return f"${{{self.prefix}{name}}}"

    def _getatt(self, value: Any) -> Any:
        parts = value.split(".", 1) if isinstance(value, str) else value
        if isinstance(parts, list) and len(parts) == 2 and isinstance(parts[0], dict):
            parts = [self.value(parts[0]), parts[1]]
        if not isinstance(parts, list) or len(parts) != 2 or not isinstance(parts[0], str):
            return Unknown("Fn::GetAtt needs a logical id and an attribute")
        attribute = self.value(parts[1])
        if not isinstance(attribute, str):
            return Unknown(f"the attribute of {parts[0]} is computed")
        if parts[0] not in self.names:
            return Unknown(f"'{parts[0]}' is not a resource of this template", self._hole(f"{parts[0]}.{attribute}"))
        if attribute.startswith("Outputs.") and self.outputs is not None:
            return self.outputs(parts[0], attribute.removeprefix("Outputs."))
        return Reference(self.prefix + parts[0], attribute)

    def _sub(self, value: Any) -> Any:
        text, own = value, {}
        if isinstance(value, list) and len(value) == 2 and isinstance(value[1], dict):
            text, own = value[0], value[1]
        if not isinstance(text, str):
            return Unknown("Fn::Sub needs a string")
        parts: list[Any] = []
        position = 0
        for match in _SUB.finditer(text):
            parts.append(text[position : match.start()])
            name = match[2].strip()
            if match[1]:
                parts.append(f"${{{name}}}")
            elif name in own:
                parts.append(self.value(own[name]))
            elif "." in name and name not in self.names:
                parts.append(self._getatt(name))
            else:
                parts.append(self._ref(name))
            position = match.end()
        parts.append(text[position:])
        return join_parts(part for part in parts if part is not NO_VALUE)

    def _join(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) != 2:
            return Unknown("Fn::Join needs a separator and a list")
        separator, items = value[0], self.value(value[1])
        if not isinstance(items, list) or not isinstance(separator, str):
            return items if isinstance(items, Unknown) else Unknown("the list of Fn::Join is computed")
        parts: list[Any] = []
        for index, item in enumerate(items):
            parts += [separator, item] if index else [item]
        return join_parts(parts)

    def _if(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) != 3:
            return Unknown("Fn::If needs a condition and two values")
        decided = self.condition(value[0])
        if isinstance(decided, Unknown):
            yes, no = self.value(value[1]), self.value(value[2])
            return yes if yes == no else Unknown(f"depends on condition '{value[0]}': {decided.reason}", _common(yes, no))
        return self.value(value[1] if decided else value[2])

    def _find_in_map(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) < 3:
            return Unknown("Fn::FindInMap needs a map and two keys")
        name, first, second = (self.value(part) for part in value[:3])
        for part in (name, first, second):
            if isinstance(part, Unknown):
                return part
            if not isinstance(part, str | int | float) or "${AWS::" in plain(part):
                return Unknown(f"the entry of map '{hole(name)}' depends on the deployment")
        default = value[3].get("DefaultValue") if len(value) > 3 and isinstance(value[3], dict) else None
        found: Any = self.mappings
        for step in (name, first, second):
            found = found.get(plain(step)) if isinstance(found, Mapping) else None
        if found is None and default is not None:
            return self.value(default)
        return found if found is not None else Unknown(f"map '{name}' has no entry {first}, {second}")

    def _select(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) != 2:
            return Unknown("Fn::Select needs an index and a list")
        index, items = self.value(value[0]), self.value(value[1])
        if isinstance(items, Unknown):
            return items
        try:
            return items[int(index)] if isinstance(items, list) and int(index) >= 0 else Unknown("the list of Fn::Select is computed")
        except (TypeError, ValueError, IndexError):
            return Unknown("Fn::Select points outside its list")

    def _split(self, value: Any) -> Any:
        if not isinstance(value, list) or len(value) != 2 or not isinstance(value[0], str) or not value[0]:
            return Unknown("Fn::Split needs a separator and a string")
        text = self.value(value[1])
        if isinstance(text, str):
            return text.split(value[0])
        if isinstance(text, Reference) and text.attribute == "WebsiteURL" and not text.prefix and not text.suffix and value[0] in _IN_URL:
            return [*"http://".split(value[0])[:-1], text]  # what is left is the host, as which Terraform gives it out
        if isinstance(text, Reference) and text.attribute == "FunctionUrl" and not text.prefix and not text.suffix and value[0] == "/":
            return ["https:", "", text, ""]  # the host again, as origins are written
        return text if isinstance(text, Unknown) else Unknown("Fn::Split of a value that is known only at deployment")

    def _length(self, value: Any) -> Any:
        items = self.value(value)
        return len(items) if isinstance(items, list) else Unknown("the length is known only at deployment")

    def condition(self, value: Any) -> bool | Unknown:
        """A condition (a name or a condition function), with parameters at their defaults."""
        if isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._named_condition(value)
        if not isinstance(value, dict) or len(value) != 1:
            return Unknown("not a condition")
        name, argument = next(iter(value.items()))
        if name == "Condition":
            return self.condition(argument)
        if name == "Fn::Equals" and isinstance(argument, list) and len(argument) == 2:
            return self._equals(self.value(argument[0]), self.value(argument[1]))
        if name == "Fn::Not" and isinstance(argument, list) and len(argument) == 1:
            inner = self.condition(argument[0])
            return inner if isinstance(inner, Unknown) else not inner
        if name in {"Fn::And", "Fn::Or"} and isinstance(argument, list):
            return self._several(name == "Fn::Or", argument)
        return Unknown(f"{name} is not evaluated as a condition")

    def _named_condition(self, name: str) -> bool | Unknown:
        if name not in self.conditions:
            return Unknown(f"condition '{name}' is not defined")
        if name in self._decided:
            return self._decided[name]
        if name in self._deciding:
            return Unknown(f"condition '{name}' depends on itself")
        self._deciding.add(name)
        try:
            self._decided[name] = self.condition(self.conditions[name])
            return self._decided[name]
        finally:
            self._deciding.discard(name)

    def open_parts(self, name: str) -> Mapping[str, str]:
        """The conditions that have to hold for the condition ``name`` and that can't be told, each with the reason: ``Fn::And`` taken apart."""
        found: dict[str, str] = {}
        waiting, seen = [name], {name}
        while waiting:
            here = waiting.pop()
            decided, definition = self.condition(here), self.conditions.get(here)
            if not isinstance(decided, Unknown):
                continue
            parts = definition.get("Fn::And", [definition]) if isinstance(definition, Mapping) else []
            names = [part.get("Condition") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
            others = [part for part in names if isinstance(part, str)]
            if not others or len(others) != len(parts):
                found[here] = decided.reason
            waiting += [part for part in others if part not in seen] if len(others) == len(parts) else []
            seen.update(others)
        whole = self.condition(name)
        return found or ({name: whole.reason} if isinstance(whole, Unknown) else {})

    def _several(self, any_of: bool, parts: list[Any]) -> bool | Unknown:
        results = [self.condition(part) for part in parts]
        if any(result is any_of for result in results):
            return any_of
        return next((result for result in results if isinstance(result, Unknown)), not any_of)

    @staticmethod
    def _equals(left: Any, right: Any) -> bool | Unknown:
        for side in (left, right):
            if isinstance(side, Unknown):
                return side
            if isinstance(side, Reference) or "${AWS::" in plain(side) or DYNAMIC in plain(side):
                return Unknown("a condition on the deployment")
        return plain(left) == plain(right)


def _section(template: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = template.get(name)
    return found if isinstance(found, Mapping) else {}
