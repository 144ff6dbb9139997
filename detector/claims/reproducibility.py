"""Claims that a detector is the one that was released, and that the same inputs give the same scores.

```yaml
type: reproducibility
population: reference-corpus   # what is scored
where: {kind: face}            # optional: only rows with these values
sample: 32                     # optional: how many to draw by the seed; all without it
at_least: 1                    # optional: the share of the checks that has to hold
checks: [model, repeated]      # optional: only these; by default all
lock: model/lock.json          # optional: the detector's lock file; by default the embedded detector's own
data: training-data            # optional: the population whose manifest the lock names (for the check `data`)
scores: model/scores.csv       # optional: the scores at release; by default the embedded detector's own
tolerance: 0.001               # optional: how far two scores of one image may lie apart
```

The checks:

- **model**: the detector's SHA-256 is the lock's. The embedded detector's is computed from the file; an endpoint says its own of itself.
- **data**: the manifest of the training data has the SHA-256 that the lock gives.
- **environment**: Python, the kind of machine and the packages that figures depend on are those that the lock names. A package of the lock
  that isn't installed here is another environment; a lock that doesn't name them all leaves the check open.
- **repeated**: the sample scored twice, in batches and one by one in the opposite order, gives the same scores.
- **scores**: each image that was scored at release still gets the score of then.

An image of which the detector can't say both times is no disagreement, and shows as little: it is counted as silent, and where fewer than half
of the images got a probability, the last two checks could not be made.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from averment.core.canonical import JSON, canonical_json, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import read_text
from averment.core.source import SourceRef
from averment.core.words import counted
from averment.detector.claims import checks, fields
from averment.detector.claims.checks import Check, could_not, judged
from averment.detector.claims.environment import PACKAGES, environment
from averment.detector.claims.interface import ClaimContext, ClaimPlan, ClaimResult, ClaimType
from averment.detector.claims.populations import Item, Population, Sample, open_population
from averment.detector.claims.tables import columns_of, probability, table
from averment.detector.claims.trace import untraced
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector, Family, Score

CHECKS = ("model", "data", "environment", "repeated", "scores")
TOLERANCE = 0.001
REFERENCE_SCORES = "scores.csv"
"""Beside the embedded model: what it said of the reference corpus at release; ``reference_scores`` writes it."""

LEAST_ANSWERED = 0.5
"""Of the compared images this share needs a probability. Pictures of other things may be among them, of which a detector of faces rightly
says nothing; agreement on silence alone is what a detector that never answers has as well."""


@dataclass(frozen=True)
class Statement:
    """A reproducibility claim as read."""

    population: str
    where: Mapping[str, str]
    sample: int | None
    bar: float
    checks: tuple[str, ...]
    lock: str | None
    data: str | None
    scores: str | None
    tolerance: float

    def __str__(self) -> str:
        wanted = "every check holds" if self.bar == 1 else f"at least {fields.percent(self.bar)} of the checks hold"
        # Nothing is inferred from a sample here, so a claim that draws one is about so many images and no more.
        drawn = f"at most {counted(self.sample, 'image')} drawn from " if self.sample is not None else ""
        return (
            f"the detector is reproducible on {drawn}{self.population}{fields.rows(self.where)}, {wanted}: {', '.join(self.checks)} "
            f"(scores within {self.tolerance:g})"
        )


@dataclass(frozen=True)
class Drawn:
    """The sample's items with their content's SHA-256 and two sets of scores; ``unread`` names what could not be read."""

    items: tuple[Item, ...]
    digests: tuple[str, ...]
    first: tuple[Score, ...]
    second: tuple[Score, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    """What the checks look at. ``lock`` is None where there is none for this detector, as are ``released``, the scores at release and whence they are."""

    statement: Statement
    context: ClaimContext
    detector: Detector
    lock: Mapping[str, Any] | None
    released: tuple[str, str] | None
    drawn: Drawn


class ReproducibilityClaim(ClaimType):
    """The same model, data and environment as the lock says; the same scores for the same inputs."""

    name = "reproducibility"
    needs_detector = True
    asks_anew = True

    def read(self, spec: Mapping[str, Any]) -> Statement:
        return read(spec)

    def plan(self, spec: Mapping[str, Any]) -> ClaimPlan:
        return checks.plan_of(str(read(spec)), "checks")

    def run(self, spec: Mapping[str, Any], context: ClaimContext) -> ClaimResult:
        statement = read(spec)
        if context.detector is None:
            raise IncompleteError("a reproducibility claim needs a detector", fix="name one: --detector embedded")
        population = open_population(statement.population, context).only(statement.where)
        sample = population.sample(statement.sample, context.seed)
        drawn = _score(population, sample, context.detector)
        detector = untraced(context.detector)
        subject = Subject(statement, context, detector, _lock(statement, context), _released(statement, context, detector), drawn)
        made = [MAKERS[name](subject) for name in statement.checks]
        names: list[JSON] = [item.name for item in sample.items]
        inputs: dict[str, Any] = {
            **population.facts(),
            "detector": context.detector.info.facts(),
            "sample": sha256_hex(canonical_json(names)),
        }
        if subject.lock is not None:
            inputs["lock"] = {
                "model": _at(subject.lock, "model", "sha256"),
                "data": _at(subject.lock, "data", "manifest_sha256"),
                "sha256": sha256_hex(canonical_json(dict(subject.lock))),
            }
        if subject.released is not None:
            inputs["released"] = sha256_hex(subject.released[0].encode())
        return checks.result_of(
            self.name,
            str(statement),
            statement.bar,
            made,
            samples=len(drawn.items),
            clusters=len(drawn.items),
            seed=context.seed,
            inputs=inputs,
            census=sample.census,
        )


def read(spec: Mapping[str, Any]) -> Statement:
    """The statement in ``spec``.

    Raises:
        BadInputError: an unknown or missing field, or a value that means nothing.
    """
    optional = ("where", "sample", "at_least", "checks", "lock", "data", "scores", "tolerance")
    fields.known_fields(spec, ("type", "population"), optional)
    asked = checks.chosen(spec, CHECKS)
    if "data" in spec.get("checks", ()) and "data" not in spec:
        raise BadInputError("the check data needs the training data", fix="name their population: data: training-data")
    if "data" not in spec:
        asked = tuple(name for name in asked if name != "data")
    return Statement(
        population=fields.text(spec, "population"),
        where=fields.labels(spec),
        sample=fields.sample_size(spec),
        bar=checks.share_of_checks(spec),
        checks=asked,
        lock=fields.text(spec, "lock") if "lock" in spec else None,
        data=fields.text(spec, "data") if "data" in spec else None,
        scores=fields.text(spec, "scores") if "scores" in spec else None,
        tolerance=_tolerance(spec),
    )


def _tolerance(spec: Mapping[str, Any]) -> float:
    value = fields.share(spec, "tolerance", TOLERANCE)
    if value == 1:  # no two scores lie further apart
        raise BadInputError(
            "tolerance is 1, which says nothing", fix=f"write how far two scores of one image may lie apart, such as {TOLERANCE}"
        )
    return value


def _score(population: Population, sample: Sample, detector: Detector) -> Drawn:
    """Read the sample and score it twice, a batch in memory at a time."""
    items: list[Item] = []
    digests: list[str] = []
    first: list[Score] = []
    second: list[Score] = []
    unread: list[str] = []
    for drawn, contents in population.batches(sample.items):
        batch = list(zip(drawn, contents, strict=True))
        unread += [item.name for item, data in batch if data is None]
        known = [(item, data) for item, data in batch if data is not None]
        items += [item for item, _ in known]
        digests += [sha256_hex(data) for _, data in known]
        first += detector.score([data for _, data in known])
        again = [detector.score([data])[0] for _, data in reversed(known)]
        second += reversed(again)
    return Drawn(tuple(items), tuple(digests), tuple(first), tuple(second), tuple(unread))


def _lock(statement: Statement, context: ClaimContext) -> Mapping[str, Any] | None:
    if statement.lock is not None:
        path = context.root / statement.lock
        try:
            value = json.loads(read_text(path).removeprefix("\ufeff"))
        except (ValueError, RecursionError) as error:
            raise BadInputError(f"is not JSON: {error}", where=SourceRef(str(path)), fix="name the detector's lock file") from error
        if not isinstance(value, dict):
            raise BadInputError("is not a lock file", where=SourceRef(str(path)), fix="name the detector's lock file")
        return value
    detector = untraced(context.detector) if context.detector is not None else None
    return detector.lock if isinstance(detector, EmbeddedDetector) else None


def _at(value: Any, *keys: str) -> Any:
    """The value under ``keys``, None where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _digest(value: Any) -> Any:
    """A SHA-256 as it is computed here; some programs write it in capitals."""
    return value.strip().lower() if isinstance(value, str) else value


