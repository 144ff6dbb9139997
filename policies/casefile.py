"""Cases of rules: configurations with the verdicts that are expected of them, shared by ``averment rules test`` and the tests.

A folder of cases holds ``expect.yaml`` and, beside it, files or folders of any surface::

    rule: s3-put-object-gated        # may be left out below policies/rules/<slug>/cases
    cases:
      - path: third-party.tf         # a file, or a folder that is read as a module
        expect:
          aws_s3_bucket_policy.uploads: fail
          aws_iam_role.seller: {verdict: unknown, line: 12, message: has no default}

An expectation that no finding meets fails, and so does a failure or an unknown that no expectation names. A pass may go
unnamed. ``line`` is exact, ``message`` a part of the finding's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.located import Located, load_yaml
from averment.core.organisation import Organisation
from averment.core.schema import check_schema
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.engine import CheckResult, check_graphs
from averment.policies.graph.model import Graph
from averment.policies.interface import Finding, Rule
from averment.policies.surfaces.registry import load_graphs

FILE_NAME = "expect.yaml"
SCHEMA = "policies/report/schemas/expect.schema.json"


@dataclass(frozen=True)
class Expectation:
    """What one resource should get."""

    resource: str
    verdict: Verdict
    where: SourceRef
    line: int | None = None
    message: str | None = None

    def met_by(self, finding: Finding) -> bool:
        """Whether ``finding`` is the one that is expected."""
        return (
            finding.resource == self.resource
            and finding.verdict is self.verdict
            and self.line in (None, finding.where.line)
            and (self.message is None or self.message in finding.message)
        )


@dataclass(frozen=True)
class Case:
    """One configuration with everything that is expected of it."""

    rule: str
    path: Path
    expected: tuple[Expectation, ...]
    where: SourceRef

    @property
    def name(self) -> str:
        """How the case is called: rule and path."""
        return f"{self.rule}/{self.path.name}"


def find_cases(folder: Path) -> Iterator[Case]:
    """Every case in the ``expect.yaml`` files at or below ``folder``.

    Raises:
        BadInputError: there is none, or one is malformed, or names a path that doesn't exist.
    """
    files = sorted(folder.rglob(FILE_NAME))
    if not files:
        raise BadInputError(f"there is no {FILE_NAME} under {folder}", fix="see: averment rules test --help")
    for file in files:
        yield from read_cases(file)


def read_cases(file: Path) -> Iterator[Case]:
    """The cases of one ``expect.yaml``.

    Raises:
        BadInputError: malformed, or a case's path doesn't exist.
    """
    document = load_yaml(file)
    check_schema(document, SCHEMA)
    rule = document.value.get("rule") or file.parent.parent.name.replace("_", "-")
    for index, entry in enumerate(document.value["cases"]):
        path = file.parent / entry["path"]
        where = document.where(("cases", index))
        if not path.exists():
            raise BadInputError(f"the case '{entry['path']}' does not exist", where=where, fix="check the path")
        expected = tuple(_expectation(document, index, name, value) for name, value in entry.get("expect", {}).items())
        yield Case(rule, path, expected, where)


def _expectation(document: Located, index: int, name: str, value: Any) -> Expectation:
    where = document.where(("cases", index, "expect", name))
    if isinstance(value, Mapping):
        return Expectation(name, Verdict(value["verdict"]), where, value.get("line"), value.get("message"))
    return Expectation(name, Verdict(value), where)


Load = Callable[[Path], Iterable[Graph]]


def run_case(case: Case, rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue, load: Load = load_graphs) -> list[str]:
    """Every way in which ``case`` doesn't hold, as sentences; empty if it does.

    Raises:
        BadInputError: there is no such rule.
    """
    rule = next((rule for rule in rules if rule.id == case.rule), None)
    if rule is None:
        raise BadInputError(f"there is no rule '{case.rule}'", where=case.where, fix="see: averment rules list")
    result = check_graphs(load(case.path), [rule], organisation, catalogue)
    return list(_differences(case, result))


def _differences(case: Case, result: CheckResult) -> Iterator[str]:
    for problem in result.problems:
        if problem.blocking:
            yield f"{problem.where}: could not be checked: {problem.reason}"
    left = list(result.findings)
    for expectation in case.expected:
        found = next((finding for finding in left if expectation.met_by(finding)), None)
        if found is not None:
            left.remove(found)
            continue
        got = [
            f"{finding.verdict.value} at {finding.where}: {finding.message}" for finding in left if finding.resource == expectation.resource
        ]
        seen = "; ".join(got) or "nothing"
        if expectation.verdict is Verdict.NOT_APPLICABLE and not got:
            continue
        yield f"{expectation.where}: expected {expectation.verdict.value} for {expectation.resource}, got {seen}"
    for finding in left:
        if finding.verdict is not Verdict.PASS:
            yield f"{finding.where}: unexpected {finding.verdict.value} for {finding.resource}: {finding.message}"
