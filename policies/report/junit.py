"""For CI servers: JUnit XML, a test case for each verdict; what could not be told or wasn't read is skipped, what could not be checked an error."""

from __future__ import annotations

import re
from xml.etree import ElementTree as Tree

from averment.core.words import Verdict
from averment.policies.report.interface import Format, Report, heading
from averment.policies.report.table import place

_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class JUnitFormat(Format):
    """One suite a rule."""

    name = "junit"

    def render(self, report: Report) -> str:
        root = Tree.Element("testsuites", name="averment check")
        by_rule: dict[str, Tree.Element] = {}
        for finding in report.result.findings:
            suite = by_rule.get(finding.rule)
            if suite is None:
                suite = by_rule[finding.rule] = Tree.SubElement(root, "testsuite", name=finding.rule)
            case = Tree.SubElement(
                suite, "testcase", name=_clean(finding.resource), classname=finding.rule, file=_clean(report.path(finding.where.file))
            )
            text = _clean(f"{place(report, finding)}: {finding.message}")
            if finding.counts:
                failure = Tree.SubElement(case, "failure", message=_clean(finding.message), type=finding.severity.value)
                failure.text = text + (f"\n\nfix:\n{_clean(finding.fix)}" if finding.fix else "")
            elif finding.accepted:
                why = f"waived: {finding.waived_by}" if finding.waived_by is not None else f"known from the baseline {finding.baseline}"
                Tree.SubElement(case, "skipped", message=_clean(why))
            elif finding.verdict is Verdict.UNKNOWN:
                Tree.SubElement(case, "skipped", message=_clean(f"could not tell: {finding.message}"))
        for problem in report.result.problems:
            title = heading(problem)
            suite = by_rule.get(title)
            if suite is None:
                suite = by_rule[title] = Tree.SubElement(root, "testsuite", name=title)
            case = Tree.SubElement(suite, "testcase", name=_clean(str(problem.where)), classname=title)
            Tree.SubElement(case, "error" if problem.blocking else "skipped", message=_clean(problem.reason))
        for suite in root:
            suite.set("tests", str(len(suite)))
            for kind, attribute in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
                suite.set(attribute, str(len(suite.findall(f"testcase/{kind}"))))
        Tree.indent(root)
        return Tree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _clean(text: str) -> str:
    """``text`` without characters that XML 1.0 can't carry (section 2.2)."""
    return _FORBIDDEN.sub("\ufffd", text)
