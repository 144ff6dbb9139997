"""Containing: what stops the harm and can be taken back. Each measure says what it would do, does it, looks whether it holds, and undoes it.

Nothing here deletes. A runbook of Systems Manager (``runbook``) is the way for whatever is more than one call; the other measures are single
calls for the hour in which no runbook has been deployed yet. Permissions: s3:GetBucketVersioning, s3:ListBucketVersions, s3:DeleteObject
(without a version: it only hides), s3:DeleteObjectVersion (to take a marker away again); iam:ListAccessKeys, iam:UpdateAccessKey;
iam:PutRolePolicy, iam:DeleteRolePolicy, iam:ListRolePolicies; cloudfront:CreateInvalidation, cloudfront:GetInvalidation; ssm:StartAutomationExecution,
ssm:GetAutomationExecution.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from averment.core.aws import aws_errors, client
from averment.core.canonical import JSON, stable_id
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.governance.incidents.originals import find_originals
from averment.governance.incidents.words import visible
from averment.governance.remediation.runbooks import UNDO, runbook_names, shipped_runbook, undo_digest

SESSIONS = "averment-incident-revoked-sessions"
"""The inline policy that ends a role's sessions."""

POLL_SECONDS = 2.0
"""Between two looks at an execution."""


class Outcome(StrEnum):
    """How a measure stands. ``UNDER_WAY``: it was accepted and isn't complete; ``FAILED`` always has its reason."""

    HOLDS = "holds"
    UNDER_WAY = "under-way"
    FAILED = "failed"


@dataclass(frozen=True)
class Effect:
    """What a measure did: ``reference`` names it at AWS (a version, an execution), ``before`` is what its undoing needs."""

    outcome: Outcome
    reason: str
    reference: str | None = None
    before: Mapping[str, JSON] | None = None


class Measure(ABC):
    """One thing to be done. ``name`` and ``target`` are how it is asked for and recorded."""

    name: str = ""

    def __init__(self, target: str) -> None:
        self.target = target

    @abstractmethod
    def plan(self) -> str:
        """What would be done, and how it is undone, in a sentence."""

    @abstractmethod
    def apply(self) -> Effect:
        """Do it and look whether it holds.

        Raises:
            AvermentError: it was refused, or its target isn't there; nothing was changed.
        """

    @abstractmethod
    def undo(self, effect: Effect) -> Effect:
        """Take it back.

        Raises:
            AvermentError: that was refused, or can't be done.
        """


class HideObject(Measure):
    """``s3://bucket/key``: a delete marker hides it; all versions stay."""

    name = "hide-object"

    def plan(self) -> str:
        return f"put a delete marker over {visible(self.target)}: no version is deleted; undone by taking the marker away"

    def apply(self) -> Effect:
        s3, place = client("s3"), self._place()
        with aws_errors(f"hide {self.target}"):
            if s3.get_bucket_versioning(Bucket=place["Bucket"]).get("Status") != "Enabled":
                raise IncompleteError(
                    f"the bucket {place['Bucket']} keeps no versions, so that hiding would be deleting",
                    fix="preserve the object, switch on versioning, then run this again",
                )
            found = s3.list_object_versions(Bucket=place["Bucket"], Prefix=place["Key"])
            latest = next((item for item in found.get("Versions", ()) if item["Key"] == place["Key"] and item["IsLatest"]), None)
            if latest is None:
                raise IncompleteError(f"{self.target} is not there, or hidden already")
            marker = s3.delete_object(**place).get("VersionId")
            left = s3.list_object_versions(Bucket=place["Bucket"], Prefix=place["Key"])
        hidden = any(item["Key"] == place["Key"] and item["IsLatest"] for item in left.get("DeleteMarkers", ()))
        outcome, reason = (
            (Outcome.HOLDS, "the latest version is a delete marker") if hidden else (Outcome.FAILED, "it is still the latest version")
        )
        return Effect(outcome, reason, marker, {"version_id": latest["VersionId"], "marker": marker})

    def undo(self, effect: Effect) -> Effect:
        s3, place, marker = client("s3"), self._place(), (effect.before or {}).get("marker")
        if not marker:
            raise BadInputError(
                "the record names no delete marker to take away", fix="take the marker away by hand, and record it with --restored"
            )
        with aws_errors(f"show {self.target} again"):
            s3.delete_object(**place, VersionId=marker)
            now = s3.head_object(**place).get("VersionId")
        return Effect(Outcome.HOLDS, f"version {now} is the latest again", str(now))

    def _place(self) -> dict[str, str]:
        (original,) = find_originals(self.target)
        if original.path is not None:
            raise BadInputError(f"'{visible(self.target)}' is no object", fix="write hide-object=s3://bucket/key")
        return {"Bucket": original.bucket, "Key": original.key}


