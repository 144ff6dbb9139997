"""The model card, written from the lock alone: nothing stands in it that wasn't measured or recorded."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from averment.core.files import read_text, write_atomic

FIGURES = (
    ("auc", "AUC"),
    ("tpr_at_fpr_0.05", "TPR at 5 % FPR"),
    ("tpr_at_fpr_0.01", "TPR at 1 % FPR"),
    ("apcer", "APCER"),
    ("bpcer", "BPCER"),
)
MANIPULATED, SYNTHETIC = "manipulated-face", "synthetic-image"


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
| Networks | manipulated faces: EfficientNet-Lite0 cut after eleven blocks, trained from ImageNet's weights; synthetic images: its first five and six blocks as they were, and one trained weight for each of their channels' figures; {model["parameters"]:,} numbers together, ONNX opset {model["opset"]} |
| Input | one image (JPEG, PNG, WebP); each face in it, cut out with room around it, at {lock["input"]["side"]} x {lock["input"]["side"]} pixels |
| Output | for each family a calibrated probability, the boxes of the faces, a coarse map of where it looks so; or the reason why it can't say |
| Families | {", ".join(lock["families"])} |
| Flags at | {lock["threshold"]} and above, in either family |"""


def _can(lock: Mapping[str, Any]) -> str:
    images = lock["data"]["images"]["train"]
    generators = ", ".join(sorted(name for name in images if name in _generators(lock)))
    return f"""## What it is for

A reference: small, embedded, reproducible. It looks at faces, and says two things of each. **Manipulated face**: that something was put into
it (a swap, a re-drawn mouth). It learnt that from portraits that were faked here in several ways (self-blending after Shiohara and Yamasaki
2022, faces that small networks drew anew, faces enlarged, swaps, changed parts); no published deepfake was used. **Synthetic image**: that all of it was generated, as the
portraits that it has seen ({generators}) were. It gives the gate, the claims and the reports something real to run on. Put your own detector
behind the same interface before you rely on scores."""


def _cannot(lock: Mapping[str, Any]) -> str:
    products = lock["figures"][SYNTHETIC]["jpeg-75"]["products"]["bona_fide"]
    seen = lock["figures"][MANIPULATED]["jpeg-75"]["families"]
    weakest = min(seen, key=lambda name: seen[name]["auc"]["value"])
    return f"""## What it can't do

- **Faces only.** Of an image without a face (or with faces below 40 pixels) it says that it can't say: so it did of {products["could_not_say"]} of
  {products["images"]} held-out product photographs (JPEG 75). Synthetic product pictures are beyond it: none was part of the data.
- **Figures for manipulation are figures on fakes that were made here.** Two of the ways (held out below) were never trained on, and people were
  never seen; yet real forgeries are others still. Redrawn faces were drawn by the networks that drew for training, so their figure says nothing of
  other networks. The way that it sees worst is {weakest} (AUC {_interval(seen[weakest].get("auc"))} at
  JPEG 75). Re-enactment by neural rendering, lip sync and retouching were not measured.
- **Unseen generators are a guess.** The figures for an unseen generator below are for a near relative of what it was trained on. For other
  families of generators (GANs, other diffusion models, closed services) nothing was measured here, so nothing is claimed.
- **Two sources of photographed portraits.** Studio and official portraits of adults, mostly frontal; no snapshots, no filters. Faces in other
  photographs may be flagged more often than the BPCER below says.
- **The collections give the label away, so the figures for synthetic images prove little, however high.** A linear model on thumbnails of
  {lock["style_baseline"]["side"]} x {lock["style_baseline"]["side"]} pixels, which can know nothing of synthesis, reaches an AUC of {lock["style_baseline"]["auc"]:.3f} on the same faces, framed alike. So
  little of the network for this family is trained, and what is trained is held short, as more of it learns the collections better and other generators
  worse. On portraits reduced to {lock["style_probe"]["side"]} pixels and enlarged again, where no trace of generation can be left, its AUC is {lock["style_probe"]["auc"]:.3f}
  (0.5 would be chance; as far from it as it is, it has learnt style).
- **Close cuts.** It looks at a face with what is around it. Of a picture that is cut to the face it is shown the picture and its mirror image beyond
  the edges; it is wrong more often there, and real faces are flagged more often (others' pictures, measured in the project's benchmarks). All portraits below have room.
- Groups of people aren't labelled in the data, so gaps between them were not measured here. Real portraits are mostly of older white men
  (congress) and of young adults (london).
- **Laundering.** Strong compression, small sizes, screenshots, print and re-photography weaken or erase what it looks for. Screenshots and
  re-photography were not measured. A person who knows the model can evade it.
- Probabilities are calibrated on images like those of training, every second one an attack; on other material, and where attacks are rarer, they are
  scores, not probabilities.
- Not for decisions about people. A flag means "look at it"."""


