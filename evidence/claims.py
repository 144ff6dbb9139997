"""From the claims that controls (or files) state, through the claims engine, to records of the ledger.

A claim that could not be run is recorded too, with its reason: the control then shows as not assessed, not as forgotten.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from averment import __version__
from averment.controls.model import Assessment, Catalogue, Control
from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, ExitCode, IncompleteError
from averment.core.located import load_yaml
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.source import SourceRef
from averment.core.words import ClaimVerdict
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, Looks
from averment.detector.claims.registry import claim_type
from averment.detector.claims.run import check_claim, plan_claim, require_statistics, run_claim
from averment.detector.interface import Detector
from averment.evidence.collectors.redact import redact
from averment.evidence.record import Gathering, Kind, Population, Record

COLLECTOR = "averment.claims"
_APART = frozenset({"media", "worst_errors", "environment", "detector_opened_as"})
"""Of a claim's details those whose names are told apart, and those whose words name what a second run needs: versions look like addresses."""


@dataclass(frozen=True)
class AskedClaim:
    """A claim to test: its statement, and the control and assessment that ask for it, or the file that does."""

    spec: Mapping[str, Any]
    where: SourceRef
    control: Control | None = None
    assessment: Assessment | None = None
    number: int = 1

    @property
    def id(self) -> str:
        """``SM-DET-03/validated``, or the file and line; the second claim on a line has ``#2`` after it."""
        if self.control and self.assessment:
            return f"{self.control.id}/{self.assessment.id}"
        return str(self.where) if self.number == 1 else f"{self.where}#{self.number}"

    @property
    def called(self) -> str:
        """What an error says of the claim beside its file and line, at its beginning; nothing where these are all that is to say."""
        if self.control and self.assessment:
            return f"{self.id}: "
        return "" if self.number == 1 else f"claim {self.number} of this line: "

    @property
    def populations(self) -> tuple[str, ...]:
        """The names of the populations that its statement draws from."""
        named = (self.spec.get(key) for key in ("population", "reference", "data"))
        return tuple(name for name in named if isinstance(name, str))

    def plan(self, looks: Looks | None = None) -> ClaimPlan:
        """How many samples it needs after the earlier ``looks`` at it.

        Raises:
            BadInputError: the statement can't be tested as it stands.
        """
        return plan_claim(self.spec, looks)


@dataclass(frozen=True)
class Outcome:
    """What came of one claim: a result, or why there is none; ``at`` is when its run began, which is when its population was counted."""

    asked: AskedClaim
    result: ClaimResult | None
    error: AvermentError | None = None
    at: datetime | None = None

    @property
    def id(self) -> str:
        """The claim's: ``SM-DET-03/validated``, or the file and line."""
        return self.asked.id

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {
            "id": self.id,
            "claim": dict(self.asked.spec),
            "result": self.result.to_json() if self.result else None,
            "error": self.error.diagnostics() if self.error else None,
        }


def asked_claims(catalogue: Callable[[], Catalogue], names: Sequence[str]) -> list[AskedClaim]:
    """The claims that ``names`` call for (control ids, ``CONTROL/assessment``, YAML files), or all of the catalogue.

    Every statement is checked, so that a typing error is found before anything runs.

    Raises:
        BadInputError: an unknown name, a control without a claim, or a statement that can't be tested; names file and line.
    """
    files = [name for name in dict.fromkeys(names) if name.endswith((".yaml", ".yml"))]
    others = [name for name in names if name not in files]
    asked = _numbered([claim for name in files for claim in _from_file(Path(name))])
    if others or not names:
        asked = _from_catalogue(catalogue(), others) + asked
    for claim in asked:
        try:
            check_claim(claim.spec)
        except BadInputError as error:
            raise BadInputError(f"{claim.called}{error.message}", where=error.where or claim.where, fix=error.fix) from error
    return asked


def _from_catalogue(catalogue: Catalogue, names: Sequence[str]) -> list[AskedClaim]:
    every = [
        AskedClaim(assessment.claim, control.where, control, assessment)
        for control in catalogue
        for assessment in control.assessments
        if assessment.claim is not None
    ]
    if not names:
        return every
    found: list[AskedClaim] = []
    for name in names:
        matching = [claim for claim in every if name in {claim.id, claim.control.id if claim.control else ""}]
        if not matching:
            known = ", ".join(claim.id for claim in every) or "none"
            raise BadInputError(f"no selected control has a claim called '{name}'", fix=f"claims: {known}")
        found += [claim for claim in matching if claim not in found]
    return found


