"""What a conformance pack's stack does: put the rules and remediations of a template, all of them or none."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.core.utils import get_service_model

from averment.sandbox.backends.config.errors import invalid, refused
from averment.sandbox.backends.config.remediation import check_remediation, keep_remediation
from averment.sandbox.backends.config.rules import delete_rule, put_rule
from averment.sandbox.backends.config.state import JSON, PACK_SERVICE, state
from averment.sandbox.backends.config.template import REMEDIATION, RULE, Resource, scalar
from averment.sandbox.validation import message, violations


class DeploymentError(Exception):
    """Why a resource of a pack couldn't be deployed."""


def deploy(backend: Any, resources: tuple[Resource, ...], before: tuple[str, ...], bucket: str | None) -> tuple[str, ...]:
    """Put ``resources`` in ``backend`` and withdraw the rules of ``before`` that aren't among them; the names of the pack's rules now.

    ``bucket``: where the pack's templates are delivered; it has to exist if it is given.

    Raises:
        DeploymentError: the service refuses one of them; everything is as it was.
    """
    with _undone_by_failure(backend):
        _check_bucket(bucket)
        names = tuple(_put(backend, resources))
        kept = set(names)
        withdraw(backend, tuple(name for name in before if name not in kept))
    return names


def withdraw(backend: Any, names: tuple[str, ...]) -> None:
    """Delete the rules ``names`` with their results and remediations."""
    for name in names:
        delete_rule(backend, name, PACK_SERVICE)


@contextmanager
def _undone_by_failure(backend: Any) -> Iterator[None]:
    kept = state(backend)
    rules = dict(backend.config_rules)
    definitions = {name: rule.definition for name, rule in rules.items()}
    results, invocations, remediations = copy.deepcopy((kept.results, kept.invocations, kept.remediations))
    try:
        yield
    except DeploymentError:
        backend.config_rules.clear()
        backend.config_rules.update(rules)
        for name, definition in definitions.items():
            rules[name].definition = definition
        kept.results, kept.invocations, kept.remediations = results, invocations, remediations
        raise


def _put(backend: Any, resources: tuple[Resource, ...]) -> Iterator[str]:
    """Put rules, then their remediations; the names of the rules."""
    by_given: dict[str, str] = {}
    for resource in (item for item in resources if item.kind == RULE):
        name = str(resource.properties["ConfigRuleName"])
        with _failing(resource):
            if resource.given_name in by_given:
                raise invalid(f"The rule {resource.given_name} is in the template twice")
            put_rule(backend, _typed("ConfigRule", _parameters_as_text(resource.properties)), [], PACK_SERVICE)
        by_given[resource.given_name] = name
        yield name
    remedied: set[str] = set()
    for resource in (item for item in resources if item.kind == REMEDIATION):
        with _failing(resource):
            named = str(resource.properties.get("ConfigRuleName"))
            target = by_given.get(named, named)
            if target not in by_given.values():
                raise invalid(f"The remediation is for {named}, which isn't a rule of this conformance pack")
            configuration = _typed("RemediationConfiguration", {**resource.properties, "ConfigRuleName": target})
            check_remediation(backend, configuration)
            keep_remediation(backend, configuration, PACK_SERVICE)
            remedied.add(target)
    for name in set(by_given.values()) - remedied:
        state(backend).remediations.pop(name, None)  # the template no longer has it


@contextmanager
def _failing(resource: Resource) -> Iterator[None]:
    """A refusal of the service inside is the failure of ``resource``."""
    try:
        yield
    except JsonRESTError as error:
        words = f"{error.message} (Service: AmazonConfig; Error Code: {error.error_type})"
        raise DeploymentError(f"{resource.kind} {resource.logical_id} failed: {words}") from error


def _parameters_as_text(properties: JSON) -> JSON:
    """A mapping of input parameters as the JSON text that PutConfigRule takes, every scalar as text; an empty one not at all."""
    parameters = properties.get("InputParameters")
    if not isinstance(parameters, dict):
        return properties
    if not parameters:
        return {key: value for key, value in properties.items() if key != "InputParameters"}
    texts = {name: value if isinstance(value, dict | list) else scalar(value) for name, value in parameters.items()}
    return {**properties, "InputParameters": json.dumps(texts)}


def _typed(shape_name: str, value: JSON) -> JSON:
    """``value`` with scalars turned into what the API's shape wants, as CloudFormation does, and checked against it.

    Raises:
        JsonRESTError: ValidationException; for an unknown property too.
    """
    shape = get_service_model("config").shape_for(shape_name)
    unknown = sorted(set(value) - set(shape.members))
    if unknown:
        raise refused("ValidationException", f"extraneous key [{unknown[0]}] is not permitted")
    typed: JSON = _coerced(shape, value)
    found = list(violations(shape, typed))
    if found:
        raise refused("ValidationException", message(found))
    return typed


def _coerced(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if isinstance(value, dict):
        inner = shape.members if kind == "structure" else dict.fromkeys(value, shape.value) if kind == "map" else {}
        return {key: _coerced(inner[key], item) if key in inner else item for key, item in value.items()}
    if isinstance(value, list):
        return [_coerced(shape.member, item) for item in value] if kind == "list" else value
    if kind == "boolean" and str(value).lower() in ("true", "false"):
        return str(value).lower() == "true"
    if kind in ("integer", "long") and str(value).isdigit():
        return int(value)
    return scalar(value) if kind == "string" and isinstance(value, bool | int | float) else value


def _check_bucket(name: str | None) -> None:
    from moto.s3.models import s3_backends

    if name and not any(name in backend.buckets for by_partition in s3_backends.values() for backend in by_partition.values()):
        raise DeploymentError(f"The delivery bucket {name} does not exist.")
