"""Controls, assessments, provisions and frameworks as topics, with what they are to this organisation today."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from averment.cli.explain.provisions import Match, framework_words, matches, tokens
from averment.cli.explain.topics import Section, Topic, section
from averment.controls.binding import Judgement, judge, judge_control
from averment.controls.crosswalk import UNEXPLAINED
from averment.controls.describe import means
from averment.controls.model import Assessment, Catalogue, Control, Framework, Provision
from averment.core.organisation import Organisation

MOST = 4
"""So many provisions are told in full; of more there is a list, and the reader names one."""


@dataclass(frozen=True)
class Shelf:
    """Where the controls and the law are looked up: for ``organisation``, as things stand on ``day``."""

    organisation: Organisation
    catalogue: Catalogue
    day: date

    def control(self, thing: str) -> tuple[Topic, ...]:
        """The control, or the assessment (``SM-DET-03/validated``), of this name."""
        name, slash, assessment_id = thing.strip().partition("/")
        control = self.catalogue.get(name.upper())
        if control is None:
            return ()
        if not slash:
            return (self._control(control),)
        found = (item for item in control.assessments if item.id == assessment_id.lower())
        return tuple(self._assessment(control, item) for item in found)

    def law(self, thing: str) -> tuple[Topic, ...]:
        """The framework, or the provisions, that ``thing`` names."""
        wanted = tokens(thing)
        for framework in self.catalogue.frameworks.values():
            if wanted and wanted in (tokens(framework.id), tokens(framework.title)):
                return (self._framework(framework),)
        found = matches(self.catalogue, thing)
        if len(found) > MOST:
            lines = tuple(
                f"{item.framework.title} {item.provision.label}{f', draft {item.provision.draft}' if item.draft else ''}: "
                f"{item.provision.title} ({_covered(self.serving(item))})"
                for item in found
            )
            first = f"averment explain '{found[0].framework.title} {found[0].provision.label}'"
            return (
                Topic("list", thing, f"{len(found)} provisions begin with or are called {thing}", section("Provisions", lines), (first,)),
            )
        return tuple(self._provision(item) for item in found) if found else self._named(wanted)

    def _named(self, wanted: tuple[str, ...]) -> tuple[Topic, ...]:
        """The framework whose title ends so ("AI Act"), or that alone has these words in its name."""
        every = tuple(self.catalogue.frameworks.values())
        ending = [item for item in every if wanted and tokens(item.title)[-len(wanted) :] == wanted]
        named = [item for item in every if wanted and set(wanted) <= framework_words(item)]
        chosen = next((found for found in (ending, named) if len(found) == 1), [])
        return tuple(self._framework(item) for item in chosen)

    def serving(self, match: Match) -> tuple[Control, ...]:
        """The selected controls that refer to the provision."""
        name = (match.framework.id, match.provision.ref)
        return tuple(control for control in self.catalogue if any((ref.framework, ref.ref) == name for ref in control.references))

    def _control(self, control: Control) -> Topic:
        law = [
            f"{self.catalogue.cite(item.reference).rsplit(',', 1)[0]}: {_standing(item)}"
            for item in judge_control(self.catalogue, control.id, self.organisation.profile, self.day)
        ]
        changes = [f"weakened: {text}" for text in control.weakened] + [f"tailored: {text}" for text in control.tailored]
        help_ = [f"runbook {control.runbook}"] if control.runbook else []
        help_ += [f"blueprint {control.blueprint}"] if control.blueprint else []
        rules = list(dict.fromkeys(item.policy for item in control.assessments if item.policy))
        sections = (
            *section("Objective", control.objective),
            *section("Why", control.rationale),
            *section(f"Law and standards on {self.day}", law),
            *section("How it is assessed", [f"{item.id} ({item.method}): {item.title}; {means(item)}" for item in control.assessments]),
            *section("How to put it right", [*control.steps, *help_]),
            *section("Changed by this organisation", changes),
            *section("Weight", f"{control.severity}; owner {control.owner}; cadence {control.cadence}"),
        )
        see = (*(f"averment explain {rule}" for rule in rules), "averment status", f"averment check --rule {control.id}" if rules else "")
        return Topic("control", control.id, control.title, sections, tuple(item for item in see if item))

    def _assessment(self, control: Control, assessment: Assessment) -> Topic:
        drivers = (assessment.policy, assessment.collector, (assessment.claim or {}).get("type"))
        sections = (
            *section("Looks at", assessment.title),
            *section("How", f"{assessment.method}: {means(assessment)}"),
            *section("Of the control", f"{control.id} {control.title}"),
        )
        see = (f"averment explain {control.id}", *(f"averment explain {name}" for name in drivers if name))
        return Topic("assessment", f"{control.id}/{assessment.id}", assessment.title or assessment.id, sections, see)

    def _framework(self, framework: Framework) -> Topic:
        lines = [
            f"{item.label}: {item.title} ({_covered(self.serving(Match(framework, item, exact=True)))})"
            for item in framework.provisions.values()
        ]
        sections = (
            *section("Text", [f"{framework.full_title or framework.title}, {framework.version}", framework.source]),
            *section("Read on", framework.as_of.isoformat() if framework.as_of else None),
            *section("Note", framework.note),
            *section("Amended", [f"{item.on}: {item.what}" for item in framework.amendments]),
            *section("Provisions, with the controls that serve them", lines),
        )
        see = (f"averment controls crosswalk --framework {framework.id}", f"averment controls crosswalk --framework {framework.id} --gaps")
        return Topic(f"framework ({framework.kind})", framework.id, framework.title, sections, see)

    def _provision(self, match: Match) -> Topic:
        framework, provision = match.framework, match.provision
        controls = self.serving(match)
        sections = (
            *section("Says", provision.title),
            *section("Number", _numbers(match)),
            *section("Whom", provision.binds),
            *section("When", list(_days(provision, self.day))),
            *section("Note", provision.note),
            *section("Unconfirmed", None if provision.confirmed else "No authentic or consolidated text was read for this."),
            *section(f"For {self.organisation.name}, on {self.day}", list(self._standings(match, controls))),
            *section("Controls that serve it", [f"{control.id} {control.title}" for control in controls]),
            *section("No control", None if controls else provision.gap or UNEXPLAINED),
            *section("Source", f"{framework.full_title or framework.title}, {framework.version}: {framework.source}"),
        )
        see = tuple(f"averment explain {control.id}" for control in controls)
        return Topic("provision", f"{framework.id} {provision.ref}", f"{framework.title} {provision.label}", sections, see)

    def _standings(self, match: Match, controls: Iterable[Control]) -> Iterator[str]:
        told: set[str] = set()
        for control in controls:
            for reference in control.references:
                if (reference.framework, reference.ref) != (match.framework.id, match.provision.ref):
                    continue
                found = judge(self.catalogue, reference, self.organisation.profile, self.day)
                line = _standing(found)
                if line not in told:
                    yield line
                told.add(line)
        if told:
            yield "By the organisation's own profile; not legal advice."


def _standing(found: Judgement) -> str:
    return found.reason if found.reason.startswith(found.standing) else f"{found.standing}, {found.reason}"


def _covered(controls: tuple[Control, ...]) -> str:
    return ", ".join(control.id for control in controls) or "no control"


def _numbers(match: Match) -> str | None:
    if match.provision.draft is None:
        return None
    asked = " (which was asked for)" if match.draft else ""
    return f"{match.provision.label} as adopted; the drafts called it {match.provision.draft}{asked}"


def _days(provision: Provision, day: date) -> Iterator[str]:
    if provision.applies_from:
        yield f"applies from {provision.applies_from}"
    if provision.first_binds and provision.first_binds != provision.applies_from:
        yield f"can bind somebody from {provision.first_binds}"
    if provision.transition:
        item = provision.transition
        word = "has" if day < item.until else "had"
        yield f"whoever is bound as {item.role} {word} until {item.until} if the profile says {item.fact}: true"
    for milestone in provision.dates:
        yield f"{milestone.on}: {milestone.what}"


def rule_controls(catalogue: Catalogue, rule_id: str) -> tuple[Section, ...]:
    """The controls that a rule serves, as a section."""
    return section("Serves", [f"{control.id} {control.title}" for control in catalogue.for_policy(rule_id)])
