"""CloudFormation and SAM templates, written by hand or synthesised (CDK), and files of the Serverless Framework: one graph a template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain as chained
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.repository import repository_around
from averment.core.source import SourceRef
from averment.core.words import first_of
from averment.policies.graph.by_name import linked_by_name
from averment.policies.graph.certain import Certain, Hinges
from averment.policies.graph.model import Dialect, Graph, Problem, Reference, Resource, Unknown
from averment.policies.graph.outside import (
    BUCKET,
    NAMES,
    UNJUDGED,
    Names,
    Outsiders,
    link_owners,
    listed,
    open_urls,
)
from averment.policies.graph.text import parsed_json
from averment.policies.graph.unjudged import UNDESCRIBED, undescribed, unjudged
from averment.policies.surfaces.cloudformation.amplify import arguments_beside, roles_of_users
from averment.policies.surfaces.cloudformation.foreach import expanded
from averment.policies.surfaces.cloudformation.parsing import MAX_DEPTH
from averment.policies.surfaces.cloudformation.places import comments_on, last_line, places_of
from averment.policies.surfaces.cloudformation.resolve import DYNAMIC, NO_VALUE, Resolver
from averment.policies.surfaces.cloudformation.sam import expand_sam, generated_names, makes_unread
from averment.policies.surfaces.cloudformation.sam_config import overrides_of
from averment.policies.surfaces.cloudformation.serverless_files import Files
from averment.policies.surfaces.cloudformation.serverless_framework import as_template, is_serverless
from averment.policies.surfaces.cloudformation.stacks import ELSEWHERE, NESTED, Parsed, Stacks, parse_file, place_of
from averment.policies.surfaces.comments import above, stray_waivers
from averment.policies.surfaces.function_code import look_at_source, permissions_open
from averment.policies.surfaces.lined import LinedList, LinedMap
from averment.policies.surfaces.service_calls import service_calls
from averment.policies.surfaces.states.machines import add_machines

DOCUMENTS = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "ResourcePolicy", "RepositoryPolicyText"})
"""Properties that hold an IAM policy document."""

FUNCTION = "AWS::Lambda::Function"
_OF_CDK = "AWS::CDK::Metadata"
_DYNAMIC = re.compile(r"\{\{resolve:[^{}]*\}\}")
_VERBATIM = DOCUMENTS | {"Tags", "Variables", "Metadata", "EventPattern"}


def read_template(path: Path, stacks: Stacks | None = None, *, given: Mapping[str, Any] | None = None) -> Graph:
    """The graph of one template, with the stacks that are nested in it as far as their templates are files below ``stacks.top``.

    ``given`` are arguments of its parameters; without any, those that stand beside the template of an app of Amplify or SAM. A file that can't be
    read or isn't a template gives an empty graph with its problem.
    """
    name = str(path)
    stacks = stacks or Stacks(repository_around(path))
    try:
        parsed, unread = parse_file(path, stacks.observer), list[Problem]()
        if is_serverless(parsed.template):
            files = Files(path.parent, stacks)
            template, unread = as_template(parsed.template, name, files)
            parsed = replace(parsed, template=template, included=files.texts)
        if given is None:
            given, said = arguments_beside(path, stacks.observer)
            asked = "Parameters" in parsed.template  # else there is nothing to give, and no reason to look through the folders above
            overrides, more = overrides_of(path, stacks.top, stacks.observer) if asked else ({}, [])
            given, unread = {**given, **overrides}, [*unread, *said, *more]
        graph = _Template(parsed, name, stacks, chain=(stacks.observer.real(path),), given=given).graph()
        graph.problems += unread
        for role in roles_of_users(path, given):
            graph.add(role)
        return graph
    except BadInputError as error:
        problem = Problem(error.message, error.where or SourceRef(name))
    except RecursionError:
        problem = Problem("is nested too deeply", SourceRef(name))
    stacks.used.clear()  # nothing was made of them here
    return Graph(problems=[problem])


class _Template:
    """One template on its way to a graph: the outermost, or that of a nested stack, whose addresses begin with ``prefix``."""

    def __init__(
        self,
        parsed: Parsed,
        file: str,
        stacks: Stacks,
        *,
        chain: tuple[Path, ...],
        prefix: str = "",
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self.template, self.file, self.stacks, self.chain, self.prefix = parsed.template, file, stacks, chain, prefix
        self.lines = {name: text.splitlines() for name, text in {**parsed.included, file: parsed.text}.items()}
        resources = self.template.get("Resources")
        self.resources = resources if isinstance(resources, LinedMap) else LinedMap(1)
        self.spoken: dict[str, list[tuple[int, int]]] = {}
        """By file, the lines of each resource with the comments above it."""
        self.problems: list[Problem] = parsed.problems(file)
        if not isinstance(resources, LinedMap):
            self.problems += _without_resources(self.template, file)
        self.resolver = Resolver(self.template, frozenset(), file, prefix=prefix, given=given, outputs=self.output, budget=stacks.budget)
        self.resources, failed = expanded(self.resources, self.resolver.value)
        self.problems += [Problem(reason, SourceRef(file, line)) for line, reason in failed]
        self.resolver.names = frozenset(self.resources) | generated_names(self.resources)
        stacks.names |= {prefix + name for name in self.resolver.names}
        self.conditional: dict[str, list[str]] = {}
        self.stands = "what its parameters are given" if given else "the parameters' defaults"
        self.nested: dict[str, _Template | None] = {}
        self.makers: dict[str, str] = {}

    def graph(self) -> Graph:
        resources = {resource.address: resource for resource in self.made()}
        outsiders = Outsiders(resources)
        linked_by_name(resources)
        names = Names(resources)
        link_owners(resources, lambda value: _bucket(value, resources, names), outsiders, self.stacks.names.__contains__)
        urls = {url.address: url.source for url in open_urls(resources)}
        apis = {api.address: api.source for api in undescribed(resources)}
        notes = [*outsiders.problem(), *listed(urls, UNJUDGED), *listed(apis, UNDESCRIBED)]
        graph = Graph(resources.values(), [*self.said(), *notes])
        for call in service_calls(graph):
            graph.add(call)
        named = any("ekognition" in "".join(text) for text in self.lines.values())
        if named or permissions_open(graph) or any(not bucket.outside for bucket in graph.of_type(BUCKET)):
            look_at_source(graph, self.stacks.top, self.stacks.observer)
        add_machines(graph, self.stacks.top, self.stacks.observer)
        if hinges := dict(self.hinged()):
            graph.certain = Certain(hinges, lambda left_out: _without(graph, left_out)).around
        graph.called = dict(self.calls())
        graph.consulted.clear()
        return graph

    def calls(self) -> Iterator[tuple[str, str]]:
        """What the addresses of each nested stack begin with, and the file that calls it."""
        for child in self.nested.values():
            if child is not None:
                yield child.prefix, self.file
                yield from child.calls()

    def hinged(self, around: Hinges | None = None) -> Iterator[tuple[str, Hinges]]:
        """The resources of the template and of the stacks nested in it whose conditions can't be told, with those ``around`` the template."""
        for name, body in self.resources.items():
            written = body if isinstance(body, LinedMap) else LinedMap(1)
            condition = written.get("Condition")
            parts = self.resolver.open_parts(condition) if isinstance(condition, str) else {}
            own = {f"{self.prefix}{part}": reason for part, reason in parts.items()}
            hinges = {**(around or {}), **own}
            if hinges and written.get("Type") != _OF_CDK:  # it hangs on the region in every template of the CDK, and nothing hangs on it
                yield self.prefix + name, hinges
                yield from ((made, hinges) for made, maker in self.makers.items() if maker == self.prefix + name)
            child = self.nested.get(name)
            yield from child.hinged(hinges) if child is not None else ()

    def made(self) -> list[Resource]:
        """The resources of the template and of the stacks nested in it."""
        found = [resource for name in self.resources if (resource := self.resource(name)) is not None]
        transformed = expand_sam(found, self.template.get("Globals"), self.resolver)
        self.makers, made = transformed.makers, transformed.resources
        self.problems += [*self.open_conditions(), *self.macros(), *transformed.problems]
        for child in self.nested.values():
            made += child.made() if child is not None else []
        return made

    def said(self) -> list[Problem]:
        """The problems of the template and of the stacks nested in it."""
        read = self.lines.items() if _means_to_be_one(self.template) else ()  # a page's text may quote a waiver, as a search index does
        stray = chained.from_iterable(stray_waivers(lines, self.spoken.get(file, ()), file) for file, lines in read)
        return [*self.problems, *stray, *(problem for child in self.nested.values() if child is not None for problem in child.said())]

    def child(self, name: str) -> _Template | None:
        """The template of the nested stack ``name`` with its arguments; None if it isn't read, which is said."""
        if name not in self.nested:
            self.nested[name] = None  # while its arguments are evaluated: they can't depend on what it puts out
            self.nested[name] = self.open_child(name)
        return self.nested[name]

    def open_child(self, name: str) -> _Template | None:
        body, line = self.resources[name], self.resources.key_lines.get(name)
        written = body.get("Properties")
        resolved = self.resolver.value(written)
        properties = resolved if isinstance(resolved, Mapping) else {}
        place = place_of(body, properties, self.file, self.stacks)
        if isinstance(place, str):
            self.say(f"the nested stack's template ({place}) is not read", line)
            return None
        refused = self.stacks.refused(place, self.chain)
        if refused is not None:
            self.problems.append(Problem(f"{self.prefix}{name}: {refused}", SourceRef(self.file, line)))
            return None
        arguments = properties.get("Parameters")
        given = arguments if isinstance(arguments, Mapping) else {}
        if isinstance(arguments, Unknown):
            self.say(f"the arguments of {self.prefix}{name} can't be resolved ({arguments.reason}): its defaults stand in", line)
        try:
            parsed = self.stacks.parsed(place)
        except BadInputError as error:
            self.problems.append(Problem(error.message, error.where or SourceRef(str(place))))
            return None
        chain = (*self.chain, self.stacks.observer.real(place))
        return _Template(parsed, str(place), self.stacks, chain=chain, prefix=f"{self.prefix}{name}.", given=given)

    def output(self, name: str, key: str) -> Any:
        """What the nested stack ``name`` puts out as ``key``; a link to the stack where its template isn't read."""
        body = self.resources.get(name)
        readable = isinstance(body, LinedMap) and body.get("Type") in NESTED
        child = self.child(name) if readable else None
        if child is None:
            return Reference(self.prefix + name, f"Outputs.{key}")
        outputs = child.template.get("Outputs")
        outputs, _ = expanded(outputs, child.resolver.value) if isinstance(outputs, LinedMap) else (LinedMap(1), [])
        entry = outputs.get(key)
        if not isinstance(entry, LinedMap) or "Value" not in entry:
            return Unknown(f"the nested stack {self.prefix}{name} puts out no {key}")
        condition = entry.get("Condition")
        decided = child.resolver.condition(condition) if isinstance(condition, str) else True
        if decided is not True:
            reason = decided.reason if isinstance(decided, Unknown) else "its condition is false"
            return Unknown(f"whether the nested stack {self.prefix}{name} puts out {key}: {reason}")
        return child.resolver.value(entry["Value"])

    def say(self, reason: str, line: int | None) -> None:
        """Note what is out of reach by design."""
        self.problems.append(Problem(reason, SourceRef(self.file, line), blocking=False))

    def open_conditions(self) -> Iterator[Problem]:
        """Which resources a deployment may or may not create: never left out, or taken in, without a word."""
        for said, names in self.conditional.items():
            some = first_of([self.prefix + name for name in names], 6)
            yield Problem(f"{some}: {said}", SourceRef(self.file, self.resources.key_lines.get(names[0])), blocking=False)

    def macros(self) -> Iterator[Problem]:
        """Transforms that change the template in ways that only the deployment knows."""
        named = [(key, macro) for key in ("Transform", "Fn::Transform") for macro in _listed(self.template.get(key))]
        for key, macro in named:
            name = macro.get("Name") if isinstance(macro, dict) else macro
            if not str(name).startswith(("AWS::Serverless", "AWS::LanguageExtensions", "AWS::CodeDeploy", "AWS::SecretsManager")):
                line = self.template.key_lines.get(key)
                yield Problem(f"the macro {name} may change this template at deployment", SourceRef(self.file, line), blocking=False)

    def exists(self, name: str, body: LinedMap) -> bool:
        """Whether the resource is created, as far as its condition tells with what the parameters are given, or their defaults."""
        condition = body.get("Condition")
        if not isinstance(condition, str):
            return True
        decided = self.resolver.condition(condition)
        if isinstance(decided, Unknown):
            said = "checked as if created, which depends on the deployment"
            self.conditional.setdefault(said, []).append(name)
            return True
        if not decided:
            self.conditional.setdefault(f"not created with {self.stands}, and so not checked", []).append(name)
        return decided

    def follow(self, name: str, kind: str, properties: Mapping[str, Any], line: int | None) -> None:
        """Follow a nested stack; say what makes resources that no template here shows, or lets people in by ways that aren't read."""
        if kind in NESTED:
            self.child(name)
        elif kind in ELSEWHERE or kind.endswith("::MODULE") or makes_unread(kind):
            self.say(f"{self.prefix}{name}: what {kind} makes is not read from here", line)
        elif (said := unjudged(kind, properties)) is not None:
            self.say(f"{self.prefix}{name}: {said}", line)

    def resource(self, name: str) -> Resource | None:
        body = self.resources[name]
        line = self.resources.key_lines.get(name)
        file = (body.file if isinstance(body, LinedMap) else None) or self.file
        if name.startswith("Fn::"):
            reason = f"{name} makes resources at deployment; they were not checked"
            self.problems.append(Problem(reason, SourceRef(self.file, line), blocking=False))
            return None
        if not isinstance(body, LinedMap) or not isinstance(body.get("Type"), str):
            self.problems.append(Problem(f"resource '{name}' has no Type", SourceRef(file, line)))
            return None
        end = last_line(body, self.lines[file])
        self.spoken.setdefault(file, []).append(((line or 1) - len(above(self.lines[file], line or 1, "#")), end))
        if not self.exists(name, body):
            return None
        written = body.get("Properties")
        properties = self.resolver.value(written) if written is not None else {}
        if _has_macro(body):
            self.say(f"{self.prefix}{name}: Fn::Transform adds to its properties at deployment; what it adds was not checked", line)
        if not isinstance(properties, dict):
            reason = f"the properties of '{name}' can't be resolved" + (f": {properties.reason}" if hasattr(properties, "reason") else "")
            self.problems.append(Problem(reason, SourceRef(file, line)))
            properties = {}
        if isinstance(body.get("Connectors"), LinedMap):
            properties = {**properties, "Connectors": self.resolver.value(body["Connectors"])}
        asset = body["Metadata"].get("aws:asset:path") if isinstance(body.get("Metadata"), LinedMap) else None
        if body["Type"] == FUNCTION and isinstance(asset, str):
            properties = {**properties, "Code": asset}
        kind = body["Type"]
        self.follow(name, kind, properties, line)
        return Resource(
            address=self.prefix + name,
            type=kind,
            properties=normal(properties),
            source=SourceRef(file, line, end),
            dialect=Dialect.CLOUDFORMATION,
            native_type=kind,
            lines=places_of(written, self.file),
            comments=comments_on(body, line or 1, end, self.lines[file]),
        )


