"""What a figure depends on beside its data and its detector: the environment that it was computed in."""

from __future__ import annotations

import importlib.metadata
import platform

from averment import __version__
from averment.core.canonical import JSON

PACKAGES = ("av", "boto3", "c2pa-python", "imagehash", "numpy", "onnxruntime", "pillow", "scikit-learn", "scipy", "statsmodels")
"""What figures may depend on; those that are installed are named in a result."""


def environment() -> dict[str, JSON]:
    """What the figures are computed with: Python, the kind of machine, and the versions of the packages that decide them."""
    versions: dict[str, JSON] = {name: version for name in PACKAGES if (version := _version(name)) is not None}
    return {"averment": __version__, "python": platform.python_version(), "machine": platform.machine(), "packages": versions}


def _version(package: str) -> str | None:
    """The package's version; None when it isn't installed, which no figure needed then."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
