"""The seam between rules and surfaces.

A **rule** is a pure function from one resource and its graph to an ``Outcome``; it is written once. A **surface** turns
some input (a folder of Terraform, a template, a plan, AWS Config items) into graphs. Neither knows the other.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Severity, Verdict
from averment.policies.graph.model import OUTSIDE, Dialect, Graph, Resource, Unknown
from averment.policies.graph.physical import Deployed


@dataclass(frozen=True)
class Context:
    """What a rule may look at besides its resource: the whole graph, the organisation's scope, its parameters.

    ``unread`` are the types of neighbours that could not be fetched (AWS Config), each with the reason: that none of them
    is in the graph proves nothing.
    """

    graph: Graph
    scope: Scope = field(default_factory=Scope)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)

    def not_read(self, *types: str) -> Unknown | None:
        """That the first of ``types`` that could not be fetched wasn't, and why; None if all were."""
        return next((Unknown(f"{name} could not be read: {self.unread[name]}") for name in types if name in self.unread), None)


@dataclass(frozen=True)
class Entries:
    """What a list must hold besides that which stands in it; ``text`` is a list in JSON, of strings or plain maps."""

    text: str

    @property
    def items(self) -> list[Any]:
        """The entries as plain data."""
        return list(json.loads(self.text))

    def __str__(self) -> str:
        return ", ".join(item if isinstance(item, str) else json.dumps(item) for item in self.items)


Value = bool | str | Entries


@dataclass(frozen=True)
class Setting:
    """An attribute in Terraform: the names of nested blocks and, last, its own; ``value`` where it isn't that of the normal form."""

    names: tuple[str, ...]
    value: Value | None = None


@dataclass(frozen=True)
class Change:
    """One mechanical step of a fix, for ``averment check --fix``: the property ``path`` (normal form) gets ``value``.

    Only for what is right whatever else the file says, such as a flag that must be on. ``terraform`` is the setting in the Terraform
    block that holds it: the resource's own, or one of type ``holder`` (a bucket's ``aws_s3_bucket_versioning``); ``inline`` the same
    setting where older providers keep it in the resource's own. ``create`` is that whole block of type ``holder``, to be added after
    the resource where there is none. ``of`` is the resource to change where it isn't the one that was asked about. ``also`` are further
    steps in the same block, made with this one or not at all.
    """

    path: tuple[str, ...]
    value: Value
    terraform: Setting
    holder: str | None = None
    create: str | None = None
    inline: Setting | None = None
    of: Resource | None = field(default=None, compare=False, repr=False)
    also: tuple[Change, ...] = ()

    def __str__(self) -> str:
        return f"{'.'.join(self.path)} = {self.value}"


@dataclass(frozen=True)
class Edit:
    """A ``Change`` and the resource that it is for: enough to find the place again in the text of ``file``.

    ``line`` is one of the block that holds the setting, or of the resource where no such block was seen (``held`` is False);
    ``exact``: the setting itself stands there. ``instances``: so many resources (count, for_each, calls of a module) come from the
    block, or have the setting from it. ``root`` is a file of the root module, or the outermost template, whose resource asks for it.
    """

    dialect: Dialect
    file: str
    line: int
    address: str
    native_type: str
    held: bool
    exact: bool
    change: Change
    instances: int = 1
    root: str = ""