def _from_file(path: Path) -> list[AskedClaim]:
    document = load_yaml(path)
    value = document.value
    if isinstance(value, dict) and isinstance(value.get("claims"), list):
        if extra := sorted(set(value) - {"claims"}):
            raise BadInputError(f"unknown key '{extra[0]}'", where=document.where((extra[0],)), fix="a file of claims has the key claims")
        if not value["claims"]:
            raise BadInputError(
                "states no claim: the list claims is empty", where=document.where(("claims",)), fix="write a claim under claims"
            )
        specs = [(spec, document.where(("claims", index))) for index, spec in enumerate(value["claims"])]
    else:
        specs = [(value, document.where())]
    for spec, where in specs:
        if not isinstance(spec, dict) or "type" not in spec:
            raise BadInputError("is not a claim", where=where, fix="write a mapping with a type, or claims: followed by a list of them")
    return [AskedClaim(spec, where) for spec, where in specs]


def _numbered(asked: Sequence[AskedClaim]) -> list[AskedClaim]:
    """The claims with ids of their own, in their order: YAML lets several stand on one line."""
    met = Counter[str]()
    found = []
    for claim in asked:
        met[str(claim.where)] += 1
        found.append(replace(claim, number=met[str(claim.where)]))
    return found


def claim_context(
    organisation: Organisation,
    populations: Mapping[str, str],
    *,
    trust: Path | None = None,
    seed: int | None = None,
    detector_name: str | None = None,
) -> ClaimContext:
    """The context that an organisation's file gives (``parameters.populations``, ``parameters.trust_anchors``), with what the caller adds.

    Places in the organisation's file are relative to that file, the caller's to the working folder.

    Raises:
        BadInputError: a parameter of the wrong shape.
    """
    known = organisation.parameters.get("populations", {})
    if not isinstance(known, Mapping) or not all(isinstance(place, str) for place in known.values()):
        raise BadInputError(
            "parameters.populations is not a list of names and places",
            where=SourceRef(organisation.file),
            fix="write populations: {published-media: s3://bucket/prefix}",
        )
    anchors = organisation.parameters.get("trust_anchors")
    if anchors is not None and not isinstance(anchors, str):
        raise BadInputError("parameters.trust_anchors is not a path", where=SourceRef(organisation.file), fix="name a PEM file")
    given = {name: place if place.startswith("s3://") else str(Path(place).absolute()) for name, place in populations.items()}
    context = ClaimContext(
        populations={**known, **given},
        root=organisation.root,
        trust_anchors=trust or (organisation.path(anchors) if anchors else None),
        detector_name=detector_name,
    )
    return context if seed is None else replace(context, seed=seed)


def prove(
    asked: Iterable[AskedClaim],
    context: ClaimContext,
    open_detector: Callable[[], Detector],
    looks: Callable[[AskedClaim], Looks] | None = None,
) -> Iterator[Outcome]:
    """Test each claim in turn, those on time first, as long as the detector hasn't met their media; the detector is opened once, when the first
    claim needs it. One that fails doesn't stop the others, also where it fails by a flaw of the program, which its error says.

    ``looks`` says which tests of a claim were made before (``looks.LookBook.of``); without it each is taken for the only one.

    Raises:
        MissingExtraError: no claim at all can be tested, because numpy or scipy isn't installed.
    """
    require_statistics()
    # Many claims are about the same media, and it is the asking that takes the time.
    context = replace(context, remembered={}, asked=set() if context.asked is None else context.asked)
    for claim in sorted(asked, key=lambda claim: not _is_timed(claim)):
        began = utc_now()
        try:
            if claim_type(claim.spec).needs_detector and context.detector is None:
                context = replace(context, detector=open_detector())
            own = replace(context, looks=looks(claim)) if looks else context
            outcome = Outcome(claim, run_claim(claim.spec, own), at=began)
        except AvermentError as error:
            outcome = Outcome(claim, None, error, began)
        except Exception as error:  # noqa: BLE001 - nobody foresaw it, and what came of the other claims must not go with it
            outcome = Outcome(claim, None, _flaw(error), began)
        yield outcome


