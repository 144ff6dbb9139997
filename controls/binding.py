"""Which references bind an organisation, and from which day: the profile's facts against each reference's conditions.

Not legal advice: the facts are the organisation's own statement, and a condition that only a person can judge stays open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from averment.controls.model import Catalogue, Provision, Reference


class Standing(StrEnum):
    """What a reference is to an organisation on a day. ``OPEN``: a fact or a judgement is missing, so it may bind."""

    BINDS = "binds"
    LATER = "binds-later"
    OPEN = "open"
    NOT_BOUND = "does-not-bind"
    VOLUNTARY = "voluntary"


STRONGEST_FIRST = (Standing.BINDS, Standing.OPEN, Standing.LATER, Standing.VOLUNTARY, Standing.NOT_BOUND)


@dataclass(frozen=True)
class Judgement:
    """A reference's standing with its reason; ``since`` is the first day on which the provision applies, where dated."""

    reference: Reference
    standing: Standing
    reason: str
    since: date | None = None


FACT_WORDS: Mapping[str, str] = {
    "provider": "it provides a generative AI system",
    "deployer": "it uses an AI system under its own authority",
    "generates_media": "it generates media",
    "generators_before_august_2026": "each generative system that it provides was on the market before 2 August 2026",
    "uses_rekognition": "it uses Amazon Rekognition",
    "very_large_platform": "it is a designated very large platform",
    "online_platform": "it is an online platform",
    "high_risk_provider": "it provides a high-risk AI system",
    "high_risk_deployer": "it uses a high-risk AI system",
    "emotion_or_categorisation": "it recognises emotions or categorises people by biometric data",
    "processes_biometrics": "it processes biometric data",
    "personal_data": "it processes personal data under the GDPR",
    "nis2_entity": "it is an essential or important entity under NIS2",
    "california_provider": "it is a covered provider under California's AI Transparency Act",
    "california_platform": "it is a large online platform under California's AI Transparency Act",
}
"""Each fact of the profile as the end of a sentence on the organisation."""


def judge(catalogue: Catalogue, reference: Reference, profile: Mapping[str, bool], day: date) -> Judgement:
    """The standing of ``reference`` for an organisation with ``profile`` on ``day``.

    A fact that the profile leaves out is unknown, not false. A voluntary reference with facts binds where all of them hold.
    What starts after ``day`` can't bind on it, whatever the facts.
    """
    provision = catalogue.provision(reference)
    if provision is None:
        return Judgement(reference, Standing.OPEN, f"{reference.framework} has no provision {reference.ref}")
    voluntary, starts = reference.basis == "voluntary", provision.starts
    if reference.routes == ((),):
        if voluntary:
            return Judgement(reference, Standing.VOLUNTARY, "adopted by choice", starts)
        if reference.basis == "conditional":
            return _open(reference, provision, day, f"binds if {reference.condition}")
        return _dated(reference, provision, (), profile, day)
    holding = [route for route in reference.routes if all(profile.get(fact) for fact in route)]
    undecided = [route for route in reference.routes if _undecided(route, profile)]
    unstated = [tuple(fact for fact in route if fact not in profile) for route in undecided]
    asked = " or ".join(_words(route) for route in unstated)
    if holding:
        first = min(holding, key=lambda route: _start(provision, route, profile) or date.min)
        found = _dated(reference, provision, first, profile, day)
        sooner = [route for route in undecided if (_start(provision, route, profile) or date.min) <= day]
        if found.standing is not Standing.LATER or voluntary or not sooner:
            return found
        now = " or ".join(_words(tuple(fact for fact in route if fact not in profile)) for route in sooner)
        return Judgement(reference, Standing.OPEN, f"the profile does not say whether {now}; otherwise {found.reason}", starts)
    if unstated and voluntary:
        return Judgement(reference, Standing.VOLUNTARY, f"would bind the organisation if {asked}", starts)
    if unstated:
        return _open(reference, provision, day, f"the profile does not say whether {asked}")
    denied = list(dict.fromkeys(fact for route in reference.routes for fact in route if profile.get(fact) is False))
    standing = Standing.VOLUNTARY if voluntary else Standing.NOT_BOUND
    return Judgement(reference, standing, f"the profile denies that {_words(denied)}", starts)


def judge_control(catalogue: Catalogue, control_id: str, profile: Mapping[str, bool], day: date) -> tuple[Judgement, ...]:
    """The judgements on every reference of a control, in its order; none for an unknown control."""
    control = catalogue.get(control_id)
    return tuple(judge(catalogue, reference, profile, day) for reference in control.references) if control else ()


_BINDING = {Standing.BINDS: ("binds", "bind"), Standing.LATER: ("binds later", "bind later"), Standing.OPEN: ("may bind", "may bind")}


