"""``averment runbooks``: the runbooks for the hour in which a deepfake is live."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from averment.cli.common import stderr
from averment.core.errors import BadInputError, ExitCode, IncompleteError
from averment.core.regions import configured_region, partition_of
from averment.core.showing import printable
from averment.core.stopping import STOPPED

if TYPE_CHECKING:
    from averment.governance.remediation.runbooks import ShippedRunbook

_OVER = frozenset({"Success", "Failed", "TimedOut", "Cancelled", "Rejected", "CompletedWithSuccess", "CompletedWithFailure", "Exited"})
_parameters = click.option(
    "-p",
    "--parameter",
    "given",
    metavar="NAME=VALUE",
    multiple=True,
    help="A parameter of the runbook; for a list, values with commas between, or one at a time.",
)

POLL_SECONDS = 1.0
"""Between two looks at an execution."""


@click.group(name="runbooks")
def command() -> None:
    """List, show, render and run the runbooks: Automation documents of AWS Systems Manager.

    Example: averment runbooks list
    """


@command.command("list")
@click.option("--format", "style", type=click.Choice(["table", "json"]), default="table", show_default=True)
def list_command(style: str) -> int:
    """What there is, and how each is undone.

    Example: averment runbooks list
    """
    from averment.governance.remediation.runbooks import runbook_names, shipped_runbook

    found = [shipped_runbook(name) for name in runbook_names()]
    if style == "json":
        told = [{"name": item.name, "title": item.title, "needs": list(item.required), "rollback": item.rollback} for item in found]
        click.echo(json.dumps(told, indent=2))
        return ExitCode.CLEAN
    for item in found:
        click.echo(f"{item.name:<20} {item.title}")
    return ExitCode.CLEAN


@command.command("show")
@click.argument("name")
def show_command(name: str) -> int:
    """What a runbook does step by step, when to use it, what it asks for, what it may do, and how it is undone.

    Example: averment runbooks show isolate-bucket
    """
    from averment.governance.remediation.permissions import document_actions
    from averment.governance.remediation.runbooks import shipped_runbook

    runbook = shipped_runbook(name)
    click.echo(f"{runbook.title}\n\n{runbook.content['description']}\n\nwhen: {runbook.when}\n\nundone: {runbook.rollback}\n\nparameters")
    for parameter, entry in runbook.content["parameters"].items():
        default = f" (default {json.dumps(entry['default'])})" if "default" in entry else " (required)"
        click.echo(f"  {parameter}: {entry['description']}{default}")
    click.echo("\nsteps")
    for step in runbook.content["mainSteps"]:
        called = f" {step['inputs']['Service']}:{step['inputs']['Api']}" if "Service" in step.get("inputs", {}) else ""
        click.echo(f"  {step['name']:<22} {step['action']}{called}")
    click.echo(f"\nits role may\n  {chr(10).join(document_actions(runbook.content)).replace(chr(10), chr(10) + '  ')}")
    return ExitCode.CLEAN


@command.command("render")
@click.argument("name")
def render_command(name: str) -> int:
    """The document as Systems Manager takes it, as JSON.

    \b
    Example: averment runbooks render isolate-bucket > isolate-bucket.json
             aws ssm create-document --name averment-isolate-bucket --document-type Automation --content file://isolate-bucket.json
    """
    from averment.governance.remediation.runbooks import shipped_runbook

    click.echo(json.dumps(shipped_runbook(name).content, indent=2))
    return ExitCode.CLEAN


@command.command("role")
@click.argument("name")
@_parameters
@click.option("--account", default="*", metavar="ID", help="Narrow resources to this account.")
@click.option("--region", default="*", help="Narrow resources to this region. ARNs are of its partition, or of that of your AWS settings.")
@click.option("--trust", is_flag=True, help="Instead: the role's trust policy, by which Systems Manager may act as it; with --account.")
def role_command(name: str, given: tuple[str, ...], account: str, region: str, *, trust: bool) -> int:
    """The least policy for the role of a runbook, generated from the calls of its steps; with -p for these resources alone.

    Example: averment runbooks role preserve-evidence -p BucketName=shop-uploads -p EvidenceBucket=shop-evidence --account 123456789012
    """
    from averment.governance.remediation.permissions import as_text, role_policy, trust_policy
    from averment.governance.remediation.runbooks import shipped_runbook

    runbook = shipped_runbook(name)
    if trust:
        if not re.fullmatch(r"\d{12}", account, re.ASCII):
            raise BadInputError("--trust needs the account that Systems Manager acts for", fix="add --account with its twelve digits")
        click.echo(as_text(trust_policy(account)))
        return ExitCode.CLEAN
    values = {parameter: value[0] for parameter, value in given_parameters(runbook, given).items() if value}
    partition = partition_of(configured_region() if region == "*" else region)
    click.echo(as_text(role_policy(runbook.content, values, partition=partition, account=account, region=region)))
    return ExitCode.CLEAN


@command.command("run")
@click.argument("name")
@_parameters
@click.option(
    "--role", metavar="ARN", required=True, help="The role that the runbook acts as (`averment runbooks role` says what it needs)."
)
@click.option("--for-real", is_flag=True, help="Change things. Without it the runbook says what it would change.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Follow it to its end, or to the approval that it waits for.")
@click.option("--region", help="Another region than the configured one.")
def run_command(name: str, given: tuple[str, ...], role: str, for_real: bool, wait: bool, region: str | None) -> int:
    """Start a runbook in the account, and follow it. The document is created there, or brought up to date, first.

    Exit code 0: it succeeded, or isn't waited for; 3: it failed, or waits for an approval, before which it changes nothing.

    \b
    Example: averment runbooks run isolate-bucket -p BucketName=shop-uploads --role arn:aws:iam::123456789012:role/averment-runbooks
             averment runbooks run isolate-bucket -p BucketName=shop-uploads --role ... --for-real
    """
    from averment.core.aws import aws_errors, client
    from averment.governance.remediation.runbooks import shipped_runbook
    from averment.governance.remediation.runbooks.parameters import check_values

    runbook = shipped_runbook(name)
    chosen = given_parameters(runbook, given)
    values = {**chosen, "AutomationAssumeRole": [role], "DryRun": ["false" if for_real else "true"]}
    missing = [parameter for parameter in runbook.required if parameter not in values]
    if missing:
        raise BadInputError(f"{name} needs {', '.join(missing)}", fix=" ".join(f"-p {parameter}=..." for parameter in missing))
    check_values(runbook, values)
    ssm = client("ssm", region=region)
    with aws_errors(f"start {runbook.document}"):
        asked = {"DocumentName": runbook.document, "DocumentVersion": _bring(ssm, runbook), "Parameters": values}
        identifier = ssm.start_automation_execution(**asked, ClientToken=str(uuid.uuid4()))[
            "AutomationExecutionId"
        ]  # repeated, it starts once
    click.echo(identifier)
    if not wait:
        _tell_unfollowed(identifier, for_real=for_real)
        return ExitCode.CLEAN
    try:
        with aws_errors(f"follow {identifier}"):
            return _follow(ssm, name, identifier, for_real=for_real)
    except STOPPED:
        _tell_unfollowed(identifier, for_real=for_real)
        raise


def given_parameters(runbook: ShippedRunbook, given: Sequence[str]) -> dict[str, list[str]]:
    """Parameters as the API takes them: lists of strings. A list may be given at once, or a value at a time.

    Raises:
        BadInputError: no such parameter, or one that takes a single value is given twice: one of them would go unheard.
    """
    found: dict[str, list[str]] = {}
    for item in given:
        parameter, equals, value = item.partition("=")
        entry: Mapping[str, Any] | None = runbook.content["parameters"].get(parameter)
        if not equals or entry is None or parameter in {"AutomationAssumeRole", "DryRun"}:
            known = [key for key in runbook.content["parameters"] if key not in {"AutomationAssumeRole", "DryRun"}]
            raise BadInputError(f"'{item}' is no parameter of {runbook.name}", fix=f"NAME=VALUE, with one of {', '.join(known)}")
        if entry["type"] == "StringList":
            found.setdefault(parameter, []).extend(value.split(","))
        elif parameter in found:
            text = f"{parameter} is given twice, as '{found[parameter][0]}' and as '{value}'"
            raise BadInputError(text, fix=f"run {runbook.name} once for each")
        else:
            found[parameter] = [value]
    return found


def _bring(ssm: Any, runbook: ShippedRunbook) -> str:
    """See that the document in the account is this version's; returns the version to run, which is what is deployed where the rights to change it
    are missing: a responder needn't have them. Never the latest, whichever that is: somebody may have put another above it."""
    from botocore.exceptions import ClientError

    from averment.core.aws import error_code
    from averment.policies.deployment.documents import bring, is_default

    try:
        version = bring(ssm, runbook.document, runbook.content)
    except ClientError as error:
        if error_code(error) != "AccessDeniedException":
            raise
        told = f"note: {runbook.document} could not be brought up to date, and is run as it is deployed in the account: {printable(str(error))}"
        stderr.print(told, markup=False)
        return "$DEFAULT"
    try:  # whoever names no version, as incident contain does, runs the default
        ssm.update_document_default_version(Name=runbook.document, DocumentVersion=version)
    except ClientError as error:
        if not is_default(ssm, runbook.document, version):
            said = f"note: `averment incident contain` goes on running another version of {runbook.document}, the default in the account: {error}"
            stderr.print(said, markup=False)
    return version


