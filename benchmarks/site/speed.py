"""A governance site of 200 controls beside plain MkDocs with as many pages: CPU seconds and peak memory of each, in one run.

    python benchmarks/site/speed.py [--controls 200] [--rounds 5]

The controls are the shipped ones and copies of them under other numbers; the ledger holds thirteen weeks of checks, of AWS Config's results
and of claims, and an answer to every question of an attestation. "Averment" is everything from the start of the process: reading catalogue and
ledger, judging the states now, at the end of the quarter before and at twelve earlier moments, writing the pages, and MkDocs.

"Plain" is `mkdocs build --strict` with the same theme, features, plugins and menu, over as many pages at the same places, as somebody would write them:
the same text under the same headings, in the same tables and lists and with the same links, but in ordinary Markdown, without signs of history, places
to break a line, or text made safe. "Prose" is the same with paragraphs in place of tables and lists, and without links: as many characters that are as
cheap as they come. "Ours alone" is MkDocs over the very pages that we write.

CPU is user and system time of a process and its children, so that other load on the machine matters little. In each round each runs once, one
after the other; a ratio is the median of the rounds' ratios, a figure the median of the rounds.
"""

from __future__ import annotations

import argparse
import html
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from averment.controls.loader import load_catalogue, shipped_catalogue
from averment.controls.model import Assessment, Catalogue
from averment.core.organisation import Organisation, load_organisation
from averment.evidence.ledger.opening import open_ledger
from averment.evidence.record import Kind, Record
from averment.governance.site import build
from averment.governance.site.data import gather

BAR = 2.0
"""How many times the CPU of plain MkDocs a site may take."""

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
WEEKS = 13
RESOURCES = 8
"""Resources that each rule has looked at."""

ORGANISATION = """\
version: 1
organisation: {name: Benchmark, profile: {deployer: true, generates_media: true, provider: false, processes_biometrics: true}}
scope: {accounts: ["111122223333"], regions: [eu-central-1]}
"""


@dataclass(frozen=True)
class Cost:
    """What one run took: CPU seconds, peak resident MiB of its largest process."""

    cpu: float
    memory: float


def catalogue_in(folder: Path, controls: int) -> None:
    """``controls`` control files: the shipped ones, then copies of them with numbers from 101 on."""
    shipped = sorted((family.name, file) for family in shipped_catalogue().iterdir() if family.is_dir() for file in family.iterdir())
    for number in range(controls):
        family, file = shipped[number % len(shipped)]
        name = file.name.removesuffix(".yaml")
        copy = number // len(shipped)
        renamed = name if copy == 0 else f"{name.rpartition('-')[0]}-{100 * copy + int(name.rpartition('-')[2])}"
        target = folder / family / f"{renamed}.yaml"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text().replace(f"id: {name}\n", f"id: {renamed}\n", 1))


def records(catalogue: Catalogue) -> Iterator[Record]:
    """A fact a week of each kind that rules and claims make, with one resource in eight at fault, and every statement."""
    asked = [(f"{control.id}/{item.id}", item) for control in catalogue for item in control.assessments]
    rules = sorted({item.policy for _, item in asked if item.policy})
    for week in range(WEEKS):
        when = NOW - timedelta(weeks=WEEKS - 1 - week, hours=1)
        found = [
            {
                "rule": rule,
                "verdict": "fail" if number == week % RESOURCES else "pass",
                "resource": f"aws_thing.{rule}-{number}",
                "message": "a sentence that says what is wrong with it",
                "where": f"infra/{rule}/main.tf:{number + 1}",
            }
            for rule in rules
            for number in range(RESOURCES)
        ]
        yield record(Kind.CHECK, "check", {"rules": rules, "findings": found, "problems": []}, when)
        yield record(Kind.CONFIG_COMPLIANCE, "config-compliance", {"rules": [compliance(rule, week) for rule in rules]}, when)
        yield from (record(Kind.CLAIM, "claims", claim(item), when, query={"claim": dict(item.claim)}) for item in claims(asked))
    for name, item in asked:
        if item.attestation:
            payload = {
                "question": item.attestation["question"],
                "answer": "yes",
                "by": {"name": "A. Person", "role": item.attestation["role"]},
            }
            yield record(Kind.ATTESTATION, "attestations", {**payload, "statement": "As asked."}, NOW, controls=(name,))


