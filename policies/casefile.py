"""Cases of rules: configurations with the verdicts that are expected of them, shared by ``averment rules test`` and the tests.

A folder of cases holds ``expect.yaml`` and, beside it, files or folders of any surface::

    rule: s3-put-object-gated        # may be left out below policies/rules/<slug>/cases
    cases:
      - path: third-party.tf         # a file, or a folder that is read as a module
        expect:
          aws_s3_bucket_policy.uploads: fail
          aws_iam_role.seller: {verdict: unknown, line: 12, message: has no default}

Or, shorter, a folder ``<name>.<verdict>`` (``no_gate.fail``) with one configuration a surface: the worst verdict on each of
them must be the one in its name.

An expectation that no finding meets fails, and so does a failure or an unknown that no expectation names. A pass may go
unnamed. ``line`` is exact, ``message`` a part of the finding's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from averment.controls.model import Catalogue
from averment.core.errors import BadInputError
from averment.core.located import Located, load_yaml
from averment.core.organisation import Organisation
from averment.core.schema import check_schema
from averment.core.scope import Scope
from averment.core.source import SourceRef
from averment.core.words import Verdict
from averment.policies.engine import CheckResult, check_graphs
from averment.policies.interface import Finding, Rule
from averment.policies.surfaces.registry import load_graphs

FILE_NAME = "expect.yaml"
_VERDICTS = frozenset(verdict.value for verdict in Verdict)
SCHEMA = "policies/report/schemas/expect.schema.json"

SHIPPED = Organisation(scope=Scope(accounts=("123456789012",), organisation_id="o-exampleorg1"))
"""The organisation that the shipped cases are written for."""


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
    overall: Verdict | None = None

    @property
    def name(self) -> str:
        """How the case is called: rule and path."""
        return f"{self.rule}/{self.path.name}"

    @property
    def expects_failure(self) -> bool:
        """Whether some resource, or the whole, must fail."""
        return self.overall is Verdict.FAIL or any(expectation.verdict is Verdict.FAIL for expectation in self.expected)


def find_cases(folder: Path) -> Iterator[Case]:
    """Every case at or below ``folder``, of either form.

    Raises:
        BadInputError: there is none, or one is malformed, or names a path that doesn't exist.
    """
    found = False
    for path in sorted(folder.rglob("*")):
        if path.name == FILE_NAME:
            found = True
            yield from read_cases(path)
        elif path.is_dir() and path.suffix[1:] in _VERDICTS:
            found = True
            rule = path.parent.parent.name.replace("_", "-")
            yield Case(rule, path, (), SourceRef(str(path)), Verdict(path.suffix[1:]))
    if not found:
        raise BadInputError(f"there are no cases under {folder}", fix="see: averment rules test --help")


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


def run_case(case: Case, rules: Sequence[Rule], organisation: Organisation, catalogue: Catalogue) -> list[str]:
    """Every way in which ``case`` doesn't hold, as sentences; empty if it does.

    Raises:
        BadInputError: there is no such rule.
    """
    rule = next((rule for rule in rules if rule.id == case.rule), None)
    if rule is None:
        raise BadInputError(f"there is no rule '{case.rule}'", where=case.where, fix="see: averment rules list")
    graphs = list(load_graphs(case.path))
    if not graphs:
        return [f"{case.where}: there is no configuration in {case.path}"]
    if case.overall is not None:
        results = (check_graphs([graph], [rule], organisation, catalogue) for graph in graphs)
        return [text for result in results for text in _overall(case, case.overall, result)]
    return list(_differences(case, check_graphs(graphs, [rule], organisation, catalogue)))


def _overall(case: Case, wanted: Verdict, result: CheckResult) -> Iterator[str]:
    for problem in result.problems:
        yield f"{problem.where}: could not be checked: {problem.reason}"
    verdicts = {finding.verdict for finding in result.findings}
    worst = next((verdict for verdict in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS) if verdict in verdicts), Verdict.NOT_APPLICABLE)
    if worst is not wanted:
        said = "; ".join(f"{item.where}: {item.verdict.value}: {item.message}" for item in result.findings if item.verdict is worst)
        yield f"{case.where}: expected {wanted.value}, got {worst.value} {said}"


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
