"""SageMaker endpoints: which are the detector's, what stands behind them, and whether a text names one."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Any

from averment.policies.graph.model import Graph, Reference, Resource, Unknown
from averment.policies.graph.text import hole
from averment.policies.interface import Context
from averment.policies.rules.judge import short_name

ENDPOINT = "AWS::SageMaker::Endpoint"
CONFIG = "AWS::SageMaker::EndpointConfig"
PARAMETER = "detector_endpoints"
"""Name patterns (a list) that say which endpoints are the detector's; without it every SageMaker endpoint is taken for it."""


def is_detector(endpoint: Resource, context: Context) -> bool:
    """Whether ``endpoint`` is one of the detector's."""
    patterns = context.parameters.get(PARAMETER)
    if not isinstance(patterns, list | tuple) or not patterns:
        return True
    name = endpoint.get("EndpointName")
    known = name if isinstance(name, str) else short_name(endpoint)
    return any(fnmatch.fnmatchcase(known.lower(), str(pattern).lower()) for pattern in patterns)


def config_of(endpoint: Resource, graph: Graph) -> Resource | None:
    """The endpoint's configuration, by link or by name; None if it isn't among what was read."""
    value = endpoint.get("EndpointConfigName")
    target = graph.target(value)
    if isinstance(target, Resource):
        return target
    name = shown(value)
    return next((config for config in graph.of_type(CONFIG) if name and shown(config.get("EndpointConfigName")) == name), None)


def variants_of(config: Resource | None) -> Iterator[Mapping[str, Any]]:
    """The production variants that could be read."""
    listed = config.get("ProductionVariants") if config is not None else None
    for variant in listed if isinstance(listed, list) else ():
        if isinstance(variant, Mapping):
            yield variant


def serverless(config: Resource | None) -> bool:
    """Whether every variant is serverless: such an endpoint scales, and costs, by the request."""
    variants = list(variants_of(config))
    return bool(variants) and all(variant.get("ServerlessConfig") for variant in variants)


def shown(value: Any) -> str:
    """``value`` as text with ``${address.Attribute}`` for links and ``${...}`` for what isn't known; "" if nothing is."""
    return hole(value) if isinstance(value, str | Reference) or (isinstance(value, Unknown) and value.template) else ""


def names(text: str, endpoint: Resource, graph: Graph) -> bool | Unknown:
    """Whether ``text`` (of ``shown``) is the name of ``endpoint``; Unknown if it holds something that could be."""
    name = shown(endpoint.get("EndpointName"))
    if f"${{{endpoint.address}." in text or (name and text == name):
        return True
    if any(text.startswith(f"${{{other.address}.") for other in graph.of_type(ENDPOINT)):
        return False
    if "${" in text or not text:
        return Unknown("the name of the endpoint could not be resolved")
    return Unknown("the endpoint's own name could not be resolved") if "${" in name else False
