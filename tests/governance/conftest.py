"""A ledger with a fact of every kind, for tests of what is shown of it. All names in it are invented."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from averment.controls.loader import load_catalogue
from averment.controls.model import Catalogue
from averment.core.organisation import Organisation, load_organisation
from averment.core.words import Status
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Gathering, Kind, Population, Record
from averment.governance.site.build import build_site
from averment.governance.site.data import SiteData, gather

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
AN_HOUR_AGO = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
A_WEEK_AGO = datetime(2026, 11, 16, 6, 0, tzinfo=UTC)
HOSTILE = "<img src=x onerror=alert(1)> | [click](javascript:alert(1)) **bold** `code` {{ 7*7 }}"

ORGANISATION = """\
version: 1
organisation:
  name: A small <shop> & sons
  profile: {deployer: true, generates_media: true, provider: false, processes_biometrics: true}
scope:
  accounts: ["111122223333"]
  regions: [eu-central-1]
waivers:
  - control: SM-DEL-01
    resource: "*:distribution/E2OLD"
    owner: platform-delivery
    approver: ciso
    reason: The old shop front closes at the end of the year.
    until: 2026-12-31
  - control: SM-UPL-02
    resource: "arn:aws:s3:::shop-uploads"
    owner: platform-security
    approver: ciso
    reason: The old upload form goes at the end of January.
    until: 2027-01-31
overlays:
  SM-DET-03:
    reason: The corpus is small until the second labelling round.
    assessments: {performance: {claim: {at_least: 0.75}}}
"""


def record(kind: Kind, collector: str, payload: dict[str, Any], when: datetime = AN_HOUR_AGO, **more: Any) -> Record:
    """A record as a collector would write it."""
    place = {} if collector == "check" else {"account": "111122223333", "region": "eu-central-1"}
    values: dict[str, Any] = {"collector_version": "1", "source": f"{collector} in the tests", "query": {"call": "Example"}} | place | more
    return Record(kind=kind, collector=collector, payload=payload, effective_at=when, collected_at=when, **values)


def config_rule(rule: str, *resources: tuple[str, str, str]) -> dict[str, Any]:
    """One rule as AWS Config reports it."""
    rows = [{"id": name, "type": "AWS::S3::Bucket", "compliance": verdict, "annotation": note} for name, verdict, note in resources]
    return {"rule": rule, "config_rule": f"averment-{rule}", "compliance": "x", "resources": rows}


def finding(rule: str, verdict: str, resource: str, message: str) -> dict[str, Any]:
    """One finding of a check."""
    return {"rule": rule, "verdict": verdict, "resource": resource, "message": message, "where": "examples/shop/main.tf:12"}


def claim(verdict: str, spec: dict[str, Any], estimate: float, low: float, high: float) -> dict[str, Any]:
    """A claim's result as ``ClaimResult.to_json`` gives it."""
    return {
        "type": spec["type"],
        "statement": f"{spec['type']} on {spec['population']} is at least {spec['at_least']}",
        "verdict": verdict,
        "reason": f"the interval {low} to {high} is clear",
        "estimate": estimate,
        "interval": {"low": low, "high": high, "confidence": 0.95, "method": "Clopper-Pearson"},
        "bar": spec["at_least"],
        "samples": 300,
        "clusters": 120,
        "seed": 20261001,
        "needed": None,
        "inputs": {},
        "details": {},
    }


def shown() -> dict[str, Any]:
    """A claim's details as ``detector.claims.plots`` gives them, under hostile names."""
    bar = {"value": HOSTILE, "class": "attacks", "rate": 0.1, "low": 0.0, "high": 0.3, "images": 20, "units": 20}
    example = {"name": HOSTILE, "class": "attack", "probability": 0.1, "licence": "MIT", "attribution": HOSTILE}
    jpeg = base64.b64encode(b"\xff\xd8\xff\xe0 made up").decode()
    return {
        "plots": [
            {"kind": "roc", "points": [[0.0, 0.0], [0.1, 0.9], [1.0, 1.0]], "without_score": 0},
            {"kind": "errors", "column": "generator", "bars": [bar, {**bar, "class": "bona fide"}]},
        ],
        "worst_errors": {
            "errors": 3,
            "without_score": 2,
            "not_shown": 1,
            "threshold": 0.5,
            "examples": [{**example, "picture": jpeg}, example],
        },
        "checks": [{"check": "hashes", "outcome": "broken", "reason": HOSTILE, "examples": []}],
    }


