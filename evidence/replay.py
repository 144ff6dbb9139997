"""Running a recorded claim again, and comparing: the same inputs must give the same figures; changed inputs are named one by one.

What is compared, out of the record's payload (``detector.claims.run.run_claim``):

1. the inputs: the frame of the population, its labels and manifest, the drawn media, the detector, the trust anchors;
2. the media one by one, by their digests, and what the detector said of each;
3. the figures: verdict, estimate, interval, sample, and the details that they come from.

A place is not an input: the same frame at another path is the same population. Nor is the environment, as long as the figures are the same; where
they aren't and nothing else has changed, its differences are the first suspects, and are named.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import AvermentError, BadInputError, ExitCode, IncompleteError
from averment.core.source import SourceRef
from averment.detector.claims.frame import ContentError, Flaw
from averment.detector.claims.interface import ClaimContext
from averment.detector.claims.populations import missing
from averment.detector.claims.sequential import placeless
from averment.detector.interface import Detector
from averment.evidence.claims import AskedClaim, prove, without_addresses
from averment.evidence.record import Gathering, Kind, Record

REFERENCE_WHERE = "averment/detector/corpus/manifest.csv"
"""Where the shipped corpus says that it lies: no path of the reader's machine."""

TOLERANCE = 1e-9
"""Two figures this close, relatively, are the same: the last digits of a sum depend on the machine's vector instructions."""

MAX_NAMED = 20

_COMPARED_APART = frozenset({"media"})  # one by one
_NOT_FIGURES = frozenset({"media", "environment", "detector_opened_as", "plots", "worst_errors"})  # the last two are made of the others
_WORDS = frozenset({"method", "reason"})  # sentences about the figures, which another version may put otherwise
_FIGURES = ("verdict", "estimate", "interval", "bar", "samples", "clusters")


class Outcome(StrEnum):
    """What came of a replay."""

    REPRODUCED = "reproduced"
    DIFFERS = "differs"
    CHANGED = "inputs changed"
    COULD_NOT = "could not be replayed"


@dataclass(frozen=True)
class Replay:
    """A recorded run of a claim beside a second one.

    ``inputs`` and ``media`` say what has changed since, ``figures`` which figures differ, ``environment`` what it runs in now and did
    not then. ``error`` is set where there is no second run: a file that is missing or another one stops it, and stands in ``media``.
    ``reworded`` is what was claimed, by the second run, where the record's ``statement`` has other words for it: another version may, and so may
    somebody who wants a claim to read better than it is. ``uncounted``: the inputs were others than the record's, and nobody counts that look.
    """

    record: str
    statement: str
    inputs: tuple[str, ...] = ()
    media: tuple[str, ...] = ()
    figures: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    error: AvermentError | None = None
    reworded: str = ""
    uncounted: bool = False

    @property
    def outcome(self) -> Outcome:
        """Changed inputs outweigh different figures, which they explain."""
        if self.inputs or self.media:
            return Outcome.CHANGED
        if self.error is not None:
            return Outcome.COULD_NOT
        return Outcome.DIFFERS if self.figures else Outcome.REPRODUCED

    @property
    def exit_code(self) -> ExitCode:
        """0 when it was reproduced, 3 when it could not be run, 1 otherwise."""
        if self.outcome is Outcome.REPRODUCED:
            return ExitCode.CLEAN
        return ExitCode.INCOMPLETE if self.outcome is Outcome.COULD_NOT else ExitCode.FINDINGS

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {
            "record": self.record,
            "statement": self.statement,
            "reworded": self.reworded or None,
            "uncounted": self.uncounted,
            "outcome": str(self.outcome),
            "inputs": list(self.inputs),
            "media": list(self.media),
            "figures": list(self.figures),
            "environment": list(self.environment),
            "error": self.error.diagnostics() if self.error else None,
        }


