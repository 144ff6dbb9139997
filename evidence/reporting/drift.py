"""Where the code and what is deployed part: for each control and resource the verdict before the merge beside the one at run time.

Pure: the same records give the same rows. A resource of the code is found again in AWS Config by its type and name; where the code knows
only a part of the name, by that pattern, if one deployed resource alone fits it.
"""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from averment.controls.model import Catalogue
from averment.core.organisation import Organisation
from averment.core.words import Verdict
from averment.evidence.judging.assess import in_scope
from averment.evidence.judging.judges import in_order
from averment.evidence.judging.repositories import source_by_repository, within
from averment.evidence.judging.states import place_of
from averment.evidence.judging.waived import waiver_for
from averment.evidence.record import Gathering, Kind, Record
from averment.policies.runtime.evaluate import COULD_NOT_CHECK

WAIVED = "waived"
NOT_SEEN = "not seen"

_WORST_FIRST = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)
_RUN_TIME = {"COMPLIANT": Verdict.PASS, "NON_COMPLIANT": Verdict.FAIL}

_SAYS = {
    ("pass", "fail"): "passes in the code, fails as deployed: changed by hand, or deployed from another version",
    ("fail", "pass"): "fails in the code, passes as deployed: the code is not deployed yet, or was mended by hand",
    ("pass", "unknown"): "passes in the code; as deployed it could not be checked",
    ("fail", "unknown"): "fails in the code; as deployed it could not be checked",
    ("unknown", "pass"): "could not be told from the code; passes as deployed",
    ("unknown", "fail"): "could not be told from the code; fails as deployed",
    (WAIVED, "fail"): "waived in the code only: the waiver does not name the deployed resource",
    ("fail", WAIVED): "waived as deployed only: the waiver does not name the resource in the code",
    (WAIVED, "pass"): "waived in the code; passes as deployed",
    ("pass", WAIVED): "passes in the code; fails as deployed, which is waived",
    (WAIVED, "unknown"): "waived in the code; as deployed it could not be checked",
    ("unknown", WAIVED): "could not be told from the code; fails as deployed, which is waived",
}
_ONE_SIDED = {
    (True, False): "in the code only: not deployed here, deployed under another name, or judged by no rule of AWS Config",
    (False, True): "deployed only: made by hand, or from code that is not checked here",
}
_NOTHING = "in the code only: as deployed the rule finds nothing to judge there"
"""Of a resource that AWS Config speaks of: one whose policy was taken away by hand is deployed all the same."""


@dataclass(frozen=True)
class DriftRow:
    """One resource under one rule of one control, on both sides.

    ``before`` and ``at_run_time`` are pass, fail, unknown, waived, or "not seen". ``code`` is the address in the code, ``where`` its place.
    ``checked_at`` and ``seen_at`` are when either side's evidence held (None: there is none).
    """

    control: str
    rule: str
    resource: str
    resource_type: str
    account: str | None
    region: str | None
    code: str | None
    where: str | None
    before: str
    at_run_time: str
    says: str
    checked_at: datetime | None
    seen_at: datetime | None

    @property
    def differs(self) -> bool:
        """Whether the two sides don't say the same."""
        return self.before != self.at_run_time


@dataclass
class _Side:
    """What one side says of one resource."""

    verdict: Verdict
    waived: bool
    code: str | None = None
    where: str | None = None
    checked_at: datetime | None = None

    def worse(self, other: _Side) -> _Side:
        """The graver of the two: an open failure before one that is waived."""
        return min(self, other, key=lambda side: (_WORST_FIRST.index(side.verdict), side.waived))

    @property
    def word(self) -> str:
        return WAIVED if self.waived and self.verdict is Verdict.FAIL else str(self.verdict)


Key = tuple[str, str]  # AWS Config's type, name

_WILD = re.compile(r"[*?\[\]]")
"""What means more than itself in a pattern."""


@dataclass
class _Code:
    """The pre-merge verdicts of one rule by what the resources are called once deployed, and those that have no name yet."""

    named: dict[Key, _Side] = field(default_factory=dict)
    nameless: list[tuple[str, _Side]] = field(default_factory=list)


