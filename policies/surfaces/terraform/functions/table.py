"""Terraform's functions by name, as far as configurations of the resources that rules look at use them. Pure, on evaluated values.

A function that isn't here is left to tfparse. Lists and maps may hold references and unknowns; what must be known and isn't
makes the result ``Unknown``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from averment.policies.surfaces.terraform.functions import numbers, structures, text

TOLERANT: dict[str, Callable[..., Any]] = structures.MAY_BE_UNKNOWN
"""Functions that may be handed unknown values."""

STRICT: dict[str, Callable[..., Any]] = {**text.FUNCTIONS, **numbers.FUNCTIONS, **structures.KNOWN}
"""Functions whose arguments must be known (their items may not be)."""

AT_DEPLOYMENT = frozenset({"timestamp", "plantimestamp", "uuid", "bcrypt", "base64gzip", "rsadecrypt", "pathexpand"})
"""Functions whose result only a deployment knows, or the machine that it runs on."""

ERRORS = (TypeError, ValueError, KeyError, IndexError, AttributeError, ZeroDivisionError, OverflowError, re.error)
"""What a function raises on arguments that Terraform would refuse."""
