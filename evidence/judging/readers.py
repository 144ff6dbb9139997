"""What the payload of each kind of record says of an assessment: one reader a kind, from a record to what is wrong, right or undecided in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from averment.core.canonical import JSON
from averment.core.period import from_iso, parse_duration
from averment.core.words import ClaimVerdict, Verdict, counted
from averment.evidence.collectors.interface import media_asked
from averment.evidence.collectors.redact import redact
from averment.evidence.judging.judges import Question, Reader, Reading, collect_again, lasted
from averment.evidence.judging.states import Gap, place_of
from averment.evidence.record import Kind, Record
from averment.policies.runtime.evaluate import COULD_NOT_CHECK


def read_check(question: Question, record: Record) -> Reading:
    """Verdicts of ``averment check``: ``{"rules": [...], "findings": [...], "problems": [...]}``."""
    reading, policy = Reading(), question.assessment.policy
    if policy not in record.payload.get("rules", ()):
        reading.undecided.append(f"the check did not run the rule {policy}")
        reading.gap = Gap.MISSING
        return reading
    for finding in record.payload.get("findings", ()):
        if finding["rule"] != policy:
            continue
        verdict, resource, where = Verdict(finding["verdict"]), finding["resource"], finding.get("where", "")
        deviation = question.deviation(resource, finding["message"], where, record, noted=finding.get("waived_by"))
        if verdict is Verdict.FAIL or (verdict is Verdict.UNKNOWN and deviation.waiver):
            reading.deviations.append(deviation)
        elif verdict is Verdict.UNKNOWN:
            reading.undecided.append(f"{resource}: {finding['message']}")
        elif verdict is Verdict.PASS:
            reading.passed += 1
            reading.right.add((resource, place_of(where)))
    for problem in record.payload.get("problems", ()):
        reading.undecided.append(f"{problem.get('where', '')}: {problem['reason']}".lstrip(": "))
    reading.nothing_because = f"nothing that it applies to is in the {record.source} that was checked"
    return reading


def read_config(question: Question, record: Record) -> Reading:
    """Compliance as AWS Config reports it: ``{"rules": [{"rule", "config_rule", "resources": [...], "failing"}]}``."""
    reading, policy = Reading(), question.assessment.policy
    rules = [rule for rule in record.payload.get("rules", ()) if rule["rule"] == policy]
    if not rules:
        reading.undecided.append(f"AWS Config has no rule averment-{policy} here")
        reading.gap = Gap.MISSING
    for rule in rules:
        for resource in rule["resources"]:
            _read_evaluation(question, record, rule["config_rule"], resource, reading)
        if rule.get("compliance") == "NON_COMPLIANT" and all(item["compliance"] != "NON_COMPLIANT" for item in rule["resources"]):
            reading.undecided.append(f"AWS Config calls the rule {rule['config_rule']} non-compliant and names no resource that is")
        if failing := rule.get("failing"):
            before = f"of before {failing['since']}" if failing["since"] else "old"
            text = f"what the rule {rule['config_rule']} says may be {before} ({failing['why']})"
            reading.undecided.append(text)
        if rule.get("compliance") == "INSUFFICIENT_DATA" and not rule["resources"]:
            reading.undecided.append(f"the rule {rule['config_rule']} has not evaluated anything yet")
    return reading


def _read_evaluation(question: Question, record: Record, rule: str, resource: Mapping[str, Any], reading: Reading) -> None:
    compliance, identity, annotation = resource["compliance"], resource["id"], resource.get("annotation") or ""
    called = resource.get("name") or identity  # of a role, AWS Config's id tells nobody which it is
    name = identity if called == identity else f"{called} ({identity})"
    if compliance == "NON_COMPLIANT":
        text = annotation or "non-compliant"
        reading.deviations.append(question.deviation(name, text, f"AWS Config rule {rule}", record, also=(called, identity)))
    elif compliance == "COMPLIANT":
        reading.passed += 1
        reading.right.update({(name, ""), (identity, "")})
    elif compliance == "NOT_APPLICABLE" and not annotation.startswith(COULD_NOT_CHECK):
        return
    else:  # a rule that could not tell reports NOT_APPLICABLE with its reason, and Config itself INSUFFICIENT_DATA
        reading.undecided.append(f"{name}: {annotation or compliance}")


def read_history(question: Question, record: Record) -> Reading:
    """Operation throughout a period, from AWS Config's history: ``{"rules": [{"rule", "resources": [{"id", "seconds", "intervals"}]}]}``.

    A resource deviates that was not compliant at some time, and is undecided that was not assessed all the time that it was there.
    """
    reading, policy = Reading(), question.assessment.policy
    if other_media(question, record):
        reading.undecided.append(
            f"which buckets hold media (scope.media) has changed since {record.effective_at.date()}; {collect_again(question, record)}"
        )
        reading.gap = Gap.SUPERSEDED
        return reading
    rule = next((rule for rule in record.payload.get("rules", ()) if rule["rule"] == policy), None)
    if rule is None:
        reading.undecided.append(f"the history was not judged by the rule {policy}")
        reading.gap = Gap.MISSING
        return reading
    reading.undecided.extend(f"AWS Config keeps no history of {kind}" for kind in rule["without_history"])
    for resource in rule["resources"]:
        seconds = resource["seconds"]
        if broken := seconds["non-compliant"]:
            why = _why(resource, "non-compliant")
            text = f"not compliant for {lasted(broken)}: {why}"
            reading.deviations.append(question.deviation(resource["id"], text, record.source, record))
        elif open_time := seconds["not-assessed"]:
            why = _why(resource, "not-assessed")
            reading.undecided.append(f"{resource['id']}: not assessed for {lasted(open_time)}: {why}")
        else:
            reading.passed += 1
            reading.right.add((resource["id"], ""))
    return reading


def other_media(question: Question, record: Record) -> bool:
    """Whether averment.yaml named other buckets as media when ``record`` was collected, as far as that says so. What it named in a period that
    is over, it named then."""
    if question.is_over:
        return False
    then, accounts = record.payload.get("media_scope"), question.organisation.scope.accounts
    now: JSON = media_asked(question.organisation.scope)
    return then is not None and redact(then, {}, accounts=accounts) != redact(now, {}, accounts=accounts)


def _why(resource: Mapping[str, Any], state: str) -> str:
    return next((str(entry.get("reason", "")) for entry in resource["intervals"] if entry["state"] == state), "")


def _to_settle(payload: Mapping[str, Any]) -> str:
    """How many units would settle an inconclusive claim, as the end of a sentence; the least that can, where nothing was estimated."""
    needed = payload.get("needed")
    if not needed:
        return ""
    units = counted(needed, "independent unit")
    return f" (at least {units} would be needed)" if payload.get("estimate", 0) is None else f" (about {units} would settle it)"


def read_claim(question: Question, record: Record) -> Reading:
    """A tested claim (``ClaimResult.to_json``, the statement in ``query.claim``); it must be the very claim that is asked now."""
    reading, payload, claim = Reading(), record.payload, question.assessment.claim or {}
    tested = record.query.get("claim")
    if tested != dict(claim):
        reading.undecided.append(f"the claim has changed since {record.effective_at.date()}, when {_spec(tested)} was tested; test again")
        reading.gap = Gap.SUPERSEDED
        return reading
    verdict, reason = ClaimVerdict(payload["verdict"]), f"{payload['statement']}: {payload['verdict']}, {payload['reason']}"
    if verdict is ClaimVerdict.REFUTED:
        reading.deviations.append(question.deviation(question.id, reason, record.source, record))
    elif verdict is ClaimVerdict.INCONCLUSIVE:
        reading.undecided.append(reason + _to_settle(payload))
    else:
        reading.passed, reading.passed_because = 1, reason
    return reading


def _spec(spec: object) -> str:
    return ", ".join(f"{key} {value}" for key, value in spec.items()) if isinstance(spec, Mapping) else "another one"


def read_attestation(question: Question, record: Record) -> Reading:
    """What a responsible person stated (``attestations.attest``): right question, right role, not expired."""
    reading, payload, asked = Reading(), record.payload, question.assessment.attestation or {}
    role, by, answer = asked.get("role"), payload.get("by", {}), payload.get("answer")
    said = f"{by.get('name')} ({by.get('role')}) on {record.effective_at.date()}: {answer}"
    if payload.get("question") != asked.get("question"):
        reading.undecided.append(f"the question has changed since {record.effective_at.date()}; ask again")
        reading.gap = Gap.SUPERSEDED
    elif role is not None and by.get("role") != role:
        reading.undecided.append(f"answered by the role {by.get('role')}, and {role} is asked")
    elif answer == "no":
        reading.deviations.append(question.deviation(question.id, said + _quote(payload), "attestation", record))
    elif expired := _expired(question, record, asked):
        reading.undecided.append(expired)
        reading.gap = Gap.EXPIRED
    elif answer == "yes":
        reading.passed, reading.passed_because = 1, said
    elif answer == "not-applicable":
        reading.nothing_because = said + _quote(payload)  # one person's word, and nobody looked
    else:
        reading.undecided.append(said + _quote(payload))
    return reading


def _expired(question: Question, record: Record, asked: Mapping[str, Any]) -> str | None:
    valid_for = asked.get("valid_for")
    if valid_for is None:
        return None
    ended = record.effective_at + parse_duration(str(valid_for))
    if until := record.payload.get("valid_until"):
        ended = min(ended, from_iso(until))  # out of a workbook, an answer is older than its record
    return f"the attestation of {record.effective_at.date()} expired on {ended.date()}" if question.moment > ended else None


def _quote(payload: Mapping[str, Any]) -> str:
    return f" ({payload['statement']})" if payload.get("statement") else ""


READERS: dict[Kind, Reader] = {
    Kind.CHECK: read_check,
    Kind.CONFIG_COMPLIANCE: read_config,
    Kind.CONFIG_HISTORY: read_history,
    Kind.CLAIM: read_claim,
    Kind.ATTESTATION: read_attestation,
}
"""The reader of each kind of payload whose verdicts speak for themselves; the others need an expectation."""