@dataclass(frozen=True)
class Outcome:
    """A rule's verdict on one resource.

    ``message`` says what is wrong (or unknown) *in this resource*, in one sentence, with the offending value. ``where`` is
    the finest place known. ``fix`` is the smallest change that mends it, as code in the resource's dialect, or None;
    ``changes`` is the part of it that is mechanical.

    Raises:
        TypeError: a part isn't of its type: said while the rule runs, so that the run names the rule and not the report that trips over it.
        ValueError: it fails or can't tell, and doesn't say why.
    """

    verdict: Verdict
    message: str = ""
    where: SourceRef | None = None
    fix: str | None = None
    changes: tuple[Change, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what rules of somebody's own may hand over, since nobody checks their types."""
        for name, value, kind, optional in (
            ("verdict", self.verdict, Verdict, False),
            ("message", self.message, str, False),
            ("where", self.where, SourceRef, True),
            ("fix", self.fix, str, True),
            ("changes", self.changes, tuple, False),
        ):
            if not (isinstance(value, kind) or (optional and value is None)):
                raise TypeError(f"the {name} of an outcome is a {kind.__name__}, not a {type(value).__name__}")
        if (other := next((change for change in self.changes if not isinstance(change, Change)), None)) is not None:
            raise TypeError(f"each of the changes of an outcome is a Change, not a {type(other).__name__}")
        if self.verdict in (Verdict.FAIL, Verdict.UNKNOWN) and not self.message.strip():
            raise ValueError(f"an outcome of {self.verdict} says why, and its message is empty")


PASS = Outcome(Verdict.PASS)
NOT_APPLICABLE = Outcome(Verdict.NOT_APPLICABLE)


def fail(message: str, *, where: SourceRef | None = None, fix: str | None = None, changes: tuple[Change, ...] = ()) -> Outcome:
    """The resource breaks the rule."""
    return Outcome(Verdict.FAIL, message, where, fix, changes)


def unknown(reason: str, *, where: SourceRef | None = None) -> Outcome:
    """The rule can't tell, and why. Never a pass."""
    return Outcome(Verdict.UNKNOWN, reason, where)


def says_only_outside(outcome: Outcome, resource: Resource) -> bool:
    """Whether ``outcome`` tells no more than that ``resource`` is outside of what was read, which its graph says once for all rules."""
    return resource.outside and outcome.verdict is Verdict.UNKNOWN and OUTSIDE in outcome.message


class Kind(StrEnum):
    """What a rule looks at. Source code is never deployed as a resource: rules about it run before a merge only, not in AWS Config."""

    INFRASTRUCTURE = "infrastructure"
    CODE = "code"


@dataclass(frozen=True)
class Rule:
    """A rule and what people need to know of it. ``id`` is its slug and the name of its folder under ``policies/rules``.

    ``types`` are the types (CloudFormation's, or ``Averment::Code::Function``) that ``evaluate`` is called with. ``neighbours``
    are the types that it looks up in the graph, so that a surface that fetches lazily (AWS Config) knows what to fetch; ``guessing`` those
    that it needs besides as long as the organisation hasn't said which buckets hold media, and their use has to tell. ``origin`` is the
    top-level module that a rule of somebody's own was loaded from, filled in by whoever loads it.
    """

    id: str
    title: str
    severity: Severity
    types: tuple[str, ...]
    evaluate: Callable[[Resource, Context], Outcome] = field(repr=False)
    remediation: str
    neighbours: tuple[str, ...] = ()
    guessing: tuple[str, ...] = ()
    kind: Kind = Kind.INFRASTRUCTURE
    origin: str = field(default="", compare=False, repr=False)

    def looks_up(self, scope: Scope) -> tuple[str, ...]:
        """The types of neighbours that it looks up in an organisation with this ``scope``."""
        return tuple(dict.fromkeys((*self.neighbours, *(self.guessing if scope.guesses else ()))))


@dataclass(frozen=True)
class Finding:
    """One verdict of one rule on one resource, as reported: every verdict but "not applicable" becomes one.

    ``where`` is the finest place, ``defined`` that of the resource. ``waived_by`` says who accepted it, ``baseline`` names the
    baseline that lists it: neither is open then. ``deployed`` is what the resource is called in AWS Config, as far as the code says.
    ``called`` are the files that call the module or nested stack in which the resource stands, outermost first.
    """

    rule: str
    severity: Severity
    verdict: Verdict
    message: str
    resource: str
    resource_type: str
    where: SourceRef
    fix: str | None = None
    waived_by: str | None = None
    baseline: str | None = None
    defined: SourceRef | None = None
    edits: tuple[Edit, ...] = ()
    deployed: tuple[Deployed, ...] = ()
    called: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether it is waived, or known from the baseline."""
        return self.waived_by is not None or self.baseline is not None

    @property
    def counts(self) -> bool:
        """Whether it is an open failure (failed and not accepted)."""
        return self.verdict is Verdict.FAIL and not self.accepted


def in_its_file(resource: str, file: str) -> str:
    """What ``resource`` is called within ``file``: a function of source code has its file before its name, from wherever the check began."""
    steps = file.replace(os.sep, "/").split("/")
    heads = (f"{'/'.join(steps[first:])}:" for first in range(len(steps)))
    return next((resource.removeprefix(head) for head in heads if resource.startswith(head)), resource)
