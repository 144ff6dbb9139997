"""Precision and recall of ``averment check`` on configurations that somebody has labelled by hand.

``python benchmarks/rules/measure.py labels.json RUN...`` compares labels with the JSON of runs (``averment check . --no-own-rules -f
json > acme+shop.json``, one file a repository; the file's name without ``.json``, ``+`` for ``/``, is the repository's). Labels are a
list of objects::

    {"repo": "acme/shop", "file": "infra/s3.tf", "rule": "media-bucket-hardened", "resource": "aws_s3_bucket.uploads", "verdict": "fail"}

``verdict`` is ``fail`` (the resource breaks the rule) or ``either`` (people may differ: counted neither way). ``file`` is for those who
read the labels. What isn't labelled is taken not to break the rule. A resource is named as in the code; the modules it stands in and
the keys of its instances may be left out. An own finding counts once, however often its module is called. A run whose repository has
no label at all is noise alone: label it with ``{"repo": "acme/network"}`` to say that it was looked at.

It prints, for each rule and in all: labelled, found, missed, unknown (labelled, and the check said that it couldn't tell), false
alarms, precision, recall.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_KEY = re.compile(r"\[[^\]]*\]")


@dataclass
class Tally:
    """What became of one rule's labels and findings."""

    found: int = 0
    missed: int = 0
    unknown: int = 0
    false_alarms: int = 0
    doubts: int = 0

    @property
    def labelled(self) -> int:
        """How many resources break the rule."""
        return self.found + self.missed + self.unknown

    @property
    def precision(self) -> float | None:
        """The share of failures that are labelled; None where nothing failed."""
        return self.found / (self.found + self.false_alarms) if self.found + self.false_alarms else None

    @property
    def recall(self) -> float | None:
        """The share of labels that were found, an unknown not being one; None where nothing is labelled."""
        return self.found / self.labelled if self.labelled else None


@dataclass
class Measured:
    """Tallies by rule, and each disagreement as a line."""

    rules: dict[str, Tally] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    resources: int = 0

    def of(self, rule: str) -> Tally:
        """The tally of ``rule``."""
        return self.rules.setdefault(rule, Tally())

    def total(self) -> Tally:
        """All rules together."""
        return Tally(**{name: sum(getattr(tally, name) for tally in self.rules.values()) for name in Tally.__dataclass_fields__})


def same_resource(label: str, finding: str) -> bool:
    """Whether a finding's address is the labelled resource, instance keys and modules left out where the label leaves them out."""
    short, full = _KEY.sub("", label), _KEY.sub("", finding)
    return full == short or full.endswith(f".{short}")


def measure(labels: Iterable[Mapping[str, Any]], runs: Mapping[str, Mapping[str, Any]], without: frozenset[str] = frozenset()) -> Measured:
    """Labels against the runs of the repositories they are about; a run without labels isn't counted, nor are rules ``without``."""
    measured = Measured()
    by_repo: dict[str, list[Mapping[str, Any]]] = {}
    for label in labels:
        by_repo.setdefault(label["repo"], []).append(label)
    for repo, own in by_repo.items():
        if repo not in runs:
            raise SystemExit(f"there is no run of {repo} (expected {repo.replace('/', '+')}.json)")
        measured.resources += runs[repo]["counts"]["resources"]
        findings = [finding for finding in runs[repo]["findings"] if finding["rule"] not in without]
        _repository(repo, [label for label in own if label.get("rule", "") and label["rule"] not in without], findings, measured)
    return measured


def _repository(repo: str, labels: list[Mapping[str, Any]], findings: list[Mapping[str, Any]], measured: Measured) -> None:
    seen: set[tuple[str, str]] = set()
    met: Counter[int] = Counter()
    asked: Counter[int] = Counter()
    for finding in findings:
        place = (finding["rule"], _KEY.sub("", finding["resource"]))
        if place in seen and finding["verdict"] == "fail":
            continue
        own = [at for at, label in enumerate(labels) if label["rule"] == place[0] and same_resource(label["resource"], place[1])]
        if finding["verdict"] == "unknown":
            asked.update(own)
            measured.of(place[0]).doubts += not own
        elif finding["verdict"] == "fail":
            seen.add(place)
            met.update(own)
            if not own:
                measured.of(place[0]).false_alarms += 1
                measured.lines.append(f"false alarm  {repo}  {place[0]}  {finding['resource']}: {finding['message'][:120]}")
    for at, label in enumerate(labels):
        if label["verdict"] == "either":
            continue
        outcome = "found" if met[at] else "unknown" if asked[at] else "missed"
        setattr(measured.of(label["rule"]), outcome, getattr(measured.of(label["rule"]), outcome) + 1)
        if outcome != "found":
            measured.lines.append(f"{outcome:<12} {repo}  {label['rule']}  {label['resource']}")


def table(measured: Measured) -> str:
    """The tallies as text, rules by name, the total last."""
    rows = [("rule", "labelled", "found", "missed", "unknown", "false", "precision", "recall")]
    for name, tally in [*sorted(measured.rules.items()), ("all", measured.total())]:
        counts = (tally.labelled, tally.found, tally.missed, tally.unknown, tally.false_alarms)
        rows.append((name, *(str(count) for count in counts), _share(tally.precision), _share(tally.recall)))
    wide = max(len(row[0]) for row in rows)
    return "\n".join(row[0].ljust(wide) + "".join(cell.rjust(10) for cell in row[1:]) for row in rows)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}"


def main(arguments: Sequence[str]) -> None:
    """Print the comparison of the labels with the runs."""
    parser = argparse.ArgumentParser(description="Precision and recall of averment check on labelled configurations.")
    parser.add_argument("labels", type=Path)
    parser.add_argument("runs", type=Path, nargs="+", metavar="run")
    parser.add_argument("--without", default="", metavar="RULE,...", help="rules that the labels aren't about")
    parser.add_argument("-v", "--verbose", action="store_true", help="list each disagreement")
    given = parser.parse_args(arguments)
    runs = {path.stem.replace("+", "/"): json.loads(path.read_text(encoding="utf-8")) for path in given.runs}
    without = frozenset(given.without.split(","))
    measured = measure(json.loads(given.labels.read_text(encoding="utf-8")), runs, without)
    print(table(measured))
    print(f"\n{measured.resources:,} resources; {measured.total().doubts} questions (unknown) about resources that are not labelled")
    if given.verbose:
        print("\n".join(["", *measured.lines]))


if __name__ == "__main__":
    main(sys.argv[1:])
