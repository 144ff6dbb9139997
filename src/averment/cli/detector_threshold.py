"""``averment detector threshold``."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from averment.cli.common import config_option, named_values, organisation_for, stderr
from averment.core.errors import BadInputError, ExitCode
from averment.core.files import read_bounded, write_atomic
from averment.core.period import utc_now
from averment.core.showing import printable
from averment.core.source import SourceRef
from averment.core.words import counted

if TYPE_CHECKING:
    from averment.detector.claims.frame import Population
    from averment.detector.claims.interface import ClaimContext
    from averment.detector.claims.thresholds import Chosen, Judged
    from averment.detector.interface import Detector


@click.command("threshold")
@click.argument("population", metavar="POPULATION")
@click.option(
    "--at-most", type=float, default=0.05, show_default=True, metavar="SHARE", help="Of genuine people, videos or sources, flagged."
)
@click.option("--confidence", type=float, default=0.95, show_default=True, help="That no more of all such are flagged.")
@click.option("--where", "wheres", multiple=True, metavar="COLUMN=VALUE", help="Only these rows of a manifest; may be repeated.")
@click.option(
    "--clusters", metavar="COLUMN", help="What belongs together. Default: group, where the manifest has it, else each file by itself."
)
@click.option("--detector", "spec", default="embedded", show_default=True, metavar="embedded|SPEC.yaml", help="Whose threshold.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help="Write the detector with this threshold as a spec for --detector."
)
@click.option("--format", "style", type=click.Choice(["text", "json"]), default="text", show_default=True)
@config_option
def threshold(
    population: str,
    at_most: float,
    confidence: float,
    wheres: tuple[str, ...],
    clusters: str | None,
    spec: str,
    out: Path | None,
    style: str,
    config: Path | None,
) -> int:
    """Choose from genuine media of your own from which probability on a detector flags.

    POPULATION is a manifest (CSV; rows labelled real set the threshold, the others show what it would miss), a folder or
    s3://BUCKET/PREFIX of genuine images or videos, or a name from averment.yaml. Whatever comes in should be in it as often as it comes in.

    Exit codes: 0 there is one, 3 there are too few genuine media for one.

    \b
    Example: averment detector threshold genuine/ --at-most 0.05 --out detector.yaml
             averment media scan uploads/ --detector detector.yaml
    """
    from averment.detector.claims.populations import open_population
    from averment.detector.claims.thresholds import choose
    from averment.detector.opening import open_detector
    from averment.evidence.claims import claim_context

    for name, value, least in (("--at-most", at_most, 0.0), ("--confidence", confidence, 0.5)):
        if not least < value < 1:
            raise BadInputError(f"{name} is {value:g}", fix=f"write a share between {least:g} and 1")
    organisation = organisation_for(config)
    context = claim_context(organisation, {population: population} if population and Path(population).exists() else {})
    folder = context.root / context.populations.get(population, population)
    _refuse_unnamed(population, context, folder)
    _refuse_overwriting(out, spec, folder, organisation.file)
    found = open_population(population, context, clips=True).only(_rows(wheres))
    detector = open_detector(spec)
    chosen = choose(found, detector, at_most=at_most, confidence=confidence, clusters=clusters)
    if style == "json":
        click.echo(
            json.dumps({"detector": detector.info.facts(), "population": found.facts(), **chosen.to_json()}, indent=2, sort_keys=True)
        )
    else:
        for line in _told(chosen, detector, found):
            click.echo(line)
    if chosen.threshold is None:
        return ExitCode.INCOMPLETE
    if out is not None:
        write_atomic(out, _spec(spec, out, chosen, chosen.threshold, detector, found, utc_now().date()))
        stderr.print(f"wrote {out}: use it as --detector {out}", markup=False)
    return ExitCode.CLEAN


def _rows(texts: tuple[str, ...]) -> dict[str, str]:
    return named_values(texts, wrong="--where {} names no rows", fix="write --where split=calibrate")


def _refuse_unnamed(population: str, context: ClaimContext, folder: Path) -> None:
    """Refuse a place that isn't one, and a folder whose manifest says which of its media are genuine: all would be taken for it."""
    from averment.detector.claims.populations import REFERENCE
    from averment.detector.sniffing import CLIP_SUFFIXES, IMAGE_SUFFIXES

    if not population:
        raise BadInputError("the population is empty", fix="name a folder of genuine media, or a manifest (CSV)")
    if population not in context.populations and population != REFERENCE and not population.startswith("s3://"):
        raise BadInputError(
            f"there is nothing called {printable(population)}, and averment.yaml has no population of that name",
            fix="name a folder of genuine media, a manifest (CSV), s3://BUCKET/PREFIX, or a name below parameters.populations",
        )
    if folder.suffix.lower() in IMAGE_SUFFIXES | CLIP_SUFFIXES and folder.is_file():
        raise BadInputError(
            f"{printable(population)} is one medium, and a threshold takes many", fix="name the folder that it is in, or a manifest (CSV)"
        )
    manifest = folder / "manifest.csv"
    if manifest.is_file() and "label" in _columns(manifest):
        raise BadInputError(
            "says which media of this folder are genuine, and of a folder all are taken for genuine",
            where=SourceRef(str(manifest)),
            fix=f"name the manifest: averment detector threshold {printable(str(manifest))}",
        )


