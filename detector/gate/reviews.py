"""Human review: what a person decides about a held upload, how that is appealed, and how what was served is taken back.

A decision is filed first and then applied, so that it can be taken up again where it stopped. An appeal is decided by somebody else. A
rejection and a takedown forbid the version and its bytes (see ``cases``): the gate never publishes them again, however often their event
comes. Every step is a line in the verdict log, which evidence is collected from, under a pseudonym (see ``pseudonyms``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from averment.core.aws import aws_errors, error_code
from averment.core.canonical import JSON, sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.detector.gate.case import REJECT, RELEASE, TAKEDOWN, Case, CaseState, Step, case_id
from averment.detector.gate.cases import Cases
from averment.detector.gate.events import ObjectVersion
from averment.detector.gate.ingest import Gate
from averment.detector.gate.provenance import Provenance
from averment.detector.gate.pseudonyms import pseudonym_of
from averment.detector.gate.verdict import GateVerdict, Judgement
from averment.detector.gate.withholding import at_version
from averment.detector.imaging import MAX_BYTES
from averment.detector.interface import Detector, DetectorInfo, Score

_STATES = {RELEASE: CaseState.RELEASED, REJECT: CaseState.REJECTED}
_MAX_REASON = 1000
_LATER = frozenset({"429", "500", "503", "InternalError", "ServiceUnavailable", "SlowDown", "ThrottlingException"})
"""What S3 answers when it is busy or down; whatever else it refuses, it would refuse again."""


@dataclass(frozen=True)
class Withdrawn:
    """What was taken out of the published bucket: the key, the source version it came from, the SHA-256 of what was served (if read),
    and the case under which it can be appealed."""

    key: str
    source: ObjectVersion
    sha256: str | None
    at: str
    case: str | None = None


class Reviews:
    """The queue of cases over a ``gate`` that has a table of them. ``authenticated`` says in the log whether AWS told who decides, or the
    person did. ``admit`` takes back, for a key that is released, what a takedown refuses at the edge.

    Raises:
        BadInputError: the gate has none.
    """

    def __init__(self, gate: Gate, *, authenticated: bool = False, admit: Callable[[str], None] | None = None) -> None:
        if gate.cases is None:
            raise BadInputError("the gate has no table of cases", fix="set AVERMENT_CASES, or give --table")
        self.gate = gate
        self.cases: Cases = gate.cases
        self.authenticated = authenticated
        self._admit = admit

    def decide(self, identifier: str, decision: str, *, by: str, reason: str, seen: int | None = None, now: datetime | None = None) -> Case:
        """File ``decision`` (``release`` or ``reject``) on a case, and apply it. One that could not be applied is taken up by repeating it (a takedown
        by rejecting); until it is, a release may be replaced by a rejection, and nothing else. ``seen`` is the revision of the case that the person
        saw; None: the one that stands now.

        Raises:
            BadInputError: no such case, no reason, no role and name, decided already, or the appeal's first judge judges again.
            IncompleteError: it was filed but could not be applied, somebody else was faster, the case went on since ``seen``, or its bytes were
                forbidden since it was scanned, which it tells now.
        """
        _check(by, reason)
        if decision not in _STATES:
            raise BadInputError(f"'{decision}' is no decision", fix="write release or reject")
        case, state = self._seen(identifier, seen), _STATES[decision]
        if case.state in {CaseState.RELEASED, CaseState.REJECTED}:
            if case.state is state and not case.applied:
                return self._apply(case, unfinished=True)
            # A rejection isn't replaced while it is applied: what a release published meanwhile, it would withdraw, or forbid again.
            if case.applied or state is CaseState.RELEASED:
                undone = "" if case.applied else ", which is still to be applied"
                fix = f"{undone and 'reject the case, which finishes it; then '}appeal it, if it was wrong: averment review appeal"
                raise BadInputError(f"the case was decided: {case.state} by {case.decision.by}{undone}", fix=fix)
        if decision == RELEASE:
            self._check_releasable(case)
        judge = case.appealed_judge
        if judge is not None and _name(judge) == _name(by):
            raise BadInputError(f"{judge} decided the case that is appealed", fix="let somebody else decide")
        told = self._told(case)
        if decision == RELEASE and told is not case:
            self.cases.save(replace(told, revision=case.revision + 1))
            why = f"the same bytes were {told.findings[-1]}, which the case {case.id} didn't tell until now"
            raise IncompleteError(why, fix="look at it again: averment review show")
        decided = told.with_step(Step(iso(now or utc_now()), by, decision, reason), state, applied=False)
        self.cases.save(decided)
        return self._apply(decided, unfinished=not case.applied)

    def appeal(self, identifier: str, *, by: str, reason: str, seen: int | None = None, now: datetime | None = None) -> Case:
        """Ask for another decision on a case. What was published stays so until then, and what wasn't isn't. One that was filed and could not be
        logged is logged by repeating it.

        Raises:
            BadInputError: no such case, no reason, no role and name, or it isn't decided.
            IncompleteError: the table or the log is out of reach, or the case went on since ``seen``.
        """
        _check(by, reason)
        case = self._seen(identifier, seen)
        last = case.history[-1]
        if case.state is CaseState.APPEALED and (last.did, last.by, last.reason) == ("appeal", by, reason):
            self._say(case, last)
            return case
        if case.state not in {CaseState.RELEASED, CaseState.REJECTED}:
            raise BadInputError(f"the case is {case.state}: there is no decision to appeal", fix="wait for one")
        if not case.applied:
            again = "reject the case, which finishes it" if case.decision.did == TAKEDOWN else "repeat that decision first"
            raise BadInputError(f"the decision to {case.decision.did} is still to be applied", fix=again)
        appealed = case.with_step(Step(iso(now or utc_now()), by, "appeal", reason), CaseState.APPEALED, applied=True)
        self.cases.save(appealed)
        self._say(appealed, appealed.history[-1])
        return appealed

    def forbid_published(
        self, key: str, *, by: str, reason: str, now: datetime | None = None, missing_ok: bool = False
    ) -> Withdrawn | None:
        """Take ``key`` out of the published bucket and see to it that the same version or bytes never come back.

        What the edge has cached is ``takedown``'s.

        Raises:
            BadInputError: nothing is published under that key (None with ``missing_ok``), or not by the gate; or as ``check_takedown``.
            IncompleteError: a service failed; do it again.
        """
        check_takedown(key, by, reason)
        moment, bucket = now or utc_now(), self.gate.settings.published_bucket
        with aws_errors(f"take down {key}"):
            found = self.gate.store.served(bucket, key)
            if found is None and missing_ok:
                return None
            if found is None:
                raise BadInputError(f"nothing is published under {key}", fix="write the key as it stands in the published bucket")
            if found.source is None:
                why = f"{key} was not published by the gate, which keeps the version it came from in its metadata"
                raise BadInputError(why, fix="delete it yourself")
            head, source = found.head, found.source
            digest = self._digest(ObjectVersion(bucket, key, etag=str(head["ETag"]).strip('"')), head)
            # Before it is overwritten: of the bytes the latest decision alone is remembered, which will be this one.
            news = self.cases.standing(source, digest).elsewhere
            self.cases.hold(source, digest, by=by, reason=reason, at=moment)
            case = self._file_takedown(source, digest, head.get("ContentType"), Step(iso(moment), by, TAKEDOWN, reason), news)
            self.cases.hold(source, digest, by=by, reason=reason, at=moment)  # a release that was being applied may have lifted the first
            self.gate.store.withdraw(bucket, key, etag=str(head["ETag"]))
            self._log(
                {
                    "event": "withdrawn",
                    "bucket": source.bucket,
                    "key": key,
                    "version_id": source.version,
                    "published_version_id": head.get("VersionId"),
                    "sha256": digest,
                    "by": pseudonym_of(by, self.cases),
                    "reason": reason,
                    "case": case.id if case else None,
                }
            )
            if case is not None and not case.applied:
                self.cases.save(replace(case, applied=True, revision=case.revision + 1))
        return Withdrawn(key, source, digest, iso(moment), case.id if case else None)

    def _seen(self, identifier: str, revision: int | None) -> Case:
        """The case as it is read once: what is saved on top of it is on top of what was seen."""
        case = self.cases.get(identifier)
        if revision not in {None, case.revision}:
            raise IncompleteError(f"the case {identifier} went on meanwhile", fix="look at it again: averment review show")
        return case

    def _digest(self, published: ObjectVersion, head: Mapping[str, Any]) -> str | None:
        """The SHA-256 of what is served; None where the bytes are too many to be read: then only the version is forbidden."""
        if head["ContentLength"] > MAX_BYTES:
            return None
        fetched = self.gate.store.fetch(published, whole_up_to=MAX_BYTES)
        if fetched is None:
            raise IncompleteError(f"{published} was replaced meanwhile", fix="take it down again")
        return sha256_hex(fetched.data)

    def _file_takedown(
        self, source: ObjectVersion, sha256: str | None, content_type: str | None, step: Step, news: str | None
    ) -> Case | None:
        """The version's case with the takedown in it, so that it can be appealed, and with the ``news`` of who forbade the bytes before. It is still to be
        applied: stopped after the withdrawal, a takedown that is done again finds nothing published, and the case is what tells of it. None where
        the version isn't the gate's to read (any more): what was taken down stays so then."""
        head = None
        if self.gate.settings.quarantine_bucket in {None, source.bucket}:
            try:
                head = self.gate.store.head(source)
            except self.gate.store.refused as error:
                if error_code(error) in _LATER:  # done again it gets its case
                    raise
        if head is None:
            return None
        target = at_version(source, head)
        new = Case(
            id=case_id(target),
            state=CaseState.REJECTED,
            opened_at=step.at,
            target=target,
            sha256=sha256,
            verdict="published",
            score=None,
            detector="review:1",
            content_type=content_type,
            history=(step,),
            applied=False,
        ).telling(news)
        if self.cases.open(new):
            return new
        known = self.cases.get(new.id)
        # An appeal that is open is still for somebody else to decide; until then the hold keeps it down.
        appealed = known.state is CaseState.APPEALED
        changed = known.telling(news).with_step(step, CaseState.APPEALED if appealed else CaseState.REJECTED, applied=appealed)
        self.cases.save(changed)
        return changed

    def _apply(self, case: Case, *, unfinished: bool) -> Case:
        """Carry out the decision that is filed. ``unfinished``: it was begun before, or what it replaces was, and may have been stopped
        between the withdrawal, which can't be told from none any more, and the edge's caches."""
        with aws_errors(f"apply the decision on {case.id}"):
            if case.state is CaseState.RELEASED:
                self._release(case)
            else:
                last = case.decision
                self.cases.hold(case.target, case.sha256, by=last.by, reason=last.reason, at=utc_now())
                # What an appeal rejects after its release, or what a scan of another detector let in, goes if it is what is served.
                if self.gate.withholding.withdraw_if_served(case.target) or unfinished:
                    self.gate.withholding.forget(case.target, f"{case.id}/{len(case.history)}")
                self._say(case, case.decision)
            applied = case.with_step(Step(iso(utc_now()), "gate", "applied", str(case.state)), case.state, applied=True)
            self.cases.save(applied)
        return applied

    def _check_releasable(self, case: Case) -> Mapping[str, Any]:
        with aws_errors(f"look at {case.target}"):
            head = self.gate.store.head(case.target)
            if head is None:
                raise BadInputError(f"{case.target} is gone: there is nothing to release", fix="reject it, or ask for a new upload")
            if not self.gate.store.is_latest(case.target, head["ETag"]):
                if self.gate.store.latest(case.target) is None:
                    why = f"{case.target.key} was deleted from quarantine, or has expired there: only a former version is left"
                    raise BadInputError(why, fix="reject it, or ask for a new upload")
                raise BadInputError(f"a newer version of {case.target.key} has been uploaded", fix="decide on that one; reject this one")
        return head

    def _told(self, case: Case) -> Case:
        """The case with a decision on the same bytes elsewhere among what was found, which a release lifts and a rejection takes the place of: a scan
        tells of it, and the last one may have been before. The case itself if there is none, or it tells of it already."""
        return case.telling(self.cases.standing(case.target, case.sha256).elsewhere)

    def _release(self, case: Case) -> None:
        head = self._check_releasable(case)
        judgement = _released(case, head.get("Metadata", {}))
        self.cases.lift(case.target, case.sha256)
        self._check_unreplaced(case)
        self.gate.store.tag(case.target, judgement.tags())
        if self._admit is not None and any(step.did == TAKEDOWN for step in case.history):
            self._admit(case.target.key)
        # Again: admitting takes seconds, in which a newer upload may have been scanned and published; this one would lie over it for good.
        self._check_releasable(case)
        # Before it: what was published and couldn't be logged would be served without a line until somebody came back.
        self._say(case, case.decision)
        self.gate.publish(case.target, head, judgement, case.content_type)
        # Nothing here scans, so the newer one can't be done again, as the gate does.
        if not self.gate.store.is_latest(case.target, head["ETag"]):
            why = f"a newer version of {case.target.key} was uploaded while this one was published, which may lie over it now"
            raise IncompleteError(why, fix="reject this one, then scan the newer one again: runbook rescan-since")

    def _check_unreplaced(self, case: Case) -> None:
        """See that nobody decided otherwise since ``case`` was filed. Who rejects files that first, and forbids then, so that what was lifted just now
        may have been of this very rejection: it is put back.

        Raises:
            IncompleteError: somebody did.
        """
        now = self.cases.get(case.id)
        if now.revision == case.revision:
            return
        if now.state is CaseState.REJECTED:
            last = now.decision
            self.cases.hold(now.target, now.sha256, by=last.by, reason=last.reason, at=utc_now())
        raise IncompleteError(f"the case {case.id} went on meanwhile: it is {now.state}", fix="look at it again")

    def _say(self, case: Case, step: Step) -> None:
        target = case.target
        self._log(
            {
                "event": "review",
                "case": case.id,
                "bucket": target.bucket,
                "key": target.key,
                "version_id": target.version,
                "sha256": case.sha256,
                "state": str(case.state),
                "did": step.did,
                "by": pseudonym_of(step.by, self.cases),
                "reason": step.reason,
            }
        )

    def _log(self, line: Mapping[str, JSON]) -> None:
        self.gate.log.write({**line, "authenticated": self.authenticated})


def _name(by: str) -> str:
    """Whose name it is, whatever the role: a user's own in each role that they may take, and in no two ways of writing that differ by case alone."""
    return by.partition("/")[2].strip().casefold()


