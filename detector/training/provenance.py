"""Which code made the weights."""

from __future__ import annotations

from importlib import resources

from averment.core.canonical import sha256_hex

DECISIVE = (
    "data", "portraits", "landmarks", "blending", "redrawing", "framing", "platforms", "face_views", "image_views", "network", "fit",
    "export",
)  # fmt: skip
"""The modules that decide the weights; figures and card are computed from them and can be computed again."""


def code_digest() -> str:
    """Digest over the sources that decide the weights: these modules, the decoding, and the list of unfit images."""
    package = resources.files("averment.detector.training")
    sources = {f"training/{name}.py": package.joinpath(f"{name}.py").read_bytes() for name in DECISIVE}
    sources["imaging.py"] = resources.files("averment.detector").joinpath("imaging.py").read_bytes()
    sources["corpus/unfit.csv"] = resources.files("averment.detector.corpus").joinpath("unfit.csv").read_bytes()
    return sha256_hex("".join(f"{name} {sha256_hex(sources[name])}\n" for name in sorted(sources)).encode())
