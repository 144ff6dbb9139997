"""A case: one object version that the gate held, with what was said and done about it.

What scans found out about it are its *findings*; those that a person knew when they released it are *accepted*. While there is another, the version
isn't published, whatever a later scan says (see ``withholding`` for the whole rule).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from averment.core.canonical import JSON, stable_id
from averment.core.errors import IncompleteError
from averment.core.period import iso, utc_now
from averment.detector.gate.events import ObjectVersion

MAX_DOCUMENT = 250_000
"""Bytes of a case in the table. DynamoDB takes 400 KB an item; a case that had grown beyond could be changed no more, not even to withdraw."""

FOLDED = "folded"
"""What stands in a history for the steps that were left out."""

RELEASE, REJECT, TAKEDOWN = "release", "reject", "takedown"
_DECISIONS = frozenset({RELEASE, REJECT, TAKEDOWN})
"""Steps that somebody answers for, so that an appeal against them goes to somebody else."""

_KEPT_STEPS = 6
"""The latest steps, which stay whatever their length: they say whose decision stands and what is appealed."""
_FOUND = frozenset({"found", "applied"})


class CaseState(StrEnum):
    """``OPEN``: nobody has decided. ``RELEASED`` and ``REJECTED``: somebody has. ``APPEALED``: somebody else must decide again."""

    OPEN = "open"
    RELEASED = "released"
    REJECTED = "rejected"
    APPEALED = "appealed"


@dataclass(frozen=True)
class Step:
    """One thing that happened to a case. ``by`` is a role with a name (``trust/Ada Byron``), or ``gate``."""

    at: str
    by: str
    did: str
    reason: str

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        return {"at": self.at, "by": self.by, "did": self.did, "reason": self.reason}


@dataclass(frozen=True)
class Case:
    """One held object version with what was said and done about it.

    ``applied`` is false while what was decided still has to take effect: a person's decision, or the gate's to withdraw the version.
    ``verdict``, ``score`` and ``detector`` are of the scan that brought the latest finding.
    """

    id: str
    state: CaseState
    opened_at: str
    target: ObjectVersion
    sha256: str | None
    verdict: str
    score: float | None
    detector: str
    content_type: str | None
    history: tuple[Step, ...]
    applied: bool = True
    revision: int = 0
    findings: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def blocked(self) -> bool:
        """Whether something is known of the version that nobody knew who released it."""
        return not set(self.findings) <= set(self.accepted)

    @property
    def stands_released(self) -> bool:
        """Whether a person let it through, and nothing that they didn't know has come up since. An appeal alone changes nothing."""
        return self.state in {CaseState.RELEASED, CaseState.APPEALED} and not self.blocked

    @property
    def decision(self) -> Step:
        """The latest decision on a case that has one: what a scan found since stands behind it in the history."""
        return next(step for step in reversed(self.history) if step.did in _DECISIONS)

    @property
    def appealed_judge(self) -> str | None:
        """Whose decision is under appeal, None if none is. It still is while the decision on the appeal isn't applied: until then it may be
        replaced, and a scan may re-open the case."""
        steps = list(self.history)
        while steps and steps[-1].did in {*_DECISIONS, "found", "reopened"}:
            steps.pop()
        if not steps or steps[-1].did != "appeal":
            return None
        return next((step.by for step in reversed(steps) if step.did in _DECISIONS), None)

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        target = self.target
        return {
            "id": self.id,
            "state": str(self.state),
            "opened_at": self.opened_at,
            "bucket": target.bucket,
            "key": target.key,
            "version_id": target.version,
            "etag": target.etag,
            "sha256": self.sha256,
            "verdict": self.verdict,
            "score": self.score,
            "detector": self.detector,
            "content_type": self.content_type,
            "history": [step.to_json() for step in self.history],
            "applied": self.applied,
            "revision": self.revision,
            "findings": list(self.findings),
            "accepted": list(self.accepted),
        }

    @classmethod
    def from_json(cls, value: Any) -> Case:
        """The inverse of ``to_json``.

        Raises:
            IncompleteError: the table holds something else.
        """
        try:
            return cls(
                id=str(value["id"]),
                state=CaseState(value["state"]),
                opened_at=str(value["opened_at"]),
                target=ObjectVersion(value["bucket"], value["key"], value["version_id"], value["etag"]),
                sha256=value["sha256"],
                verdict=str(value["verdict"]),
                score=value["score"],
                detector=str(value["detector"]),
                content_type=value["content_type"],
                history=tuple(Step(**step) for step in value["history"]),
                applied=bool(value["applied"]),
                revision=int(value["revision"]),
                findings=tuple(value.get("findings", ())),
                accepted=tuple(value.get("accepted", ())),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise IncompleteError(f"the table of cases holds an item that is no case: {error!r}") from error

    def with_step(self, step: Step, state: CaseState, *, applied: bool) -> Case:
        """The case after ``step``. A release accepts what is known by then; a rejection accepts nothing."""
        accepted = {CaseState.RELEASED: self.findings, CaseState.REJECTED: ()}.get(state, self.accepted)
        history = (*self.history, step)
        return replace(self, state=state, history=history, applied=applied, revision=self.revision + 1, accepted=accepted)

    def telling(self, news: str | None) -> Case:
        """The case with ``news`` among what was found; itself where there is none, or it was."""
        if news is None or news in self.findings:
            return self
        return replace(self, history=(*self.history, Step(iso(utc_now()), "gate", "found", news)), findings=(*self.findings, news))

    def after_scan(self, scan: Case) -> Case:
        """The case after another ``scan``, which a new case would have been filed for. The same again changes nothing.

        What wasn't known re-opens a case that was released, with the release in its history; in any other state it is added.
        """
        new = tuple(finding for finding in scan.findings if finding not in self.findings)
        reopened = self.state is CaseState.RELEASED and bool(new)
        undecided = self.state is CaseState.OPEN or (self.state is CaseState.APPEALED and (self.blocked or bool(new)))
        applied = False if reopened or (undecided and not scan.applied) else self.applied
        if not new:
            return self if applied == self.applied else replace(self, applied=applied, revision=self.revision + 1)
        return replace(
            self,
            state=CaseState.OPEN if reopened else self.state,
            history=(*self.history, replace(scan.history[-1], did="reopened" if reopened else "found")),
            applied=applied,
            revision=self.revision + 1,
            findings=(*self.findings, *new),
            verdict=scan.verdict,
            score=scan.score,
            detector=scan.detector,
        )


def document_of(case: Case) -> str:
    """``case`` as it is kept. Where its history grows too long, the oldest steps but the first are left to the verdict log, which has them all."""
    (first, *rest), folded, until = case.history, 0, ""
    if rest and rest[0].did == FOLDED:
        folded, until, rest = int(rest[0].reason.partition(" ")[0]), rest[0].at, rest[1:]
    while True:
        told = [Step(until, "gate", FOLDED, f"{folded} steps until then are in the verdict log alone")] if folded else []
        text = json.dumps(replace(case, history=(first, *told, *rest)).to_json(), sort_keys=True)
        if len(text) <= MAX_DOCUMENT or len(rest) <= _KEPT_STEPS:
            return text
        # What only scans found goes first: a decision, an appeal and a takedown are looked for in the history as long as they can be.
        at = next((number for number, step in enumerate(rest) if step.did in _FOUND), 0)
        folded, until = folded + 1, max(until, rest[at].at)
        del rest[at]


def case_id(target: ObjectVersion) -> str:
    """The id of the case of ``target``: the same version has one case, however often its event comes."""
    return stable_id("gate-case", {"bucket": target.bucket, "key": target.key, "version": target.version, "etag": target.etag})
