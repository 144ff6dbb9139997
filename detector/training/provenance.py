"""Which code made the weights."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources

from averment.core.canonical import sha256_hex

_FACES = ("data", "portraits", "landmarks", "framing", "platforms")
_TRAINING = ("face_views", "network", "fit")

DRAWING_CODE = (*_FACES, "blending", "redrawing")
MANIPULATED_CODE = (*DRAWING_CODE, *_TRAINING)
SYNTHETIC_CODE = (*_FACES, *_TRAINING, "image_views", "texture")
"""The modules that decide the weights of each network: a training that was stopped goes on while these, decoding and data are the same."""

DECISIVE = (*MANIPULATED_CODE, "image_views", "texture", "export")
"""Those that decide the shipped file; figures and card are computed from it and can be computed again."""


def code_digest(modules: Iterable[str] = DECISIVE) -> str:
    """Digest over sources: these modules, the decoding, and the list of unfit images."""
    package = resources.files("averment.detector.training")
    sources = {f"training/{name}.py": package.joinpath(f"{name}.py").read_bytes() for name in modules}
    sources["imaging.py"] = resources.files("averment.detector").joinpath("imaging.py").read_bytes()
    sources["corpus/unfit.csv"] = resources.files("averment.detector.corpus").joinpath("unfit.csv").read_bytes()
    return sha256_hex("".join(f"{name} {sha256_hex(sources[name])}\n" for name in sorted(sources)).encode())