def replayable(record: Record) -> Mapping[str, Any]:
    """The statement that ``record`` is a run of.

    Raises:
        BadInputError: it is no record of a claim, or of one that could not be tested.
    """
    where = SourceRef(file=f"record {record.id}")
    spec = record.query.get("claim")
    if record.kind is not Kind.CLAIM or not isinstance(spec, Mapping):
        raise BadInputError(f"is a record of kind {record.kind}, not of a claim", where=where, fix="name a record that averment prove made")
    if record.gathering is not Gathering.COLLECTED:
        raise BadInputError(f"the claim could not be tested then: {record.reason}", where=where, fix="test it: averment prove")
    return spec


def replay(record: Record, context: ClaimContext, open_detector: Callable[[str], Detector], *, detector_name: str | None = None) -> Replay:
    """Run the claim of ``record`` again and compare. ``context`` gives places, trust anchors and the look that it was
    (``Looks.recorded``); a population that it doesn't know is looked for where the record says. ``open_detector`` gets
    ``detector_name``, or what the detector was opened by then.

    Raises:
        BadInputError: as ``replayable``.
        MissingExtraError: claims can't be tested here at all.
    """
    spec = replayable(record)
    payload = record.payload
    name = detector_name or str(payload.get("details", {}).get("detector_opened_as") or "embedded")
    prepared = replace(_placed(record, spec, context), seed=int(payload["seed"]), detector_name=name)
    asked = AskedClaim(spec, SourceRef(file=f"record {record.id}"))
    statement = str(payload.get("statement", ""))
    for population in asked.populations:
        if why := missing(population, prepared):
            fix = f"say where it lies now: --population {population}=PLACE"
            return Replay(record.id, statement, error=IncompleteError(why.partition(";")[0], fix=fix))
    (outcome,) = prove([asked], prepared, lambda: open_detector(name))
    if outcome.result is None:
        error = outcome.error
        flawed = isinstance(error, ContentError) and error.flaw is not Flaw.UNREADABLE
        media = (error.diagnostics().split("\n", maxsplit=1)[0],) if error is not None and flawed else ()
        return Replay(record.id, statement, media=media, error=error)
    return compare(record, outcome.result.to_json())


def _placed(record: Record, spec: Mapping[str, Any], context: ClaimContext) -> ClaimContext:
    """The context with the population where the record found it, unless the caller names its place; and as of then, where what is
    read now are the same places, whose versions were pinned then."""
    inputs = record.payload.get("inputs", {})
    # A claim that compares two populations (drift) has the facts of each below a name of its own, and says of neither where both lie.
    sides = {"reference": inputs.get("reference"), "population": inputs.get("present")}
    both = {key: facts for key, facts in sides.items() if isinstance(facts, Mapping)}
    told = list(both.values()) or [inputs]
    places = {str(spec.get(key)): facts.get("where") for key, facts in (both or {"population": inputs}).items()}
    found = {name: where for name, where in places.items() if isinstance(where, str) and where != REFERENCE_WHERE}
    context = replace(context, populations={**found, **context.populations})
    stored = [facts for facts in told if "population" in facts and str(facts.get("where")).startswith("s3://")]
    pinned = all(
        facts.get("versions") == "pinned" and context.populations.get(str(facts.get("population")), facts["where"]) == facts["where"]
        for facts in stored
    )
    return replace(context, as_of=record.effective_at) if stored and pinned else context


