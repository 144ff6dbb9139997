"""``signing-calls``: every ``kms:Sign`` that CloudTrail saw, to hold against the log of signing events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.evidence.collectors.cloudtrail import MAX_CALLS, calls, window
from averment.evidence.collectors.interface import Collector, CollectScope
from averment.evidence.collectors.named import Names, asked_for, entry, listed, names_of, unnamed
from averment.evidence.record import Kind, Population, Record

KEYS, SIGNERS = "signing-calls.keys", "signing-calls.signers"


class SigningCalls(Collector):
    """Who signed with which KMS key, in the period and as far back as the event history goes (90 days).

    ``parameters: {signing-calls: {keys: [...], signers: [...]}}`` in averment.yaml names the keys that sign marks of origin, and the roles
    that may sign with them. Calls on other keys are then counted and nothing more; without keys all calls are here. A signer's plain
    name means the role of that name in the account that is looked at: an ARN is needed for one of another account.

    Payload: ``{"calls": [{"id", "at", "name", "caller", "error", "resources"}], "callers": {caller: count}, "keys": {key: count},
    "by_others": [{"resource", "message"}], "history_from", "notes", "summary": {"calls", "failed", "callers", "keys", "on_other_keys",
    "by_others"}}``. ``by_others`` are callers outside of ``signers`` that did sign (null where no signers are named): those who tried and
    were refused are in ``failed``.
    """

    name = "signing-calls"
    version = "2"
    kind = Kind.SIGNING_CALLS
    permissions = ("cloudtrail:LookupEvents",)
    looks_back = True
    summary = "Calls of kms:Sign by caller and key, from CloudTrail."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: keys or signers aren't lists, or a key is an alias.
        """
        keys_named, signers = _keys(scope), names_of(scope.organisation, SIGNERS)
        fetch = scope.fetch("cloudtrail")
        start, end = window(scope)
        kept: list[dict[str, Any]] = []
        callers: Counter[str] = Counter()
        keys: Counter[str] = Counter()
        signed: Counter[str] = Counter()
        total = failed = elsewhere = 0
        for call in calls(fetch, "Sign", "kms.amazonaws.com", start, end):
            if not any(keys_named.count(arn, arn.rpartition("/")[2]) for arn in call["resources"] or [""]):
                elsewhere += 1
                continue
            total, failed = total + 1, failed + (call["error"] is not None)
            callers[call["caller"]] += 1
            keys.update(call["resources"])
            if call["error"] is None and not signers.count(*_names(call["caller"], scope.account)):
                signed[call["caller"]] += 1
            if len(kept) < MAX_CALLS:
                kept.append(call)
        payload: dict[str, JSON] = {
            "calls": list(kept),
            "callers": dict(sorted(callers.items())),
            "keys": dict(sorted(keys.items())),
            "by_others": listed(
                [
                    entry(caller, f"signed {times:,} {'time' if times == 1 else 'times'}, and is no signer")
                    for caller, times in signed.items()
                ]
            ),
            "history_from": iso(start),
            "notes": unnamed(keys_named, signers),
            "summary": {
                "calls": total,
                "failed": failed,
                "callers": len(callers),
                "keys": len(keys),
                "on_other_keys": elsewhere,
                "by_others": len(signed) if signers else None,
            },
        }
        population = Population("calls", total, len(kept), total > len(kept) or start > scope.period.start)
        asked = asked_for(scope, KEYS, SIGNERS)
        yield self.listing(scope, [fetch], payload, population, source="CloudTrail event history", effective_at=end, asked=asked)


def _keys(scope: CollectScope) -> Names:
    named = names_of(scope.organisation, KEYS)
    for key in named.given or ():
        if "alias/" in key:
            where = SourceRef(scope.organisation.file)
            raise BadInputError(
                f"parameters.{KEYS}: '{key}' is an alias, and CloudTrail tells keys", where=where, fix="write the key's ARN or id"
            )
    return named


def _names(caller: str, account: str | None) -> tuple[str, ...]:
    """What a caller may be called in the list of signers: its ARN, and if it is a role of ``account``, the role's name."""
    own = f":iam::{account}:role/" in caller
    return (caller, caller.rpartition("/")[2]) if own else (caller,)
