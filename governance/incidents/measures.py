"""Containing: what stops the harm and can be taken back. Each measure says what it would do, does it, looks whether it holds, and undoes it.

Nothing here deletes. A runbook of Systems Manager (``runbook``) is the way for whatever is more than one call; the other measures are single
calls for the hour in which no runbook has been deployed yet. Permissions: s3:GetBucketVersioning, s3:ListBucketVersions, s3:DeleteObject
(without a version: it only hides), s3:DeleteObjectVersion (to take a marker away again); iam:ListAccessKeys, iam:UpdateAccessKey;
iam:PutRolePolicy, iam:DeleteRolePolicy, iam:ListRolePolicies; cloudfront:CreateInvalidation, cloudfront:GetInvalidation; ssm:StartAutomationExecution,
ssm:GetAutomationExecution.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from averment.core.aws import answer_lost, aws_errors, client
from averment.core.canonical import JSON, stable_id
from averment.core.errors import AvermentError, BadInputError, IncompleteError
from averment.core.period import iso, utc_now
from averment.core.stopping import STOPPED
from averment.detector.gate.edge_cache import written_paths
from averment.governance.incidents.measure import Effect, Measure, Outcome
from averment.governance.incidents.originals import Original, find_originals
from averment.governance.incidents.runbook_measures import POLL_SECONDS, Execution, Runbook
from averment.governance.incidents.words import visible

SESSIONS = "averment-incident-revoked-sessions"
"""How the inline policies that end a role's sessions are called; each revocation has one of its own, since another's must not be taken back with it."""


_SKEW = timedelta(seconds=2)
"""By how much this machine's clock may be behind AWS's, the way of an answer included."""

PAUSES = (0.5, 1.0, 2.0)
"""Seconds between looks at IAM, which says of itself that it may show for a while what was before a change."""


def _settled(look: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """What ``look`` sees, once it is what is wanted or IAM has had its time."""
    for pause in PAUSES:
        found = look()
        if found[0]:
            return found
        time.sleep(pause)
    return look()


def _as_seen(
    measure: Measure, looked: Callable[[], tuple[bool, str]], doing: str, reference: str | None, before: Mapping[str, JSON]
) -> Effect:
    """The effect of what was done, by what ``looked`` sees: whether it holds, and in words. Where that is refused, or broken off, it
    is done all the same, and its way back isn't lost with the look."""
    try:
        with aws_errors(doing):
            holds, reason = looked()
    except AvermentError as error:
        return Effect(Outcome.UNDER_WAY, f"it was done, and whether it holds is not known: {error.message}", reference, before)
    except STOPPED:
        measure.broken_off = True
        return Effect(Outcome.UNDER_WAY, "it was done, and the look whether it holds was broken off", reference, before)
    return Effect(Outcome.HOLDS if holds else Outcome.FAILED, reason, reference, before)


def _unanswered(error: AvermentError, reference: str | None, before: Mapping[str, JSON]) -> Effect:
    """The effect of a call that got no answer: it may be done all the same, and then its way back is needed.

    Raises:
        AvermentError: it got one, ``error``.
    """
    if not answer_lost(error):
        raise error
    reason = f"whether it was done is not known, for no answer came: {error.message}; ask for it again to see"
    return Effect(Outcome.UNDER_WAY, reason, reference, before)


_NOT_HIDDEN = "what a CDN holds of it, what was replicated or scaled elsewhere, and versions asked for by their id are not hidden by that"
"""Whoever reads that an incident is contained has to know what wasn't looked at."""