def sample_records(catalogue: Catalogue) -> list[Record]:
    """A fact of every kind: passes, deviations, a waived one, a failed collection, claims, an attestation, hostile text."""
    specs = {f"{c.id}/{a.id}": a for c in catalogue for a in c.assessments}
    marking, detector = specs["SM-PRV-01/coverage"].claim, specs["SM-DET-03/performance"].claim
    terms, refused = specs["SM-UPL-03/terms"].attestation, specs["SM-UPL-02/refused"].attestation
    assert marking
    assert detector
    assert terms
    assert refused
    rules = sorted({a.policy for a in specs.values() if a.policy})
    check = {
        "rules": rules,
        "findings": [
            finding("s3-put-object-gated", "fail", "aws_s3_bucket_policy.uploads", HOSTILE),
            finding("s3-put-object-gated", "pass", "aws_s3_bucket_policy.published", ""),
            finding("detector-endpoint-guarded", "fail", "aws_sagemaker_endpoint_configuration.detector", "data capture is off"),
            *(finding(rule, "pass", f"aws_thing.{rule}", "") for rule in rules),
        ],
        "problems": [],
    }
    compliance = {
        "rules": [
            config_rule("s3-put-object-gated", ("arn:aws:s3:::shop-uploads", "NON_COMPLIANT", "any principal may put objects")),
            config_rule("quarantine-not-served", ("arn:aws:s3:::shop-quarantine", "COMPLIANT", "")),
            config_rule("media-bucket-events-scanned", ("arn:aws:s3:::shop-uploads", "COMPLIANT", "")),
            config_rule(
                "cdn-media-gated",
                ("arn:aws:cloudfront::111122223333:distribution/E2OLD", "NON_COMPLIANT", "no function at viewer-request"),
                ("arn:aws:cloudfront::111122223333:distribution/E1NEW", "COMPLIANT", ""),
            ),
            config_rule("upload-provenance-tagged", ("arn:aws:s3:::shop-uploads", "NON_COMPLIANT", "uploads need no tag")),
            config_rule("signing-key-fit", ("arn:aws:kms:eu-central-1:111122223333:key/1", "COMPLIANT", "")),
            config_rule("detector-endpoint-guarded", ("shop-detector", "COMPLIANT", "")),
        ]
    }
    counted = Population("objects", 42, 42)
    return [
        record(Kind.CHECK, "check", check),
        record(Kind.CONFIG_COMPLIANCE, "config-compliance", compliance),
        record(Kind.MEDIA_STATES, "media-states", {"summary": {"published_without_verdict": 0}}, A_WEEK_AGO, population=counted),
        record(Kind.PROVENANCE, "provenance", {"summary": {"tampered": 0}}, population=counted),
        record(
            Kind.DETECTOR_METRICS,
            "detector-metrics",
            {},
            gathering=Gathering.COULD_NOT,
            reason="cloudwatch:GetMetricData was denied to role/collector",
        ),
        record(
            Kind.CLAIM,
            "claims",
            claim("supported", {**marking}, 0.997, 0.991, 0.9995),
            query={"claim": dict(marking)},
            controls=("SM-PRV-01/coverage",),
        ),
        record(
            Kind.CLAIM,
            "claims",
            {**claim("inconclusive", {**detector}, 0.81, 0.72, 0.88), "details": shown()},
            query={"claim": dict(detector)},
            controls=("SM-DET-03/performance",),
        ),
        record(
            Kind.ATTESTATION,
            "attestations",
            {
                "question": terms["question"],
                "answer": "yes",
                "by": {"name": "Ada Byron", "role": "procurement"},
                "statement": "All 4 contracts.",
            },
            controls=("SM-UPL-03/terms",),
        ),
        record(
            Kind.ATTESTATION,
            "attestations",
            {
                "question": refused["question"],
                "answer": "yes",
                "by": {"name": "Grace Hopper", "role": "platform-security"},
                "statement": "",
            },
            controls=("SM-UPL-02/refused",),
        ),
    ]


def organisation_in(folder: Path) -> Organisation:
    """An organisation with a profile, a waiver and an overlay, in ``folder``."""
    file = folder / "averment.yaml"
    file.write_text(ORGANISATION)
    return load_organisation(file)


def view_of(organisation: Organisation, *, filled: bool = True) -> SiteData:
    """The view of the organisation's ledger; with ``filled`` its ledger holds ``sample_records``."""
    catalogue = load_catalogue(organisation)
    if filled:
        with open_ledger(organisation, write=True, clock=lambda: NOW) as ledger:
            ledger.append(sample_records(catalogue))
    return gather(organisation, catalogue, as_of=NOW)


@pytest.fixture
def organisation(tmp_path: Path) -> Organisation:
    """An organisation in a folder of its own."""
    return organisation_in(tmp_path)


@pytest.fixture
def site_data(organisation: Organisation) -> Callable[..., SiteData]:
    """Makes the view of the organisation's ledger: ``view_of``."""
    return lambda **options: view_of(organisation, **options)


@pytest.fixture(scope="session")
def built_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site that was built once of ``sample_records``; not to be changed."""
    folder = tmp_path_factory.mktemp("built-site")
    return build_site(view_of(organisation_in(folder)), folder / "out" / "site").parent


EXPECTED_STATES = {
    "SM-DEL-01": Status.NOT_ASSESSED,
    "SM-DET-03": Status.NOT_SATISFIED,
    "SM-GOV-05": Status.NOT_ASSESSED,
    "SM-IDV-01": Status.NOT_ASSESSED,
    "SM-PRV-01": Status.SATISFIED,
    "SM-UPL-01": Status.NOT_ASSESSED,
    "SM-UPL-02": Status.WAIVED,
    "SM-UPL-03": Status.NOT_SATISFIED,
}
"""What ``sample_records`` come to, for some controls in different states."""


@pytest.fixture
def expected_states() -> dict[str, Status]:
    """What ``sample_records`` come to, by control."""
    return EXPECTED_STATES


@pytest.fixture
def hostile() -> str:
    """The text that ``sample_records`` hold as a finding's message."""
    return HOSTILE
