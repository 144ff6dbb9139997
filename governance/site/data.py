"""Everything that the site shows, gathered once: the catalogue, the organisation, the report up to a moment, the ledger's head."""

from __future__ import annotations

import base64
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from importlib import resources
from importlib.resources.abc import Traversable

from averment.controls.binding import Judgement, LawDate, judge_control, law_register
from averment.controls.describe import FAMILIES
from averment.controls.model import Catalogue, Control, Framework
from averment.core.organisation import Organisation
from averment.core.period import Period, iso
from averment.core.words import Status, Verdict
from averment.evidence.drift import DriftRow
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.ledger.reader import Entry
from averment.evidence.operation import OperationRow
from averment.evidence.record import Kind, Record
from averment.evidence.report import PeriodReport, build_report
from averment.evidence.rows import AssessmentRow, ClaimRow, ControlRow, EvidenceRow, FindingRow
from averment.governance.known import rule_folder
from averment.policies.interface import Rule
from averment.policies.rules.registry import all_rules

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LedgerHead:
    """The ledger as it was read: its name, its size, and the root hash in base64 as checkpoints print it."""

    origin: str
    size: int
    root: str


@dataclass(frozen=True)
class SiteData:
    """One consistent view, as of ``as_of`` (UTC). ``ledger`` is None as long as nothing was ever collected."""

    catalogue: Catalogue
    organisation: Organisation
    report: PeriodReport
    as_of: datetime
    period: Period | None
    ledger: LedgerHead | None
    rules: tuple[Rule, ...]
    claim_records: Mapping[str, Record] = field(default_factory=dict)

    @property
    def today(self) -> date:
        """The day of ``as_of``."""
        return self.as_of.date()

    def row(self, control_id: str) -> ControlRow:
        """The control's line in the matrix."""
        return next(row for row in self.report.controls if row.id == control_id)

    def status(self, control_id: str) -> Status:
        """The control's state."""
        return self.row(control_id).status

    def assessments(self, control_id: str) -> list[AssessmentRow]:
        """The control's assessments with what came of them."""
        return [row for row in self.report.assessments if row.control == control_id]

    def findings(self, control_id: str) -> list[FindingRow]:
        """What breaks the control, waived or not."""
        return [row for row in self.report.findings if row.control == control_id]

    def drift(self, control_id: str) -> list[DriftRow]:
        """The resources of which the control's rules say one thing of the code and another of the deployment."""
        return [row for row in self.report.drift if row.control == control_id and row.differs]

    def operation(self, control_id: str) -> list[OperationRow]:
        """For how long in the period the resources under the control's rules were compliant; the worst first."""
        rows = [row for row in self.report.operation if control_id in row.controls]
        return sorted(rows, key=lambda row: (-1.0 if row.share is None else row.share, row.rule, row.resource))

    def claims(self, control_id: str) -> list[ClaimRow]:
        """The runs of the control's claims, newest first."""
        rows = [row for row in self.report.claims if any(name.split("/")[0] == control_id for name in row.assessments)]
        return sorted(rows, key=lambda row: row.effective_at, reverse=True)

    def evidence(self, record: str) -> EvidenceRow | None:
        """The record in the evidence index."""
        return next((row for row in self.report.evidence if row.record == record), None)

    def law(self, control_id: str) -> tuple[Judgement, ...]:
        """The standing of the control's references today."""
        return judge_control(self.catalogue, control_id, self.organisation.profile, self.today)

    def families(self) -> list[tuple[str, str, list[Control]]]:
        """Code, title and controls of each family that has controls."""
        order = list(FAMILIES)
        codes = sorted({control.family for control in self.catalogue}, key=lambda code: (order.index(code) if code in order else 99, code))
        return [(code, FAMILIES.get(code, code), [c for c in self.catalogue if c.family == code]) for code in codes]

    def referring(self, framework: Framework, ref: str) -> list[Control]:
        """The controls that refer to a provision."""
        return [c for c in self.catalogue if any(r.framework == framework.id and r.ref == ref for r in c.references)]

    def upcoming(self, limit: int = 5) -> list[tuple[LawDate, int]]:
        """The next dates of the law register, with the days until then."""
        register = sorted(law_register(self.catalogue), key=lambda item: (item.on, item.framework))  # stable: else as the files list them
        ahead = [(item, (item.on - self.today).days) for item in register if item.on >= self.today]
        days = sorted({item.on for item, _ in ahead})[:limit]
        return [(item, left) for item, left in ahead if item.on in days]


def gather(organisation: Organisation, catalogue: Catalogue, *, as_of: datetime, period: Period | None = None) -> SiteData:
    """The view of ``organisation`` as of ``as_of``; of ``period`` alone if one is given, else of all evidence up to then.

    Raises:
        BadInputError: the evidence settings can't be used.
        VerificationError: the ledger is not what its checkpoint says.
        StoreError: the ledger is out of reach.
    """
    span = period or Period(f"up to {iso(as_of)}", _BEGINNING, as_of + timedelta(seconds=1))
    claims: dict[str, Record] = {}
    with open_ledger(organisation) as ledger:
        report = build_report(catalogue, organisation, _keeping_claims(ledger.records(), claims), span, as_of)
        head = None
        if ledger.size:
            root = base64.b64encode(ledger.tree.root).decode()
            head = LedgerHead(ledger.origin, ledger.size, root)
    shown = {row.record: claims[row.record] for row in report.claims}
    return SiteData(catalogue, organisation, report, as_of, period, head, all_rules(), shown)


def _keeping_claims(entries: Iterable[Entry], claims: dict[str, Record]) -> Iterator[Entry]:
    """``entries``, with the records of claims among them put into ``claims`` by their ids: plots need more than the report's rows."""
    for entry in entries:
        if entry.record.kind is Kind.CLAIM:
            claims[entry.record.id] = entry.record
        yield entry


@dataclass(frozen=True)
class RuleCase:
    """A situation that a rule is tested with: its name, the verdict it must get, and its Terraform, if it has some."""

    name: str
    verdict: Verdict
    terraform: str | None


def rule_text(rule: Rule) -> str | None:
    """The page that the rule's author wrote on it (``README.md``), if there is one."""
    readme = rule_folder(rule.id).joinpath("README.md")
    return readme.read_text(encoding="utf-8") if readme.is_file() else None


def rule_summary(rule: Rule) -> str:
    """What the rule's module says of itself, in one paragraph each."""
    return inspect.cleandoc(inspect.getmodule(rule.evaluate).__doc__ or rule.title)


def rule_cases(rule: Rule) -> tuple[RuleCase, ...]:
    """The rule's cases that stand in folders ``<name>.<verdict>``, failing ones first."""
    folder = rule_folder(rule.id).joinpath("cases")
    found = [_rule_case(entry) for entry in folder.iterdir() if entry.is_dir()] if folder.is_dir() else []
    order = [Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE]
    return tuple(sorted((case for case in found if case is not None), key=lambda case: (order.index(case.verdict), case.name)))


def _rule_case(entry: Traversable) -> RuleCase | None:
    name, _, verdict = entry.name.rpartition(".")
    if not name or verdict not in set(Verdict):
        return None
    terraform = entry.joinpath("main.tf")
    text = terraform.read_text(encoding="utf-8").strip() if terraform.is_file() else None
    return RuleCase(name.replace("_", " "), Verdict(verdict), text)


def model_card() -> str | None:
    """The card of the detector that is shipped, if there is one."""
    card = resources.files("averment").joinpath("detector", "model", "CARD.md")
    return card.read_text(encoding="utf-8") if card.is_file() else None
