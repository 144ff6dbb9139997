"""The template of a conformance pack: read, checked, and its resources resolved as CloudFormation would.

Covered: YAML (long and short forms) and JSON; ``Parameters`` with their constraints, ``Conditions``, ``Resources`` of the two types that a pack may
have; Ref, Sub, If, Join, Select, Split, and the functions of conditions. Everything else (mappings, transforms,
outputs, other functions) is refused as a template error: what isn't evaluated here must not pass as if it had been.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from averment.sandbox.backends.config.errors import refused
from averment.sandbox.backends.config.state import JSON

RULE = "AWS::Config::ConfigRule"
REMEDIATION = "AWS::Config::RemediationConfiguration"
MAX_RULES = 130

_SECTIONS = {"AWSTemplateFormatVersion", "Description", "Metadata", "Parameters", "Conditions", "Resources"}
_ATTRIBUTES = {"Type", "Properties", "Condition", "DependsOn", "Metadata"}
_TYPES = {"String", "Number", "CommaDelimitedList", "int", "double", "CSV", "boolean", "StringMap"}
"""CloudFormation's, and those that the guide to conformance packs names."""


class TemplateError(ValueError):
    """What is wrong with a template, in a sentence."""


class _NoValue:
    """The value of ``AWS::NoValue``: whatever has it isn't there."""


NO_VALUE = _NoValue()


@dataclass(frozen=True)
class Resource:
    """A resource of a pack, resolved: its type, its properties, and its rule's name as the template has it (for rules)."""

    logical_id: str
    kind: str
    properties: JSON
    given_name: str = ""


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms."""


def _short_form(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> JSON:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = str(value).split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)  # noqa: S101 - YAML has three kinds of node
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_form)
_Loader.yaml_implicit_resolvers = {
    key: [(tag, pattern) for tag, pattern in found if tag != "tag:yaml.org,2002:timestamp"]
    for key, found in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def template_error(reason: str) -> Any:
    """The service's refusal of a template."""
    code = "ConformancePackTemplateValidationException"
    return refused(code, f"Invalid conformance pack template provided. Errors found: [{reason}]. Fix your template and try again.")


def read(text: str, given: Mapping[str, str], pseudo: Mapping[str, str], suffix: str) -> tuple[Resource, ...]:
    """The resources of the template ``text`` for the parameter values ``given``.

    ``pseudo``: what ``AWS::AccountId`` and its like stand for. ``suffix`` follows the name of every rule.

    Raises:
        TemplateError: a template or a value that the service refuses.
    """
    template = _parsed(text)
    unknown = sorted(set(template) - _SECTIONS)
    if unknown:
        raise TemplateError(f"Template section {unknown[0]} is not supported")
    resources = template.get("Resources")
    if not isinstance(resources, dict) or not resources:
        raise TemplateError("Template has no Resources")
    for name, resource in resources.items():
        _check_shape(str(name), resource, set(resources))
    if sum(1 for resource in resources.values() if resource["Type"] == RULE) > MAX_RULES:
        raise TemplateError("Number of resources provided in the template exceeds the allowed limit")
    values = _parameter_values(template.get("Parameters") or {}, given)
    scope = _Scope(values, pseudo, template.get("Conditions") or {}, resources, suffix)
    return tuple(scope.resource(str(name), resource) for name, resource in resources.items() if scope.wanted(resource))


def _parsed(text: str) -> JSON:
    try:
        template = yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that knows CloudFormation's tags
    except yaml.YAMLError as error:
        raise TemplateError(f"Template format error: {' '.join(str(error).split())}") from error
    if not isinstance(template, dict):
        raise TemplateError("Template format error: not a mapping")
    return template


def _check_shape(name: str, resource: Any, all_names: set[str]) -> None:
    if not isinstance(resource, dict) or not isinstance(resource.get("Properties"), dict):
        raise TemplateError(f"Resource {name} has no Properties")
    if resource.get("Type") not in (RULE, REMEDIATION):
        raise TemplateError(f"Resource type {resource.get('Type')} is not supported in a conformance pack")
    unknown = sorted(set(resource) - _ATTRIBUTES)
    if unknown:
        raise TemplateError(f"Attribute {unknown[0]} of resource {name} is not supported")
    needed = resource.get("DependsOn", [])
    missing = sorted(set(needed if isinstance(needed, list) else [needed]) - all_names)
    if missing:
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{missing[0]}]")


def _parameter_values(declared: JSON, given: Mapping[str, str]) -> dict[str, Any]:
    surplus = sorted(set(given) - set(declared))
    if surplus:
        raise TemplateError(f"Parameters: [{', '.join(surplus)}] do not exist in the template")
    values: dict[str, Any] = {}
    for name, parameter in declared.items():
        if not isinstance(parameter, dict) or parameter.get("Type") not in _TYPES:
            raise TemplateError(f"Parameter {name} must have a Type: one of {', '.join(sorted(_TYPES))}")
        value = given.get(name, parameter.get("Default"))
        if value is None:
            raise TemplateError(f"Parameters: [{name}] must have values")
        values[name] = _constrained(name, parameter, scalar(value))
    return values