class DisableKey(Measure):
    """``USER/ACCESSKEYID``: the key stays and opens nothing."""

    name = "disable-key"

    def plan(self) -> str:
        return f"set the access key {visible(self.target)} to Inactive; undone by setting it to Active"

    def apply(self) -> Effect:
        before = self._status()
        self._set("Inactive")
        after = self._status()
        holds = after == "Inactive"
        return Effect(
            Outcome.HOLDS if holds else Outcome.FAILED, f"the key is {after}, it was {before}", self._parts()[1], {"status": before}
        )

    def undo(self, effect: Effect) -> Effect:
        wanted = str((effect.before or {}).get("status", "Active"))
        self._set(wanted)
        after = self._status()
        return Effect(Outcome.HOLDS if after == wanted else Outcome.FAILED, f"the key is {after}", self._parts()[1])

    def _parts(self) -> tuple[str, str]:
        user, slash, key = self.target.partition("/")
        if not (user and slash and key):
            raise BadInputError(f"'{visible(self.target)}' names no key of a user", fix="write disable-key=USER/ACCESSKEYID")
        return user, key

    def _status(self) -> str:
        user, key = self._parts()
        with aws_errors(f"list the access keys of {user}"):
            pages = client("iam").get_paginator("list_access_keys").paginate(UserName=user)
            found = [item["Status"] for page in pages for item in page["AccessKeyMetadata"] if item["AccessKeyId"] == key]
        if not found:
            raise IncompleteError(f"the user {user} has no access key {key}")
        return str(found[0])

    def _set(self, status: str) -> None:
        user, key = self._parts()
        with aws_errors(f"set the access key {key} to {status}"):
            client("iam").update_access_key(UserName=user, AccessKeyId=key, Status=status)


class RevokeSessions(Measure):
    """``ROLE``: what was signed in before now is denied everything; who may assume the role can sign in anew."""

    name = "revoke-sessions"

    def plan(self) -> str:
        return f"deny everything to sessions of the role {visible(self.target)} that began before now (inline policy {SESSIONS}); undone by removing it"

    def apply(self) -> Effect:
        moment = iso(utc_now())
        condition = {"DateLessThan": {"aws:TokenIssueTime": moment}}
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Sid": "RevokedByAverment", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}],
        }
        iam = client("iam")
        with aws_errors(f"revoke the sessions of the role {self.target}"):
            iam.put_role_policy(RoleName=self.target, PolicyName=SESSIONS, PolicyDocument=json.dumps(policy))
        there = self._is_there(iam)
        return Effect(Outcome.HOLDS if there else Outcome.FAILED, f"sessions from before {moment} are denied", SESSIONS, {"before": moment})

    def undo(self, effect: Effect) -> Effect:  # noqa: ARG002 - the policy's name is all that it takes
        iam = client("iam")
        with aws_errors(f"let the sessions of the role {self.target} in again"):
            iam.delete_role_policy(RoleName=self.target, PolicyName=SESSIONS)
        there = self._is_there(iam)
        return Effect(Outcome.FAILED if there else Outcome.HOLDS, f"the policy is {'still there' if there else 'gone'}", SESSIONS)

    def _is_there(self, iam: Any) -> bool:
        with aws_errors(f"list the policies of the role {self.target}"):
            pages = iam.get_paginator("list_role_policies").paginate(RoleName=self.target)
            return any(SESSIONS in page["PolicyNames"] for page in pages)


