"""The model card, written from the lock alone: nothing stands in it that wasn't measured or recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from averment.core.files import read_text, write_atomic

PARTS = (("held_out", "held out by person and image"), ("unseen_generator", "generator never seen in training"))
FIGURES = (
    ("auc", "AUC"),
    ("tpr_at_fpr_0.05", "TPR at 5 % FPR"),
    ("tpr_at_fpr_0.01", "TPR at 1 % FPR"),
    ("apcer", "APCER"),
    ("bpcer", "BPCER"),
)


def render(lock: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    sections = (_head(lock), _can(lock), _cannot(lock), _figures(lock), _strata(lock), _data(lock), _making(lock))
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _head(lock: Mapping[str, Any]) -> str:
    model = lock["model"]
    return f"""# Model card: {lock["name"]} {lock["version"]}

Written from `lock.json` by `averment.detector.training`; do not edit.

| | |
|---|---|
| File | `{model["file"]}`, {model["bytes"]:,} bytes, SHA-256 `{model["sha256"]}` |
| Network | EfficientNet-Lite0 cut after eleven blocks, {model["parameters"]:,} parameters, ImageNet start, ONNX opset {model["opset"]} |
| Input | one image (JPEG, PNG, WebP), the fine structure of its central square at {lock["input"]["side"]} x {lock["input"]["side"]} pixels |
| Output | calibrated probability that the portrait is synthetic, or the reason why it can't say |
| Families | {", ".join(lock["families"])} |
| Flags at | {lock["threshold"]} and above |"""


def _can(lock: Mapping[str, Any]) -> str:
    trained = sorted(name for name in lock["data"]["images"]["train"] if name in _synthetic_names(lock))
    return f"""## What it is for

A reference: small, embedded, reproducible. It tells photographed portraits from portraits made by text-to-image models of the kind it has
seen ({", ".join(trained)}), so that the gate, the claims and the reports have something real to run on. Put your own detector behind the same
interface before you rely on scores."""


def _cannot(lock: Mapping[str, Any]) -> str:
    not_portraits = lock["figures"]["jpeg-75"]["not_portraits"]
    return f"""## What it can't do

- **No manipulated faces.** Face swaps, reenactment, retouching and lip sync are another family; this model knows nothing of them.
- **Portraits only.** For anything else it says that it can't say: of {not_portraits["images"]} held-out product photographs (JPEG 75) it refused
  {not_portraits["refused"]} (and would have flagged {not_portraits["flagged_if_judged"]} of all, had it judged them). A synthetic product picture was never
  part of the data. It has no face detector: a portrait is what looks like one as a whole.
- **Unseen generators are a guess.** The figures for an unseen generator below are for near relatives of what it was trained on. For other
  families of generators (GANs, other diffusion models, closed services) nothing was measured, so nothing is claimed.
- **Three sources of real portraits.** Studio and official portraits of adults, mostly frontal; no snapshots, no phone cameras, no filters. Real
  images of other kinds may be flagged: the rate for a source that was kept out of training stands below as "unseen source".
- **The synthetic portraits are prompted for variety** (hats, lighting, age); content and style differ from the real ones, and part of what the model
  has learnt may be that difference. Groups of people aren't labelled in the data, so gaps between them were not measured here.
- **The collections give the label away, so the figures below prove little, however high.** A linear model on thumbnails of
  {lock["style_baseline"]["side"]} x {lock["style_baseline"]["side"]} pixels, which can know nothing of synthesis, reaches an AUC of {lock["style_baseline"]["auc"]:.3f} on the same split. This network
  is shown fine structure in place of the picture, to keep it from light and colour; on portraits reduced to {lock["style_probe"]["side"]} pixels and enlarged
  again, where no trace of generation can be left, its AUC is still {lock["style_probe"]["auc"]:.3f} (0.5 would be chance). As far as that is above chance it has learnt
  pose, framing and style. A photograph in the style of a generated image may be flagged, and a generated one in the style of
  an official portrait may pass. Only real and synthetic portraits of one style could show what it knows of synthesis.
- **Laundering.** Strong compression, small sizes, screenshots, print and re-photography weaken or erase what it looks for. Screenshots and
  re-photography were not measured. A person who knows the model can evade it.
