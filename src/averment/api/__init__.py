"""The public Python API: the jobs of the command line as functions with typed results.

``check``, ``collect``, ``prove``, ``replay``, ``export`` and ``verify`` do what the commands of those names do, which call them. They print
nothing and never exit. What went wrong is in the result (``conclusion``, with the reasons beside it) as long as there is one, else it is an
``AvermentError``. An optional part that isn't installed is a ``MissingExtraError`` that names it.

The names in ``__all__``, their parameters and the documented fields of the results are stable; everything else in the package may change.
Names are imported when they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from averment.api.checking import Checked, check
    from averment.api.collecting import Collected, collect
    from averment.api.common import Conclusion, Progress
    from averment.api.exporting import Exported, export
    from averment.api.proving import Proved, prove, replay
    from averment.api.verifying import Verified, VerifiedStep, verify
    from averment.core.errors import AvermentError, BadInputError, IncompleteError, MissingExtraError, VerificationError
    from averment.core.organisation import Organisation, load_organisation
    from averment.core.period import Period, parse_period
    from averment.core.source import SourceRef
    from averment.core.words import ClaimVerdict, Severity, Status, Verdict
    from averment.detector.claims.interface import ClaimResult, Interval
    from averment.evidence.claims import Outcome as ClaimOutcome
    from averment.evidence.record import Gathering, Record
    from averment.evidence.replay import Outcome as ReplayOutcome
    from averment.evidence.replay import Replay
    from averment.evidence.verification.steps import Problem as WrongFile
    from averment.policies.engine import Counts, FailOn
    from averment.policies.graph.model import Problem
    from averment.policies.interface import Finding

_HOMES = {
    "averment.api.checking": ("Checked", "check"),
    "averment.api.collecting": ("Collected", "collect"),
    "averment.api.common": ("Conclusion", "Progress"),
    "averment.api.exporting": ("Exported", "export"),
    "averment.api.proving": ("Proved", "prove", "replay"),
    "averment.api.verifying": ("Verified", "VerifiedStep", "verify"),
    "averment.core.errors": ("AvermentError", "BadInputError", "IncompleteError", "MissingExtraError", "VerificationError"),
    "averment.core.organisation": ("Organisation", "load_organisation"),
    "averment.core.period": ("Period", "parse_period"),
    "averment.core.source": ("SourceRef",),
    "averment.core.words": ("ClaimVerdict", "Severity", "Status", "Verdict"),
    "averment.detector.claims.interface": ("ClaimResult", "Interval"),
    "averment.evidence.record": ("Gathering", "Record"),
    "averment.evidence.replay": ("Replay",),
    "averment.policies.engine": ("Counts", "FailOn"),
    "averment.policies.graph.model": ("Problem",),
    "averment.policies.interface": ("Finding",),
}
"""Where public names are defined: the command line imports one of these modules a run, and a user of the API those that are used."""

_RENAMED = {
    "ClaimOutcome": ("averment.evidence.claims", "Outcome"),
    "ReplayOutcome": ("averment.evidence.replay", "Outcome"),
    "WrongFile": ("averment.evidence.verification.steps", "Problem"),
}
"""Public names that are others where they are defined."""

__all__ = [
    "AvermentError",
    "BadInputError",
    "Checked",
    "ClaimOutcome",
    "ClaimResult",
    "ClaimVerdict",
    "Collected",
    "Conclusion",
    "Counts",
    "Exported",
    "FailOn",
    "Finding",
    "Gathering",
    "IncompleteError",
    "Interval",
    "MissingExtraError",
    "Organisation",
    "Period",
    "Problem",
    "Progress",
    "Proved",
    "Record",
    "Replay",
    "ReplayOutcome",
    "Severity",
    "SourceRef",
    "Status",
    "Verdict",
    "VerificationError",
    "Verified",
    "VerifiedStep",
    "WrongFile",
    "check",
    "collect",
    "export",
    "load_organisation",
    "parse_period",
    "prove",
    "replay",
    "verify",
]


def __getattr__(name: str) -> Any:
    """The public ``name``, imported now (PEP 562)."""
    module, attribute = _RENAMED.get(name) or next(((home, name) for home, names in _HOMES.items() if name in names), ("", ""))
    if not module:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    value = getattr(importlib.import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
