"""From what was seen to a proposal: facts of the profile with their reasons, and the laws that bind by them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from averment.controls.binding import FACT_WORDS, Standing, judge
from averment.controls.model import Catalogue, Provision
from averment.core.source import SourceRef
from averment.governance.onboarding.account import AccountSurvey
from averment.policies.survey.repository import Survey, SurveyedBucket
from averment.policies.survey.traces import Trace

_SEEN: Mapping[str, tuple[Trace, ...]] = {
    "deployer": (Trace.REKOGNITION, Trace.FACES, Trace.SAGEMAKER, Trace.BEDROCK, Trace.GENERATES),
    "uses_rekognition": (Trace.REKOGNITION, Trace.FACES),
    "processes_biometrics": (Trace.FACES,),
    "emotion_or_categorisation": (Trace.ATTRIBUTES,),
    "generates_media": (Trace.GENERATES,),
}
"""The facts that code can show, and by what. It shows them to hold, never not to."""

ASK: Mapping[str, str] = {
    "provider": "do you place a generative AI system on the market, or put it into service under your name? (AI Act Art 3(3))",
    "generators_before_august_2026": "was each of them on the market before 2 August 2026? (Art 111(4): marking from 2 December 2026)",
    "deployer": "do you use an AI system under your own authority, a detector included? (AI Act Art 3(4))",
    "generates_media": "do you publish pictures or videos that a model made for you? Hosting other people's is not enough",
    "high_risk_provider": "do you provide a high-risk AI system? A detector of deep fakes is none (AI Act Art 6)",
    "high_risk_deployer": "do you use one?",
    "emotion_or_categorisation": "do you recognise emotions, or categorise people by biometric data? (AI Act Art 50(3))",
    "uses_rekognition": "do you use Amazon Rekognition?",
    "processes_biometrics": "face match at checkout, say (GDPR Art 9)",
    "personal_data": "do media or records hold personal data, as pictures of people do, and does the GDPR apply? It asks where people are, not servers",
    "online_platform": "do you show to the public what others upload, and are neither micro nor small? (DSA)",
    "very_large_platform": "are you designated under DSA Art 33?",
    "nis2_entity": "are you an essential or important entity under NIS2?",
    "california_provider": "SB 942: a generative system with more than a million monthly users?",
    "california_platform": "AB 853: a large online platform?",
}
"""Every fact of the profile as a question, in the order of the file."""


@dataclass(frozen=True)
class Fact:
    """A fact that is proposed as true, and what shows it."""

    name: str
    why: str


@dataclass(frozen=True)
class LawState:
    """What one law is to the organisation by the proposed facts: labels of provisions that bind, that bind later, and that are open, with
    the facts which would settle these."""

    law: str
    binds: tuple[str, ...] = ()
    later: tuple[str, ...] = ()
    open: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """What ``averment init`` proposes, as of ``day``."""

    survey: Survey
    account: AccountSurvey | None
    facts: tuple[Fact, ...]
    laws: tuple[LawState, ...]
    regions: tuple[str, ...]
    day: date
    hints: tuple[str, ...] = field(default=())

    @property
    def profile(self) -> dict[str, bool]:
        """The facts as the profile of averment.yaml states them."""
        return {fact.name: True for fact in self.facts}


def proposed(survey: Survey, account: AccountSurvey | None, catalogue: Catalogue, day: date) -> Proposal:
    """The proposal that follows from the repository's ``survey`` and, if somebody looked, the ``account``'s."""
    facts = tuple(_facts(survey, account))
    profile = {fact.name: True for fact in facts}
    regions = tuple(dict.fromkeys((*(account.regions if account else ()), *survey.traces.regions)))
    return Proposal(survey, account, facts, tuple(_laws(catalogue, profile, day)), regions, day, tuple(_hints(survey, regions)))


def _facts(survey: Survey, account: AccountSurvey | None) -> Iterator[Fact]:
    services = account.services if account else {}
    in_account = {
        "deployer": ("Rekognition collections", "SageMaker endpoints"),
        "uses_rekognition": ("Rekognition collections",),
        "processes_biometrics": ("Rekognition collections",),
    }
    for name, wanted in _SEEN.items():
        places = [(trace, survey.traces.seen[trace]) for trace in wanted if trace in survey.traces.seen]
        running = [f"{services[item]} {item} in the account" for item in in_account.get(name, ()) if item in services]
        reasons = [f"{trace} ({_place(survey, where)})" for trace, where in places[:2]] + running[:1]
        if reasons:
            yield Fact(name, "; ".join(reasons))


def _place(survey: Survey, where: Sequence[SourceRef]) -> str:
    more = f" and {len(where) - 1} more" if len(where) > 1 else ""
    return shown(survey, where[0]) + more


def shown(survey: Survey, where: SourceRef) -> str:
    """A place, relative to what was surveyed and with forward slashes."""
    from pathlib import Path

    if where.file is None:
        return str(where)
    file = Path(where.file)
    inside = file.relative_to(survey.root) if file.is_relative_to(survey.root) else file
    return f"{inside.as_posix()}:{where.line}" if where.line else inside.as_posix()


def grouped(survey: Survey, buckets: Sequence[SurveyedBucket]) -> list[tuple[SurveyedBucket, str]]:
    """``buckets`` with their places, where one that stands in several files (a template copied for each region) comes once."""
    copies: dict[tuple[str, str, str | None, str], list[SurveyedBucket]] = {}
    for bucket in buckets:
        copies.setdefault((bucket.address, bucket.role, bucket.name or bucket.pattern, bucket.why), []).append(bucket)
    return [(same[0], _place(survey, [bucket.where for bucket in same])) for same in copies.values()]


def unmade(survey: Survey) -> list[str]:
    """The programs whose templates aren't there, a sentence each with what would make them."""
    return [f"{shown(survey, app.where)} {app.reason}" for app in survey.apps if app.where is not None]


