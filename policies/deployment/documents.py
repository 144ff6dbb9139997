"""Bringing an Automation document into an account, and knowing which of its versions is the one that was brought."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from averment.core.aws import error_code, missing_permission
from averment.core.errors import IncompleteError
from averment.policies.deployment.waiting import Sleep, settled

_UNDER_WAY = frozenset({"Creating", "Updating"})
"""States of a version that can't be run, nor be made the default, yet."""

MAX_WAIT_S = 60


def same(found: Mapping[str, Any] | None, content: Mapping[str, Any]) -> bool:
    """Whether a document's version, as ``GetDocument`` gives it in JSON, holds ``content``."""
    try:
        return found is not None and bool(json.loads(str(found.get("Content"))) == content)
    except ValueError:
        return False


def bring(ssm: Any, name: str, content: Mapping[str, Any], *, target: str | None = None, sleep: Sleep = time.sleep) -> str:
    """See that the document ``name`` is there with ``content``, ready to be run; returns the number of the version that has it, which needn't be the latest.

    ``target`` is the type of the resources that it is for. Needs ``ssm:CreateDocument``, ``ssm:UpdateDocument`` and ``ssm:GetDocument``.

    Raises:
        botocore.exceptions.ClientError: Systems Manager refused.
        IncompleteError: it says that it has this content, and no version shows it; or it isn't done with the new version, or failed at it.
    """
    from botocore.exceptions import ClientError

    text = {"Name": name, "DocumentFormat": "JSON", "Content": json.dumps(content), **({"TargetType": target} if target else {})}
    try:
        made = ssm.create_document(**text, DocumentType="Automation")
    except ClientError as error:
        if error_code(error) != "DocumentAlreadyExists":
            raise
        try:
            made = ssm.update_document(**text, DocumentVersion="$LATEST")
        except ClientError as refused:
            if error_code(refused) != "DuplicateDocumentContent":
                raise
            return _version_of(ssm, name, content)
    version = str(made["DocumentDescription"]["DocumentVersion"])
    if made["DocumentDescription"].get("Status") in _UNDER_WAY:
        _wait_for(ssm, name, version, sleep)
    return version


def _wait_for(ssm: Any, name: str, version: str, sleep: Sleep) -> None:
    """Wait until a new version can be run: Systems Manager answers before it is there. Who may not look (``ssm:GetDocument``) doesn't wait."""
    from botocore.exceptions import ClientError

    def look() -> Mapping[str, Any] | None:
        try:
            found: Mapping[str, Any] = ssm.get_document(Name=name, DocumentVersion=version, DocumentFormat="JSON")
        except ClientError as error:
            if missing_permission(error):
                return None
            if error_code(error) not in {"InvalidDocument", "InvalidDocumentVersion"}:
                raise
            return {"Status": "Creating"}
        return found

    def busy(found: Mapping[str, Any]) -> str | None:
        return str(found["Status"]) if found.get("Status") in _UNDER_WAY else None

    there = settled(look, busy, f"version {version} of the document {name}", MAX_WAIT_S, sleep)
    if there is not None and there.get("Status") == "Failed":
        raise IncompleteError(f"Systems Manager failed at the document {name}: {there.get('StatusInformation', 'no reason given')}")


def is_default(ssm: Any, name: str, version: str) -> bool:
    """Whether ``version`` is known to be what runs where nobody names one."""
    from botocore.exceptions import ClientError

    try:
        return bool(ssm.get_document(Name=name, DocumentFormat="JSON")["DocumentVersion"] == version)
    except ClientError:
        return False


def _version_of(ssm: Any, name: str, content: Mapping[str, Any]) -> str:
    """The latest version with ``content``. Somebody may have put another above it."""
    from botocore.exceptions import ClientError

    latest = ssm.get_document(Name=name, DocumentVersion="$LATEST", DocumentFormat="JSON")
    for number in range(int(latest["DocumentVersion"]), 0, -1):
        try:
            found = ssm.get_document(Name=name, DocumentVersion=str(number), DocumentFormat="JSON")
        except ClientError as error:
            if error_code(error) not in {"InvalidDocument", "InvalidDocumentVersion"}:
                raise
            continue  # that one was deleted
        if same(found, content):
            return str(number)
    raise IncompleteError(f"Systems Manager has the content of {name}, and no version of it shows it", fix="see who changes it")
