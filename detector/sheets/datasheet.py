"""A data sheet for people, in the order of Article 10 of Regulation (EU) 2024/1689, which SM-GOV-03 asks after."""

from __future__ import annotations

from averment.detector.claims.data_governance import DataGovernanceClaim
from averment.detector.corpus.sources import SOURCES
from averment.detector.sheets.facts import RELEASED, DataFacts, source_of
from averment.detector.sheets.words import BIASES, GAPS, LICENCES, USE, left_out_lines, preparation


def datasheet(facts: DataFacts) -> str:
    """The sheet of ``facts`` as Markdown."""
    parts = facts.count("split", "label", "kind")
    return f"""# {facts.title}

{facts.purpose} Written by `python -m averment.detector.sheets` from `{facts.manifest}`; the same facts for machines stand in the Croissant file beside it.

{_at_a_glance(facts)}{_notes(facts)}
## Design choices (Art. 10(2)(a))

Only data with a permissive licence, and only pictures of people who gave their consent or hold public office. The split is by group (a person, a
generated image, a product), drawn by a hash, so that adding data moves nobody; a generator kept out of training altogether measures what was not seen.

{_bullets(USE)}
## Origin and original purpose (Art. 10(2)(b))

| source | images | units | origin | published for | people |
|---|---|---|---|---|---|
{_sources(facts)}
## Preparation (Art. 10(2)(c))

{_bullets(preparation(facts))}
## Assumptions (Art. 10(2)(d))

What a source calls a photograph is taken for one, and what its caption says of a generator is taken at its word. A person is one person wherever the source
gives one identifier.

## Quantity and suitability (Art. 10(2)(e))

| part | label | kind | images |
|---|---|---|---|
{chr(10).join(f"| {split} | {label} | {kind} | {count:,} |" for (split, label, kind), count in parts.items())}

| generator or source | images |
|---|---|
{_strata(facts)}
## Bias and its treatment (Art. 10(2)(f) and (g))

{_bullets(BIASES)}
Every class is brought to one size and recompressed alike before anything is learnt or measured; what the collections still give away is measured by a
linear model on thumbnails, and stands in the model's card.

## Gaps (Art. 10(2)(h))

{_bullets((*GAPS, *left_out_lines(facts)))}
## Representativeness and setting (Art. 10(3) and (4))

The portraits stand for studio and official portraits of adults, frontal, in the United States and Britain, and for the generators named above. They don't stand
for a shop's uploads or for identity selfies: measure with your own (`averment prove --population NAME=PLACE`).

## Checks

{_checks(facts)}"""


def _at_a_glance(facts: DataFacts) -> str:
    real, faces = facts.where(label="real"), facts.where(label="real", kind="face")
    return f"""| | |
|---|---|
| Images | {len(facts.rows):,} ({len(real):,} real, {len(facts.rows) - len(real):,} synthetic) of {facts.groups():,} independent units |
| Real people | {facts.groups(faces):,}, in {len(faces):,} images |
| Manifest | `{facts.manifest}`, SHA-256 `{facts.sha256}` |
| Images lie | {"beside the manifest" if facts.shipped else "with their sources; the manifest pins each by its SHA-256"} |
| Licences | {", ".join(f"[{name}]({LICENCES[name]})" if name in LICENCES else name for name in facts.licences)} |
| Released | {RELEASED} |
"""


def _notes(facts: DataFacts) -> str:
    return "".join(f"\n{note}\n" for note in facts.notes)


def _bullets(lines: tuple[str, ...] | list[str]) -> str:
    return "".join(f"- {line}\n" for line in lines)


def _sources(facts: DataFacts) -> str:
    rows = ""
    for name in facts.sources:
        mine = [row for row in facts.rows if source_of(row) == name]
        known = SOURCES.get(name)
        told = f"{known.origin} | {known.purpose} | {known.people}" if known else "not described | not described | not described"
        title = f"{name} ({known.title}; {known.creators})" if known else name
        rows += f"| {title} | {len(mine):,} | {facts.groups(mine):,} | {told} |\n"
    return rows


def _strata(facts: DataFacts) -> str:
    counts: dict[str, int] = {}
    for row in facts.rows:
        stratum = row.get("generator") or source_of(row)
        counts[stratum] = counts.get(stratum, 0) + 1
    return "".join(f"| {name} | {count:,} |\n" for name, count in sorted(counts.items()))


def _checks(facts: DataFacts) -> str:
    if facts.checks is None:
        return f"Not recorded here: `{DataGovernanceClaim.name}` claims run with `averment prove`.\n"
    lines = "".join(f"| {check['check']} | {check['outcome']} | {check['reason']} |\n" for check in facts.checks)
    return f"The claim of type `{DataGovernanceClaim.name}`, put to these data:\n\n| check | outcome | |\n|---|---|---|\n{lines}"
