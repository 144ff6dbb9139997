"""AWS Audit Manager: a period's controls, states and records as a custom framework, an assessment and manual evidence.

For accounts that have it: the service takes no new customers since 2026-04-30. Everything is looked for by name before it is
made, and evidence by key (``audit_manager_journal``, and what the service shows of earlier imports), so that a push can be
repeated. What exists is never changed: an assessment keeps the control texts that it began with. Limits: 50 items a call, 100
uploads per control and day (the rest is refused until tomorrow), and errors that a successful answer carries are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

from averment.controls.model import Catalogue
from averment.core.aws import Attempts, aws_errors, client
from averment.core.errors import BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.evidence.ledger.log import Entry
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.sinks.audit_manager_journal import Journal, held
from averment.evidence.sinks.audit_manager_plan import (
    CONTROL_TEXTS,
    MARK,
    MAX_ACCOUNTS,
    MAX_CONTROLS,
    S3_URL,
    Plan,
    WantedControl,
    WantedEvidence,
    by_control,
    make_plan,
    said_again,
)
from averment.evidence.sinks.audit_manager_report import check_name, make_report
from averment.evidence.sinks.interface import PushResult, Refusal, Sink

BATCH = 50
DAILY = 100

_NOT_ACTIVE_FIX = (
    "Audit Manager takes no new customers since 2026-04-30. Hand the auditor the package (averment export); for continuous "
    "checks in AWS, deploy the rules to AWS Config"
)


@dataclass(frozen=True)
class Settings:
    """Where to push to.

    ``assessment``: its name (default: organisation and period). ``owner_role``: the audit owner's ARN, ``reports``: the ``s3://``
    folder for assessment reports; both default to Audit Manager's own settings. ``evidence``: an ``s3://`` folder where each
    record's signed envelope is put and imported from; None imports texts. ``report``: the name of an assessment report to make
    when everything is in.
    """

    assessment: str | None = None
    owner_role: str | None = None
    reports: str | None = None
    evidence: str | None = None
    region: str | None = None
    dry_run: bool = False
    report: str | None = None


@dataclass
class _Run:
    """The running account of one push."""

    created: int = 0
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    latest: datetime | None = None

    def came(self, at: datetime) -> None:
        """Note that a piece of evidence came in ``at``; ``latest`` is when the last did."""
        self.latest = at if self.latest is None else max(self.latest, at)

    def refuse(self, items: Iterable[WantedEvidence], reason: str) -> None:
        self.refused.extend(Refusal(f"{item.control}: {item.text.splitlines()[0]}", reason) for item in items)


class AuditManagerSink(Sink):
    """Pushes to Audit Manager. With ``dry_run`` nothing is made: the notes are the difference, ``created`` what would be."""

    def __init__(self, catalogue: Catalogue, settings: Settings, journal: Path, *, checkpoint: str | None = None) -> None:
        if settings.report is not None:
            check_name(settings.report)
        for label, url in (("reports", settings.reports), ("evidence", settings.evidence)):
            if url is not None and not S3_URL.fullmatch(url):
                raise BadInputError(f"'{url}' is not an S3 folder that Audit Manager accepts for {label}", fix="write s3://bucket/prefix")
        self._catalogue, self._settings, self._journal_path, self._checkpoint = catalogue, settings, journal, checkpoint

    def push(self, report: PeriodReport, entries: Iterable[Entry]) -> PushResult:
        """See ``Sink.push``.

        Raises:
            IncompleteError: the account isn't registered with Audit Manager, or AWS is out of reach or refuses.
            BadInputError: more than Audit Manager takes, or a setting that it needs is missing.
        """
        plan = make_plan(report, self._catalogue, assessment=self._settings.assessment, checkpoint=self._checkpoint)
        _check_size(plan)
        with nullcontext() if self._settings.dry_run else held(self._journal_path), aws_errors("push to Audit Manager"):
            service = client("auditmanager", region=self._settings.region)
            _require_active(service)
            run = _Run()
            assessment = self._found(service, plan) or self._made(service, plan, run)
            records = frozenset(row.record for row in report.evidence)
            self._evidence(service, plan, assessment, records, entries, run)
            self._report(service, assessment, run)
            where = f"{service.meta.region_name}, assessment '{plan.assessment}'"
            if assessment is not None:
                where = f"{where} ({assessment['metadata']['id']})"
        return PushResult(where, run.created, run.unchanged, tuple(run.refused), tuple(run.notes))

    def _report(self, service: Any, assessment: Any, run: _Run) -> None:
        name = self._settings.report
        if name is None:
            return
        if self._settings.dry_run or assessment is None:
            run.notes.append(f"+ assessment report '{name}'")
            return
        if run.refused:
            run.refused.append(Refusal(f"assessment report '{name}'", "not made while evidence is missing; push again first"))
            return
        made = make_report(service, assessment, name)
        run.notes.append(f"{'created' if made.made else 'found'} assessment report '{name}'")
        run.notes.append(f"validated {made.location}: signed by {made.key} ({made.algorithm})")
        if not made.made and run.latest is not None and run.latest > made.at:
            reason = (
                f"it was made at {iso(made.at)}, and lacks the evidence that came in since; have another made: --report with another name"
            )
            run.refused.append(Refusal(f"assessment report '{name}'", reason))

    def _make(self, run: _Run, what: str, call: Callable[[], Any]) -> Any:
        """Make one thing, or say that it would be made; None in a dry run."""
        if self._settings.dry_run:
            run.notes.append(f"+ {what}")
            return None
        made = call()
        run.notes.append(f"created {what}")
        return made

    def _controls(self, service: Any, plan: Plan, run: _Run) -> dict[str, str | None]:
        """Control id -> Audit Manager's id; None for one that a dry run would make."""
        there = {item["name"]: item["id"] for item in _all(service, "list_controls", "controlMetadataList", controlType="Custom")}
        return {wanted.id: self._control(service, wanted, there, run) for wanted in plan.controls}

    def _control(self, service: Any, wanted: WantedControl, there: Mapping[str, str], run: _Run) -> str | None:
        """The control with just these texts: found under its name or a later version of it, or made as the next. An overlay may have changed it since the
        one that is there was made, or that is another organisation's."""
        request, name, version = wanted.request(), wanted.name, 1
        while name in there:
            shown = service.get_control(controlId=there[name])["control"]
            if all(str(shown.get(field) or "").split() == str(request[field]).split() for field in CONTROL_TEXTS):
                return there[name]
            version += 1
            name = f"{wanted.name[:290]} v{version}"
        made = self._make(run, f"control '{name}'", partial(service.create_control, **{**request, "name": name}))
        return made["control"]["id"] if made else None

    def _framework(self, service: Any, plan: Plan, controls: dict[str, str | None], run: _Run) -> str | None:
        """The framework with exactly these controls: found under the plan's name or a later version of it, or made as the next."""
        wanted = {name: [controls[control.id] for control in members] for name, members in plan.families.items()}
        there = {
            item["name"]: item["id"]
            for item in _all(service, "list_assessment_frameworks", "frameworkMetadataList", frameworkType="Custom")
        }
        name, version = plan.framework, 1
        while name in there:
            identifier: str = there[name]
            sets = service.get_assessment_framework(frameworkId=identifier)["framework"]["controlSets"]
            if {item["name"]: {control["id"] for control in item["controls"]} for item in sets} == {
                key: set(members) for key, members in wanted.items()
            }:
                return identifier
            version += 1
            name = f"{plan.framework[:290]} v{version}"
        request = {
            "name": name,
            "description": "Controls on synthetic-media risk, kept as code by Averment.",
            "complianceType": "Synthetic-media risk",
            "controlSets": [{"name": key, "controls": [{"id": member} for member in members]} for key, members in wanted.items()],
        }
        made = self._make(run, f"framework '{name}'", partial(service.create_assessment_framework, **request))
        return made["framework"]["id"] if made else None

    def _found(self, service: Any, plan: Plan) -> Any:
        """The running assessment of the plan's name, or None.

        Raises:
            IncompleteError: the only one of the name is closed: another beside it would have everything a second time.
        """
        named = [item for item in _all(service, "list_assessments", "assessmentMetadata") if item["name"] == plan.assessment]
        running = [item for item in named if item["status"] == "ACTIVE"]
        if named and not running:
            raise IncompleteError(
                f"the assessment '{plan.assessment}' is closed (inactive) and takes no evidence; nothing was made",
                fix="set it to active in Audit Manager, or name another one with --assessment-name",
            )
        return service.get_assessment(assessmentId=running[0]["id"])["assessment"] if running else None

    def _made(self, service: Any, plan: Plan, run: _Run) -> Any:
        """A new assessment, with the controls and the framework that it needs; None where a dry run would make it."""
        accounts = plan.accounts or (self._own_account(),)
        request: dict[str, Any] = {
            "name": plan.assessment,
            "description": plan.description,
            "assessmentReportsDestination": {"destinationType": "S3", "destination": self._reports(service)},
            "scope": {"awsAccounts": [{"id": account} for account in accounts]},
            "roles": self._owners(service),
        }
        request["frameworkId"] = self._framework(service, plan, self._controls(service, plan, run), run)  # last: settings may be missing
        what = f"assessment '{plan.assessment}' of {len(accounts)} account(s)"
        made = self._make(run, what, partial(service.create_assessment, **request))
        return made["assessment"] if made else None

    def _own_account(self) -> str:
        return str(client("sts", region=self._settings.region).get_caller_identity()["Account"])

    def _reports(self, service: Any) -> str:
        if self._settings.reports:
            return self._settings.reports
        settings = service.get_settings(attribute="DEFAULT_ASSESSMENT_REPORTS_DESTINATION")["settings"]
        found = settings.get("defaultAssessmentReportsDestination", {}).get("destination")
        if not found:
            raise BadInputError("Audit Manager has no default folder for assessment reports", fix="pass --reports s3://bucket/prefix")
        return str(found)

    def _owners(self, service: Any) -> list[dict[str, str]]:
        if self._settings.owner_role:
            return [{"roleType": "PROCESS_OWNER", "roleArn": self._settings.owner_role}]
        found = service.get_settings(attribute="DEFAULT_PROCESS_OWNERS")["settings"].get("defaultProcessOwners") or []
        if not found:
            raise BadInputError("Audit Manager has no default audit owner", fix="pass --owner-role with the ARN of the audit owner's role")
        return [{"roleType": str(item["roleType"]), "roleArn": str(item["roleArn"])} for item in found]

    def _evidence(self, service: Any, plan: Plan, assessment: Any, records: frozenset[str], entries: Iterable[Entry], run: _Run) -> None:
        groups = by_control(plan.evidence)
        if assessment is None:
            run.created += len(plan.evidence)
            run.notes.extend(f"+ {len(items)} evidence item(s) for {control}" for control, items in groups.items())
            return
        places = {  # by the id at the head of its name: the title may be another one since
            control["name"].split(" ")[0]: (entry["id"], control["id"])
            for entry in assessment["framework"]["controlSets"]
            for control in entry["controls"]
        }
        envelopes = self._envelopes(plan, entries)
        importer = _Importer(service, assessment["metadata"]["id"], Journal(self._journal_path), run, self._settings, records)
        for control, items in groups.items():
            place = places.get(control)
            if place is None:
                run.refuse(items, "the assessment has no such control; it began before the control existed: use another assessment name")
                continue
            importer.import_(place, items, envelopes)

    def _envelopes(self, plan: Plan, entries: Iterable[Entry]) -> dict[str, bytes]:
        if self._settings.evidence is None:
            return {}
        wanted = {item.record for item in plan.evidence if item.record}
        return {entry.record.id: entry.envelope for entry in entries if entry.record.id in wanted}


