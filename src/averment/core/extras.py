"""Optional parts: a command whose extra isn't installed says which to install."""

from __future__ import annotations

import importlib
import os
from types import ModuleType

from averment.core.errors import MissingExtraError

_QUIET = {"onnxruntime": "ORT_DISABLE_TELEMETRY"}
"""The variable by which a library, before it is imported, is told to report nothing to its maker. ONNX Runtime otherwise leaves an id for the
device and a file of events in the user's home (since 1.32 on Linux, too); its library names a collector of Microsoft's, and no sending was seen."""


def require(module: str, *, extra: str, needed_for: str) -> ModuleType:
    """Import ``module``, which the extra ``averment[extra]`` brings. Nothing is reported to its maker, unless the user's environment says so.

    Raises:
        MissingExtraError: it isn't installed; names the extra and what it is needed for.
    """
    if module in _QUIET:
        os.environ.setdefault(_QUIET[module], "1")
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] != module.split(".", maxsplit=1)[0]:
            raise  # installed, but broken: hiding that would send people the wrong way
        raise MissingExtraError(
            f"{needed_for} needs the package '{module.split('.', maxsplit=1)[0]}', which is not installed",
            fix=f"pip install 'averment[{extra}]'",
        ) from error