def record(kind: Kind, collector: str, payload: dict[str, Any], when: datetime, **more: Any) -> Record:
    """A record as a collector would write it."""
    values: dict[str, Any] = {"collector_version": "1", "source": "made up for a benchmark", "query": {"call": "Example"}} | more
    return Record(kind=kind, collector=collector, payload=payload, effective_at=when, collected_at=when, **values)


def compliance(rule: str, week: int) -> dict[str, Any]:
    """A rule as AWS Config reports it."""
    resources = [
        {
            "id": f"arn:aws:s3:::{rule}-{number}",
            "type": "AWS::S3::Bucket",
            "compliance": "NON_COMPLIANT" if number == week % RESOURCES else "COMPLIANT",
            "annotation": "a sentence that says what is wrong with it",
        }
        for number in range(RESOURCES)
    ]
    return {"rule": rule, "config_rule": f"averment-{rule}", "compliance": "x", "resources": resources}


def claims(asked: list[tuple[str, Assessment]]) -> list[Any]:
    """One assessment for each claim that is made: copies of a control claim the same."""
    return list({str(sorted(item.claim.items())): item for _, item in asked if item.claim}.values())


def claim(item: Any) -> dict[str, Any]:
    """A claim's result, without plots."""
    spec = dict(item.claim)
    bar = float(spec.get("at_least", spec.get("at_most", 0.5)))
    return {
        "type": spec["type"],
        "statement": f"{spec['type']} is within its bar",
        "verdict": "inconclusive",
        "reason": "the interval has the bar in it",
        "estimate": bar,
        "interval": {"low": max(0.0, bar - 0.05), "high": min(1.0, bar + 0.05), "confidence": 0.95, "method": "Clopper-Pearson"},
        "bar": bar,
        "samples": 300,
        "clusters": 120,
        "seed": 1,
        "needed": None,
        "inputs": {},
        "details": {},
    }


def shop(folder: Path) -> tuple[Organisation, Catalogue]:
    """The organisation in ``folder`` and its catalogue."""
    organisation = load_organisation(folder / "averment.yaml")
    return organisation, load_catalogue(organisation, catalog=folder / "catalog")


def site(folder: Path) -> None:
    """Our side, in a process of its own: the whole site, as ``averment site build`` makes it."""
    organisation, catalogue = shop(folder)
    build.build_site(gather(organisation, catalogue, as_of=NOW), folder / "site")


def prepare(folder: Path, controls: int) -> int:
    """Write catalogue, ledger, and what MkDocs gets to build in both of its roles; gives the number of pages."""
    (folder / "averment.yaml").write_text(ORGANISATION)
    catalogue_in(folder / "catalog", controls)
    organisation, catalogue = shop(folder)
    with open_ledger(organisation, write=True, clock=lambda: NOW) as ledger:
        ledger.append(list(records(catalogue)))
    handed_over(folder, folder / "ours")
    for name, rewritten in (("plain", as_written), ("prose", as_prose)):
        shutil.copytree(folder / "ours", folder / name)
        for page in (folder / name / "docs").rglob("*.md"):
            page.write_text(rewritten(page.read_text()))
    return sum(1 for _ in (folder / "ours").rglob("*.md"))


def handed_over(folder: Path, target: Path) -> None:
    """Keep in ``target`` what a build hands to MkDocs."""

    def keep(config: Path, built: Path, epoch: int) -> None:
        shutil.copytree(config.parent, target)
        real(config, built, epoch)

    real, build._run_mkdocs = build._run_mkdocs, keep
    try:
        site(folder)
    finally:
        build._run_mkdocs = real


_ENTITY = re.compile(r"&(?:#[0-9]+|[a-z]+);")
_MARKUP = re.compile(r"[\\\\`*_{}\[\]()#+!|~<>&]")


