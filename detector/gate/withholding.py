"""What follows when a version must not be seen: a case for a person, and its withdrawal if it is what is served.

1. A verdict under which nothing is published takes the version out of the published bucket at once, if it stands there, and drops the
   edge's copies: closed by default, whoever let it in before.
2. A person's release stands against what was known when they gave it: the case's *findings* (see ``Judgement.findings``), which name the
   detector, its version and its model, and what the credential or a seal said. The same found again, under whatever score or threshold,
   changes nothing. Anything else is news: the case is re-opened with the release in its history, and rule 1 applies until somebody decides.
3. That nobody can say is no finding. It withdraws what only a scan let in (unless the deployment keeps that, ``AVERMENT_UNJUDGED=keep``),
   never what a person released; a later scan that finds the version clean publishes it again.
4. What has a finding that nobody released isn't published by a scan that finds it clean either: detectors may differ, a person decides.
5. Of two decisions of people on the same bytes the later one holds: a takedown or a rejection of the same file elsewhere withdraws, when
   this version is scanned next, what was released before, and re-opens its case; a release lifts it. So it is a finding of each case of these
   bytes that somebody has still to decide, and each version of them that comes in has one: or an uploader could appeal against nothing.

Findings only ever grow, so the order in which scans come makes no difference to what is known in the end. A case is written before
anything is withdrawn, and whoever publishes looks at the case again afterwards: of two that run at once, one sees the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from averment.core.canonical import JSON, stable_id
from averment.core.period import iso, utc_now
from averment.detector.gate.case import Case, CaseState, Step, case_id
from averment.detector.gate.cases import Cases
from averment.detector.gate.edge_cache import begin_invalidation
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.settings import Settings
from averment.detector.gate.store import Store
from averment.detector.gate.verdict import Judgement
from averment.detector.gate.verdict_log import VerdictLog

HOLD, STANDS, FORBIDDEN = "hold", "stands", "forbidden"
"""Actions in a verdict's line: held for a person, released by a person who knew all this, forbidden though it was found clean."""


class Withholding:
    """The hand that files cases and takes back. ``cloudfront`` makes a client where one is needed: most deployments have no distribution
    in their settings, and no right to call it."""

    def __init__(self, settings: Settings, store: Store, cases: Cases | None, log: VerdictLog, cloudfront: Callable[[], Any]) -> None:
        self._settings, self._store, self._cases, self._log, self._cloudfront = settings, store, cases, log, cloudfront

    def withhold(self, target: ObjectVersion, judgement: Judgement, content_type: str | None, action: str) -> str:
        """Do what the rule above says of a version that isn't published, and return the action that was taken.

        ``target`` has its ETag. ``action`` is ``HOLD`` (the verdict doesn't allow it) or ``FORBIDDEN`` (it does, and something else doesn't).

        Raises:
            IncompleteError: somebody else changed the case meanwhile; the next delivery goes through all of it again.
        """
        served = self.serves(target)
        unwanted = action == FORBIDDEN or bool(judgement.findings) or not self._settings.keep_unjudged
        if self._cases is None:
            if served and unwanted:
                self.take_back(target, judgement.sha256, judgement.reason, None)
            return action
        standing = self._cases.standing(target, judgement.sha256)
        findings = (*judgement.findings, *_forbidden_since(standing.case, standing.elsewhere or standing.hold))
        now = iso(utc_now())
        reason = standing.why or judgement.reason if action == FORBIDDEN else judgement.reason
        scan = Case(
            id=case_id(target),
            state=CaseState.OPEN,
            opened_at=now,
            target=target,
            sha256=judgement.sha256,
            verdict=str(judgement.verdict),
            score=judgement.score.highest,
            detector=f"{judgement.detector.name}:{judgement.detector.version}",
            content_type=content_type,
            history=(Step(now, "gate", "held", reason),),
            applied=not (served and unwanted),
            findings=findings,
        )
        case = self._cases.file(scan)
        if case.stands_released:
            return STANDS
        if unwanted:
            self._withdraw(self._cases, case, served=served)
        return action

    def serves(self, target: ObjectVersion) -> bool:
        """Whether ``target`` is what stands under its key in the published bucket."""
        served = self._store.served(self._settings.published_bucket, target.key)
        return served is not None and served.is_of(target)

    def withdraw_if_served(self, target: ObjectVersion) -> bool:
        """Take ``target`` out of the published bucket, if it is what stands there. Whether anything stood there: if that was a newer version, the edge
        may have copies of this one."""
        served = self._store.served(self._settings.published_bucket, target.key)
        if served is not None and served.is_of(target):
            self._store.withdraw(self._settings.published_bucket, target.key, etag=str(served.head["ETag"]))
        return served is not None

    def forget(self, target: ObjectVersion, occasion: str) -> str | None:
        """Drop the edge's copies of the key; returns the invalidation's id. The same ``occasion`` again begins no second one."""
        distribution = self._settings.distribution
        if distribution is None:
            return None
        named: dict[str, JSON] = {"distribution": distribution, "version": str(target), "occasion": occasion}
        made = begin_invalidation(self._cloudfront(), distribution, target.key, stable_id("gate-withdrawal", named))
        return str(made["Id"])

    def take_back(self, target: ObjectVersion, sha256: str | None, reason: str, case: Case | None) -> None:
        """Withdraw ``target``, drop the edge's copies, and write down that this was done."""
        self.withdraw_if_served(target)
        invalidation = self.forget(target, iso(utc_now()) if case is None else f"{case.id}/{len(case.history)}")
        line: dict[str, JSON] = {
            "event": "withdrawn",
            "bucket": target.bucket,
            "key": target.key,
            "version_id": target.version,
            "sha256": sha256,
            "by": "gate",
            "reason": reason,
            "case": case.id if case else None,
            "did": case.history[-1].did if case else "held",
            "invalidation": invalidation,
        }
        self._log.write(line)
        self._log.count("Withdrawn", 1.0)

    def _withdraw(self, cases: Cases, case: Case, *, served: bool) -> None:
        if case.state is CaseState.REJECTED:
            if served:
                self.take_back(case.target, case.sha256, case.history[-1].reason, case)
            return
        if case.applied and self.serves(case.target):  # another scan published it before it could see the case
            case = replace(case, applied=False, revision=case.revision + 1)
            cases.save(case)
        if case.applied:
            return
        self.take_back(case.target, case.sha256, case.history[-1].reason, case)
        cases.save(replace(case, applied=True, revision=case.revision + 1))


def _forbidden_since(case: Case | None, hold: str | None) -> tuple[str, ...]:
    """A person's hold as a finding: news for a case that was released, and nothing that whoever decides an open or a new one should release without
    knowing it. A case that is rejected has its own."""
    return () if hold is None or (case is not None and case.state is CaseState.REJECTED) else (hold,)


def at_version(target: ObjectVersion, head: Mapping[str, Any]) -> ObjectVersion:
    """``target`` with the version id (if its bucket has versions) and the ETag that S3 gave it, which the event may have left out: what is known of
    a version would be unknown of one without its name. ``null`` is no name: S3 overwrites what it calls so, and did so before there were versions."""
    named = str(head.get("VersionId", "null"))
    return replace(target, version=target.version or (named if named != "null" else None), etag=str(head["ETag"]).strip('"'))