class Invalidate(Measure):
    """``DISTRIBUTION:/path,/path``: the CDN forgets these paths. There is nothing to undo: it fetches again what is asked for."""

    name = "invalidate"

    def plan(self) -> str:
        distribution, paths = self._parts()
        return f"invalidate {', '.join(paths)} at the distribution {distribution}; nothing to undo"

    def apply(self) -> Effect:
        distribution, paths = self._parts()
        cloudfront = client("cloudfront")
        batch = {
            "Paths": {"Quantity": len(paths), "Items": paths},
            "CallerReference": stable_id("invalidation", [distribution, list(paths), time.time_ns() // 1000])[:32],
        }
        with aws_errors(f"invalidate paths of the distribution {distribution}"):
            made = cloudfront.create_invalidation(DistributionId=distribution, InvalidationBatch=batch)["Invalidation"]
            status = cloudfront.get_invalidation(DistributionId=distribution, Id=made["Id"])["Invalidation"]["Status"]
        complete = str(status).casefold() == "completed"
        return Effect(Outcome.HOLDS if complete else Outcome.UNDER_WAY, f"the invalidation is {status}", str(made["Id"]))

    def undo(self, effect: Effect) -> Effect:  # noqa: ARG002 - there is nothing that it could use
        raise BadInputError(
            "an invalidation has nothing to be undone: the CDN fetches again what is asked for", fix="nothing needs to be done"
        )

    def _parts(self) -> tuple[str, list[str]]:
        distribution, colon, rest = self.target.partition(":")
        paths = [quote(path, safe="/*%") for path in rest.split(",") if path.startswith("/")]
        if not (distribution and colon and paths):
            raise BadInputError(f"'{visible(self.target)}' names no paths of a distribution", fix="write invalidate=E1ABC:/path,/other/*")
        return distribution, paths


class Runbook(Measure):
    """``NAME`` or ``NAME:Parameter=value,Parameter=value``: an Automation document that is deployed in this account.

    A runbook that ships is meant by its own name, and is run for real unless ``DryRun`` is given: whether it defaults to a dry run differs
    from one to the next, and a dry run contains nothing.
    """

    name = "runbook"

    def __init__(self, target: str, *, wait_seconds: float = 600, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(target)
        self._wait, self._sleep = wait_seconds, sleep

    def plan(self) -> str:
        document, parameters = self._parts()
        given = ", ".join(f"{name}={','.join(values)}" for name, values in parameters.items()) or "no parameters"
        return f"start the Automation document {visible(document)} ({visible(given)}) and wait for its end; undone as its own page says"

    def apply(self) -> Effect:
        document, parameters = self._parts()
        ssm = client("ssm")
        with aws_errors(f"run the Automation document {document}"):
            execution = str(ssm.start_automation_execution(DocumentName=document, Parameters=parameters)["AutomationExecutionId"])
        try:
            return _came_of(self._followed(ssm, execution), execution)
        except AvermentError as error:
            return Effect(Outcome.UNDER_WAY, f"it was started, and what came of it is not known: {error.message}", execution)

    def undo(self, effect: Effect) -> Effect:
        digest = (effect.before or {}).get("undo_sha256", "DIGEST")
        raise BadInputError(
            f"a runbook is undone by a runbook: {visible(self.target)} is not",
            fix=f"averment runbooks run restore -p ExecutionId={effect.reference} -p UndoSha256={digest} -p Approvers=NAME --role ARN "
            "--for-real, if it is one that ships: the digest is of the way back that this incident's record holds; "
            "what stood there before is in the outputs that the record holds",
        )

    def _followed(self, ssm: Any, execution: str) -> Mapping[str, Any]:
        """The execution when it is over, waits for somebody, or has taken too long."""
        deadline = time.monotonic() + self._wait
        with aws_errors(f"follow the execution {execution}"):
            while True:
                found: Mapping[str, Any] = ssm.get_automation_execution(AutomationExecutionId=execution)["AutomationExecution"]
                if str(found["AutomationExecutionStatus"]) not in {"Pending", "InProgress", "Cancelling"} or time.monotonic() >= deadline:
                    return found
                self._sleep(POLL_SECONDS)

    def _parts(self) -> tuple[str, dict[str, list[str]]]:
        document, _, rest = self.target.partition(":")
        parameters: dict[str, list[str]] = {}
        for part in filter(None, rest.split(",")):
            name, equals, value = part.partition("=")
            if not (name and equals):
                raise BadInputError(f"'{visible(part)}' is no parameter", fix="write runbook=isolate-bucket:BucketName=shop-published")
            parameters.setdefault(name, []).append(value)
        if not document:
            raise BadInputError("no document is named", fix="write runbook=isolate-bucket:BucketName=shop-published")
        if document in runbook_names():
            return shipped_runbook(document).document, {"DryRun": ["false"], **parameters}
        return document, parameters


class Execution(Runbook):
    """``ID``: a runbook that was started before and waited for an approval, or was started elsewhere; what came of it is looked at."""

    name = "execution"

    def plan(self) -> str:
        return f"look what came of the execution {visible(self.target)}, and start nothing; undone as its runbook's own page says"

    def apply(self) -> Effect:
        return _came_of(self._followed(client("ssm"), self.target), self.target)


_HOLDS = frozenset({"Success", "CompletedWithSuccess"})
_GOES_ON = frozenset({"Pending", "InProgress", "Cancelling", "Waiting", "PendingApproval", "Approved", "Scheduled"})
_BROKE = frozenset({"Failed", "TimedOut", "Cancelled", "Rejected"})


def _came_of(found: Mapping[str, Any], execution: str) -> Effect:
    """What an execution, as GetAutomationExecution tells of it, means for the incident. One that only planned holds nothing."""
    status = str(found["AutomationExecutionStatus"])
    said = f"the execution of {found.get('DocumentName', 'the document')} is {status}" + _with_message(found)
    outputs = {str(name): [str(item) for item in values] for name, values in found.get("Outputs", {}).items()}
    outcome = Outcome.HOLDS if status in _HOLDS else Outcome.UNDER_WAY if status in _GOES_ON else Outcome.FAILED
    if outcome is Outcome.HOLDS and _was_dry(found, outputs):
        outcome, said = Outcome.FAILED, f"{said}, but it was a dry run, which changes nothing; give DryRun=false"
    if outcome is Outcome.FAILED:
        said += _from_the_failure_on(found.get("StepExecutions", ()))
    if status == "Waiting":
        said += (
            f", for an approval (aws ssm send-automation-signal --automation-execution-id {execution} --signal-type Approve); "
            f"then look again with --do execution={execution}"
        )
    if outcome is Outcome.HOLDS and not outputs.get(UNDO):
        said += f"; it wrote down no way back (no output {UNDO}), so restore can't take it back"
    # The digest by itself, taken now: the record may leave out parts of the outputs that nobody should read there.
    digest = undo_digest(outputs)
    return Effect(outcome, said, execution, {"outputs": outputs, **({"undo_sha256": digest} if digest else {})})


def _was_dry(found: Mapping[str, Any], outputs: Mapping[str, list[str]]) -> bool:
    """By the parameters, or by what the document says of itself (a default isn't always among the parameters)."""
    told = [*found.get("Parameters", {}).items(), *outputs.items()]
    return any(name.rpartition(".")[2] == "DryRun" and [item.lower() for item in values] == ["true"] for name, values in told)


def _from_the_failure_on(steps: Sequence[Mapping[str, Any]]) -> str:
    """The steps from the first that broke, by name and status: whether the way back was taken, and whether that broke too."""
    taken = [step for step in steps if step["StepStatus"] != "Pending"]
    first = next((place for place, step in enumerate(taken) if step["StepStatus"] in _BROKE), None)
    if first is None:
        return ""
    broke, *after = taken[first:]
    return "; steps from there: " + ", ".join(
        [f"{broke['StepName']} {broke['StepStatus']}", *(f"{step['StepName']} {step['StepStatus']}{_with_message(step)}" for step in after)]
    )


def _with_message(found: Mapping[str, Any]) -> str:
    return f": {visible(found['FailureMessage'])}" if found.get("FailureMessage") else ""


MEASURES: tuple[type[Measure], ...] = (HideObject, DisableKey, RevokeSessions, Invalidate, Runbook, Execution)
"""Every measure, written out."""


def open_measure(text: str) -> Measure:
    """The measure that ``text`` asks for: ``NAME=TARGET``.

    Raises:
        BadInputError: there is none of that name, or no target.
    """
    name, equals, target = text.partition("=")
    kinds = {kind.name: kind for kind in MEASURES}
    if name not in kinds or not equals or not target:
        raise BadInputError(f"'{visible(text)}' is no measure", fix=f"write NAME=TARGET, with a NAME of {', '.join(kinds)}")
    return kinds[name](target)


def effect_json(effect: Effect) -> dict[str, JSON]:
    """As part of a record's payload."""
    return {
        "outcome": str(effect.outcome),
        "reason": visible(effect.reason),
        "reference": effect.reference,
        "before": dict(effect.before) if effect.before is not None else None,
    }


def effect_of(payload: Mapping[str, Any]) -> Effect:
    """The inverse of ``effect_json``, from a record's payload."""
    return Effect(Outcome(payload["outcome"]), str(payload["reason"]), payload.get("reference"), payload.get("before"))


def attempt(doing: Callable[[], Effect]) -> Effect:
    """What came of ``doing``; a refusal is an effect with its reason, since a measure that was tried and failed belongs in the record."""
    try:
        return doing()
    except BadInputError:
        raise
    except AvermentError as error:
        return Effect(Outcome.FAILED, error.message + (f" ({error.fix})" if error.fix else ""))
