"""Exit codes and the closed vocabularies of results."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from enum import Enum

from averment.core.errors import AvermentError, ExitCode
from averment.core.words import ClaimVerdict, Severity, Status, Verdict
from averment.evidence.record import Gathering
from averment.governance.site.words import text

MEANING = {
    ExitCode.CLEAN: "everything was looked at, and nothing is wrong",
    ExitCode.FINDINGS: "something is wrong: a finding, a refuted claim, an overdue duty, a package that was changed",
    ExitCode.USAGE: "the call, a file or a setting can't be used; the message names the place and the fix",
    ExitCode.INCOMPLETE: "not everything could be looked at, and the output says what and why; this is never counted as clean",
}
"""Each exit code in words."""

_VOCABULARIES: tuple[tuple[str, type[Enum]], ...] = (
    ("What a rule says of a resource", Verdict),
    ("What a test says of a claim", ClaimVerdict),
    ("What is known of an assessment", Status),
    ("How much a finding matters", Severity),
    ("Whether a fact was obtained", Gathering),
)


def exit_codes_page() -> str:
    """The page of exit codes, of the errors behind them, and of the words that results use."""
    rows = [f"| {int(code)} | {MEANING[code]} |" for code in ExitCode]
    errors = [f"| `{kind.__name__}` | {int(kind.exit_code)} | {text(_first(kind))} |" for kind in _errors(AvermentError)]
    parts = ["# Exit codes and results", "", "The same for every command.", "", "| Exit code | Meaning |", "|---|---|", *rows, ""]
    parts += [
        "An interrupted run leaves with 130, as shells expect. Where something is wrong and something else could not be looked at, `check` leaves with 3, since its list is not whole; `prove` and `status` with 1.",
        "",
        "## Errors",
        "",
        "What goes wrong is printed to standard error as `file:line: what is wrong`, with `fix:` below it. In Python these are exceptions of `averment.core.errors`:",
        "",
        "| Exception | Exit code | When |",
        "|---|---|---|",
        *errors,
        "",
        "## Words in results",
        "",
        "JSON and records use these values and no others. Whatever could not be told comes with its reason.",
        "",
    ]
    for title, kind in _VOCABULARIES:
        parts += [f"- {title} (`{kind.__name__}`): {', '.join(f'`{member.value}`' for member in kind)}"]
    return "\n".join((*parts, ""))


def _errors(base: type[AvermentError]) -> Iterator[type[AvermentError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == base.__module__:
            yield kind
            yield from _errors(kind)


def _first(kind: type) -> str:
    """The first paragraph of a class's docstring, on one line."""
    return " ".join(inspect.cleandoc(kind.__doc__ or "").split("\n\n")[0].replace("``", "").split())