def _figures(lock: Mapping[str, Any]) -> str:
    lines = [
        "## Figures",
        "",
        f"Every face was framed alike, reduced to {lock['input']['trial_side']} pixels and recompressed alike before measuring; the detector found it again by itself. Intervals:",
        "95 %, bootstrap over people and generated images. APCER: attacks not flagged; BPCER: bona fide images flagged; both at the shipped",
        "threshold, over images that it judged.",
    ]
    for family, part, title in (
        (MANIPULATED, "held_out", f"Manipulated faces: ways never trained on ({', '.join(_held_out(lock))}), unseen people"),
        (SYNTHETIC, "held_out", "Synthetic images: held out by person and image"),
        (
            SYNTHETIC,
            "unseen_generator",
            f"Synthetic images: generator never seen in training ({', '.join(lock['data']['unseen_generators']) or 'none'})",
        ),
        ("together", "held_out", "Both families together: the higher of both probabilities"),
    ):
        lines += ["", f"### {title}", "", *_table(lock["figures"][family], part)]
    return "\n".join(lines)


def _table(by_condition: Mapping[str, Any], part: str) -> list[str]:
    rows = [
        f"| condition | bona fide / attacks | can't say | {' | '.join(title for _, title in FIGURES)} |",
        "|---|---|---|" + "---|" * len(FIGURES),
    ]
    for condition, figures in by_condition.items():
        values = figures[part]
        real, fake = values["bona_fide"], values["attack"]
        cells = " | ".join(_interval(values.get(key)) for key, _ in FIGURES)
        rows.append(f"| {condition} | {real['images']} / {fake['images']} | {real['could_not_say'] + fake['could_not_say']} | {cells} |")
    return rows


def _strata(lock: Mapping[str, Any]) -> str:
    manipulated, synthetic = (lock["figures"][family]["jpeg-75"] for family in (MANIPULATED, SYNTHETIC))
    lines = ["### Manipulated faces by way, JPEG 75", "", "| | images | AUC | APCER |", "|---|---|---|---|"]
    for name, values in manipulated["families"].items():
        held_out = ", never trained on" if name in _held_out(lock) else ""
        lines.append(
            f"| {name}{held_out} | {values['attack']['images']} | {_interval(values.get('auc'))} | {_interval(values.get('apcer'))} |"
        )
    generated = manipulated["generated_portraits"]
    lines += ["", f"Generated portraits that nobody manipulated, taken for manipulated: {_interval(generated.get('bpcer'))}."]
    lines += [
        "",
        "### Synthetic images by generator and source, JPEG 75",
        "",
        "| | images | can't say | APCER or BPCER |",
        "|---|---|---|---|",
    ]
    for name, values in synthetic["origins"].items():
        kind, side = ("apcer", "attack") if values["attack"]["images"] else ("bpcer", "bona_fide")
        lines.append(
            f"| {name} | {values[side]['images']} | {values[side]['could_not_say']} | {kind.upper()} {_interval(values.get(kind))} |"
        )
    for family in (MANIPULATED, SYNTHETIC):
        errors = ", ".join(f"{name} {figures['calibration_error']}" for name, figures in lock["figures"][family].items())
        lines += ["", f"Expected calibration error, {family} (ten bins, held out, attacks and bona fide images counting alike): {errors}."]
    return "\n".join(lines)