NO_LOCK = "this detector has no lock that is known here; name its file: lock: PATH"


def _model(subject: Subject) -> Check:
    if subject.lock is None:
        return could_not("model", NO_LOCK)
    wanted = _digest(_at(subject.lock, "model", "sha256"))
    if isinstance(subject.detector, EmbeddedDetector):
        try:
            found: str | None = sha256_hex(subject.detector.model_bytes())
        except IncompleteError as error:
            return judged("model", 1, [error.message], [], "the model is the one that the lock describes")
        words = "the model's file is the one that the lock describes"
    else:
        found = _digest(subject.detector.info.sha256)
        words = "the model is the one that the lock describes, by what the detector says of itself"
    if not found or not wanted:
        return could_not("model", f"{'the detector' if not found else 'the lock'} gives no SHA-256 of the model")
    return judged("model", 1, [] if found == wanted else [f"{found}, and the lock has {wanted}"], [], words)


def _data(subject: Subject) -> Check:
    if subject.lock is None:
        return could_not("data", NO_LOCK)
    wanted = _digest(_at(subject.lock, "data", "manifest_sha256"))
    try:
        population = open_population(subject.statement.data or "", subject.context)
    except (BadInputError, IncompleteError) as error:
        return could_not("data", error.message)
    found = population.origin.get("manifest")
    if not found or not wanted:
        return could_not("data", "the lock gives no SHA-256 of a manifest" if found else f"{population.name} has no manifest")
    broken = [] if found == wanted else [f"{population.where}: {found}, and the lock has {wanted}"]
    return judged("data", 1, broken, [], "the training data's manifest is the one that the lock describes")