def told_of_law(
    catalogue: Catalogue, control_id: str, profile: Mapping[str, bool], day: date, *, begins: date | None = None
) -> tuple[str, ...]:
    """In words what binds an organisation with ``profile`` on ``day`` of what a control refers to, will or may: together what does for the same
    reason. Of a time that ``begins`` before a provision binds, that it didn't in all of it."""
    together: dict[tuple[Standing, str, str], list[str]] = {}
    for item in judge_control(catalogue, control_id, profile, day):
        if item.standing in _BINDING:
            ending = _not_all_along(catalogue, item, profile, day, begins) if begins and item.standing is Standing.BINDS else ""
            names = together.setdefault((item.standing, item.reason, ending), [])
            names.append(f"{catalogue.name(item.reference)}{catalogue.unsure(item.reference)}")
    told = []
    for (standing, reason, ending), names in together.items():
        several = len(names) > 1
        text = f"{', '.join(names)} {_BINDING[standing][several]}: {reason}"
        told.append(text + ending.format(it="they" if several else "it"))
    return tuple(told)


def _not_all_along(catalogue: Catalogue, item: Judgement, profile: Mapping[str, bool], day: date, begins: date) -> str:
    """How it is told that what binds on ``day`` didn't, or may not have, at some time since ``begins``; empty where it did all the time."""
    before = "; before {}, in the same period, {{it}} did not bind{}"
    if item.since is not None and item.since > begins:
        return before.format(item.since, "")
    provision = catalogue.provision(item.reference)
    late = provision.transition if provision else None
    if late is None or late.fact in profile:
        return ""
    since = judge(catalogue, item.reference, {**profile, late.fact: True}, day).since
    unstated = f" if {_words((late.fact,))}, which the profile does not say"
    return before.format(since, unstated) if since is not None and since > begins else ""


@dataclass(frozen=True)
class LawDate:
    """A day of the law register: what starts or ends then, in which provision."""

    on: date
    framework: str
    ref: str
    label: str
    what: str
    confirmed: bool


def law_register(catalogue: Catalogue) -> tuple[LawDate, ...]:
    """Every dated event of the catalogue's laws by day: when provisions start, and later milestones; within a day as the files list them."""
    dates = []
    for framework in catalogue.frameworks.values():
        dates += [LawDate(item.on, framework.id, "amendments", framework.title, item.what, True) for item in framework.amendments]
        for provision in framework.provisions.values():
            where = (framework.id, provision.ref, f"{framework.title} {provision.label}")
            if provision.applies_from:
                dates.append(LawDate(provision.applies_from, *where, f"applies: {provision.title}", provision.confirmed))
            if provision.first_binds:
                dates.append(LawDate(provision.first_binds, *where, f"first binds somebody: {provision.title}", provision.confirmed))
            dates += [
                LawDate(item.on, *where, item.what, provision.confirmed and "unconfirmed" not in item.what) for item in provision.dates
            ]
    return tuple(sorted(dates, key=lambda item: item.on))


def _undecided(route: tuple[str, ...], profile: Mapping[str, bool]) -> bool:
    return any(fact not in profile for fact in route) and all(profile.get(fact, True) for fact in route)


def _open(reference: Reference, provision: Provision, day: date, reason: str) -> Judgement:
    if provision.starts is not None and provision.starts > day:
        return Judgement(reference, Standing.LATER, f"from {provision.starts} at the earliest; {reason}", provision.starts)
    return Judgement(reference, Standing.OPEN, reason, provision.starts)


def _start(provision: Provision, route: tuple[str, ...], profile: Mapping[str, bool]) -> date | None:
    """The first day on which ``provision`` binds whoever is bound by the facts of ``route``."""
    late = provision.transition
    if late is None or late.role not in route or not profile.get(late.fact):
        return provision.starts
    return max(late.until, provision.starts or late.until)


def _dated(reference: Reference, provision: Provision, route: tuple[str, ...], profile: Mapping[str, bool], day: date) -> Judgement:
    start, late = _start(provision, route, profile), provision.transition
    why = f", as {_words(route)}" if route else ""
    if start != provision.applies_from:
        why += f" (the provision itself applies from {provision.applies_from})"
    why += "".join(f"; {item.on}: {item.what}" for item in provision.dates if item.on > day)
    if late is not None and late.role in route and late.fact not in profile and day < late.until:
        why += f"; only from {late.until} if {_words((late.fact,))}, which the profile would have to say"
    if start is not None and start > day:
        return Judgement(reference, Standing.LATER, f"from {start}{why}", start)
    return Judgement(reference, Standing.BINDS, f"since {start}{why}" if start else f"binding{why}", start)


def _words(facts: tuple[str, ...] | list[str]) -> str:
    return " and ".join(FACT_WORDS.get(fact, fact) for fact in facts)
