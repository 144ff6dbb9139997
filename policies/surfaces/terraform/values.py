"""Values that exist only while Terraform is evaluated, and the environment that names are looked up in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from averment.core.observer import Observer
from averment.core.source import SourceRef
from averment.policies.graph.model import PropertyPath, Reference, Unknown
from averment.policies.graph.text import JsonText
from averment.policies.surfaces.terraform.syntax.native import Block, Module

MAX_STEPS = 1_000_000
"""Evaluations in one root module; beyond it a configuration is hostile or machine-made."""

MAX_NODES = 200_000
"""Values in one attribute."""

MAX_LENGTH = 1_000_000
"""Characters of a string, items of a list."""


class EvaluationLimitError(Exception):
    """An expression that expands beyond the bounds above."""


def weighed(value: Any) -> Any:
    """``value``, if it has at most ``MAX_NODES`` values, counted as often as they appear (a list may hold another twice).

    Raises:
        EvaluationLimitError: it has more; whoever walks through it would not come back.
    """
    stack, count = [value], 0
    while stack:
        item = stack.pop()
        if isinstance(item, dict | list):
            count += len(item)
            if count > MAX_NODES:
                raise EvaluationLimitError
            stack += item.values() if isinstance(item, dict) else item
    return value


class Unevaluated(Unknown):
    """An expression that our evaluation doesn't know; tfparse may."""


class Failed(Unknown):
    """A definite error of the expression (a key that isn't there), which ``try`` and ``can`` catch."""


def known(*values: Any) -> bool:
    """Whether none of ``values`` is itself unknown or a reference."""
    return not any(isinstance(value, Unknown | Reference) for value in values)


class Reading(Protocol):
    """What the evaluation of one root module shares: its folders, its bounds, and what looks at files for it.

    ``folder`` is the root module's, ``boundary`` the one beyond which no file is read, ``templates`` how many render each other right now.
    """

    folder: Path
    boundary: Path
    templates: int
    observer: Observer

    def within(self, path: Path) -> bool:
        """Whether ``path``, with every link followed, lies in ``boundary``."""

    def step(self) -> None:
        """Count an evaluation.

        Raises:
            EvaluationLimitError: there were too many.
        """


class Scope(Protocol):
    """A module as the expressions inside it see it."""

    @property
    def module(self) -> Module:
        """Its blocks, and the folder they stand in."""

    @property
    def loader(self) -> Reading:
        """What it shares with the other modules."""

    @property
    def env(self) -> Env:
        """Where its own expressions stand."""

    def name(self, name: str, env: Env) -> Any:
        """What the first word of a traversal stands for."""

    def data_attribute(self, handle: Handle, name: str) -> Any:
        """An attribute of a data source."""


@dataclass(frozen=True)
class Env:
    """Where an expression stands: its module, and the names that surround it (``each``, ``count``, iterators)."""

    module: Scope
    names: Mapping[str, Any] = field(default_factory=dict)
    file: str = ""

    def bind(self, **names: Any) -> Env:
        """This environment with more names."""
        return Env(self.module, {**self.names, **names}, self.file)

    def within(self, file: str) -> Env:
        """This environment in another file."""
        return self if self.file == file else Env(self.module, self.names, file)


class SetValue(list[Any]):
    """A set: where something goes over it, each item is its own key, not its position."""


class PlacedMap(dict[str, Any]):
    """A map that remembers where it was written."""

    def __init__(self, values: Mapping[str, Any], where: SourceRef) -> None:
        super().__init__(values)
        self.where = where


def places_in(value: Any, path: PropertyPath) -> Iterator[tuple[PropertyPath, SourceRef]]:
    """The place of each map inside ``value`` that remembers one."""
    if isinstance(value, JsonText):
        value = value.value
    if isinstance(value, PlacedMap) and value.where.file:
        yield path, value.where
    if isinstance(value, dict):
        for key, item in value.items():
            yield from places_in(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places_in(item, (*path, index))


@dataclass(frozen=True)
class Handle:
    """A resource or data source as a whole, before an attribute of it is asked for."""

    address: str
    block: Block
    env: Env
    data: bool = False


_ATTRIBUTES = {
    "arn": "Arn",
    "id": "Ref",
    "name": "Ref",
    "bucket": "Ref",
    "function_name": "Ref",
    "url": "Ref",
    "key_id": "Ref",
    "invoke_arn": "InvokeArn",
    "qualified_arn": "QualifiedArn",
    "bucket_domain_name": "DomainName",
    "bucket_regional_domain_name": "RegionalDomainName",
    "website_endpoint": "WebsiteURL",
    "domain_name": "DomainName",
    "iam_arn": "IamArn",
    "cloudfront_access_identity_path": "IdentityPath",
    "s3_canonical_user_id": "S3CanonicalUserId",
    "unique_id": "UniqueId",
    "execution_arn": "ExecutionArn",
    "root_resource_id": "RootResourceId",
    "dns_name": "DNSName",
}
"""Attributes that name or locate a resource: always kept as references, in CloudFormation's words."""


def attribute_reference(address: str, name: str) -> Reference | None:
    """The reference that ``name`` of a resource is always kept as, if it is one of the naming attributes."""
    mapped = _ATTRIBUTES.get(name)
    return Reference(address, mapped) if mapped else None


def finished(value: Any, _left: list[int] | None = None) -> Any:
    """``value`` with handles turned into references, as it may leave the evaluation.

    Raises:
        EvaluationLimitError: it has more than ``MAX_NODES`` values (lists of the same list of the same list ...).
    """
    left = _left if _left is not None else [MAX_NODES]
    left[0] -= 1
    if left[0] < 0:
        raise EvaluationLimitError
    if isinstance(value, Handle):
        return Unknown(f"the whole of {value.address}") if value.data else Reference(value.address)
    if isinstance(value, dict):
        done = {str(key): finished(item, left) for key, item in value.items()}
        return PlacedMap(done, value.where) if isinstance(value, PlacedMap) else done
    if isinstance(value, list):
        return [finished(item, left) for item in value]
    return value
