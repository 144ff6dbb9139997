"""Calls of Amazon Rekognition that an API makes by itself: a REST API whose integration is the service and no function.

Such an integration names the operation in its URI (``...:rekognition:action/CompareFaces``) or in an ``X-Amz-Target`` header. Nothing stands
between whoever calls the API and Rekognition, so it is a call path of its own, as source code has them (``Averment::Code::Function``).
Source: Amazon API Gateway's developer guide, "x-amazon-apigateway-integration objects" and "Integration request parameters".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from averment.core.source import SourceRef
from averment.policies.graph.model import Dialect, Graph, PropertyPath, Resource, Unknown
from averment.policies.graph.text import hole, parsed_json
from averment.policies.surfaces.code.apis import ATTRIBUTES, MATCHES, OPERATIONS, THRESHOLDS, by_target

LANGUAGE = "api-gateway"
_TYPE = "Averment::Code::Function"
_METHOD, _API = "AWS::ApiGateway::Method", "AWS::ApiGateway::RestApi"
_OF_TERRAFORM = "Terraform::aws_api_gateway_integration"
_ACTION = re.compile(r":rekognition:(?:action|path)/+([A-Za-z]*)")
_TARGET = "integration.request.header.x-amz-target"
_ASKED = re.compile(r'"(Attributes|DetectionAttributes|FaceAttributes)"\s*:\s*(\[[^\]]*\]|"[^"]*")')
_SIMILARITY = re.compile(r'"(SimilarityThreshold|FaceMatchThreshold|UserMatchThreshold)"\s*:\s*"?([^\s",}]*)')
_PASSED_ON = re.compile(r"""\$input\.(?:body\b|params\(\)|(?:json|path)\(["']\$["']\))""")
_WORD = re.compile(r'"([A-Z_]+)"')


@dataclass(frozen=True)
class _Integration:
    """One integration: its address, what it is called, its parts by API Gateway's names in lower case, and where it stands."""

    address: str
    label: str
    parts: Mapping[str, Any]
    where: SourceRef


def service_calls(graph: Graph) -> Iterator[Resource]:
    """What the REST APIs of ``graph`` ask Rekognition about faces, each operation of an API as a function of source code."""
    for resource in list(graph.of_type(_METHOD, _API, _OF_TERRAFORM)):
        for integration in _integrations(resource):
            operation = _operation(integration.parts)
            if operation is not None:
                yield _function(resource, integration, operation)


def _integrations(resource: Resource) -> Iterator[_Integration]:
    if resource.type == _METHOD:
        written = resource.get("Integration")
        if isinstance(written, Mapping):
            address = f"{resource.address}:{hole(resource.get('HttpMethod')).upper()}"
            yield _Integration(address, f"the method {resource.address}", _lowered(written), resource.where("Integration"))
        return
    if resource.type == _OF_TERRAFORM:  # each is a resource of its own, beside its method
        yield _Integration(
            f"{resource.address}:service", f"the integration {resource.address}", _lowered(resource.properties), resource.source
        )
        return
    key = "Body" if resource.get("Body") is not None else "DefinitionBody"
    body = parsed_json(resource.get(key))
    paths = body.get("paths") if isinstance(body, Mapping) else None
    for path, operations in paths.items() if isinstance(paths, Mapping) else ():
        for verb, operation in operations.items() if isinstance(operations, Mapping) else ():
            written = operation.get("x-amazon-apigateway-integration") if isinstance(operation, Mapping) else None
            if isinstance(written, Mapping):
                name = f"{'ANY' if 'any-method' in str(verb) else str(verb).upper()} {path}"
                where = resource.where(key, "paths", path, verb)
                yield _Integration(f"{resource.address}:{name}", f"{name} of {resource.address}", _lowered(written), where)


def _lowered(written: Mapping[str, Any]) -> dict[str, Any]:
    return {str(key).lower(): value for key, value in written.items()}


def _operation(parts: Mapping[str, Any]) -> str | Unknown | None:
    """The operation of Rekognition that an integration asks for; Unknown if the caller chooses it, None if it asks another service."""
    if str(parts.get("type")).lower() not in ("aws", "aws_proxy"):
        return None
    found = _ACTION.search(hole(parts.get("uri")))
    if found is None:
        return None
    if found[1]:
        return found[1] if found[1] in OPERATIONS else None
    headers = parts.get("requestparameters")
    for name, value in headers.items() if isinstance(headers, Mapping) else ():
        if str(name).lower() == _TARGET:
            known = by_target(value.strip("'")) if isinstance(value, str) else None
            if known is None:
                return Unknown("the header X-Amz-Target isn't written out")
            return known[0] if known[0] in OPERATIONS else None
    return Unknown("no header X-Amz-Target says which operation")


def _function(resource: Resource, integration: _Integration, operation: str | Unknown) -> Resource:
    line = integration.where.line
    call: dict[str, Any] = {"Api": operation, "Line": line, "Certain": True, "Http": False}
    if isinstance(operation, str) and operation in ATTRIBUTES:
        call["Attributes"] = _attributes(integration.parts, ATTRIBUTES[operation])
    if isinstance(operation, str) and operation in THRESHOLDS:
        asked = list(_similarity(integration.parts, THRESHOLDS[operation]))
        call["Similarity"] = {"Asked": asked, "Bars": [], "Low": [], "LowAt": [], "Looked": True}  # whoever called gets the answer as it is
    path: dict[str, Any] = {
        "Api": operation,
        "Line": line,
        "Entry": integration.label,
        "EntryFile": integration.where.file,
        "EntryLine": line,
        "Via": [],
    }
    matches = isinstance(operation, str) and operation in MATCHES
    properties = {
        "Language": LANGUAGE,
        "Function": integration.label,
        "Calls": [call],
        "Paths": [{**path, "Opened": False, "Liveness": "none"}] if matches else [],
    }
    places: dict[PropertyPath, SourceRef] = {("Calls", 0): integration.where}
    return Resource(integration.address, _TYPE, properties, integration.where, Dialect.SOURCE, LANGUAGE, places, resource.comments)


def _similarity(parts: Mapping[str, Any], parameter: str) -> Iterator[float | Unknown]:
    """The similarity of faces that the mapping templates ask for, each as it is written there (none: the default), or as the caller likes."""
    templates = parts.get("requesttemplates")
    if not isinstance(templates, Mapping) or not templates:
        yield Unknown("the caller's request is passed on")
        return
    for value in templates.values():
        text = hole(value)
        if _PASSED_ON.search(text) or not text.lstrip().startswith("{"):
            yield Unknown("the mapping template leaves it to the caller")
        for written in (match[2] for match in _SIMILARITY.finditer(text) if match[1] == parameter):
            try:
                yield float(written)
            except ValueError:
                yield Unknown("the mapping template leaves it to the caller")


def _attributes(parts: Mapping[str, Any], parameter: str) -> Any:
    """The attributes of faces that the mapping templates ask for: as written there (none: the default), or as the caller likes."""
    templates = parts.get("requesttemplates")
    if not isinstance(templates, Mapping) or not templates:
        return Unknown("the caller's request is passed on")
    found: list[Any] = []
    for value in templates.values():
        text = hole(value)
        asked = [match[2] for match in _ASKED.finditer(text) if match[1] == parameter]
        if _PASSED_ON.search(text) or not text.lstrip().startswith("{") or any("$" in listed for listed in asked):
            return Unknown("the mapping template leaves it to the caller")
        found += [name for listed in asked for name in _WORD.findall(listed)]
    return found