class HideObject(Measure):
    """``s3://bucket/key``: a delete marker hides it; all versions stay."""

    name = "hide-object"

    def plan(self) -> str:
        self._place()
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
                return self._hidden_before(found)
            if (named := self._original().version) not in (None, latest["VersionId"]):
                raise IncompleteError(
                    f"{visible(named)} isn't the latest version of {place['Key']}: a marker would hide the one that came later, and leave this one to whoever asks for it by its id",
                    fix="name the object without its version, or deny every version of it by the runbook isolate-bucket, with Exact=true",
                )
        try:
            with aws_errors(f"hide {self.target}"):
                marker = s3.delete_object(**place).get("VersionId")
        except AvermentError as error:
            return _unanswered(error, None, {"version_id": latest["VersionId"], "marker": None})

        def looked() -> tuple[bool, str]:
            left = s3.list_object_versions(Bucket=place["Bucket"], Prefix=place["Key"])
            hidden = any(item["Key"] == place["Key"] and item["IsLatest"] for item in left.get("DeleteMarkers", ()))
            return hidden, f"the latest version is a delete marker; {_NOT_HIDDEN}" if hidden else "it is still the latest version"

        return _as_seen(self, looked, f"look at {self.target}", marker, {"version_id": latest["VersionId"], "marker": marker})

    def undo(self, effect: Effect) -> Effect:
        s3, place, marker = client("s3"), self._place(), (effect.before or {}).get("marker")
        if not marker:
            raise BadInputError(
                "the record names no delete marker to take away", fix="take the marker away by hand, and record it with --restored"
            )
        with aws_errors(f"show {self.target} again"):
            s3.delete_object(**place, VersionId=marker)
            now = s3.head_object(**place).get("VersionId")
        was = (effect.before or {}).get("version_id")
        said = "the latest again" if now == was else f"the latest; when it was hidden, that was {was}: look what was uploaded since"
        return Effect(Outcome.HOLDS, f"version {now} is {said}", str(now))

    def _hidden_before(self, found: Mapping[str, Any]) -> Effect:
        """Of an object that was hidden or deleted by somebody, or by a run of this that was broken off: what is wanted holds, and the marker isn't
        this measure's to take away.

        Raises:
            IncompleteError: there is no such object.
        """
        key = self._place()["Key"]
        marker = next((item for item in found.get("DeleteMarkers", ()) if item["Key"] == key and item["IsLatest"]), None)
        if marker is None:
            raise IncompleteError(f"{self.target} is not there", fix="check the key")
        said = f"it was hidden already, by a delete marker of {iso(marker['LastModified'])} that this measure didn't put; {_NOT_HIDDEN}"
        return Effect(Outcome.HOLDS, said, str(marker["VersionId"]), {"marker": None})

    def _original(self) -> Original:
        (original,) = find_originals(self.target)
        if original.path is not None:
            raise BadInputError(f"'{visible(self.target)}' is no object", fix="write hide-object=s3://bucket/key")
        return original

    def _place(self) -> dict[str, str]:
        original = self._original()
        return {"Bucket": original.bucket, "Key": original.key}


class DisableKey(Measure):
    """``USER/ACCESSKEYID``: the key stays and opens nothing."""

    name = "disable-key"

    def plan(self) -> str:
        self._parts()
        return f"set the access key {visible(self.target)} to Inactive; undone by setting it to Active"

    def apply(self) -> Effect:
        before = self._status()
        try:
            self._set("Inactive")
        except AvermentError as error:
            return _unanswered(error, self._parts()[1], {"status": before})

        def looked() -> tuple[bool, str]:
            after = self._status()
            return after == "Inactive", f"the key is {after}, it was {before}"

        return _as_seen(self, lambda: _settled(looked), "look at the key", self._parts()[1], {"status": before})

    def undo(self, effect: Effect) -> Effect:
        wanted = str((effect.before or {}).get("status", "Active"))
        self._set(wanted)

        def looked() -> tuple[bool, str]:
            after = self._status()
            return after == wanted, f"the key is {after}"

        back, reason = _settled(looked)
        return Effect(Outcome.HOLDS if back else Outcome.FAILED, reason, self._parts()[1])

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
        self._name()
        return f"deny everything to sessions of the role {visible(self.target)} that began before now (inline policy {SESSIONS}-...); undone by removing it"

    def apply(self) -> Effect:
        self._name()
        moment, iam, there_is_one = utc_now(), client("iam"), False
        name = f"{SESSIONS}-{re.sub('[^0-9TZ]', '', iso(moment))}-{secrets.token_hex(3)}"
        try:
            theirs = self._deny(iam, name, moment)
            there_is_one = True
            if theirs is not None and theirs - moment > _SKEW:  # by this machine's clock the latest sessions would stay open
                moment = theirs
                self._deny(iam, name, moment)
        except AvermentError as error:
            if not answer_lost(error) and not there_is_one:
                raise
            # No answer came, and the policy may be there all the same: only its name finds it again.
            return Effect(Outcome.UNDER_WAY, f"whether it was done is not known: {error.message}", name, {"before": iso(moment)})

        def looked() -> tuple[bool, str]:
            there = self._is_there(iam, name)
            return there, f"sessions from before {iso(moment)} are denied" if there else f"the role has no policy {name}"

        return _as_seen(self, lambda: _settled(looked), "look at the role", name, {"before": iso(moment)})

    def undo(self, effect: Effect) -> Effect:
        iam, name = client("iam"), effect.reference or SESSIONS
        with aws_errors(f"let the sessions of the role {self.target} in again"):
            iam.delete_role_policy(RoleName=self.target, PolicyName=name)

        def looked() -> tuple[bool, str]:
            there = self._is_there(iam, name)
            return not there, f"the policy is {'still there' if there else 'gone'}"

        back, reason = _settled(looked)
        return Effect(Outcome.HOLDS if back else Outcome.FAILED, reason, name)

    def _name(self) -> None:
        if not re.fullmatch(r"[\w+=,.@-]{1,64}", self.target, re.ASCII):
            raise BadInputError(
                f"'{visible(self.target)}' is no name of a role", fix="write revoke-sessions=ROLE, without its ARN and path"
            )

    def _deny(self, iam: Any, name: str, moment: datetime) -> datetime | None:
        """Put the policy ``name`` on what began before ``moment``; AWS's own time, where its answer tells it."""
        condition = {"DateLessThan": {"aws:TokenIssueTime": iso(moment)}}
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Sid": "RevokedByAverment", "Effect": "Deny", "Action": "*", "Resource": "*", "Condition": condition}],
        }
        with aws_errors(f"revoke the sessions of the role {self.target}"):
            answer = iam.put_role_policy(RoleName=self.target, PolicyName=name, PolicyDocument=json.dumps(policy))
        told = answer["ResponseMetadata"].get("HTTPHeaders", {}).get("date")
        return parsedate_to_datetime(told).astimezone(UTC) if told else None

    def _is_there(self, iam: Any, name: str) -> bool:
        with aws_errors(f"list the policies of the role {self.target}"):
            pages = iam.get_paginator("list_role_policies").paginate(RoleName=self.target)
            return any(name in page["PolicyNames"] for page in pages)


