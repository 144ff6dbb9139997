"""Places that the ledger has evidence of and that averment.yaml doesn't have in its scope: what was found there counts for no state, and whoever
reads that everything is satisfied has to know that it isn't said of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from averment.core.scope import Scope
from averment.evidence.judging.assess import Evidence, in_scope, names_a_source_alone
from averment.evidence.judging.judges import list_some
from averment.evidence.judging.places import LATELY


def outside(evidence: Evidence, scope: Scope, moment: datetime) -> tuple[str, ...]:
    """The accounts that ``scope`` doesn't name, and the regions of those that it does, as far as there are records of them that aren't older than
    ``LATELY`` at ``moment``: an account that was closed years ago is missed by nobody."""
    accounts, regions = set[str](), set[str]()
    for record in evidence:
        if in_scope(record, scope, None) or moment - record.effective_at > LATELY or names_a_source_alone(record):
            continue
        if not in_scope(record, Scope(accounts=scope.accounts), None):
            accounts.add(f"account {evidence.account(record)}")
        else:
            regions.add(str(record.region))
    return (*sorted(accounts), *sorted(regions))


def told_of_outside(places: Sequence[str]) -> str | None:
    """What whoever is shown the states has to be told of ``places``; None where there are none."""
    if not places:
        return None
    return f"evidence of {list_some(places)} is in the ledger and counts for no state: the scope of averment.yaml doesn't have it"


def counts_for_nothing(places: Sequence[str]) -> str:
    """All of ``places``, in the words of a summary's line on what isn't in scope."""
    return f"{', '.join(places)}: there is evidence of it, which counts for no state"