def _constrained(name: str, parameter: JSON, value: str) -> Any:
    allowed = [scalar(item) for item in parameter.get("AllowedValues") or ()]
    if allowed and value not in allowed:
        raise TemplateError(f"Parameter '{name}' must be one of AllowedValues")
    if "AllowedPattern" in parameter and not re.fullmatch(str(parameter["AllowedPattern"]), value):
        raise TemplateError(f"Parameter '{name}' must match pattern {parameter['AllowedPattern']}")
    measures: tuple[tuple[str, Callable[[float], bool]], ...] = (
        ("MinLength", lambda bound: len(value) >= bound),
        ("MaxLength", lambda bound: len(value) <= bound),
        ("MinValue", lambda bound: float(value) >= bound),
        ("MaxValue", lambda bound: float(value) <= bound),
    )
    for constraint, holds in measures:
        if constraint in parameter and not holds(float(parameter[constraint])):
            raise TemplateError(f"Parameter '{name}' breaks its {constraint} of {parameter[constraint]}")
    return value.split(",") if parameter["Type"] == "CommaDelimitedList" else value


def scalar(value: Any) -> str:
    """A scalar of YAML as CloudFormation reads it: text, ``true`` and ``false`` small."""
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Scope:
    """What the references of one template stand for."""

    def __init__(self, values: JSON, pseudo: Mapping[str, str], conditions: JSON, resources: JSON, suffix: str) -> None:
        self._values, self._pseudo, self._conditions, self._resources, self._suffix = values, pseudo, conditions, resources, suffix
        self._open: set[str] = set()
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::Sub": self._sub,
            "Fn::If": self._if,
            "Fn::Join": lambda given: str(self.value(given[0])).join(str(item) for item in self.value(given[1])),
            "Fn::Select": lambda given: self.value(given[1])[int(self.value(given[0]))],
            "Fn::Split": lambda given: str(self.value(given[1])).split(str(self.value(given[0]))),
        }

    def wanted(self, resource: JSON) -> bool:
        """Whether the resource's condition holds, if it has one."""
        return "Condition" not in resource or self._holds({"Condition": resource["Condition"]})

    def resource(self, name: str, resource: JSON) -> Resource:
        """The resource with every reference resolved, its rule's name with the suffix."""
        properties = self.value(resource["Properties"])
        if resource["Type"] == REMEDIATION:
            return Resource(name, REMEDIATION, properties)
        given = scalar(properties.get("ConfigRuleName") or name)
        return Resource(name, RULE, {**properties, "ConfigRuleName": given + self._suffix}, given)

    def value(self, node: Any) -> Any:
        """``node`` resolved; what is ``AWS::NoValue`` falls out of mappings and lists."""
        if isinstance(node, dict):
            if len(node) == 1:
                ((name, given),) = node.items()
                if name in self._functions:
                    return self._call(name, given)
                if str(name).startswith("Fn::"):
                    raise TemplateError(f"The function {name} is not supported")
            pairs = ((key, self.value(item)) for key, item in node.items())
            return {key: item for key, item in pairs if item is not NO_VALUE}
        if isinstance(node, list):
            return [item for item in (self.value(part) for part in node) if item is not NO_VALUE]
        return node

    def _call(self, name: str, given: Any) -> Any:
        try:
            return self._functions[name](given)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, TemplateError):
                raise
            raise TemplateError(f"Template error: {name} can't work on {given!r}") from error

    def _ref(self, name: Any) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        for known in (self._values, self._pseudo):
            if name in known:
                return known[name]
        if self._resources.get(name, {}).get("Type") == RULE:
            return self._rule_name(name)
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")

    def _rule_name(self, name: str) -> str:
        return scalar(self.value(self._resources[name]["Properties"].get("ConfigRuleName", name))) + self._suffix

    def _sub(self, given: Any) -> str:
        text, local = (given[0], given[1]) if isinstance(given, list) else (given, {})

        def replaced(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in local:
                return scalar(self.value(local[name]))
            return scalar(self._ref(name))

        return re.sub(r"\$\{([^}]*)\}", replaced, str(text))

    def _if(self, given: Any) -> Any:
        name, yes, no = given
        return self.value(yes if self._holds({"Condition": name}) else no)

    def _holds(self, node: Any) -> bool:
        if not isinstance(node, dict) or len(node) != 1:
            raise TemplateError(f"Template error: {node!r} is not a condition")
        ((name, given),) = node.items()
        if name == "Condition":
            return self._named_condition(str(given))
        if name == "Fn::Equals":
            first, second = (self.value(item) for item in given)
            return scalar(first) == scalar(second)
        combine: dict[str, Callable[[list[bool]], bool]] = {"Fn::And": all, "Fn::Or": any, "Fn::Not": lambda found: not found[0]}
        if name not in combine:
            raise TemplateError(f"The function {name} is not supported in a condition")
        return combine[name]([self._holds(item) for item in given])

    def _named_condition(self, name: str) -> bool:
        if name not in self._conditions:
            raise TemplateError(f"Template error: unresolved condition dependency {name}")
        if name in self._open:
            raise TemplateError(f"Circular dependencies for condition {name}")
        self._open.add(name)
        try:
            return self._holds(self._conditions[name])
        finally:
            self._open.remove(name)
