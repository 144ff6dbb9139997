"""Which handler stands for which Lambda function: moto's Lambda runs no code."""

from __future__ import annotations

from averment.sandbox.events import Handler

_handlers: dict[str, Handler] = {}


def register(name: str, handler: Handler) -> None:
    """Let ``handler`` answer for the function ``name``, in whatever account and region, until ``forget``."""
    _handlers[name] = handler


def forget() -> None:
    """Forget every registered handler."""
    _handlers.clear()


def handler_of(arn: str) -> Handler | None:
    """The handler registered for the function ``arn``, or None."""
    return _handlers.get(arn.rsplit(":function:", maxsplit=1)[-1].split(":", maxsplit=1)[0])
