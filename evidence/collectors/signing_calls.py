"""``signing-calls``: every ``kms:Sign`` that CloudTrail saw, to hold against the log of signing events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError
from averment.core.source import SourceRef
from averment.evidence.collectors.cloudtrail import MAX_CALLS, CallCollector
from averment.evidence.collectors.interface import CollectScope
from averment.evidence.collectors.named import Names, asked_for, entry, listed, names_of, not_listed, unnamed
from averment.evidence.record import Kind, Population, Record

KEYS, SIGNERS = "signing-calls.keys", "signing-calls.signers"
_NAME = "Sign"


class SigningCalls(CallCollector):
    """Who signed with which KMS key, in the period and as far back as CloudTrail's sources go (``cloudtrail``).

    ``parameters: {signing-calls: {keys: [...], signers: [...]}}`` in averment.yaml names the keys that sign marks of origin, and the roles
    that may sign with them. Calls on other keys are then counted and nothing more; without keys all calls are here. A replica of a named
    multi-Region key is that key, and a call of which CloudTrail names no key may be on one of them. A signer's plain
    name means the role of that name in the account that is looked at: an ARN is needed for one of another account, or where CloudTrail tells none of it,
    its unique id: ``AROA... of arn:aws:iam::ACCOUNT:root``.

    Payload: ``{"calls": [{"id", "at", "name", "caller", "error", "resources"}], "callers": {caller: count}, "keys": {key: count},
    "by_others": [{"resource", "message"}], "history_from", "sources": [...], "notes", "summary": {"calls", "failed", "callers", "keys",
    "on_other_keys", "by_others"}}``; calls latest first. ``by_others`` are callers outside of ``signers`` that did sign (null where no
    signers are named): those who tried and were refused are in ``failed``.
    """

    name = "signing-calls"
    version = "3"
    kind = Kind.SIGNING_CALLS
    summary = "Calls of kms:Sign by caller and key, from CloudTrail."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: keys or signers aren't lists, or a key is an alias.
        """
        keys_named, signers = _keys(scope), names_of(scope.organisation, SIGNERS)
        with self.calls(scope, "kms.amazonaws.com", {_NAME: timedelta(0)}) as found:
            kept: list[dict[str, Any]] = []
            callers: Counter[str] = Counter()
            keys: Counter[str] = Counter()
            signed: Counter[str] = Counter()
            total = failed = elsewhere = 0
            for call in found.of(_NAME, latest_first=True):
                if not _on_one_of(keys_named, call):
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
                "by_others": _by_others(signed),
                "notes": [*unnamed(keys_named, signers), *not_listed(total, len(kept), "calls")],
                "summary": {
                    "calls": total,
                    "failed": failed,
                    "callers": len(callers),
                    "keys": len(keys),
                    "on_other_keys": elsewhere,
                    "by_others": len(signed) if signers else None,
                },
            }
            record = found.record(self, payload, Population("calls", total, total), asked=asked_for(scope, KEYS, SIGNERS))
        yield record


def _by_others(signed: Counter[str]) -> JSON:
    told = {caller: f"{times:,} {'time' if times == 1 else 'times'}" for caller, times in signed.items()}
    return listed([entry(caller, f"signed {often}, and is no signer") for caller, often in told.items()])


def _keys(scope: CollectScope) -> Names:
    named = names_of(scope.organisation, KEYS)
    for key in named.given or ():
        if "alias/" in key:
            where = SourceRef(scope.organisation.file)
            raise BadInputError(
                f"parameters.{KEYS}: '{key}' is an alias, and CloudTrail tells keys", where=where, fix="write the key's ARN or id"
            )
    return named


def _on_one_of(keys: Names, call: Mapping[str, Any]) -> bool:
    """Whether a call is on one of ``keys``. One that signed, and of which CloudTrail names no key, may be."""
    arns: list[str] = call["resources"]
    return any(keys.count(*_names_of_key(arn, keys)) for arn in arns) or not (arns or call["error"])


def _names_of_key(arn: str, keys: Names) -> tuple[str, ...]:
    """What a key may be called in the list of ``keys``: its ARN and id, and if it is a multi-Region key, which signs alike in every region
    (KMS developer guide, "Multi-Region keys"), its ARN in the regions of those that are named."""
    name, parts = arn.rpartition("/")[2], arn.split(":")
    if not name.startswith("mrk-") or len(parts) < 6:
        return (arn, name)
    regions = {given.split(":")[3] for given in keys.given or () if given.startswith("arn:") and given.count(":") >= 5}
    return (arn, name, *(":".join((*parts[:3], region, *parts[4:])) for region in sorted(regions)))


def _names(caller: str, account: str | None) -> tuple[str, ...]:
    """What a caller may be called in the list of signers: its ARN, and if it is a role of ``account``, the role's name."""
    own = f":iam::{account}:role/" in caller
    return (caller, caller.rpartition("/")[2]) if own else (caller,)
