"""``averment push``: hand a period's evidence over to somebody else's tool."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from averment.cli.common import config_option, note, organisation_for, stderr, stdout
from averment.cli.material import open_to_sign, period_material
from averment.core.errors import ExitCode
from averment.core.period import parse_duration, parse_period, utc_now

if TYPE_CHECKING:
    from averment.evidence.reporting.report import PeriodReport
    from averment.evidence.sinks.interface import PushResult

_SHOWN = 10
JOURNAL = ".averment/push/audit-manager.jsonl"


@click.group(name="push")
def command() -> None:
    """Hand a period's evidence over to other tools.

    Example: averment push audit-manager --period 2026Q4 --dry-run
    """


@command.command("audit-manager")
@click.option("--period", "period_text", required=True, metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31.")
@click.option("--dry-run", is_flag=True, help="Show what would be made and imported; make nothing.")
@click.option("--assessment-name", metavar="NAME", help="Default: Averment, the organisation and the period.")
@click.option("--owner-role", metavar="ARN", help="IAM role of the audit owner; by default Audit Manager's own setting.")
@click.option("--reports", metavar="S3", help="s3:// folder for assessment reports; by default Audit Manager's own setting.")
@click.option("--evidence", metavar="S3", help="s3:// folder: import each record's signed envelope from there, not as text.")
@click.option("--report", metavar="NAME", help="Then have Audit Manager make its assessment report, and validate its integrity.")
@click.option("--region", help="By default the region of the AWS configuration.")
@config_option
def audit_manager(
    period_text: str,
    dry_run: bool,
    assessment_name: str | None,
    owner_role: str | None,
    reports: str | None,
    evidence: str | None,
    report: str | None,
    region: str | None,
    config: Path | None,
) -> int:
    """Push controls, their state and the records behind them to AWS Audit Manager.

    For accounts that have it already: Audit Manager takes no new customers since 2026-04-30. It can be repeated: what is there is
    not made or imported again. What was imported is kept in .averment/push/audit-manager.jsonl; keep that file.

    Exit codes: 0 all pushed, 1 the assessment report was changed, 3 not registered, or something was refused (the reasons are shown).

    Example: averment push audit-manager --period 2026Q4 --owner-role arn:aws:iam::111122223333:role/audit --reports s3://audit/reports
    """
    from averment.evidence.sinks.audit_manager import AuditManagerSink, Settings

    organisation = organisation_for(config)
    settings = Settings(assessment_name, owner_role, reports, evidence, region, dry_run, report)
    with period_material(organisation, parse_period(period_text), "push") as material:
        sink = AuditManagerSink(material.catalogue, settings, organisation.root / JOURNAL, checkpoint=material.checkpoint)
        result = sink.push(material.report, material.entries)
        _show(result, material.report, dry_run)
    return ExitCode.CLEAN if result.complete else ExitCode.INCOMPLETE


@command.command("security-hub")
@click.option("--period", "period_text", required=True, metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31.")
@click.option("--dry-run", is_flag=True, help="Show what would be imported, updated and archived; change nothing.")
@click.option("--region", help="By default the region of the AWS configuration.")
@config_option
def security_hub(period_text: str, dry_run: bool, region: str | None, config: Path | None) -> int:
    """Push what is open, waived or not assessed to AWS Security Hub, as findings of the account's own product.

    It can be repeated: a finding that is there already is left alone, one that changed is updated, and one that no longer
    holds is archived; one that the period has no evidence about stays. What people decided in Security Hub (workflow, notes)
    stays as it is. What is not assessed comes in with the status NOT_AVAILABLE, which is no pass.

    An earlier period than one that was pushed is refused: it would archive what was found since.

    Exit codes: 0 all pushed, 2 a later state is there, 3 Security Hub isn't enabled, or something was refused (the reasons are shown).

    Example: averment push security-hub --period 2026Q4 --dry-run
    """
    from averment.evidence.sinks.security_hub import SecurityHubSink

    with period_material(organisation_for(config), parse_period(period_text), "push") as material:
        result = SecurityHubSink(material.catalogue, region=region, dry_run=dry_run).push(material.report, material.entries)
        _show(result, material.report, dry_run)
    return ExitCode.CLEAN if result.complete else ExitCode.INCOMPLETE


@command.command("s3")
@click.option("--period", "period_text", required=True, metavar="PERIOD", help="2026Q4, 2026-10, or 2026-10-01..2026-12-31.")
@click.option("--to", "url", required=True, metavar="S3", help="s3://bucket/prefix; the bucket needs Object Lock.")
@click.option("--retain", metavar="DURATION", help="For how long each file is held, such as 3650d. Default: the bucket's own default.")
@click.option(
    "--mode",
    type=click.Choice(["compliance", "governance"]),
    default="compliance",
    show_default=True,
    help="Object Lock's mode, with --retain.",
)
@click.option("--dry-run", is_flag=True, help="Look at the bucket and count; put nothing.")
@click.option("--region", help="By default the region of the AWS configuration.")
@config_option
def s3_bucket(period_text: str, url: str, retain: str | None, mode: str, dry_run: bool, region: str | None, config: Path | None) -> int:
    """Put a period's evidence package into an S3 bucket where nobody can change or delete it.

    It can be repeated: what is there already is left alone, and a push that was cut off is finished. A later package of the
    same period gets a folder of its own. In compliance mode not even the account's root user can delete a file before its time.

    Exit codes: 0 all there, 2 the bucket has no Object Lock, 3 AWS refused, or another file was in the way.

    Example: averment push s3 --period 2026Q4 --to s3://audit-evidence/averment --retain 3650d
    """
    from averment.evidence.package.write import write_package
    from averment.evidence.sinks.s3_bucket import S3BucketSink, Target

    period, organisation = parse_period(period_text), organisation_for(config)
    target = Target.parse(url, retain=parse_duration(retain) if retain else None, mode=mode.upper(), region=region)
    with tempfile.TemporaryDirectory(prefix="averment-") as temporary, open_to_sign(organisation) as (ledger, catalogue):
        if not dry_run:
            ledger.countersign()  # before: what vouches for the checkpoint goes into the package, which nobody can add to there
        written = write_package(organisation, ledger, catalogue, period, Path(temporary) / "package")
        result = S3BucketSink(written.path, target, dry_run=dry_run).push(written.report, ())
        for text in ledger.notes:
            note(text)
    _show(result, written.report, dry_run, ("would put", "put"))
    return ExitCode.CLEAN if result.complete else ExitCode.INCOMPLETE


def _show(result: PushResult, report: PeriodReport, dry_run: bool, verbs: tuple[str, str] = ("would import", "imported")) -> None:
    out = stdout()
    for text in report.cautions(utc_now()):
        note(text)
    for line in result.notes if dry_run else _gathered(result.notes):
        out.print(escape(line))
    verb = verbs[0 if dry_run else 1]
    out.print(f"{escape(result.location)}: {verb} {result.created}, there already {result.unchanged}, refused {len(result.refused)}")
    reasons: dict[str, list[str]] = {}
    for refusal in result.refused:
        reasons.setdefault(refusal.reason, []).append(refusal.what)
    for reason, what in reasons.items():
        stderr.print(f"refused ({len(what)}): {escape(reason)}")
        for item in what[:_SHOWN]:
            stderr.print(f"  {escape(item)}")
        if len(what) > _SHOWN:
            stderr.print(f"  and {len(what) - _SHOWN} more")


def _gathered(notes: Sequence[str]) -> list[str]:
    """``notes`` with those that differ in the control alone in one line."""
    found: dict[str, list[str]] = {}
    for line in notes:
        what, quote, name = line.partition(" control '")
        found.setdefault(f"{what} control" if quote else line, []).append(name.split(" ")[0].rstrip("'"))
    return [
        what if not names[0] else f"{what} {names[0]}" if len(names) == 1 else f"{what}s: {', '.join(names)}"
        for what, names in found.items()
    ]