class _Importer:
    """Imports evidence into one assessment, and counts."""

    def __init__(self, service: Any, assessment: str, journal: Journal, run: _Run, settings: Settings, records: frozenset[str]) -> None:
        self._records = records  # of the period: every other key is a state's
        self._service, self._assessment, self._journal, self._run, self._folder = service, assessment, journal, run, settings.evidence
        self._dry_run, self._attempts = settings.dry_run, Attempts(service)
        self._s3 = client("s3", region=settings.region) if settings.evidence else None

    def import_(self, place: tuple[str, str], items: list[WantedEvidence], envelopes: dict[str, bytes]) -> None:
        """Import what isn't there yet for the control at ``place`` (control set, control)."""
        target = {"assessmentId": self._assessment, "controlSetId": place[0], "controlId": place[1]}
        spot = (self._assessment, place[1])
        shown, today = self._shown(target)
        known = self._journal.done(spot) | shown.keys()
        past = [key for key in self._journal.done(spot) or shown if key not in self._records]
        items = [said_again(item, past) for item in items]
        self._run.unchanged += sum(1 for item in items if item.key in known)
        fresh = [item for item in items if item.key not in known]
        doubtful = self._journal.doubtful(spot) if not shown else ()  # where the service shows texts, they settle the doubt
        doubts = [item for item in fresh if item.key in doubtful]
        reason = f"an earlier push was cut off and may have imported it; look in Audit Manager, then mend {self._journal.path}"
        self._run.refuse(doubts, reason)
        fresh = [item for item in fresh if item.key not in doubtful]
        room = max(0, DAILY - today)
        self._run.refuse(fresh[room:], f"a control takes {DAILY} uploads a day; push again tomorrow")
        if self._dry_run:
            self._run.created += len(fresh[:room])
            self._run.notes.extend(f"+ {item.control}: {item.text.splitlines()[0]}" for item in fresh[:room])
            return
        for start in range(0, min(room, len(fresh)), BATCH):
            self._batch(target, spot, fresh[start : min(start + BATCH, room)], envelopes)

    def _batch(self, target: dict[str, str], spot: tuple[str, str], items: list[WantedEvidence], envelopes: dict[str, bytes]) -> None:
        evidence = [self._item(item, envelopes) for item in items]
        refusals = self._service.exceptions
        self._journal.write("begin", spot, [item.key for item in items])
        self._attempts.in_doubt = False
        try:
            answer = self._service.batch_import_evidence_to_assessment_control(**target, manualEvidence=evidence)
        except (refusals.ValidationException, refusals.ResourceNotFoundException) as error:
            self._journal.write("refused", spot, [item.key for item in items])
            self._run.refuse(items, f"Audit Manager refused: {error.response['Error']['Message']}")
            return
        except Exception as error:
            if self._attempts.unheard(error):  # nothing arrived: no doubt stays for whoever pushes again
                self._journal.write("refused", spot, [item.key for item in items])
            raise
        if self._attempts.in_doubt:  # it takes no token by which it would know a call again
            asked = f"{items[0].control}: an answer was lost on the way and the import asked for again"
            self._run.notes.append(f"{asked}: {len(items)} item(s) may stand twice in Audit Manager, which lets nobody delete them")
        errors = {tuple(sorted(entry["manualEvidence"].items())): entry for entry in answer.get("errors", [])}
        bad = [(item, errors[key]) for item, sent in zip(items, evidence, strict=True) if (key := tuple(sorted(sent.items()))) in errors]
        failed = {item.key for item, _ in bad}
        self._journal.write("done", spot, [item.key for item in items if item.key not in failed])
        self._journal.write("refused", spot, failed)
        for item, why in bad:
            self._run.refuse([item], f"Audit Manager refused: {why.get('errorMessage', 'no reason given')} ({why.get('errorCode')})")
        self._run.created += len(items) - len(bad)
        if len(items) > len(bad):
            self._run.came(utc_now())

    def _item(self, item: WantedEvidence, envelopes: dict[str, bytes]) -> dict[str, str]:
        """A text, or, with an evidence folder, the path of the record's envelope put there."""
        if self._folder is None or self._s3 is None or item.record not in envelopes:
            return {"textResponse": item.text}
        bucket, _, prefix = self._folder.partition("://")[2].partition("/")
        key = f"{prefix.strip('/')}/{item.record}.json".lstrip("/")
        self._s3.put_object(Bucket=bucket, Key=key, Body=envelopes[item.record], ContentType="application/json")
        return {"s3ResourcePath": f"s3://{bucket}/{key}"}

    def _shown(self, target: dict[str, str]) -> tuple[dict[str, datetime], int]:
        """The keys that the service shows for the control and since when, the latest last, and the number of manual uploads of today (UTC)."""
        keys: dict[str, datetime] = {}
        today = 0
        for folder in _all(self._service, "get_evidence_folders_by_assessment_control", "evidenceFolders", **target):
            manual = folder.get("evidenceByTypeManualCount", 0)
            if folder["date"].astimezone(UTC).date() == utc_now().date():
                today += manual
            if not manual:
                continue
            place = {"assessmentId": target["assessmentId"], "controlSetId": target["controlSetId"], "evidenceFolderId": folder["id"]}
            for evidence in _all(self._service, "get_evidence_by_evidence_folder", "evidence", **place):
                self._run.came(evidence["time"])
                for value in evidence.get("attributes", {}).values():
                    keys.update(dict.fromkeys(_keys(value), evidence["time"]))
        return dict(sorted(keys.items(), key=itemgetter(1))), today


