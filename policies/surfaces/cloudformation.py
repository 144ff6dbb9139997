"""CloudFormation and SAM templates, written by hand or synthesised (CDK): one graph a template."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import decoded, read_bounded
from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, Problem, PropertyPath, Resource, Unknown
from averment.policies.graph.text import parsed_json
from averment.policies.interface import Surface
from averment.policies.surfaces.cfn_foreach import expanded
from averment.policies.surfaces.cfn_resolve import NO_VALUE, Resolver
from averment.policies.surfaces.cfn_yaml import LinedList, LinedMap, parse_template
from averment.policies.surfaces.sam import expand_sam, generated_names
from averment.policies.surfaces.sniff import MAX_TEMPLATE_BYTES, TEMPLATE_SUFFIXES, is_template
from averment.policies.surfaces.walk import walk

DOCUMENTS = frozenset({"PolicyDocument", "AssumeRolePolicyDocument", "KeyPolicy", "ResourcePolicy", "RepositoryPolicyText"})
"""Properties that hold an IAM policy document."""

_VERBATIM = DOCUMENTS | {"Tags", "Variables", "Metadata", "EventPattern"}


class CloudFormationSurface(Surface):
    """Templates in YAML or JSON with intrinsics, parameter defaults, mappings and conditions; SAM functions and APIs expanded."""

    name = "cloudformation"

    def recognises(self, path: Path) -> bool:
        if not path.name.endswith(TEMPLATE_SUFFIXES) or not path.is_file():
            return False
        return looks_like_template(path)

    def graphs(self, root: Path) -> Iterator[Graph]:
        for path in walk(root).files:
            if self.recognises(path):
                yield read_template(path)


def looks_like_template(path: Path) -> bool:
    """Whether ``path`` has a template's marks; a file too large to look at counts, so that it is refused aloud."""
    try:
        return is_template(read_bounded(path, limit=MAX_TEMPLATE_BYTES))
    except BadInputError:
        return True


def read_template(path: Path, observer: Observer | None = None) -> Graph:
    """The graph of one template; a file that can't be read or isn't a template gives an empty graph with its problem."""
    name = str(path)
    observer = observer if observer is not None else Observer()
    try:
        text = decoded(observer.read(path, limit=MAX_TEMPLATE_BYTES), path)
        repeated: list[tuple[str, int]] = []
        template = parse_template(text, name, repeated)
        if not isinstance(template, LinedMap):
            raise BadInputError("is not a template: the top is not a map", where=SourceRef(name, 1))
        graph = _Template(template, text, name, observer).graph()
        graph.problems += [
            Problem(f"the key '{key}' stands twice; the last one was checked", SourceRef(name, line), blocking=False)
            for key, line in repeated
        ]
        return graph
    except BadInputError as error:
        return Graph(problems=[Problem(error.message, error.where or SourceRef(name))])
    except RecursionError:
        return Graph(problems=[Problem("is nested too deeply", SourceRef(name))])