def _without(graph: Graph, left_out: frozenset[str]) -> Graph:
    """``graph`` without the resources at some addresses."""
    part = Graph(resource for resource in graph if resource.address not in left_out)
    part.media_code, part.face_calls = graph.media_code, graph.face_calls
    return part


def _without_resources(template: LinedMap, file: str) -> Iterator[Problem]:
    """A file with a template's marks somewhere inside: said if it means to be one, or holds one in another tool's wrapping."""
    if _means_to_be_one(template):
        yield Problem("has a template's marks, but no Resources", SourceRef(file, 1), blocking=False)


def _means_to_be_one(template: LinedMap) -> bool:
    """Whether a file that holds a template's marks has them where a template has them."""
    return not template.keys().isdisjoint({"AWSTemplateFormatVersion", "Transform", "Resources"})


def _listed(value: Any) -> list[Any]:
    """What stands alone or in a list, as a list."""
    return value if isinstance(value, list) else [value] if value is not None else []


def _has_macro(value: Any, depth: int = 0) -> bool:
    """Whether a macro adds something beside the keys that are written, in ``value`` or further in."""
    if isinstance(value, LinedMap):
        beside = "Fn::Transform" in value and len(value) > 1
        return beside or (depth < MAX_DEPTH and any(_has_macro(item, depth + 1) for item in value.values()))
    return isinstance(value, LinedList) and depth < MAX_DEPTH and any(_has_macro(item, depth + 1) for item in value)


def _bucket(value: Any, resources: Mapping[str, Resource], names: Names) -> Resource | None:
    """The bucket of the template that ``value`` links to or names."""
    found = resources.get(value.address) if isinstance(value, Reference) else None
    if found is not None and found.type == BUCKET:
        return found
    return names.owner(BUCKET, NAMES[BUCKET], value)


def normal(value: Any, *, verbatim: bool = False) -> Any:
    """Properties in the normal form: policy documents parsed, ``"true"`` (or ``"TRUE"``) a boolean where it isn't text by nature.

    A text with a dynamic reference (``{{resolve:ssm:/name}}``) is unknown: the deployment puts something else there.
    """
    if isinstance(value, dict):
        result: dict[str, Any] = {}
        for key, item in value.items():
            kept = parsed_json(item) if key in DOCUMENTS else item
            result[key] = normal(kept, verbatim=verbatim or key in _VERBATIM)
        return result
    if isinstance(value, list):
        return [normal(item, verbatim=verbatim) for item in value]
    if isinstance(value, str) and DYNAMIC in value:
        return Unknown("a dynamic reference is resolved at deployment", _DYNAMIC.sub("${?}", value))
    if not verbatim and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    return None if value is NO_VALUE else value