class Invalidate(Measure):
    """``DISTRIBUTION:/path,/path``: the CDN forgets these paths. There is nothing to undo: it fetches again what is asked for.

    CloudFront takes minutes, and until then serves what it holds: the end is waited for, up to ``wait_seconds``.
    """

    name = "invalidate"

    def __init__(self, target: str, *, wait_seconds: float = 600, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__(target)
        self._wait, self._sleep = wait_seconds, sleep

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
        try:
            with aws_errors(f"follow the invalidation {made['Id']}"):
                status = self._followed(cloudfront, distribution, made["Id"])
        except AvermentError as error:
            return Effect(Outcome.UNDER_WAY, f"it was begun, and what came of it is not known: {error.message}", str(made["Id"]))
        except STOPPED:  # the CDN goes on: what was begun has to come into the record
            self.broken_off = True
            return Effect(
                Outcome.UNDER_WAY, "it was begun, and the waiting for it was broken off; invalidate again to see it", str(made["Id"])
            )
        complete = status.casefold() == "completed"
        return Effect(Outcome.HOLDS if complete else Outcome.UNDER_WAY, f"the invalidation is {status}", str(made["Id"]))

    def _followed(self, cloudfront: Any, distribution: str, invalidation: str) -> str:
        """The invalidation's status when it is over, or has taken too long."""
        deadline = time.monotonic() + self._wait
        while True:
            status = str(cloudfront.get_invalidation(DistributionId=distribution, Id=invalidation)["Invalidation"]["Status"])
            if status.casefold() == "completed" or time.monotonic() >= deadline:
                return status
            self._sleep(POLL_SECONDS)

    def undo(self, effect: Effect) -> Effect:  # noqa: ARG002 - there is nothing that it could use
        raise BadInputError(
            "an invalidation has nothing to be undone: the CDN fetches again what is asked for", fix="nothing needs to be done"
        )

    def _parts(self) -> tuple[str, list[str]]:
        distribution, colon, rest = self.target.partition(":")
        paths = rest.split(",")
        if not (distribution and colon and rest):
            raise BadInputError(f"'{visible(self.target)}' names no paths of a distribution", fix="write invalidate=E1ABC:/path,/other/*")
        if not re.fullmatch("[A-Z0-9]+", distribution):
            fix = "write invalidate=E1ABC:/path, by the id: aws cloudfront list-distributions tells it beside each name and origin"
            raise BadInputError(f"'{visible(distribution)}' is no id of a distribution", fix=fix)
        if strange := [path for path in paths if not path.startswith("/")]:
            fix = "write invalidate=E1ABC:/path,/other/*, with a slash in front of each path and %2C for a comma in one"
            raise BadInputError(f"'{visible(strange[0])}' is no path, and what it means would stay in the CDN", fix=fix)
        if within := [path for path in paths if "*" in path[:-1]]:
            text = f"'{visible(within[0])}' has a star within: CloudFront takes it for a sign of a name, and what it means would stay in the CDN"
            raise BadInputError(text, fix="put the star at the end, such as /products/*, or name each path; %2A is a star in a name")
        return distribution, list(dict.fromkeys(way for path in paths for way in written_paths(path)))


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


def attempt(doing: Callable[[], Effect], measure: Measure, *, stopped: Outcome) -> Effect:
    """What came of ``doing``; a refusal is an effect with its reason, since a measure that was tried and failed belongs in the record. ``stopped`` is
    what it comes to where somebody broke it off (Ctrl-C, SIGTERM): a call that was under way may have been heard."""
    try:
        return doing()
    except BadInputError:
        raise
    except AvermentError as error:
        return Effect(Outcome.FAILED, error.message + (f" ({error.fix})" if error.fix else ""))
    except STOPPED:
        measure.broken_off = True
        return Effect(stopped, "it was broken off, and whether it was done is not known: look there, or ask for it again")