def _columns(manifest: Path) -> list[str]:
    from averment.detector.claims.frame import MAX_MANIFEST_BYTES

    header = read_bounded(manifest, limit=MAX_MANIFEST_BYTES).partition(b"\n")[0].decode("utf-8-sig", "replace")
    return [name.strip(' "\r').lower() for name in header.split(",")]


def _refuse_overwriting(out: Path | None, spec: str, place: Path, organisation: str | None) -> None:
    from averment.detector.opening import detector_files

    if out is None:
        return
    if out.suffix not in {".yaml", ".yml"}:
        raise BadInputError(f"--out {out} isn't called a detector's spec", fix="write --out detector.yaml")
    for path in (place, *detector_files(spec), *([Path(organisation)] if organisation else [])):
        if os.path.realpath(path) == os.path.realpath(out):
            raise BadInputError(f"--out would overwrite what is read: {path}", fix="choose another file")


def _told(chosen: Chosen, detector: Detector, population: Population) -> list[str]:
    info, cut = detector.info, chosen.threshold
    lines = [
        f"threshold  {'none: ' + chosen.reason if cut is None else f'{cut:g}'} ({info.name} {info.version}; its own is {info.threshold:g})"
    ]
    if chosen.needed is not None:
        lines.append(f"           at least {counted(chosen.needed, 'independent unit')} are needed, and none of them flagged")
    media = counted(len(chosen.genuine.highest), "file")
    lines.append(f"genuine    {media} of {counted(chosen.units, 'independent unit')} judged{_assumed(chosen, population)}")
    for at in (cut, info.threshold):
        if at is not None:
            flagged = f"{counted(chosen.flagged_units(at), 'unit')} ({counted(chosen.genuine.flagged(at), 'file')})"
            lines.append(f"           from {at:g} on it flags {flagged}" + (f"; {chosen.allowed} may be" if at == cut else ""))
    lines += _unjudged(chosen.genuine)
    for (label, generator), judged in sorted(chosen.attacks.items()):
        at = info.threshold if cut is None else cut
        missed = f"{len(judged.highest) - judged.flagged(at):,} of {counted(len(judged.highest), 'file')} missed from {at:g} on"
        lines.append(f"attacks    {printable(label)}, {printable(generator)}: {missed}")
        lines += _unjudged(judged)
    return lines


def _assumed(chosen: Chosen, population: Population) -> str:
    """What is taken on trust, and what wasn't looked at, as the end of a sentence."""
    columns = f"no column label (it has {printable(', '.join(population.columns))})" if population.columns else "no labels"
    told = f"; {columns}, so that all are taken for genuine" if chosen.assumed else ""
    others = population.other_files + sum(population.refused.values())
    return told + (f"; {counted(others, 'other file')} not looked at" if others else "")


def _unjudged(judged: Judged) -> list[str]:
    return [f"           {counted(count, 'file')} not judged: {printable(reason)}" for reason, count in judged.unjudged.most_common()]


def _spec(spec: str, out: Path, chosen: Chosen, cut: float, detector: Detector, population: Population, today: date) -> bytes:
    """The detector's spec with the threshold, and above it where the threshold comes from."""
    import yaml

    from averment.core.located import load_yaml

    if spec.endswith((".yaml", ".yml")):
        value: Mapping[str, Any] = {**load_yaml(Path(spec)).value, "threshold": cut, "sha256": detector.info.sha256}
        if "model" in value and not Path(value["model"]).is_absolute():
            # Folders by what they really are: from one that is a link, ".." leads elsewhere.
            model = Path(os.path.realpath(Path(spec).parent), value["model"])
            value = {**value, "model": os.path.relpath(model, os.path.realpath(out.parent))}
    else:
        value = {"kind": "embedded", "threshold": cut, "sha256": detector.info.sha256}
    taken = "units that were taken for genuine" if chosen.assumed else "genuine units"
    comment = (
        f"# Chosen on {today} by averment detector threshold: of {chosen.units} {taken} in {printable(population.where)} (frame {population.frame_hash[:16]}),\n"
        f"# {chosen.flagged_units(cut)} reach it. Of all like these at most {chosen.at_most * 100:g} % do, at {chosen.confidence * 100:g} % confidence.\n"
    )
    return (comment + yaml.safe_dump(dict(value), sort_keys=False, allow_unicode=True)).encode()