def _data(lock: Mapping[str, Any]) -> str:
    data = lock["data"]
    splits = "\n".join(
        f"| {split} | {', '.join(f'{name} {count}' for name, count in strata.items())} |" for split, strata in data["images"].items()
    )
    left_out = ", ".join(f"{count} {reason}" for reason, count in data["left_out"].items()) or "none"
    checks = "\n".join(f"| {check['check']} | {check['outcome']} | {check['reason']} |" for check in data["governance"]["checks"])
    return f"""## Data

| part | images |
|---|---|
{splits}

Of {data["faces"]["portraits"]:,} portraits, {data["faces"]["with_a_face_and_mesh"]:,} have a face that was found and meshed; the others were neither trained on nor measured.
Kept out of training whole: generators {", ".join(data["unseen_generators"]) or "none"}; sources {", ".join(data["unseen_sources"]) or "none"}.
Left out altogether: {left_out}.
Licences: {", ".join(data["licences"])}. Sources: {"; ".join(data["attribution"])}.
Manifest SHA-256 `{data["manifest_sha256"]}`, files used `{data["used_sha256"]}`.
The ImageNet start was trained by others on ImageNet-1k and published under the Apache License 2.0; so were the face finder and the mesh (MediaPipe).

The data-governance claim on what went in is **{data["governance"]["verdict"]}**:

| check | outcome | |
|---|---|---|
{checks}"""


def _making(lock: Mapping[str, Any]) -> str:
    training, environment = lock["training"], lock["environment"]
    packages = ", ".join(f"{name} {version}" for name, version in environment["packages"].items() if version)
    drawing, faces, textures = training["drawing"], training[MANIPULATED], training[SYNTHETIC]
    return f"""## Making

three networks that draw faces anew, thrown away afterwards: {drawing["steps"]} steps of {drawing["batch"]} views each; {MANIPULATED}: {faces["steps"]} steps of {2 * faces["items"]} views, seed {faces["seed"]}, {faces["threads"]} thread(s); {SYNTHETIC}:
logistic regression with a penalty of {textures["penalty"]} on {2 * textures["couples"]:,} views, seed {textures["seed"]}; {training["seconds"]} s in all.
Python {environment["python"]}, {environment["machine"]}; {packages}.
Code SHA-256 `{lock["code"]["sha256"]}`. The same data, code, seed, threads and packages on the same kind of processor give the same file.
Calibration: {lock["calibration"]["method"]}, each family on the calibration part, attacks and bona fide images counting alike; the threshold flags at most {lock["calibration"]["target_bpcer"]:.0%} of its photographed
portraits in either family. Largest difference between the trained networks and the exported file: {lock["onnx_difference"]} in probability."""


def _interval(value: Mapping[str, float] | None) -> str:
    return "–" if value is None else f"{value['value']:.3f} ({value['low']:.3f}–{value['high']:.3f})"


def _generators(lock: Mapping[str, Any]) -> set[str]:
    origins = lock["figures"][SYNTHETIC]["jpeg-75"]["origins"]
    return {name for name, values in origins.items() if values["attack"]["images"]}


def _held_out(lock: Mapping[str, Any]) -> list[str]:
    return list(lock["figures"][MANIPULATED]["jpeg-75"]["held_out_families"])


if __name__ == "__main__":  # python -m averment.detector.training.card FOLDER: write the card of the lock in FOLDER again
    folder = Path(sys.argv[1])
    write_atomic(folder / "CARD.md", render(json.loads(read_text(folder / "lock.json"))).encode())
