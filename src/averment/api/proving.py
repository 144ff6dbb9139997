"""Testing claims, and running a recorded test again, as functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from averment.api.common import AnyPath, Conclusion, Note, Notes, Progress, ledger_for_writing, organisation_of, place, text_of
from averment.controls.loader import load_catalogue
from averment.core.canonical import LARGEST
from averment.core.errors import BadInputError, IncompleteError, MissingExtraError
from averment.core.organisation import Organisation
from averment.core.period import utc_now
from averment.core.source import SourceRef
from averment.detector.claims.interface import Looks
from averment.detector.claims.populations import missing
from averment.evidence.claims import AskedClaim, Outcome, asked_claims, claim_context, claim_record, exit_code
from averment.evidence.claims import prove as prove_each
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.looks import LookBook
from averment.evidence.record import Kind, Record
from averment.evidence.replay import Replay, replayable
from averment.evidence.replay import replay as replay_one

if TYPE_CHECKING:
    from averment.detector.claims.interface import ClaimContext, ClaimPlan
    from averment.detector.interface import Detector


@dataclass(frozen=True)
class Proved:
    """What came of claims.

    Each of ``outcomes`` has a ``result`` (supported, refuted, inconclusive, with figures), or the ``error`` that kept it from being tested.
    ``records`` are the ids in the ledger by the claims' ids; empty where nothing was recorded.
    """

    outcomes: tuple[Outcome, ...]
    records: Mapping[str, str] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def conclusion(self) -> Conclusion:
        """Findings if any claim is refuted; else incomplete if any is inconclusive, could not be tested, or none was asked; else clean."""
        return Conclusion.of(exit_code(self.outcomes))


def prove(
    *claims: AnyPath,
    organisation: Organisation | AnyPath | None = None,
    populations: Mapping[str, AnyPath] | None = None,
    detector: AnyPath = "embedded",
    trust: AnyPath | None = None,
    seed: int | None = None,
    record: bool = True,
    on_note: Note | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Proved:
    """Test ``claims`` (a control's id, ``CONTROL/assessment``, or a YAML file; default: all of the selected controls).

    ``populations`` says by name where media are: a manifest, a folder, ``s3://bucket/prefix``; what it doesn't name, ``averment.yaml`` does.
    ``detector`` is ``embedded``, ``sagemaker:ENDPOINT``, ``https://SERVICE`` or a spec (a YAML file). ``trust`` is a file of anchors (PEM) for
    claims on content credentials, ``seed`` that of samples and bootstraps. What comes of each goes into the ledger at once unless ``record`` is
    False; then later tests don't count these looks. That a package is missing here is told and not recorded: it is no fact about the claim.

    Raises:
        BadInputError: an unknown name, no such detector or file of anchors, or a statement that can't be tested as it stands; names file and line.
        MissingExtraError: no claim can be tested without ``averment[detector]``.
        VerificationError: the ledger isn't what its checkpoint commits to.
    """
    settings, called = organisation_of(organisation), text_of("detector", detector)
    asked = asked_claims(lambda: load_catalogue(settings), [text_of("a claim", claim) for claim in claims])
    named = _named(called, trust)
    notes = Notes(on_note)
    if not asked:
        notes("no selected control states a claim: nothing was tested")
        return Proved((), notes=tuple(notes.told))
    looks, size = _earlier(settings)
    context = dataclasses.replace(_context(settings, populations, trust, seed, called), asked=set())
    _check_drawn(populations, asked, settings)

    def test(claims: Sequence[AskedClaim]) -> Iterator[Outcome]:
        return prove_each(claims, context, lambda: named or _opened(called), looks.of)

    recorder = _Recorder(settings, looks, size, lambda claim: next(test([claim])))
    outcomes: list[Outcome] = []
    recorded: dict[str, str] = {}
    for number, outcome in enumerate(test(asked), start=1):
        # at once: what stops a later claim, be it the user, doesn't undo that this one was tested
        if record and not _lacks_package(outcome):
            outcome, recorded[outcome.id] = recorder.record(outcome)  # noqa: PLW2901 - it may have been tested again
        outcomes.append(outcome)
        if on_progress is not None:
            came_of_it = outcome.result.verdict if outcome.result else "could not be tested"
            on_progress(Progress(f"{outcome.id}: {came_of_it}", number, len(asked)))
    order = {claim.id: place for place, claim in enumerate(asked)}
    outcomes.sort(key=lambda outcome: order[outcome.id])
    if not record:
        notes("not recorded: later tests won't count these looks")
    elif left := [outcome.id for outcome in outcomes if outcome.id not in recorded]:
        notes(f"not recorded, for what isn't installed here says nothing of a claim: {', '.join(left)}")
    if recorded:
        with ledger_for_writing(settings, notes):
            pass  # one countersignature for all of them
    return Proved(tuple(outcomes), recorded, tuple(notes.told))


def plan_claims(
    *claims: AnyPath,
    organisation: Organisation | AnyPath | None = None,
    populations: Mapping[str, AnyPath] | None = None,
) -> dict[str, ClaimPlan]:
    """By claim, how many samples it needs, after the tests of it that the ledger knows. ``claims`` and ``populations`` as for ``prove``. The sizes
    need no population; each plan's ``lacks`` says which a test would not find, and that no look is left.

    Raises:
        BadInputError, VerificationError: as ``prove``.
    """
    settings = organisation_of(organisation)
    asked = asked_claims(lambda: load_catalogue(settings), [text_of("a claim", claim) for claim in claims])
    if not asked:
        return {}
    looks, _ = _earlier(settings)
    context = _context(settings, populations, None, None, "embedded")
    _check_drawn(populations, asked, settings)
    plans: dict[str, ClaimPlan] = {}
    for claim in asked:
        plan = claim.plan(looks.of(claim))
        absent = (why for name in claim.populations if (why := missing(name, context)))
        plans[claim.id] = dataclasses.replace(plan, lacks=(*plan.lacks, *absent))
    return plans


def replay(
    record: AnyPath,
    *,
    organisation: Organisation | AnyPath | None = None,
    populations: Mapping[str, AnyPath] | None = None,
    detector: AnyPath | None = None,
    trust: AnyPath | None = None,
) -> Replay:
    """Run the claim of ``record`` again with its seed, population and detector, and compare. Nothing is recorded: it checks the record.

    ``record`` is an id in the ledger, or the path of one in a package (``PACKAGE/records/ID.json``): then no ledger is needed. Its bounds are put
    at the level that the record says they had, and a look that had nothing left to spend decides nothing. ``populations`` and ``trust`` are
    as for ``prove``; a population that nobody names is looked for where the record found it. ``detector`` is by default the one of the record.

    Raises:
        BadInputError: there is no such record, or it is no run of a claim.
        VerificationError: the ledger is not what its checkpoint says, or the file was changed or isn't signed by a key of the package.
    """
    settings, named = organisation_of(organisation), text_of("record", record)
    called = None if detector is None else text_of("detector", detector)
    context = _context(settings, populations, trust, None, "embedded")
    if named.endswith(".json"):
        packaged = _packaged(Path(named))
        _check_drawn(populations, [_recorded(packaged)], settings)
        return _replayed(packaged, context, called)
    with open_ledger(settings) as ledger:
        position = ledger.find(named)
        if position is None:
            raise BadInputError(f"the ledger has no record {named}", fix="averment prove and packages name records by their ids")
        found = ledger.entry(position).record
        _check_drawn(populations, [_recorded(found)], settings)
    return _replayed(found, context, called)


def _packaged(path: Path) -> Record:
    from averment.evidence.package.record import packaged_record

    return packaged_record(path)


def _recorded(record: Record) -> AskedClaim:
    """The claim that ``record`` is a run of; BadInputError as ``replayable``."""
    return AskedClaim(replayable(record), SourceRef(file=f"record {record.id}"))


def _replayed(record: Record, context: ClaimContext, detector: str | None) -> Replay:
    """At the level that the record's bounds had, and as the look that it was: one with nothing left to spend has nothing now."""
    look = record.payload.get("look")
    earlier = Looks(now=record.effective_at, recorded=look) if isinstance(look, Mapping) else None
    return replay_one(record, dataclasses.replace(context, looks=earlier), _opened, detector_name=detector)


def _context(
    settings: Organisation, populations: Mapping[str, AnyPath] | None, trust: AnyPath | None, seed: int | None, detector: str
) -> ClaimContext:
    given: object = populations
    if not isinstance(given, Mapping | None):
        raise BadInputError("populations names no places", fix="write populations={'published-media': 's3://bucket/prefix'}")
    if seed is not None and (type(seed) is not int or not 0 <= seed <= LARGEST):
        raise BadInputError(f"{seed!r} can't be a seed", fix=f"hand over a whole number from 0 to {LARGEST}, or leave it out")
    places = {name: place(f"the place of the population {name}", where) for name, where in (populations or {}).items()}
    return claim_context(
        settings, places, trust=Path(place("trust", trust)) if trust is not None else None, seed=seed, detector_name=detector
    )


def _check_drawn(populations: Mapping[str, AnyPath] | None, asked: Sequence[AskedClaim], settings: Organisation) -> None:
    """Refuse a place for a name that neither ``averment.yaml`` nor any claim knows: by a slip of the keyboard, what was meant to be tested isn't, and
    what lies in the old place passes in its stead. A name that other claims draw from may stand there; one line may serve several runs.

    Raises:
        BadInputError: there is such a name.
    """
    drawn = {name for claim in asked for name in claim.populations}
    unknown = [name for name in populations or {} if name not in drawn and name not in settings.parameters.get("populations", {})]
    if unknown:
        others = {name for claim in asked_claims(lambda: load_catalogue(settings), []) for name in claim.populations}
        for name in unknown:
            if name not in others:
                fix = f"the claims that are asked for draw from: {', '.join(sorted(drawn))}"
                raise BadInputError(f"no claim draws from a population called '{name}'", fix=fix)


def _named(detector: str, trust: AnyPath | None) -> Detector | None:
    """The detector, if it is one that was named. What can't be meant is refused before anything is tested: the ledger counts looks at a
    claim, and a slip of the keyboard is none."""
    if trust is not None:
        from averment.detector.credentials.inspect import read_anchors

        if not Path(trust).is_file():
            raise BadInputError(
                "there is no such file of trust anchors", where=SourceRef(str(trust)), fix="name a PEM file with certificates"
            )
        read_anchors(Path(trust))
    if detector != "embedded":
        with suppress(MissingExtraError, IncompleteError):  # what can be mended without another command is told claim by claim
            return _opened(detector)
    return None


def _opened(name: str) -> Detector:
    from averment.detector.opening import open_detector

    return open_detector(name)


def _earlier(organisation: Organisation) -> tuple[LookBook, int]:
    """Which tests of claims the ledger knows of, and how many entries it has."""
    with open_ledger(organisation) as ledger:
        return LookBook((entry.record for entry in ledger.records(Kind.CLAIM)), now=utc_now(), root=organisation.root), ledger.size


def _lacks_package(outcome: Outcome) -> bool:
    """Whether it is this installation that kept a claim from being tested: recorded, that would take the place of what is known of it."""
    return isinstance(outcome.error, MissingExtraError)


MAX_AGAIN = 3
"""How often a claim is tested once more because another run recorded a look at it meanwhile."""


@dataclass
class _Recorder:
    """Puts outcomes into the ledger, of which ``size`` entries are known in ``looks``.

    Another run may have recorded a look at the same claim since its level was settled: two at a time would both be the first. Such a claim is
    tested ``again``, as the look that it is now.
    """

    settings: Organisation
    looks: LookBook
    size: int
    again: Callable[[AskedClaim], Outcome]

    def record(self, outcome: Outcome) -> tuple[Outcome, str]:
        """The outcome that was recorded, and its record's id."""
        for left in range(MAX_AGAIN, -1, -1):
            before = self.looks.of(outcome.asked)
            with open_ledger(self.settings, write=True) as ledger:
                for index in range(self.size, ledger.size):
                    self.looks.add(ledger.entry(index).record)
                self.size = ledger.size
                overtaken = outcome.result is not None and outcome.result.look is not None and self.looks.of(outcome.asked) != before
                if overtaken and not left:
                    busy = IncompleteError("other runs kept recording looks at this claim", fix="test it again when they are done")
                    outcome = dataclasses.replace(outcome, result=None, error=busy)
                if not overtaken or not left:
                    made = claim_record(outcome, now=utc_now())
                    ledger.append([made])
                    self.size = ledger.size
                    break
            outcome = self.again(outcome.asked)
        self.looks.add(made)
        return outcome, made.id
