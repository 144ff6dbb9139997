"""Calls on AWS that remember themselves: which, with what, how often, and what was refused."""

from __future__ import annotations

import re
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, TypeVar

from averment.core.aws import HELD_ELSEWHERE, broken_off, error_code, missing_permission
from averment.core.canonical import JSON, canonical_json
from averment.core.extras import require
from averment.core.regions import why_nobody_answers

T = TypeVar("T")

_ATTEMPTS = 3
"""How often an object is fetched that breaks off while it is read: botocore asks again for answers, but not for what comes after."""

_ACTIONS = {
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListBuckets": "s3:ListAllMyBuckets",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketNotificationConfiguration": "s3:GetBucketNotification",
    "s3:GetBucketInventoryConfiguration": "s3:GetInventoryConfiguration",
    "budgets:DescribeBudgets": "budgets:ViewBudget",
    "budgets:DescribeNotificationsForBudget": "budgets:ViewBudget",
}
"""Where the IAM action isn't called like the operation (Service Authorization Reference, Amazon S3 and AWS Budgets)."""

NEEDS_NO_PERMISSION = frozenset({"sts:GetCallerIdentity"})
"""Operations that IAM always allows."""


_PERFORM = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z]+)")
_DENY = re.compile(r"with an explicit deny in (an? [a-z -]*(?:policy|boundary))")
"""How services name the action that is missing, which may be another one's (``kms:Decrypt`` for s3 GetObject), and where it is denied (IAM user
guide, "Troubleshoot access denied error messages")."""


def iam_action(service: str, operation: str) -> str:
    """The IAM action that allows ``operation`` of ``service`` (boto3's name): ``s3:ListBucket`` for s3 ListObjectsV2."""
    call = f"{service}:{operation}"
    return _ACTIONS.get(call, call)


class Missing(Enum):
    """What stands for something that was to be fetched and isn't there."""

    GONE = "gone"


