"""The runbooks behind findings: Automation documents that the stack makes, unless they are there already, and that stay as they were built.

``averment runbooks run`` brings the same documents under the same names, before the hour in which they are needed. A stack that made
one of them once more would fail, so a parameter for each says whether the stack makes it; what it doesn't make, it doesn't delete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from averment.core.aws import aws_errors, client, error_code
from averment.core.errors import IncompleteError
from averment.policies.deployment.cloudformation import Stack
from averment.policies.deployment.documents import bring, same
from averment.policies.deployment.interface import Action, Change, Step
from averment.policies.deployment.plan import Runbook
from averment.policies.deployment.stack import document_id, maker


class RunbooksAsBuilt(Step):
    """The ``runbooks``, whoever made or changed them: the default version, which a finding's remediation runs, is what was built.

    Needs ``ssm:GetDocument``, ``ssm:CreateDocument``, ``ssm:UpdateDocument`` and ``ssm:UpdateDocumentDefaultVersion``.
    """

    name = "runbooks"

    def __init__(self, runbooks: Sequence[Runbook], stack: Stack, *, region: str | None) -> None:
        self._runbooks, self._stack = tuple(runbooks), stack
        self._ssm: Any = client("ssm", region=region)

    def makers(self) -> dict[str, str]:
        """The stack's parameters that say which documents it makes: those that it has made, and those that nobody has."""
        return {maker(runbook): "true" if self._is_the_stacks(runbook) else "false" for runbook in self._runbooks}

    def changes(self) -> tuple[Change, ...]:
        return tuple(
            Change(Action.UPDATE, f"runbook {runbook.document}", (differs,))
            for runbook in self._runbooks
            if (differs := self._differs(self._read(runbook), runbook)) is not None
        )

    def apply(self) -> None:
        for runbook in self._runbooks:
            there = self._read(runbook)
            if not same(there, runbook.content):
                with aws_errors(f"bring the document {runbook.document} up to date"):
                    version = bring(self._ssm, runbook.document, runbook.content, target=f"/{runbook.resource_type}")
                    self._ssm.update_document_default_version(Name=runbook.document, DocumentVersion=version)

    def present(self) -> tuple[str, ...]:
        return ()

    def remove(self) -> None:
        """Nothing: they go with their stack, or are there without it."""

    def _differs(self, there: Mapping[str, Any] | None, runbook: Runbook) -> str | None:
        """What is another than was built, in words; nothing of a document that the stack is yet to make."""
        if there is not None:
            return None if same(there, runbook.content) else "its content"
        return "it is gone, though its stack is there" if self._stack.present() and not self._stack.changes() else None

    def _is_the_stacks(self, runbook: Runbook) -> bool:
        if self._stack.makes(document_id(runbook)) and self._stack.given(maker(runbook)) != "false":
            return True
        return self._read(runbook) is None

    def _read(self, runbook: Runbook) -> dict[str, Any] | None:
        """The default version of the document; None if there is no such document."""
        try:
            with aws_errors(f"read the document {runbook.document}"):
                found: dict[str, Any] = self._ssm.get_document(Name=runbook.document, DocumentFormat="JSON")
        except IncompleteError as error:
            if error_code(error) == "InvalidDocument":
                return None
            raise
        return found