def _keys(text: str) -> Iterator[str]:
    """The keys that a shown attribute names: our own first line, or the file name of a record's envelope."""
    if found := MARK.match(text):
        yield found[1]
    elif text[:5].lower() == "s3://":
        yield text.rpartition("/")[2].removesuffix(".json")


def _require_active(service: Any) -> None:
    status = service.get_account_status()["status"]
    if status != "ACTIVE":
        raise IncompleteError(
            f"this account is not registered with Audit Manager in {service.meta.region_name} ({status})", fix=_NOT_ACTIVE_FIX
        )


def _check_size(plan: Plan) -> None:
    if not plan.controls:
        raise BadInputError("there is no control to push", fix="select some under controls: in averment.yaml")
    if len(plan.controls) > MAX_CONTROLS:
        raise BadInputError(
            f"{len(plan.controls)} controls; Audit Manager takes {MAX_CONTROLS} custom ones",
            fix="select fewer under controls: in averment.yaml",
        )
    if len(plan.accounts) > MAX_ACCOUNTS:
        raise BadInputError(f"{len(plan.accounts)} accounts in scope; an assessment takes {MAX_ACCOUNTS}", fix="push with a smaller scope")


def _all(service: Any, operation: str, key: str, **request: Any) -> Iterator[Any]:
    """Every item of a paged listing."""
    token: dict[str, str] = {}
    while True:
        page = getattr(service, operation)(**request, **token, maxResults=100)
        yield from page.get(key, [])
        if not page.get("nextToken"):
            return
        token = {"nextToken": page["nextToken"]}