def drift(catalogue: Catalogue, organisation: Organisation, records: Iterable[Record], moment: datetime) -> tuple[DriftRow, ...]:
    """Every resource that a run-time rule of a selected control speaks of, on either side, in order of control, rule and resource.

    ``records`` are those to go by; of the check of each repository (of those listed, where averment.yaml lists them), and of AWS Config in each
    account and region, the last that came about counts, and before one that brought a part alone the last that was complete: what it doesn't speak of
    is as it was. Without both kinds there is nothing to compare, and no row.
    """
    usable = [record for record in in_order(list(records)) if record.gathering is not Gathering.COULD_NOT]
    source = source_by_repository(usable)
    checked = _histories((source(record), record) for record in usable if record.kind is Kind.CHECK)
    listed = organisation.parameter("check.repositories")
    checks = {name: history for name, history in checked.items() if in_scope(history[-1], organisation.scope, listed)}
    places = _histories(((record.account, record.region), record) for record in usable if record.kind is Kind.CONFIG_COMPLIANCE)
    if not checks or not places:
        return ()
    said = tuple(check for _, check in sorted(checks.items()))  # by repository: which was first in the ledger says nothing
    rows = [
        row
        for control in catalogue
        for policy in dict.fromkeys(item.policy for item in control.assessments if item.collector == "config-compliance" and item.policy)
        for row in _Comparison(control.id, policy, organisation, moment, said).rows(list(places.values()))
    ]
    return tuple(sorted(rows, key=lambda row: (row.control, row.rule, row.account or "", row.region or "", row.resource, row.code or "")))


Name = TypeVar("Name")


def _histories(records: Iterable[tuple[Name, Record]]) -> dict[Name, list[Record]]:
    """Of each place the last complete record and the parts that came after it, or the parts alone."""
    found: dict[Name, list[Record]] = {}
    for name, record in records:
        found[name] = [record] if record.gathering is Gathering.COLLECTED else [*found.get(name, ()), record]
    return found


@dataclass(frozen=True)
class _Comparison:
    """One rule of one control."""

    control: str
    policy: str
    organisation: Organisation
    moment: datetime
    checks: Sequence[Sequence[Record]]

    def rows(self, places: Iterable[Sequence[Record]]) -> Iterator[DriftRow]:
        code = self.code()
        matched: set[Key] = set()
        silent: dict[Key, Record] = {}
        for history in places:
            deployed, nothing = self.deployed(history)
            silent |= {named: nothing[key] for key, named in _linked(code.named, nothing).items()}
            links = _linked(code.named, deployed)
            matched.update(links.values())
            for key, (side, record) in deployed.items():
                named = links.get(key)
                yield self.row(key, code.named[named] if named is not None else None, side, record)
        for key, side in code.named.items():
            if key not in matched:
                yield self.row(key, side, None, silent.get(key))
        for kind, side in code.nameless:
            yield self.row((kind, side.code or ""), side, None, None)

    def code(self) -> _Code:
        """What the checks said."""
        found = _Code()
        for check, item in (said for history in self.checks for said in self.said(history)):
            if item["verdict"] not in _WORST_FIRST:
                continue
            noted, where = item.get("waived_by"), item.get("where", "")
            waived = self.waived(item["resource"], noted, where)
            side = _Side(Verdict(item["verdict"]), waived, item["resource"], within(check, where), check.effective_at)
            names = [(str(kind), str(name)) for kind, name in item.get("deployed", ())]
            for key in names:
                found.named[key] = found.named[key].worse(side) if key in found.named else side
            if not names:
                found.nameless.append((item.get("resource_type", ""), side))
        return found

    def said(self, history: Sequence[Record]) -> list[tuple[Record, Any]]:
        """The findings of one repository under the rule, each with its check."""
        found: list[tuple[Record, Any]] = []
        for check in history:
            told = [item for item in check.payload.get("findings", ()) if item["rule"] == self.policy]
            again = set(map(_copy, told))
            found = [*(said for said in found if _copy(said[1]) not in again), *((check, item) for item in told)]
        return found

    def deployed(self, history: Sequence[Record]) -> tuple[dict[Key, tuple[_Side, Record]], dict[Key, Record]]:
        """What AWS Config said in one account and region, each with the record that said it last, and of what the rule had nothing to say."""
        said: dict[Key, list[tuple[Mapping[str, Any], Mapping[str, Any], Record]]] = {}
        names: dict[Key, str] = {}
        for record in history:
            here: dict[Key, list[tuple[Mapping[str, Any], Mapping[str, Any], Record]]] = {}
            for rule in record.payload.get("rules", ()):
                for item in rule["resources"] if rule["rule"] == self.policy else ():
                    identity = (item["type"], item["id"])
                    here.setdefault(identity, []).append((rule, item, record))
                    names[identity] = item.get("name") or names.get(identity) or item["id"]  # a part may lack the names that another has
            said |= here
        found: dict[Key, tuple[_Side, Record]] = {}
        nothing: dict[Key, Record] = {}
        for identity, results in said.items():
            for rule, item, record in results:
                verdict = _verdict(item)
                if verdict is None:
                    if not item.get("annotation"):  # it would say that the resource is gone
                        nothing[item["type"], names[identity]] = record
                    continue
                if verdict is Verdict.PASS and rule.get("failing"):
                    verdict = Verdict.UNKNOWN  # AWS Config shows what it said before its last run failed
                name = names[identity]
                side = _Side(verdict, any(self.waived(text, None, "", record) for text in dict.fromkeys((name, item["id"]))))
                key = (item["type"], name)
                found[key] = (found[key][0].worse(side) if key in found else side, record)
        return found, nothing

    def waived(self, resource: str, noted: str | None, where: str, seen: Record | None = None) -> bool:
        account, region = (seen.account, seen.region) if seen else (None, None)
        asked = (self.organisation, self.control, self.policy, resource, self.moment.date())
        return waiver_for(*asked, noted=noted, where=where, account=account, region=region) is not None

    def row(self, key: Key, before: _Side | None, after: _Side | None, record: Record | None) -> DriftRow:
        first, second = before.word if before else NOT_SEEN, after.word if after else NOT_SEEN
        one_sided = _NOTHING if after is None and record is not None else _ONE_SIDED.get((before is not None, after is not None))
        return DriftRow(
            self.control,
            self.policy,
            key[1],
            key[0],
            record.account if record else None,
            record.region if record else None,
            before.code if before else None,
            before.where if before else None,
            first,
            second,
            one_sided or _SAYS.get((first, second), "the same on both sides"),
            before.checked_at if before else None,
            record.effective_at if record else None,
        )


