"""The errors of the embedded Audit Manager, in the shapes of the service's model."""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import ServiceException

JSON = dict[str, Any]


class AuditManagerError(ServiceException):  # type: ignore[misc]
    """An error of the service: ``members`` are the further members of its shape."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(code, message)
        for name, value in members.items():
            setattr(self, name, value)


def invalid(text: str, fields: list[JSON] | None = None) -> AuditManagerError:
    """ValidationException, 400."""
    return AuditManagerError("ValidationException", text, reason="fieldValidationFailed" if fields else "other", fields=fields or [])


def missing(kind: str, identifier: str) -> AuditManagerError:
    """ResourceNotFoundException, 404."""
    return AuditManagerError(
        "ResourceNotFoundException", f"The requested {kind} {identifier} was not found.", resourceId=identifier, resourceType=kind
    )