def _laws(catalogue: Catalogue, profile: Mapping[str, bool], day: date) -> Iterator[LawState]:
    """By law, the provisions that some control serves, by the strongest standing that any of its references gives them."""
    for framework in catalogue.frameworks.values():
        if framework.kind != "law":
            continue
        found: dict[Standing, list[str]] = {}
        missing: dict[str, None] = {}
        for provision in framework.provisions.values():
            standing, facts = _strongest(catalogue, framework.id, provision, profile, day)
            if standing is not None:
                found.setdefault(standing, []).append(provision.label)
                missing.update(dict.fromkeys(facts if standing is Standing.OPEN else ()))
        if found:
            named = {standing: tuple(labels) for standing, labels in found.items()}
            yield LawState(
                framework.title,
                named.get(Standing.BINDS, ()),
                named.get(Standing.LATER, ()),
                named.get(Standing.OPEN, ()),
                tuple(missing),
            )


_STRENGTH = (Standing.BINDS, Standing.OPEN, Standing.LATER)


def _strongest(
    catalogue: Catalogue, framework: str, provision: Provision, profile: Mapping[str, bool], day: date
) -> tuple[Standing | None, list[str]]:
    references = [
        reference
        for control in catalogue
        for reference in control.references
        if (reference.framework, reference.ref) == (framework, provision.ref)
    ]
    standings = {judge(catalogue, reference, profile, day).standing for reference in references}
    facts = [fact for reference in references for route in reference.routes for fact in route if fact not in profile]
    return next((standing for standing in _STRENGTH if standing in standings), None), list(dict.fromkeys(facts))


def _hints(survey: Survey, regions: Sequence[str]) -> Iterator[str]:
    """What a person should think of: what the code suggests about the open questions."""
    european = [region for region in regions if region.startswith(("eu-", "eusc-"))]
    if european:
        yield (
            f"{', '.join(european)} suggests users in the EU. The AI Act and the GDPR ask where people are, not where servers stand: "
            "decide personal_data, provider and online_platform"
        )
    else:
        yield "whether there are users in the EU can't be seen in code; without any, what is said here of the AI Act, the GDPR and the DSA doesn't bind you"
    if survey.traces.seen.get(Trace.PRESIGNED) and survey.traces.seen.get(Trace.CDN):
        yield "people upload, and CloudFront serves: if the public sees what others upload, online_platform may be true"


def fact_words(name: str) -> str:
    """A fact of the profile in words ("it generates media")."""
    return FACT_WORDS[name]