def _verdict(item: Mapping[str, Any]) -> Verdict | None:
    """A run-time verdict; None for a resource that the rule isn't about."""
    compliance = item["compliance"]
    if compliance == "NOT_APPLICABLE":
        return Verdict.UNKNOWN if (item.get("annotation") or "").startswith(COULD_NOT_CHECK) else None
    return _RUN_TIME.get(compliance, Verdict.UNKNOWN)


def _copy(finding: Mapping[str, Any]) -> tuple[str, str]:
    return finding["resource"], place_of(finding.get("where", ""))


def _linked(code: Mapping[Key, _Side], deployed: Mapping[Key, object]) -> dict[Key, Key]:
    """Which deployed resource is which of the code's: by the same name, else by the only pattern that fits it, and it alone."""
    links = {key: key for key in deployed if key in code}
    fitting = _fitting([key for key in deployed if key not in links], [key for key in code if "*" in key[1]])
    times = Counter(pattern for patterns in fitting.values() for pattern in patterns)
    for key, patterns in fitting.items():
        if len(patterns) == 1 and times[patterns[0]] == 1:
            links[key] = patterns[0]
    return links


def _fitting(keys: Sequence[Key], patterns: Sequence[Key]) -> dict[Key, list[Key]]:
    """Which of ``patterns`` each of ``keys`` fits. Compared are those alone of which it has the rarer end: of a shop with thousands of buckets whose
    names begin with a variable, or have one in their midst, there are as many patterns."""
    both = {pattern: _ends(*pattern) for pattern in patterns}
    times = Counter(end for ends in both.values() for end in ends)
    known: dict[_End, list[Key]] = {}
    for pattern, ends in both.items():
        known.setdefault(min(ends, key=lambda end: times[end]), []).append(pattern)
    lengths = {(last, len(text)) for _, last, text in known}
    found: dict[Key, list[Key]] = {}
    for kind, name in keys:
        alike = (known.get((kind, last, name[max(len(name) - length, 0) :] if last else name[:length]), ()) for last, length in lengths)
        found[kind, name] = [pattern for some in alike for pattern in some if fnmatch.fnmatchcase(name, pattern[1])]
    return found


_End = tuple[str, bool, str]  # AWS Config's type, whether it is the last of a name, the text


def _ends(kind: str, pattern: str) -> tuple[_End, _End]:
    first, *_, last = _WILD.split(pattern)
    return (kind, True, last), (kind, False, first)
