"""The step that keeps the function's code and settings as they were built, whoever changed them in Lambda itself.

A stack is compared by its template, which says nothing of that: a function that somebody replaced, by one that finds everything compliant
say, would be as it should be.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import IncompleteError
from averment.policies.deployment.artifact import Archive
from averment.policies.deployment.bundle import HANDLER_FUNCTION, RUNTIME
from averment.policies.deployment.interface import Action, Change, Step
from averment.policies.deployment.pack import FUNCTION_NAME
from averment.policies.deployment.stack import MEMORY_MB, TIMEOUT_S
from averment.policies.deployment.waiting import settled

MAX_WAIT_S = 300

_SETTINGS = {"Handler": HANDLER_FUNCTION, "Runtime": RUNTIME, "Timeout": TIMEOUT_S, "MemorySize": MEMORY_MB}
_WORDS = {"Handler": "what is called in it", "Runtime": "its runtime", "Timeout": "its timeout", "MemorySize": "its memory"}
_STOPPED = "its reserved concurrency of 0, with which it never runs"


class FunctionAsBuilt(Step):
    """The function that the ``stack`` makes of ``archive``: its code, byte for byte, its role, and its settings; it has neither variables nor
    layers, is in no network of the account's, out of which it might not reach what it asks, and may run: what somebody reserved for it is left
    to them, unless it is nothing.

    Needs ``lambda:GetFunctionConfiguration``, ``lambda:GetFunctionConcurrency``, ``lambda:UpdateFunctionCode``,
    ``lambda:UpdateFunctionConfiguration`` and ``lambda:DeleteFunctionConcurrency``, and ``iam:PassRole`` to put its role back.
    """

    def __init__(self, archive: Archive, stack: Step, *, region: str | None) -> None:
        self.name = f"function {FUNCTION_NAME}"
        self._archive, self._stack = archive, stack
        self._lambda: Any = client("lambda", region=region)

    def changes(self) -> tuple[Change, ...]:
        found = self._described()
        if found is None:
            gone = self._stack.present() and not self._stack.changes()
            return (Change(Action.UPDATE, self.name, ("it is gone, though its stack is there",)),) if gone else ()
        details = (*(["its code"] if self._replaced(found) else []), *_differing(found), *([_STOPPED] if self._stopped() else []))
        return (Change(Action.UPDATE, self.name, details),) if details else ()

    def apply(self) -> None:
        found = self._described()
        if found is None:
            fix = "take the rules away and deploy them anew: averment rules destroy"
            raise IncompleteError(f"somebody deleted the function {FUNCTION_NAME} of the stack", fix=fix)
        if _differing(found):
            with aws_errors(f"set the function {FUNCTION_NAME} right"):
                self._lambda.update_function_configuration(
                    FunctionName=FUNCTION_NAME,
                    **_SETTINGS,
                    Role=_role(found),
                    Environment={"Variables": {}},
                    Layers=[],
                    VpcConfig={"SubnetIds": [], "SecurityGroupIds": []},
                )
            self._wait()
        if self._replaced(found):
            with aws_errors(f"put the code of the function {FUNCTION_NAME} back"):
                self._lambda.update_function_code(FunctionName=FUNCTION_NAME, S3Bucket=self._archive.bucket, S3Key=self._archive.key)
            self._wait()
        if self._stopped():
            with aws_errors(f"let the function {FUNCTION_NAME} run again"):
                self._lambda.delete_function_concurrency(FunctionName=FUNCTION_NAME)
        if self.changes():
            raise IncompleteError(f"the function {FUNCTION_NAME} is still another than was built", fix="see who changes it")

    def present(self) -> tuple[str, ...]:
        return () if self._described() is None else (self.name,)

    def remove(self) -> None:
        """Nothing: it goes with its stack."""

    def _replaced(self, found: Mapping[str, Any]) -> bool:
        """Whether the code isn't that of the archive, as it was built here or as it is in the bucket (another compressor, same contents)."""
        running = found.get("CodeSha256")
        if running == _digest(self._archive.bundle.archive()):
            return False
        stored = self._archive.stored()
        return stored is None or not self._archive.holds(stored) or running != _digest(stored)

    def _stopped(self) -> bool:
        """Whether no call of the function is let through: as many as are reserved for it may run at a time."""
        with aws_errors(f"read what is reserved for the function {FUNCTION_NAME}"):
            found: Mapping[str, Any] = self._lambda.get_function_concurrency(FunctionName=FUNCTION_NAME)
        return found.get("ReservedConcurrentExecutions") is not None and not found["ReservedConcurrentExecutions"]

    def _described(self) -> dict[str, Any] | None:
        try:
            with aws_errors(f"read the function {FUNCTION_NAME}"):
                found: dict[str, Any] = self._lambda.get_function_configuration(FunctionName=FUNCTION_NAME)
        except IncompleteError as error:
            if error_code(error) == "ResourceNotFoundException":
                return None
            raise
        return found

    def _wait(self) -> None:
        settled(self._described, _busy, self.name, MAX_WAIT_S, time.sleep)


def _differing(found: Mapping[str, Any]) -> list[str]:
    """The settings of a function that aren't as the stack's template has them, in words."""
    wrong = [_WORDS[name] for name, value in _SETTINGS.items() if found.get(name) != value]
    more = {
        "its role": found.get("Role") != _role(found),
        "its environment variables": (found.get("Environment") or {}).get("Variables"),
        "its layers": found.get("Layers"),
        "its network": (found.get("VpcConfig") or {}).get("SubnetIds"),
    }
    return [*wrong, *(words for words, differs in more.items() if differs)]


def _role(found: Mapping[str, Any]) -> str:
    """The ARN of the role that the stack gives to the function, in whose account and region it is."""
    _, partition, _, region, account, *_ = str(found["FunctionArn"]).split(":")
    return f"arn:{partition}:iam::{account}:role/{FUNCTION_NAME}-{region}"


def _digest(data: bytes) -> str:
    """As Lambda gives it: SHA-256, base64."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _busy(found: Mapping[str, Any]) -> str | None:
    return "being changed" if found.get("LastUpdateStatus") == "InProgress" else None
