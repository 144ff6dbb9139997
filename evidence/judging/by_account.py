"""The states of the controls, account by account: whose they are to mend where one organisation has many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from averment.core.words import Status, worst
from averment.evidence.collectors.redact import hide_account
from averment.evidence.judging.assess import NOT_FROM_AWS, Evidence
from averment.evidence.judging.places import ALL_PLACES
from averment.evidence.judging.states import AssessmentState, ControlState, Gap


@dataclass(frozen=True)
class AccountState:
    """What is known of the controls in one account, each the worst of what its assessments found there.

    ``account`` is None for what is of no single account: claims, statements, code, incidents, and what is so in all places or in none.
    """

    account: str | None
    controls: Mapping[str, Status] = field(default_factory=dict)

    def having(self, status: Status) -> list[str]:
        """The controls of that status, in the order of their ids."""
        return sorted(name for name, found in self.controls.items() if found is status)


def by_account(states: Iterable[ControlState], evidence: Evidence, accounts: Sequence[str]) -> list[AccountState]:
    """``states`` by the account in which each was found, worst account first and what is of none last.

    ``accounts`` are those that averment.yaml lists: each has its line, also if nothing came from it. Every assessment is in some line with the
    status that it has: what no place explains stands in the last one.
    """
    hidden = Counter(map(hide_account, dict.fromkeys(accounts)))
    listed = {hide_account(account): account for account in accounts if hidden[hide_account(account)] == 1}
    found: dict[str | None, dict[str, list[Status]]] = {account: {} for account in accounts}
    for control in states:
        for state in control.assessments:
            for account, status in _of(state, evidence, accounts):
                found.setdefault(listed.get(account or "", account), {}).setdefault(control.control.id, []).append(status)
    lines = [AccountState(account, {name: worst(each) for name, each in controls.items()}) for account, controls in found.items()]
    return sorted(lines, key=_worst_first)


def _worst_first(line: AccountState) -> tuple[bool, int, int, str]:
    wrong, unknown = (len(line.having(status)) for status in (Status.NOT_SATISFIED, Status.NOT_ASSESSED))
    return line.account is None, -wrong, -unknown, line.account or ""


def _of(state: AssessmentState, evidence: Evidence, accounts: Sequence[str]) -> list[tuple[str | None, Status]]:
    """What ``state`` says of which account."""
    collector = state.assessment.collector
    if collector is None or collector in NOT_FROM_AWS:
        return [(None, state.status)]
    if state.gap is Gap.MISSING and not state.places and accounts:
        return [(account, state.status) for account in accounts]
    known = {name: evidence.account(history[-1]) for name, history in evidence.by_place(collector).items()}
    told = [(_account(place, known), status) for place, status in state.places]
    return told if any(status is state.status for _, status in told) else [*told, (None, state.status)]


def _account(place: str, known: Mapping[str, str | None]) -> str | None:
    """The account of ``place``, which is one of ``known`` with or without a stretch of time behind it, or an account that nothing came from."""
    if place == ALL_PLACES:
        return None
    name = place if place in known else place.rpartition(" ")[0]
    return known.get(name, place)