def _tell_unfollowed(identifier: str, *, for_real: bool) -> None:
    """What a change comes to that nobody waits for, and the digest of its way back, are to be had later from the incident's ledger alone."""
    if for_real:
        stderr.print(
            f"it goes on; what comes of it, and how it is undone, is put on record by: averment incident contain ID --do execution={identifier} "
            '--by ROLE --because "..."',
            markup=False,
        )


def _follow(ssm: Any, name: str, identifier: str, *, for_real: bool) -> int:
    """Tell each step as it ends, and in the end the outcome."""
    from averment.governance.remediation.runbooks import UNDO

    told: set[str] = set()
    while True:
        execution = ssm.get_automation_execution(AutomationExecutionId=identifier)["AutomationExecution"]
        for step in execution["StepExecutions"]:
            if step["StepStatus"] in _OVER and step["StepExecutionId"] not in told:
                told.add(step["StepExecutionId"])
                why = f": {printable(step['FailureMessage'])}" if step.get("FailureMessage") else ""
                stderr.print(f"{step['StepStatus']:<9} {step['StepName']}{why}", markup=False)
        status = execution["AutomationExecutionStatus"]
        if status in _OVER:
            break
        if status == "Waiting":
            stderr.print(
                f"nothing was changed yet, it waits for approval: aws ssm send-automation-signal --automation-execution-id {identifier} --signal-type Approve",
                markup=False,
            )
            _tell_undo(name, identifier, _planned(execution), "once it is approved")
            return ExitCode.INCOMPLETE
        time.sleep(POLL_SECONDS)
    outputs = _planned(execution)
    if status != "Success":
        if _went_on(execution):
            _tell_undo(name, identifier, outputs, "if a part of it was done and not put back")
        raise IncompleteError(f"the runbook ended as {status}: {printable(execution.get('FailureMessage', 'no reason given'))}")
    if UNDO not in outputs:  # deployed by somebody else, and run because there are no rights to bring ours
        text = (
            f"the execution ended well, but wrote down no way back ({UNDO}), as each runbook does: another's document bears this one's name"
        )
        raise IncompleteError(text, fix="see what it did, and have somebody with the rights to change documents run it")
    click.echo(f"{'done' if for_real else 'would'}: {printable(next(iter(outputs.get('plan.Summary', [])), ''))}")
    if for_real:
        _tell_undo(name, identifier, outputs)
    return ExitCode.CLEAN