def as_written(page: str) -> str:
    """``page`` in ordinary Markdown: no HTML, no attributes; what was made safe is left out where it would be read as Markdown."""
    text = re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL)
    text = re.sub(r'<span class="av-strip".*?</span>|<svg.*?</svg>', "", text)
    text = re.sub(r"<dt>(.*?)</dt><dd>(.*?)</dd>", r"- \1: \2", text)
    text = re.sub(r"<h3[^>]*>(.*?)</h3>", r"### \1", text)
    text = re.sub(r"</?code>", "`", text)
    text = re.sub(r"<a href=\"[^\"]*\"[^>]*>(.*?)</a>", r"\1", text)
    text = re.sub(r" *<br> *", " ", text)
    text = re.sub(r"<[^>\n]*>|\{:?[^}\n]*\}", "", text)
    text = re.sub(r"(\]\([^)#\s]*)(?:#[^)\s]*)?(?: &quot;[^)]*| \"[^)]*)?\)", r"\1)", text)
    text = text.replace("]()", "](#)")
    return _ENTITY.sub(lambda found: _MARKUP.sub("", html.unescape(found[0])), text)


def as_prose(page: str) -> str:
    """The headings and the text of ``page`` in paragraphs of plain words."""
    text = re.sub(r"\A---\n.*?\n---\n", "", page, flags=re.DOTALL)
    out: list[str] = []
    for part in re.split(r"^(#{1,6} .*)$", text, flags=re.MULTILINE):
        if re.match(r"#{1,6} ", part):
            level, _, words = part.partition(" ")
            out.append(f"{level} {plain_words(re.sub(r'{.*}', '', words)) or 'Heading'}")
        else:
            words = plain_words(part).split()
            out += [" ".join(words[start : start + 60]) for start in range(0, len(words), 60)]
    return "\n\n".join(out) + "\n"


def plain_words(text: str) -> str:
    """What a reader sees of ``text``, letters and digits alone, so that none of it is markup."""
    seen = html.unescape(re.sub(r"<[^>]*>|\]\([^)]*\)|\{:?[^}]*\}", " ", text))
    return " ".join(re.findall(r"[A-Za-z0-9][A-Za-z0-9.,]*", seen))


def run(command: list[str], environment: dict[str, str]) -> Cost:
    """Run ``command`` and measure it with its children.

    Raises:
        SystemExit: it failed.
    """
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(command, stdout=said, stderr=said, env=environment)
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            said.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{said.read().decode(errors='replace')[-2000:]}")
    return Cost(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def compare(folder: Path, rounds: int) -> dict[str, list[Cost]]:
    """Each of the three, once a round, one after the other."""
    epoch = {"SOURCE_DATE_EPOCH": str(int(NOW.timestamp())), "PYTHONHASHSEED": "0", "NO_MKDOCS_2_WARNING": "1"}
    mkdocs = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder / "built"), "--config-file"]
    commands = {"averment": [sys.executable, __file__, "--site", str(folder)]}
    commands |= {name: [*mkdocs, str(folder / name / "mkdocs.yml")] for name in ("plain", "prose", "ours")}
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            costs[name].append(run(command, {**os.environ, **epoch}))
    return costs


def report(costs: dict[str, list[Cost]]) -> str:
    """The figures, as a table in Markdown, and whether the bar is met."""
    ratios = {
        name: median(mine.cpu / theirs.cpu for mine, theirs in zip(found, costs["plain"], strict=True)) for name, found in costs.items()
    }
    lines = ["| | CPU s | times plain | peak MiB |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {median(one.cpu for one in found):,.1f} | {ratios[name]:.2f} | {median(one.memory for one in found):,.0f} |"
        for name, found in costs.items()
    ]
    return "\n".join([*lines, "", f"bar: at most {BAR:g} times plain MkDocs: {'met' if ratios['averment'] <= BAR else 'NOT met'}"])


def machine(pages: int, options: argparse.Namespace) -> str:
    """What all of it ran on."""
    cpu = next(
        (line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")),
        platform.processor() or platform.machine(),
    )
    parts = ", ".join(f"{name} {version(name)}" for name in ("mkdocs", "mkdocs-material", "Markdown"))
    return (
        f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; {platform.system()} {platform.release()}, Python {platform.python_version()}; "
        f"{parts}\n{options.controls} controls, {pages} pages; medians of {options.rounds} rounds\n"
    )


def main() -> int:
    """Prepare, measure, print; or build the site that a parent asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--controls", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--site", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.site:
        site(options.site)
        return 0
    with tempfile.TemporaryDirectory(prefix="averment-site-benchmark-") as scratch:
        pages = prepare(Path(scratch), options.controls)
        print(machine(pages, options), flush=True)
        print(report(compare(Path(scratch), options.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