class _Template:
    """One template on its way to a graph."""

    def __init__(self, template: LinedMap, text: str, file: str, observer: Observer) -> None:
        self.template, self.file, self.observer = template, file, observer
        self.lines = text.splitlines()
        resources = template.get("Resources")
        self.resources = resources if isinstance(resources, LinedMap) else LinedMap(1)
        self.problems: list[Problem] = []
        if not isinstance(resources, LinedMap):
            self.problems += _without_resources(template, file)
        self.resolver = Resolver(template, frozenset(), file)
        self.resources, failed = expanded(self.resources, self.resolver.value)
        self.problems += [Problem(reason, SourceRef(file, line)) for line, reason in failed]
        self.resolver.names = frozenset(self.resources) | generated_names(self.resources)
        self.conditional: dict[str, list[str]] = {}

    def graph(self) -> Graph:
        found = [resource for name in self.resources if (resource := self.resource(name)) is not None]
        made, problems = expand_sam(found, self.template.get("Globals"), self.resolver)
        return Graph(made, [*self.problems, *self.open_conditions(), *self.macros(), *problems])

    def open_conditions(self) -> Iterator[Problem]:
        """Which resources a deployment may or may not create: never left out, or taken in, without a word."""
        for said, names in self.conditional.items():
            some = ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
            yield Problem(f"{some}: {said}", SourceRef(self.file, self.resources.key_lines.get(names[0])), blocking=False)

    def macros(self) -> Iterator[Problem]:
        """Transforms that change the template in ways that only the deployment knows."""
        named = self.template.get("Transform")
        for macro in named if isinstance(named, list) else [named] if named is not None else []:
            name = macro.get("Name") if isinstance(macro, dict) else macro
            if not str(name).startswith(("AWS::Serverless", "AWS::LanguageExtensions", "AWS::CodeDeploy", "AWS::SecretsManager")):
                line = self.template.key_lines.get("Transform")
                yield Problem(f"the macro {name} may change this template at deployment", SourceRef(self.file, line), blocking=False)

    def exists(self, name: str, body: LinedMap) -> bool:
        """Whether the resource is created, as far as its condition tells with the parameters' defaults."""
        condition = body.get("Condition")
        if not isinstance(condition, str):
            return True
        decided = self.resolver.condition(condition)
        if isinstance(decided, Unknown):
            said = "checked as if created, which depends on the deployment"
            self.conditional.setdefault(said, []).append(name)
            return True
        if not decided:
            self.conditional.setdefault("not created with the parameters' defaults, and so not checked", []).append(name)
        return decided

    def nested(self, body: LinedMap, properties: Mapping[str, Any], line: int | None) -> None:
        """A nested stack's template is read if it stands in the repository (as one of its own); if not, that is said."""
        place = properties.get("TemplateURL") if body.get("Type") == "AWS::CloudFormation::Stack" else properties.get("Location")
        local = isinstance(place, str) and "://" not in place and self.observer.is_file(Path(self.file).parent / place)
        if not local:
            shown = place if isinstance(place, str) else "elsewhere"
            self.problems.append(Problem(f"the nested stack's template ({shown}) is not read", SourceRef(self.file, line), blocking=False))

    def resource(self, name: str) -> Resource | None:
        body = self.resources[name]
        line = self.resources.key_lines.get(name)
        if name.startswith("Fn::"):
            reason = f"{name} makes resources at deployment; they were not checked"
            self.problems.append(Problem(reason, SourceRef(self.file, line), blocking=False))
            return None
        if not isinstance(body, LinedMap) or not isinstance(body.get("Type"), str):
            self.problems.append(Problem(f"resource '{name}' has no Type", SourceRef(self.file, line)))
            return None
        if not self.exists(name, body):
            return None
        end = self.block_end(body)
        written = body.get("Properties")
        properties = self.resolver.value(written) if written is not None else {}
        if not isinstance(properties, dict):
            reason = f"the properties of '{name}' can't be resolved" + (f": {properties.reason}" if hasattr(properties, "reason") else "")
            self.problems.append(Problem(reason, SourceRef(self.file, line)))
            properties = {}
        if isinstance(body.get("Connectors"), LinedMap):
            properties = {**properties, "Connectors": self.resolver.value(body["Connectors"])}
        places: dict[PropertyPath, SourceRef] = {}
        self.place(written, (), places)
        kind = body["Type"]
        if kind in {"AWS::CloudFormation::Stack", "AWS::Serverless::Application"}:
            self.nested(body, properties, line)
        return Resource(
            address=name,
            type=kind,
            properties=normal(properties),
            source=SourceRef(self.file, line, end),
            dialect=Dialect.CLOUDFORMATION,
            native_type=kind,
            lines=places,
            comments=self.comments(line, end, body),
        )

    def block_end(self, body: LinedMap) -> int:
        """The last line of a block: in block style, libyaml ends a map where the next token stands."""
        end = min(body.end, len(self.lines) + 1)
        while end > body.line and (end > len(self.lines) or not self.lines[end - 1].strip() or self._outside(end, body)):
            end -= 1
        return end

    def _outside(self, line: int, body: LinedMap) -> bool:
        text = self.lines[line - 1]
        if self.lines[body.line - 1].lstrip().startswith(("{", '"')) or text.lstrip().startswith(("}", "]")):
            return False
        first = self.lines[body.line - 1]
        return len(text) - len(text.lstrip()) < len(first) - len(first.lstrip())

    def place(self, value: Any, path: PropertyPath, places: dict[PropertyPath, SourceRef]) -> None:
        """Record the line of each property; through intrinsics the place stays that of the property."""
        if isinstance(value, LinedMap):
            for key, item in value.items():
                if key.startswith("Fn::") or key == "Ref" or len(path) > 40 or len(places) > 20_000:
                    return
                here = (*path, key)
                places[here] = SourceRef(self.file, value.key_lines.get(key, value.line))
                self.place(item, here, places)
        elif isinstance(value, LinedList) and len(path) <= 40:
            for index, item in enumerate(value):
                here = (*path, index)
                places[here] = SourceRef(self.file, value.item_lines[index])
                self.place(item, here, places)

    def comments(self, start: int | None, end: int, body: LinedMap) -> tuple[str, ...]:
        """Comment lines within the block, and skips in ``Metadata`` as JSON templates must write them."""
        found = [line.partition("#")[2].strip() for line in self.lines[(start or 1) - 1 : end] if "#" in line]
        metadata = body.get("Metadata")
        if isinstance(metadata, dict):
            found += _from_metadata(metadata)
        return tuple(found)


def _without_resources(template: LinedMap, file: str) -> Iterator[Problem]:
    """A file with a template's marks somewhere inside: said if it means to be one, or holds one in another tool's wrapping."""
    if "service" in template and "provider" in template:
        yield Problem("is a Serverless Framework file, which is not read", SourceRef(file, 1), blocking=False)
    elif not template.keys().isdisjoint({"AWSTemplateFormatVersion", "Transform", "Resources"}):
        yield Problem("has a template's marks, but no Resources", SourceRef(file, 1), blocking=False)


def _from_metadata(metadata: Mapping[str, Any]) -> list[str]:
    found: list[str] = []
    checkov, own = metadata.get("checkov"), metadata.get("averment")
    skips = checkov.get("skip", ()) if isinstance(checkov, dict) else ()
    waive = own.get("waive", []) if isinstance(own, dict) else []
    found += [f"checkov:skip={entry.get('id', '')}:{entry.get('comment', '')}" for entry in skips if isinstance(entry, dict)]
    found += [f"averment:waive={entry}" for entry in (waive if isinstance(waive, list) else [waive])]
    return found


def normal(value: Any, *, verbatim: bool = False) -> Any:
    """Properties in the normal form: policy documents parsed, ``"true"`` a boolean where it isn't text by nature."""
    if isinstance(value, dict):
        result: dict[str, Any] = {}
        for key, item in value.items():
            kept = parsed_json(item) if key in DOCUMENTS else item
            result[key] = normal(kept, verbatim=verbatim or key in _VERBATIM)
        return result
    if isinstance(value, list):
        return [normal(item, verbatim=verbatim) for item in value]
    if not verbatim and isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    return None if value is NO_VALUE else value
