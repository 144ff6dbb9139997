"""What a control is: plain, immutable values that the loader makes out of YAML."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from averment.core.source import SourceRef
from averment.core.words import Method, Severity


@dataclass(frozen=True)
class Framework:
    """A law or standard: ``id``, ``title``, ``version``, and its provisions by reference text (``art-50-2``, ``MANAGE 3.1``)."""

    id: str
    title: str
    version: str
    kind: str  # law, standard, guideline, threat-catalogue
    source: str
    provisions: Mapping[str, Provision]
    full_title: str = ""
    as_of: date | None = None  # the day on which the law or standard was read
    note: str | None = None
    amendments: tuple[Milestone, ...] = ()  # later acts that changed the text, with the day on which they entered into force


@dataclass(frozen=True)
class Milestone:
    """A further day that matters to a provision, such as the end of a transition."""

    on: date
    what: str


@dataclass(frozen=True)
class Transition:
    """A later start for some: until the day ``until``, whoever is bound in the role ``role`` (a profile fact) is not yet bound
    if the profile states ``fact``. An exception has to be claimed: a profile that is silent on ``fact`` doesn't have it."""

    until: date
    role: str
    fact: str


@dataclass(frozen=True)
class Provision:
    """One article or requirement. ``label`` is how it is cited ("Art 50(2)"), ``draft`` its number in the drafts if another.

    ``applies_from`` is the first day on which it applies (None: not dated, or not a law); ``first_binds`` the first day on
    which it can bind anybody, if that is later (a duty on high-risk systems before any system is high-risk); ``binds`` says whom.
    ``confirmed`` is False where no authentic or consolidated source was read: shown as such everywhere.
    ``gap`` says why no control covers it, where none is meant to.
    """

    ref: str
    label: str
    title: str
    draft: str | None = None
    applies_from: date | None = None
    binds: str | None = None
    note: str | None = None
    confirmed: bool = True
    dates: tuple[Milestone, ...] = ()
    first_binds: date | None = None
    transition: Transition | None = None
    gap: str | None = None

    @property
    def starts(self) -> date | None:
        """The first day on which it can bind somebody, transitions aside; None where nothing is dated."""
        return self.first_binds or self.applies_from


@dataclass(frozen=True)
class Reference:
    """A control's link to a provision: ``basis`` is binding, conditional or voluntary; ``condition`` says when it binds.

    ``when`` and ``any_of`` say it in facts of the profile: it binds where all of ``when`` hold and, if there are
    ``any_of``, all facts of one of these.
    """

    framework: str
    ref: str
    basis: str
    condition: str | None = None
    when: tuple[str, ...] = ()  # profile facts (provider, deployer, ...) that must all hold for it to bind
    where: SourceRef = field(default_factory=SourceRef, compare=False)
    any_of: tuple[tuple[str, ...], ...] = ()

    @property
    def routes(self) -> tuple[tuple[str, ...], ...]:
        """The ways in which it comes to bind, each a set of facts that must all hold; one empty way if no fact is asked for."""
        return tuple((*self.when, *way) for way in self.any_of) or (self.when,)


@dataclass(frozen=True)
class Assessment:
    """One way to find out. Exactly one of ``policy``, ``collector``, ``claim``, ``attestation`` drives it, but a ``collector``
    may name the ``policy`` whose run-time verdicts it reads, and a bare collector carries an ``expect``ation on its payload:
    ``{"field": "summary.published_without_verdict", "at_most": 0}`` (or ``at_least``, ``equals``), with ``each`` the place of the list of
    what it counts. ``needs`` names the parameters of averment.yaml that say what counts: without one of them it can't be assessed.
    ``goes_with`` names assessments of the same control: where one of these found something, there is something here as well, and to have
    found nothing is no answer."""

    id: str
    method: Method
    policy: str | None = None
    collector: str | None = None
    claim: Mapping[str, Any] | None = None
    attestation: Mapping[str, Any] | None = None
    expect: Mapping[str, Any] | None = None
    max_age: timedelta | None = None
    title: str = ""
    where: SourceRef = field(default_factory=SourceRef, compare=False)
    needs: tuple[str, ...] = ()
    goes_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class Control:
    """Something that must be true. ``where`` is its file, ``weakened`` lists what an overlay made less strict,
    each with the reason given, and ``tailored`` what it changed otherwise."""

    id: str
    title: str
    objective: str
    severity: Severity
    owner: str
    cadence: str
    rationale: str
    references: tuple[Reference, ...]
    assessments: tuple[Assessment, ...]
    runbook: str | None = None
    blueprint: str | None = None
    steps: tuple[str, ...] = ()  # how to put it right, in words
    where: SourceRef = field(default_factory=SourceRef)
    weakened: tuple[str, ...] = ()
    tailored: tuple[str, ...] = ()

    @property
    def family(self) -> str:
        """``UPL`` of ``SM-UPL-03``."""
        return self.id.split("-")[1]

    @property
    def rules(self) -> list[str]:
        """The ids of the rules that its assessments rest on, in alphabetical order."""
        return sorted({item.policy for item in self.assessments if item.policy})


@dataclass(frozen=True)
class Catalogue:
    """The controls that an organisation selected, with the frameworks that they refer to.

    ``left_out`` names the controls that exist but were not selected, so that reports can say so.
    """

    controls: tuple[Control, ...]
    frameworks: Mapping[str, Framework]
    left_out: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Control]:
        return iter(self.controls)

    def get(self, control_id: str) -> Control | None:
        """The control called ``control_id``."""
        return next((control for control in self.controls if control.id == control_id), None)

    def for_policy(self, rule_id: str) -> tuple[Control, ...]:
        """The controls that have an assessment by the rule ``rule_id``."""
        return tuple(c for c in self.controls if any(a.policy == rule_id for a in c.assessments))

    def provision(self, reference: Reference) -> Provision | None:
        """The provision that ``reference`` points to, if its framework has it."""
        framework = self.frameworks.get(reference.framework)
        return framework.provisions.get(reference.ref) if framework else None

    def cite(self, reference: Reference) -> str:
        """How a reference is written for people: "EU AI Act Art 50(2), voluntary"; unconfirmed ones say so."""
        return f"{self.name(reference)}, {reference.basis}{self.unsure(reference)}"

    def name(self, reference: Reference) -> str:
        """What a reference leads to: "EU AI Act Art 50(2)"."""
        framework, provision = self.frameworks.get(reference.framework), self.provision(reference)
        return f"{framework.title if framework else reference.framework} {provision.label if provision else reference.ref}"

    def unsure(self, reference: Reference) -> str:
        """What has to stand behind the name of a provision of which no authentic or consolidated text was read."""
        provision = self.provision(reference)
        return " (unconfirmed)" if provision is not None and not provision.confirmed else ""