- Probabilities are calibrated on images like those of training; on other material they are scores, not probabilities.
- Not for decisions about people. A flag means "look at it"."""


def _figures(lock: Mapping[str, Any]) -> str:
    lines = [
        "## Figures",
        "",
        "Every class was brought to the same size and recompressed alike before measuring. Intervals: 95 %, bootstrap over people and generated images.",
        "APCER: synthetic portraits not flagged; BPCER: real portraits flagged; both at the shipped threshold, over images that it judged.",
    ]
    for part, title in PARTS:
        lines += ["", f"### {title[0].upper()}{title[1:]}", "", *_table(lock, part)]
    lines += ["", *_unseen_source(lock)]
    return "\n".join(lines)


def _table(lock: Mapping[str, Any], part: str) -> list[str]:
    rows = [
        f"| condition | real / synthetic | can't say | {' | '.join(title for _, title in FIGURES)} |",
        "|---|---|---|" + "---|" * len(FIGURES),
    ]
    for condition, figures in lock["figures"].items():
        values = figures[part]
        real, fake = values["real"], values["synthetic"]
        cells = " | ".join(_interval(values.get(key)) for key, _ in FIGURES)
        rows.append(f"| {condition} | {real['images']} / {fake['images']} | {real['could_not_say'] + fake['could_not_say']} | {cells} |")
    return rows


def _unseen_source(lock: Mapping[str, Any]) -> list[str]:
    names = ", ".join(lock["data"]["unseen_sources"])
    if not names:
        return ["No source of real portraits was kept out of training."]
    cells = "; ".join(f"{name}: {_interval(figures['unseen_source'].get('bpcer'))}" for name, figures in lock["figures"].items())
    count = lock["figures"]["jpeg-95"]["unseen_source"]["real"]["images"]
    return [f"**Unseen source** of real portraits ({names}, {count} images), BPCER: {cells}."]


def _strata(lock: Mapping[str, Any]) -> str:
    lines = ["### By generator and source, JPEG 75", "", "| | images | APCER or BPCER |", "|---|---|---|"]
    for name, values in lock["figures"]["jpeg-75"]["strata"].items():
        kind = "apcer" if values["synthetic"]["images"] else "bpcer"
        count = values["synthetic"]["images"] or values["real"]["images"]
        lines.append(f"| {name} | {count} | {kind.upper()} {_interval(values.get(kind))} |")
    errors = ", ".join(f"{name} {figures['calibration_error']}" for name, figures in lock["figures"].items())
    return "\n".join([*lines, "", f"Expected calibration error (ten bins, held out): {errors}."])


def _data(lock: Mapping[str, Any]) -> str:
    data = lock["data"]
    splits = "\n".join(
        f"| {split} | {', '.join(f'{name} {count}' for name, count in strata.items())} |" for split, strata in data["images"].items()
    )
    left_out = ", ".join(f"{count} {reason}" for reason, count in data["left_out"].items()) or "none"
    return f"""## Data

| part | images |
|---|---|
{splits}

Kept out of training whole: generators {", ".join(data["unseen_generators"]) or "none"}; sources {", ".join(data["unseen_sources"]) or "none"}.
Synthetic portraits left out altogether, by looking at each: {left_out}.
Licences: {", ".join(data["licences"])}. Sources: {"; ".join(data["attribution"])}.
Manifest SHA-256 `{data["manifest_sha256"]}`, files used `{data["used_sha256"]}`.
The ImageNet start was trained by others on ImageNet-1k and published under the Apache License 2.0."""


def _making(lock: Mapping[str, Any]) -> str:
    training, environment = lock["training"], lock["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items() if version)
    return f"""## Making

{training["steps"]} steps of {training["batch"]} views in {training["seconds"]} s on {training["threads"]} CPU threads, seed {training["seed"]};
Python {environment["python"]}, {environment["machine"]}; {packages}.
Code SHA-256 `{lock["code"]["sha256"]}`. The same data, code, seed, threads and packages on the same kind of processor give the same file.
Calibration: {lock["calibration"]["method"]} on the calibration part; the threshold flags at most {lock["calibration"]["target_bpcer"]:.0%} of its
real portraits. Largest difference between the trained network and the exported file: {lock["onnx_difference"]} in probability."""


def _interval(value: Mapping[str, float] | None) -> str:
    return "–" if value is None else f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"


def _synthetic_names(lock: Mapping[str, Any]) -> set[str]:
    return {name for name, values in lock["figures"]["jpeg-75"]["strata"].items() if values["synthetic"]["images"]}


if __name__ == "__main__":  # python -m averment.detector.training.card FOLDER: write the card of the lock in FOLDER again
    folder = Path(sys.argv[1])
    write_atomic(folder / "CARD.md", render(json.loads(read_text(folder / "lock.json"))).encode())