def _planned(execution: Mapping[str, Any]) -> Mapping[str, Sequence[str]]:
    """What the plan put out, before the end too: the execution's own outputs may come with its end alone."""
    from averment.governance.remediation.runbooks import outputs_of

    steps = {f"{step['StepName']}.{name}": found for step in execution["StepExecutions"] for name, found in step.get("Outputs", {}).items()}
    return {**steps, **outputs_of(execution)}


def _went_on(execution: Mapping[str, Any]) -> bool:
    """Whether an execution came past what only looks and asks, and didn't put everything back (``restore`` asks the same)."""
    before = {"aws:sleep", "aws:branch", "aws:approve"}
    taken = [step for step in execution["StepExecutions"] if step["StepStatus"] != "Pending"]
    if any(step["StepName"] == "putBack" and step["StepStatus"] == "Success" for step in taken):
        return False
    return any(step["StepName"] not in {"plan", "unchanged", "moment"} and step["Action"] not in before for step in taken)


def _tell_undo(name: str, identifier: str, outputs: Mapping[str, Sequence[str]], when: str = "") -> None:
    """How it is undone, while the digest can still be written down: one that is computed later vouches for nothing."""
    from averment.governance.remediation.runbooks import undo_digest

    if name == "restore" or (digest := undo_digest(outputs)) is None:
        return
    stderr.print(
        f"keep this with the incident; {when + ', ' if when else ''}it is undone by: averment runbooks run restore -p ExecutionId={identifier} "
        f"-p UndoSha256={digest} -p Approvers=NAME --role ARN --for-real",
        markup=False,
    )