def _is_timed(claim: AskedClaim) -> bool:
    try:
        return claim_type(claim.spec).timed
    except BadInputError:  # told in its turn
        return False


def _flaw(error: Exception) -> IncompleteError:
    """An error that nobody foresaw, as one that the claim has; it says where in the program it came up, for a report of it."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    found = IncompleteError(
        f"a flaw of averment itself: {type(error).__name__}: {error}{place}",
        fix="report it with this message; nothing was found out about the claim",
    )
    found.__cause__ = error
    return found


def exit_code(outcomes: Sequence[Outcome]) -> ExitCode:
    """Refuted outweighs open: 1 with any refuted claim, 3 with any inconclusive or failed one, 0 when all are supported."""
    verdicts = {outcome.result.verdict if outcome.result else None for outcome in outcomes}
    if ClaimVerdict.REFUTED in verdicts:
        return ExitCode.FINDINGS
    return ExitCode.CLEAN if verdicts == {ClaimVerdict.SUPPORTED} else ExitCode.INCOMPLETE


def claim_record(outcome: Outcome, *, now: datetime) -> Record:
    """The outcome as a record of kind ``claim``; the payload is ``ClaimResult.to_json()``, with the statement as asked in the query.

    Raises:
        ValueError: the outcome has neither a result nor an error, which ``prove`` never yields.
    """
    asked, result = outcome.asked, outcome.result
    if result is None and outcome.error is None:
        raise ValueError("an outcome without a result needs an error")
    hidden: dict[str, int] = {}
    payload = without_addresses(result.to_json(), hidden) if result else {"type": str(asked.spec.get("type"))}
    inputs = result.inputs if result else {}
    counted = inputs.get("count")
    return Record(
        kind=Kind.CLAIM,
        collector=COLLECTOR,
        collector_version=__version__,
        source=str(inputs.get("where") or asked.spec.get("population", "unknown")),
        query={"claim": dict(asked.spec), **({"seed": result.seed} if result else {})},
        effective_at=outcome.at or now,
        collected_at=now,
        payload=payload,
        gathering=Gathering.COLLECTED if result else Gathering.COULD_NOT,
        reason=str(redact(outcome.error.diagnostics(), hidden, accounts=None)) if outcome.error else None,
        population=Population("medium", counted, result.samples) if result and isinstance(counted, int) else None,
        redactions=tuple(f"{what}: {times}" for what, times in sorted(hidden.items())),
        controls=(asked.id,) if asked.control else (),
    )


def without_addresses(payload: Mapping[str, Any], hidden: MutableMapping[str, int]) -> dict[str, Any]:
    """``payload`` (``ClaimResult.to_json``) without the e-mail addresses and the like that its reason, the names of media and what its details tell hold,
    which ``hidden`` counts as in what is collected. Two media whose names are alike then stay two; the digest over all of them is over what they are
    called."""
    details, called, alike = dict(payload["details"]), dict[str, str](), Counter[tuple[str, str]]()

    def renamed(row: Mapping[str, Any]) -> Mapping[str, Any]:
        name = str(row.get("name"))
        clean = str(redact(name, hidden, accounts=None))
        if clean == name:
            return row
        alike[str(row.get("population")), clean] += 1
        number = alike[str(row.get("population")), clean]
        called[name] = clean if number == 1 else f"{clean} ({number})"
        return {**row, "name": called[name]}

    def told(value: Any) -> Any:
        if isinstance(value, list | tuple):
            return [told(item) for item in value]
        return called[value] if isinstance(value, str) and value in called else redact(value, hidden, accounts=None)

    if isinstance(media := details.get("media"), list):
        details["media"] = [renamed(row) for row in media]
    details |= {name: told(value) for name, value in details.items() if name not in _APART}
    worst = details.get("worst_errors")
    if isinstance(worst, Mapping) and isinstance(examples := worst.get("examples"), list):
        details["worst_errors"] = {**worst, "examples": [{**row, "name": told(str(row["name"]))} for row in examples]}
    return {**payload, "reason": redact(payload["reason"], hidden, accounts=None), "details": details}