class Fetch:
    """The calls of one run on one service, over ``client`` (boto3). Safe to share between threads.

    ``problems`` holds a reason for each kind of refusal, ``last_problem`` the one that came last; ``query`` says what was asked, enough to ask
    again. ``broken_off`` counts the listings that weren't read to their end.
    """

    def __init__(self, client: Any, service: str) -> None:
        self._client, self._service = client, service
        self._calls: dict[bytes, dict[str, Any]] = {}
        self._problems: dict[str, int] = {}
        self._lasting: set[str] = set()
        self.last_problem = ""
        self.broken_off = 0
        self._lock = threading.Lock()

    @property
    def calls(self) -> list[JSON]:
        """The calls made, in order of their first: ``{"call", "parameters", "times"}``; the pages of one call count one by one."""
        return list(self._calls.values())

    @property
    def state(self) -> dict[str, JSON]:
        """What a run that goes on from here has to know: the calls made, and the lasting problems."""
        return {"calls": self.calls, "problems": {reason: times for reason, times in self._problems.items() if reason in self._lasting}}

    def go_on_from(self, state: Mapping[str, Any] | None) -> None:
        """Take the calls and problems in ``state`` of an earlier run for one's own; None: there was none."""
        for call in state["calls"] if state else ():
            self._calls[canonical_json({"call": call["call"], "parameters": call["parameters"]})] = dict(call)
        for reason, times in (state["problems"] if state else {}).items():
            self._problems[reason] = times
            self._lasting.add(reason)

    @property
    def refused(self) -> bool:
        """Whether something was refused or broke off that may be given another time."""
        return any(reason not in self._lasting for reason in self._problems)

    @property
    def problems(self) -> list[str]:
        """What was refused and why, each reason once, with how often if more than once."""
        return [reason + (f" ({times:,} times)" if times > 1 else "") for reason, times in self._problems.items()]

    @property
    def refusals(self) -> int:
        """How many problems there were so far, those for one reason one by one."""
        return sum(self._problems.values())

    def problem(self, reason: str, *, lasting: bool = False) -> None:
        """Note that something is missing, and why. ``lasting``: asking again would change nothing."""
        with self._lock:
            self.last_problem = reason
            if lasting:
                self._lasting.add(reason)
            self._problems[reason] = self._problems.get(reason, 0) + 1

    def takes(self, operation: str, parameter: str) -> bool:
        """Whether the botocore that is installed knows ``parameter`` of ``operation``."""
        return parameter in self._client.meta.service_model.operation_model(operation).input_shape.members

    def one(
        self,
        operation: str,
        parameters: Mapping[str, Any],
        *,
        shown: Mapping[str, JSON] | None = None,
        absent: str | tuple[str, ...] = (),
        gone: str | None = None,
    ) -> Any:
        """The response to one call, or None when it was refused (then ``problems`` says why).

        ``shown`` replaces the parameters in the query where the same call is made for each of many things. An error with
        a code of ``absent`` means that there is nothing, and gives an empty response; the code ``gone``, that what is asked about isn't there
        any more: ``Missing.GONE``.
        """
        exceptions = _exceptions()
        try:
            self._log(operation, parameters if shown is None else shown)
            return getattr(self._client, _method(operation))(**parameters)
        except exceptions.ClientError as error:
            if error_code(error) in ((absent,) if isinstance(absent, str) else absent):
                return {}
            if gone is not None and error_code(error) == gone:
                return Missing.GONE
            self.problem(self._reason(operation, error))
        except (exceptions.BotoCoreError, _unparsed()) as error:
            self.problem(self._reason(operation, error))
        return None

    def stream(self, parameters: Mapping[str, Any], read: Callable[[Any], T], *, shown: Mapping[str, JSON]) -> T | None:
        """What ``read`` makes of an S3 object, which it is given as a response (``Body`` to read from); None when that was refused, broke
        off again and again, or isn't what it should be (``read`` raises ValueError, EOFError or zlib's error); then ``problems`` says why."""
        for attempt in range(_ATTEMPTS):
            answer = self.one("GetObject", parameters, shown=shown)
            if answer is None:
                return None
            try:
                return read(answer)
            except (*broken_off(), ConnectionError, TimeoutError) as error:
                if attempt == _ATTEMPTS - 1:
                    self.problem(self._reason("GetObject", error))
            except (ValueError, EOFError, OSError, zlib.error, RecursionError) as error:
                self.problem(f"could not read s3://{parameters['Bucket']}/{parameters['Key']}: {error}")
                break
            finally:
                answer["Body"].close()
        return None

    def body(
        self, parameters: Mapping[str, Any], *, limit: int, shown: Mapping[str, JSON], absent: str | tuple[str, ...] = ()
    ) -> bytes | Missing | None:
        """The bytes of an S3 object, of which there are at most ``limit``; None when it was refused, is larger, or broke off.

        An error with a code of ``absent`` means that it isn't there: ``Missing.GONE``.
        """
        answer = self.one("GetObject", parameters, shown=shown, absent=absent)
        if answer is None:
            return None
        if not answer:
            return Missing.GONE
        try:
            data: bytes = answer["Body"].read(limit + 1)
        except (*broken_off(), OSError) as error:
            self.problem(self._reason("GetObject", error))
            return None
        if len(data) > limit:
            self.problem(f"objects larger than {limit:,} bytes were not read", lasting=True)
            return None
        return data

    def pages(
        self, operation: str, parameters: Mapping[str, Any], *, shown: Mapping[str, JSON] | None = None, absent: str | tuple[str, ...] = ()
    ) -> Iterator[Any]:
        """The pages of a listing, to the last one. A refusal ends it, and ``problems`` says so; ``shown`` as in ``one``.

        An error with a code of ``absent`` means that what would be listed doesn't exist: one empty page.
        """
        exceptions = _exceptions()
        query = parameters if shown is None else shown
        try:
            for page in self._paginate(_method(operation), parameters):
                self._log(operation, query)
                yield page
        except (exceptions.ClientError, exceptions.BotoCoreError, _unparsed()) as error:
            self._log(operation, query)
            if error_code(error) in ((absent,) if isinstance(absent, str) else absent):
                yield {}
                return
            self.broken_off += 1
            self.problem(self._reason(operation, error))

    def _paginate(self, method: str, parameters: Mapping[str, Any]) -> Iterable[Any]:
        if self._client.can_paginate(method):
            pages: Iterable[Any] = self._client.get_paginator(method).paginate(**parameters)
            return pages
        return [getattr(self._client, method)(**parameters)]  # botocore before 1.35.42 gets all buckets in one answer

    def _log(self, operation: str, parameters: Mapping[str, Any]) -> None:
        call: dict[str, Any] = {"call": f"{self._service}:{operation}", "parameters": dict(parameters)}
        key = canonical_json(call)
        with self._lock:
            self._calls.setdefault(key, {**call, "times": 0})["times"] += 1

    def _reason(self, operation: str, error: Exception) -> str:
        action = iam_action(self._service, operation)
        denied = missing_permission(error)
        if denied == "AssumeRole":  # the credentials of another account are fetched with the first call there
            return f"could not enter the account to call {self._service}:{operation}: access denied; allow sts:AssumeRole, and let the role trust it"
        code, message = error_code(error), _message(error)
        if denied is not None:
            named, deny = _PERFORM.search(message), _DENY.search(message)
            by = f", which {deny[1]} denies" if deny else ""
            return f"could not call {self._service}:{operation}: access denied; allow {named[1] if named else action}{by}"
        perhaps = " (perhaps the account hasn't enabled this region)" if code in HELD_ELSEWHERE else ""
        nobody = getattr(error, "kwargs", {}).get("endpoint_url") if code is None else None
        if nobody and (why := why_nobody_answers(str(nobody))):
            perhaps = f" ({why})"
        return f"could not call {self._service}:{operation}: {f'{code}: ' if code else ''}{message}{perhaps}"


def _message(error: Exception) -> str:
    response = getattr(error, "response", None)
    message = response.get("Error", {}).get("Message") if isinstance(response, dict) else None
    return str(message or error)


def _method(operation: str) -> str:
    """boto3's method name of an operation: ``list_objects_v2`` of ``ListObjectsV2``."""
    name: str = require("botocore", extra="aws", needed_for="talking to AWS").xform_name(operation)
    return name


def _exceptions() -> Any:
    return require("botocore.exceptions", extra="aws", needed_for="talking to AWS")


def _unparsed() -> Any:
    """What botocore raises where something else than the service has answered: a proxy, say."""
    return require("botocore.parsers", extra="aws", needed_for="talking to AWS").ResponseParserError
