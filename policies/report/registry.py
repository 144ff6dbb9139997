"""The formats, written out. Each is imported when it is asked for: a run shows one or two of them, and what SARIF or JUnit need takes time."""

from __future__ import annotations

from averment.core.errors import BadInputError
from averment.policies.report.interface import Format

FORMAT_NAMES = ("table", "json", "sarif", "junit", "github", "gitlab", "markdown")


def format_named(name: str) -> Format:
    """The format called ``name``.

    Raises:
        BadInputError: there is none.
    """
    match name:
        case "table":
            from averment.policies.report.table import TableFormat

            return TableFormat()
        case "json":
            from averment.policies.report.json_format import JsonFormat

            return JsonFormat()
        case "sarif":
            from averment.policies.report.sarif import SarifFormat

            return SarifFormat()
        case "junit":
            from averment.policies.report.junit import JUnitFormat

            return JUnitFormat()
        case "github":
            from averment.policies.report.github import GitHubFormat

            return GitHubFormat()
        case "gitlab":
            from averment.policies.report.gitlab import GitLabFormat

            return GitLabFormat()
        case "markdown":
            from averment.policies.report.markdown import MarkdownFormat

            return MarkdownFormat()
    raise BadInputError(f"there is no format '{name}'", fix=f"choose one of: {', '.join(FORMAT_NAMES)}")
