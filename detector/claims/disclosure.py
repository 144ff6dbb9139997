"""Claims on disclosure: the share of generated media that carry a trusted credential with the AI digital source type.

```yaml
type: disclosure-coverage
population: published-media   # a manifest (then its rows labelled synthetic), a folder, or s3://bucket/prefix
at_least: 0.99
where: {channel: web}         # optional: only rows with these values, which the statement then names
confidence: 0.95
sample: 300                   # optional: how many to draw; all of them when the population is not larger
looks: {planned: 12}          # optional, see sequential
images_only: true             # optional, see coverage: other files in the place are no matter of this claim
```

Article 50(2) of Regulation (EU) 2024/1689 asks providers to mark generated output in a machine-readable format. What counts
here is what a stranger could check: a C2PA manifest that validates, whose signer chains to one of the trust anchors given, and
that states a digital source type of the IPTC vocabulary for media made by a trained algorithm. Videos are asked as images are. How the share is judged, and what
becomes of media that can't be read, is ``coverage``'s matter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from averment.core.canonical import sha256_hex
from averment.core.errors import IncompleteError
from averment.detector.claims import coverage, fields, sequential
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType


class Marking(StrEnum):
    """What a medium's credential is worth for disclosure. Only ``MARKED`` counts."""

    MARKED = "marked"
    OTHER_SOURCE_TYPE = "trusted, but not stated to be AI-generated"
    UNTRUSTED = "valid but untrusted"
    TAMPERED = "tampered"
    NONE = "no credential"
    UNREADABLE = "could not be read"


_AUTHORITIES = 3
"""How many authorities a reason names."""

_KINDS = coverage.Kinds(Marking, Marking.MARKED, Marking.UNREADABLE, "marked", "unmarked")


@dataclass(frozen=True)
class Statement:
    """A disclosure claim as read."""

    population: str
    where: Mapping[str, str]
    bar: float
    confidence: float
    sample: int | None
    images_only: bool

    def __str__(self) -> str:
        return (
            f"at least {fields.percent(self.bar)} of the generated {coverage.subject(self)} in {self.population}{fields.rows(self.where)} carry "
            f"a trusted credential that says so ({fields.percent(self.confidence)} confidence)"
        )


class DisclosureClaim(ClaimType):
    """Coverage of content credentials over a counted population."""

    name = "disclosure-coverage"
    sequential = True
    label = coverage.GENERATED

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        statement = read(spec)
        return coverage.plan(statement, str(statement))

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        if context.trust_anchors is None:
            raise IncompleteError(
                "without trust anchors no credential can be trusted",
                fix="give the certificates of the authorities you trust: --trust ANCHORS.pem",
            )
        from averment.detector.credentials.inspect import read_anchors

        anchors = read_anchors(context.trust_anchors)
        drawn = coverage.draw(spec, statement, context, {"trust_anchors": sha256_hex(anchors)}, clips=True)
        marks = {item.name: _marking(drawn.population.read(item), anchors) for item in drawn.sample.items}
        found = coverage.result(self.name, statement, drawn, marks, _KINDS)
        return replace(found, reason=f"{found.reason}; trusted is what is signed under {_named(anchors)}")


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a bar out of range.
    """
    fields.known_fields(spec, ("type", "population", "at_least"), coverage.FIELDS)
    sequential.read_plan(spec)
    return Statement(
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        bar=coverage.read_bar(spec, "write the share that has to be marked, such as 0.99"),
        confidence=fields.confidence(spec, sequential.DEFAULT_CONFIDENCE),
        sample=fields.sample_size(spec),
        images_only=coverage.read_images_only(spec),
    )


def _named(anchors: bytes) -> str:
    """The authorities whose certificates ``anchors`` are: "trusted" says by whom only with them, and one for trying things out says so in its name."""
    from averment.core.signing.certificates import certificates_in
    from averment.core.words import counted

    names = list(dict.fromkeys(item.subject.rfc4514_string() for item in certificates_in(anchors)))
    more = f" and {counted(len(names) - _AUTHORITIES, 'more authority')}" if len(names) > _AUTHORITIES else ""
    return ", ".join(f'"{name}"' for name in names[:_AUTHORITIES]) + more


def _marking(data: bytes | None, anchors: bytes) -> Marking:
    from averment.detector.credentials.inspect import State, inspect

    if data is None:
        return Marking.UNREADABLE
    found = inspect(data, anchors)
    match found.state:
        case State.TRUSTED:
            return Marking.MARKED if found.ai_generated else Marking.OTHER_SOURCE_TYPE
        case State.UNTRUSTED:
            return Marking.UNTRUSTED
        case State.TAMPERED:
            return Marking.TAMPERED
        case State.NONE | State.STRIPPED:  # the latter only of a log, which is not asked here
            return Marking.NONE
        case State.UNREADABLE:
            return Marking.UNREADABLE