def _environment(subject: Subject) -> Check:
    if subject.lock is None:
        return could_not("environment", NO_LOCK)
    locked, here = _at(subject.lock, "environment"), environment()
    if not isinstance(locked, Mapping):
        return could_not("environment", "the lock names no environment")
    now, then = here["packages"], locked.get("packages")
    then = then if isinstance(then, Mapping) else {}
    named = [name for name in PACKAGES if then.get(name) is not None or (name in then and name in now)]
    pairs = {name: (then[name], now.get(name)) for name in named}
    pairs |= {name: (locked.get(name), here[name]) for name in ("python", "machine") if name in locked}
    broken = [
        f"{name}: {there} in the lock, {present or 'not'} here" for name, (there, present) in sorted(pairs.items()) if there != present
    ]
    undecided = [f"{name}: the lock says nothing of it" for name in ("python", "machine") if name not in locked]
    undecided += [] if named else ["packages: the lock names none that figures depend on"]
    words = "what figures depend on has the versions that the lock names"
    return judged("environment", len(pairs) + len(undecided), broken, undecided, words)


def _repeated(subject: Subject) -> Check:
    drawn = subject.drawn
    pairs = list(zip((item.name for item in drawn.items), drawn.first, drawn.second, strict=True))
    return _compared("repeated", pairs, list(drawn.unread), subject, "scored again one by one, each gets the same score")


def _scores(subject: Subject) -> Check:
    if subject.released is None:
        return could_not("scores", "there are no scores of this detector at release; name their file: scores: PATH")
    released, drawn = read_scores(*subject.released), subject.drawn
    names = {digest: (item.name, score) for item, digest, score in zip(drawn.items, drawn.digests, drawn.first, strict=True)}
    pairs = [(name, released[digest], score) for digest, (name, score) in names.items() if digest in released]
    unknown = [f"{name}: was not scored at release" for digest, (name, _) in names.items() if digest not in released]
    return _compared("scores", pairs, [*unknown, *drawn.unread], subject, "each gets the score that it had at release")


