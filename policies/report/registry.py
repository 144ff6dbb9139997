"""The formats, written out."""

from __future__ import annotations

from averment.core.errors import BadInputError
from averment.policies.report.github import GitHubFormat
from averment.policies.report.gitlab import GitLabFormat
from averment.policies.report.interface import Format
from averment.policies.report.json_format import JsonFormat
from averment.policies.report.junit import JUnitFormat
from averment.policies.report.markdown import MarkdownFormat
from averment.policies.report.sarif import SarifFormat
from averment.policies.report.table import TableFormat

FORMATS: tuple[Format, ...] = (
    TableFormat(),
    JsonFormat(),
    SarifFormat(),
    JUnitFormat(),
    GitHubFormat(),
    GitLabFormat(),
    MarkdownFormat(),
)


def format_named(name: str) -> Format:
    """The format called ``name``.

    Raises:
        BadInputError: there is none.
    """
    for candidate in FORMATS:
        if candidate.name == name:
            return candidate
    raise BadInputError(f"there is no format '{name}'", fix=f"choose one of: {', '.join(item.name for item in FORMATS)}")