def compare(record: Record, now: Mapping[str, Any]) -> Replay:
    """What differs between the payload of ``record`` and ``now``, a second run's (``ClaimResult.to_json``)."""
    then = record.payload
    if record.redactions:  # what it was told without
        now = without_addresses(now, {})
    was, details = then.get("details", {}), now["details"]
    inputs = differences(*(placeless(_without(payload.get("inputs", {}), _COMPARED_APART)) for payload in (then, now)))
    media = _media(was.get("media", []), details["media"])
    if not media and _digest(then) != _digest(now):
        media = ("more media were read than a record lists, and some of those that it doesn't list have changed",)
    figures = [line for name in _FIGURES for line in differences(_unworded({name: then.get(name)}), _unworded({name: now.get(name)}))]
    figures += differences(_unworded(_without(was, _NOT_FIGURES)), _unworded(_without(details, _NOT_FIGURES)), "details.")
    if not media:
        figures += _scores(was.get("media", []), details["media"])
    environment = differences(was.get("environment", {}), details["environment"])
    statement, claimed = str(then.get("statement", "")), str(now.get("statement", ""))
    reworded = claimed if claimed != statement else ""
    uncounted = "look" in then and bool(inputs or media)
    return Replay(
        record.id, statement, tuple(inputs), tuple(media), tuple(figures), tuple(environment), reworded=reworded, uncounted=uncounted
    )


def _without(value: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: item for name, item in value.items() if name not in names}


def _unworded(value: Any) -> Any:
    """``value`` without the sentences in it."""
    if isinstance(value, Mapping):
        return {name: _unworded(item) for name, item in value.items() if not (name in _WORDS and isinstance(item, str))}
    return [_unworded(item) for item in value] if isinstance(value, list | tuple) else value


def _digest(payload: Mapping[str, Any]) -> Any:
    return (payload.get("inputs", {}).get("media") or {}).get("sha256")


def differences(then: Any, now: Any, path: str = "") -> list[str]:
    """Every value that is another one now, as "name: was this, is that"; mappings are walked, lists compared item by item."""
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        names = sorted({*then, *now})
        return [line for name in names for line in differences(then.get(name), now.get(name), f"{path}{name}.")]
    if isinstance(then, Sequence) and isinstance(now, Sequence) and not isinstance(then, str) and len(then) == len(now):
        pairs = enumerate(zip(then, now, strict=True))
        return [line for index, (one, other) in pairs for line in differences(one, other, f"{path}{index}.")]
    return [] if _same(then, now) else [f"{path.rstrip('.')}: was {_short(then)}, is {_short(now)}"]


def _same(then: Any, now: Any) -> bool:
    if isinstance(then, int | float) and isinstance(now, int | float) and not isinstance(then, bool) and not isinstance(now, bool):
        return math.isclose(then, now, rel_tol=TOLERANCE, abs_tol=TOLERANCE)
    return bool(then == now)


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _media(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The media that were changed, are gone, came in, or could not be read any more; at most ``MAX_NAMED`` by name."""
    was, present = _by_name(then), _by_name(now)
    lines = []
    for name in sorted({*was, *present}):
        one, other = was.get(name), present.get(name)
        if one is None or other is None:
            lines.append(f"{name[1]}: {'was not drawn then' if one is None else 'is not drawn now'}")
        elif other.get("refused") != one.get("refused"):
            lines.append(f"{name[1]}: {other.get('refused') or 'is read now'}, {one.get('refused') or 'was read then'}")
        elif other.get("sha256") != one.get("sha256"):
            lines.append(f"{name[1]}: is another file (SHA-256 {_short(other.get('sha256'))}, was {_short(one.get('sha256'))})")
    more = [f"and {len(lines) - MAX_NAMED:,} more"] if len(lines) > MAX_NAMED else []
    return (*lines[:MAX_NAMED], *more)


def _scores(then: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """The media of which the detector says something else than then."""
    was, present = _by_name(then), _by_name(now)
    lines = []
    for name in sorted(was.keys() & present.keys()):
        kinds = ("scores", "cannot_say")
        changed = [line for kind in kinds for line in differences(was[name].get(kind), present[name].get(kind), f"{kind}.")]
        if changed:
            lines.append(f"{name[1]}: {'; '.join(changed)}")
    more = [f"and the scores of {len(lines) - MAX_NAMED:,} more"] if len(lines) > MAX_NAMED else []
    return [*lines[:MAX_NAMED], *more]


def _by_name(rows: Sequence[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    return {(str(row.get("population")), str(row.get("name"))): row for row in rows}
