"""From what a user wrote to a detector.

```yaml
kind: onnx                # an ONNX file on this machine
name: mesonet
version: "4"
model: meso4.onnx         # relative to this file
sha256: 3b1f...           # optional: refuse another file
threshold: 0.5
families: {manipulated-face: 0}    # the place of each family's score in the model's first output
activation: sigmoid       # of the output: sigmoid, softmax, or none
input: {side: 256, layout: nchw, colour: rgb, scale: unit, fit: square}   # optional: mean and deviation, per channel
```

or ``{kind: http, url: https://..., token_env: NAME}`` for a service that speaks the contract of ``serving``,
``{kind: sagemaker, endpoint: NAME, region: eu-west-1}``, or ``{kind: embedded, threshold: 0.9, sha256: c4e3...}`` for the model that ships with a
threshold of one's own, which was chosen for the model of that hash.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from averment.core.canonical import canonical_json, sha256_hex
from averment.core.errors import BadInputError
from averment.core.http import named
from averment.core.located import Located, load_yaml
from averment.core.schema import check_schema
from averment.detector.embedded import EmbeddedDetector
from averment.detector.interface import Detector, Family
from averment.detector.onnx_file import OnnxDetector, OnnxSpec
from averment.detector.remote import HttpDetector
from averment.detector.sagemaker import SageMakerDetector

SCHEMA = "detector/schemas/detector.schema.json"


def open_detector(text: str | None = None) -> Detector:
    """``embedded`` (also None), ``sagemaker:NAME`` for the endpoint of that name in the current account and region, the URL of a
    service, or a YAML file with a spec.

    Raises:
        BadInputError: neither of these, or a spec that breaks its schema.
    """
    text = "embedded" if text is None else text  # not an empty one, which a variable that isn't set leaves where another detector was meant
    kind, _, name = text.partition(":")
    if kind == "embedded" and not name:
        return EmbeddedDetector()
    if kind == "sagemaker" and name:
        return SageMakerDetector(name)
    if kind in {"http", "https"}:
        if "?" in text:
            # What a detector was opened as goes into the ledger, for whoever runs a claim again, and queries are where keys are put.
            raise BadInputError(
                f"{named(text)} with a query would stand in evidence as it is", fix="write it in a YAML spec: kind: http, url: ..."
            )
        return HttpDetector(text)
    if text.endswith((".yaml", ".yml")):
        return _from_spec(load_yaml(Path(text)), Path(text).parent)
    raise BadInputError(
        f"'{text}' is not a detector", fix="write embedded, sagemaker:ENDPOINT, https://SERVICE, or the YAML file of a detector's spec"
    )


def detector_files(text: str) -> list[Path]:
    """The files that ``text``, as ``open_detector`` takes it, is read from: a spec, and the model that it names.

    Raises:
        BadInputError: the spec can't be read.
    """
    if not text.endswith((".yaml", ".yml")) or "://" in text:
        return []
    value = load_yaml(Path(text)).value
    model = value.get("model") if isinstance(value, dict) else None
    return [Path(text), *([Path(text).parent / model] if isinstance(model, str) else [])]


def _from_spec(document: Located, folder: Path) -> Detector:
    check_schema(document, f"{SCHEMA}#/$defs/{_kind(document)}")
    spec: dict[str, Any] = document.value
    if spec["kind"] == "embedded":
        return _embedded(spec, document)
    if spec["kind"] == "http":
        return HttpDetector(spec["url"], token_env=spec.get("token_env"))
    if spec["kind"] == "sagemaker":
        return SageMakerDetector(spec["endpoint"], region=spec.get("region"))
    return OnnxDetector(_onnx(spec, folder))


def _kind(document: Located) -> str:
    value = document.value
    kind = value.get("kind") if isinstance(value, dict) else None
    if kind not in {"embedded", "onnx", "http", "sagemaker"}:
        where = document.where(("kind",) if isinstance(value, dict) and "kind" in value else ())
        raise BadInputError(f"the kind of detector is {kind!r}", where=where, fix="write kind: onnx, http, sagemaker or embedded")
    return str(kind)


def _embedded(spec: dict[str, Any], document: Located) -> EmbeddedDetector:
    detector = EmbeddedDetector(threshold=float(spec["threshold"]))
    wanted, found = spec.get("sha256"), detector.info.sha256
    if wanted is not None and wanted != found:
        raise BadInputError(
            f"this threshold was chosen for another model (SHA-256 {wanted[:12]}...) than the one that ships now ({str(found)[:12]}...)",
            where=document.where(("sha256",)),
            fix="choose it anew: averment detector threshold",
        )
    return detector


def _onnx(spec: dict[str, Any], folder: Path) -> OnnxSpec:
    given = spec["input"]
    pixels = {"mean": tuple(map(float, given.get("mean", (0, 0, 0)))), "deviation": tuple(map(float, given.get("deviation", (1, 1, 1))))}
    return OnnxSpec(
        name=spec["name"],
        # How pixels reach the model and what its outputs mean decide the scores as much as its weights do.
        version=f"{spec['version']} (spec {sha256_hex(canonical_json(spec))[:12]})",
        model=folder / spec["model"],
        sha256=spec.get("sha256"),
        threshold=float(spec["threshold"]),
        outputs={Family(name): place for name, place in spec["families"].items()},
        activation=spec["activation"],
        side=given["side"],
        layout=given["layout"],
        colour=given.get("colour", "rgb"),
        scale=given["scale"],
        fit=given.get("fit", "square"),
        **pixels,
    )
