"""Three-valued logic (Kleene's strong one): True, False, or Unknown with a reason."""

from __future__ import annotations

from collections.abc import Iterable

from averment.policies.graph.model import Unknown

Truth = bool | Unknown


def any_of(values: Iterable[Truth]) -> Truth:
    """True if one is true; else the first Unknown, if there is one; else False."""
    doubt: Unknown | None = None
    for value in values:
        if value is True:
            return True
        if isinstance(value, Unknown) and doubt is None:
            doubt = value
    return doubt if doubt is not None else False


def all_of(values: Iterable[Truth]) -> Truth:
    """False if one is false; else the first Unknown, if there is one; else True."""
    doubt: Unknown | None = None
    for value in values:
        if value is False:
            return False
        if isinstance(value, Unknown) and doubt is None:
            doubt = value
    return doubt if doubt is not None else True


def negate(value: Truth) -> Truth:
    """The opposite; Unknown stays as it is."""
    return value if isinstance(value, Unknown) else not value
