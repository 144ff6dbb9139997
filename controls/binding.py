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
    "uses_rekognition": "it uses Amazon Rekognition",
    "very_large_platform": "it is a designated very large platform",
    "high_risk_provider": "it provides a high-risk AI system",
    "processes_biometrics": "it processes biometric data",
}
"""Each fact of the profile as the end of a sentence on the organisation."""


def judge(catalogue: Catalogue, reference: Reference, profile: Mapping[str, bool], day: date) -> Judgement:
    """The standing of ``reference`` for an organisation with ``profile`` on ``day``.

    A fact that the profile leaves out is unknown, not false. A voluntary reference with facts binds where all of them hold.
    """
    provision = catalogue.provision(reference)
    if provision is None:
        return Judgement(reference, Standing.OPEN, f"{reference.framework} has no provision {reference.ref}")
    voluntary = reference.basis == "voluntary"
    against = [fact for fact in reference.when if profile.get(fact) is False]
    unstated = [fact for fact in reference.when if fact not in profile]
    if against:
        standing = Standing.VOLUNTARY if voluntary else Standing.NOT_BOUND
        return Judgement(reference, standing, f"the profile denies that {_words(against)}", provision.applies_from)
    if unstated and voluntary:
        return Judgement(reference, Standing.VOLUNTARY, f"would bind the organisation if {_words(unstated)}", provision.applies_from)
    if unstated:
        return Judgement(reference, Standing.OPEN, f"the profile does not say whether {_words(unstated)}", provision.applies_from)
    if not reference.when and voluntary:
        return Judgement(reference, Standing.VOLUNTARY, "adopted by choice", provision.applies_from)
    if not reference.when and reference.basis == "conditional":
        return Judgement(reference, Standing.OPEN, f"binds if {reference.condition}", provision.applies_from)
    return _dated(reference, provision, day)


def judge_control(catalogue: Catalogue, control_id: str, profile: Mapping[str, bool], day: date) -> tuple[Judgement, ...]:
    """The judgements on every reference of a control, in its order; none for an unknown control."""
    control = catalogue.get(control_id)
    return tuple(judge(catalogue, reference, profile, day) for reference in control.references) if control else ()


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
        for provision in framework.provisions.values():
            where = (framework.id, provision.ref, f"{framework.title} {provision.label}")
            if provision.applies_from:
                dates.append(LawDate(provision.applies_from, *where, f"applies: {provision.title}", provision.confirmed))
            dates += [
                LawDate(item.on, *where, item.what, provision.confirmed and "unconfirmed" not in item.what) for item in provision.dates
            ]
    return tuple(sorted(dates, key=lambda item: item.on))


def _dated(reference: Reference, provision: Provision, day: date) -> Judgement:
    ahead = "".join(f"; {item.on}: {item.what}" for item in provision.dates if item.on > day)
    why = f", as {_words(reference.when)}" if reference.when else ""
    if provision.applies_from is not None and provision.applies_from > day:
        return Judgement(reference, Standing.LATER, f"from {provision.applies_from}{why}{ahead}", provision.applies_from)
    since = f"since {provision.applies_from}" if provision.applies_from else "binding"
    return Judgement(reference, Standing.BINDS, f"{since}{why}{ahead}", provision.applies_from)


def _words(facts: tuple[str, ...] | list[str]) -> str:
    return " and ".join(FACT_WORDS.get(fact, fact) for fact in facts)