def _compared(name: str, pairs: Sequence[tuple[str, Score, Score]], undecided: Sequence[str], subject: Subject, words: str) -> Check:
    tolerance = subject.statement.tolerance
    broken, largest, silent = [], 0.0, 0
    for medium, one, other in pairs:
        apart = difference(one, other)
        if apart is None or not apart <= tolerance:
            broken.append(f"{medium}: {_words(one)}, then {_words(other)}")
        else:
            silent += not one.probabilities
        largest = max(largest, apart or 0.0)
    if not pairs and not undecided:
        return could_not(name, "nothing was scored")
    if not broken and len(pairs) - silent < LEAST_ANSWERED * len(pairs):
        return could_not(name, f"of {silent:,} of {counted(len(pairs), 'image')} the detector can't say, which shows nothing of its scores")
    figures: dict[str, JSON] = {"largest_difference": largest, "tolerance": tolerance, "silent": silent}
    words = f"{words}, within {tolerance:g}{f' (it says nothing of {silent} of them, both times)' if silent else ''}"
    return judged(name, len(pairs) + len(undecided), broken, undecided, words, figures)


def difference(one: Score, other: Score) -> float | None:
    """How far two scores of one image lie apart at most, over families; None when that can't be said: only one of them says something, they
    are of other families, or one is no number."""
    if (one.cannot_say is None) is not (other.cannot_say is None) or one.probabilities.keys() != other.probabilities.keys():
        return None
    apart = [abs(value - other.probabilities[family]) for family, value in one.probabilities.items()]
    return max(apart, default=0.0) if all(map(math.isfinite, apart)) else None


def _words(score: Score) -> str:
    if score.cannot_say is not None:
        return "can't say"
    return ", ".join(f"{family} {value:.6g}" for family, value in sorted(score.probabilities.items()))


def _released(statement: Statement, context: ClaimContext, detector: Detector) -> tuple[str, str] | None:
    """The text of the scores at release, and whence it is: the named file, or the embedded detector's own. None where nothing asks for them."""
    if "scores" not in statement.checks:
        return None
    if statement.scores is not None:
        path = context.root / statement.scores
        return read_text(path), str(path)
    if not isinstance(detector, EmbeddedDetector):
        return None
    shipped = resources.files("averment.detector.model").joinpath(REFERENCE_SCORES)
    return (shipped.read_text(encoding="utf-8"), REFERENCE_SCORES) if shipped.is_file() else None


def read_scores(text: str, where: str) -> dict[str, Score]:
    """Scores by SHA-256 from CSV: the columns ``sha256`` and ``cannot_say``, and one for each family; other columns are for people.

    Raises:
        BadInputError: another shape; names the line.
    """
    reader = table(text, where, ("sha256", "cannot_say", *Family))
    families = [family for family in Family if family in (reader.fieldnames or ())]
    if "sha256" not in (reader.fieldnames or ()) or not families:
        fix = f"write a CSV with columns sha256, cannot_say, synthetic-image; {columns_of(reader.fieldnames)}"
        raise BadInputError("is no table of scores", where=SourceRef(where, 1), fix=fix)
    found: dict[str, Score] = {}
    try:
        for row in reader:
            line = SourceRef(where, reader.line_num)
            scores = {family: probability(row[family], line) for family in families if row.get(family)}
            if not scores and not row.get("cannot_say"):
                raise BadInputError("has neither a score nor a reason", where=line, fix="write a score, or why there is none in cannot_say")
            score = Score(cannot_say=row["cannot_say"]) if row.get("cannot_say") else Score(scores)
            if found.setdefault(_digest(row["sha256"]), score) != score:
                raise BadInputError(
                    f"gives {row['sha256']} another score than a line before", where=line, fix="keep the one that it had at release"
                )
    except csv.Error as error:
        line = SourceRef(where, reader.line_num)
        raise BadInputError(f"is not a CSV file: {error}", where=line, fix="write it as CSV with a header") from error
    return found


MAKERS: Mapping[str, Callable[[Subject], Check]] = {
    "model": _model,
    "data": _data,
    "environment": _environment,
    "repeated": _repeated,
    "scores": _scores,
}
"""What makes each check, in the order of ``CHECKS``."""
