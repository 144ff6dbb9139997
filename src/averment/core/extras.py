"""Optional parts: a command whose extra isn't installed says which to install."""

from __future__ import annotations

import importlib
from types import ModuleType

from averment.core.errors import MissingExtraError


def require(module: str, *, extra: str, needed_for: str) -> ModuleType:
    """Import ``module``, which the extra ``averment[extra]`` brings.

    Raises:
        MissingExtraError: it isn't installed; names the extra and what it is needed for.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".", maxsplit=1)[0]:
            raise  # installed, but broken: hiding that would send people the wrong way
        raise MissingExtraError(
            f"{needed_for} needs the package '{module.split('.', maxsplit=1)[0]}', which is not installed",
            fix=f"pip install 'averment[{extra}]'",
        ) from error