def check_person(by: str) -> None:
    """See that ``by`` is a role with a name.

    Raises:
        BadInputError: it isn't.
    """
    _check_text("who decides", by)
    role, _, name = by.partition("/")
    if not role.strip() or not name.strip():
        raise BadInputError(f"'{by}' names no role and person", fix='write ROLE/NAME, for instance "trust/Ada Byron"')


def check_takedown(key: str, by: str, reason: str) -> None:
    """See that a takedown names a key, a person and a reason, before anything is done.

    Raises:
        BadInputError: it doesn't.
    """
    _check(by, reason)
    _check_text("the key", key)
    if not key:
        raise BadInputError("the key is empty", fix="write the key as it stands in the published bucket")


def _check_text(what: str, text: str) -> None:
    """See that ``text`` can be filed: a decision that can't be logged would be filed and never applied."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise BadInputError(f"{what} is not UTF-8: {text!r}", fix="write it in UTF-8") from error


def _check(by: str, reason: str) -> None:
    check_person(by)
    _check_text("the reason", reason)
    if not reason.strip() or len(reason) > _MAX_REASON:
        raise BadInputError(f"a decision needs a reason of at most {_MAX_REASON:,} characters", fix="say what was seen")


def _released(case: Case, metadata: Mapping[str, str]) -> Judgement:
    last = case.decision
    name, _, version = case.detector.partition(":")
    info = DetectorInfo(name, version, None, (), 0.0)
    provenance = Provenance(metadata.get("provenance"), reason="a person decided")
    score = Score(cannot_say="a person decided")
    return Judgement(GateVerdict.RELEASED, f"{last.by}: {last.reason}", score, info, case.sha256, provenance)


class People(Detector):
    """Stands where a gate wants a detector and people decide: no model is loaded to file what they say."""

    @property
    def info(self) -> DetectorInfo:
        return DetectorInfo("review", "1", None, (), 0.0)

    def score(self, images: Sequence[bytes]) -> list[Score]:
        return [Score(cannot_say="a person decides") for _ in images]
