"""The OSCAL documents of a period, in a package or alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

from averment.controls.model import Catalogue
from averment.core.canonical import sha256_hex
from averment.core.errors import BadInputError, IncompleteError
from averment.core.files import write_atomic
from averment.core.source import SourceRef
from averment.evidence.ledger.log import Entry
from averment.evidence.oscal.catalog import catalog
from averment.evidence.oscal.check import problems
from averment.evidence.oscal.components import component_definition
from averment.evidence.oscal.parts import CATALOG, COMPONENTS, PLAN, POAM, RESULTS, Node, View
from averment.evidence.oscal.plan import assessment_plan
from averment.evidence.oscal.poam import plan_of_action
from averment.evidence.oscal.results import assessment_results
from averment.evidence.report import PeriodReport
from averment.evidence.sinks.interface import PushResult, Sink

NAMES = (CATALOG, COMPONENTS, PLAN, RESULTS, POAM)


def oscal_documents(report: PeriodReport, catalogue: Catalogue, files: Mapping[str, tuple[str, str]]) -> dict[str, Node]:
    """The documents of ``report`` by file name; no plan of action when nothing is to be done.

    ``files`` gives for each record the place of its file as seen from the documents, and the file's SHA-256.

    Raises:
        BadInputError: no control is selected, of which OSCAL can say nothing.
        IncompleteError: the documents contradict themselves (a flaw of ours); nothing is written then.
    """
    if not catalogue.controls:
        raise BadInputError("no control is selected: there is nothing to say in OSCAL", fix="select controls in averment.yaml")
    view = View(report, catalogue, files)
    made = {
        CATALOG: catalog(view),
        COMPONENTS: component_definition(view),
        PLAN: assessment_plan(view),
        RESULTS: assessment_results(view),
        POAM: plan_of_action(view),
    }
    documents = {name: value for name, value in made.items() if value is not None}
    wrong = problems(documents)
    if wrong:
        raise IncompleteError(f"the OSCAL documents are not sound: {wrong[0]}" + (f" (and {len(wrong) - 1} more)" if wrong[1:] else ""))
    return documents


def document_bytes(value: Node) -> bytes:
    """A document as JSON text; the same value gives the same bytes."""
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


class OscalSink(Sink):
    """Writes the documents alone into ``folder``; evidence is named there by ``urn:uuid`` and the SHA-256 of its signed envelope."""

    name = "oscal"

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self._catalogue, self._folder = catalogue, folder

    def push(self, report: PeriodReport, entries: Iterable[Entry]) -> PushResult:
        """See ``Sink.push``; a plan of action that an earlier run wrote is removed when there is nothing to do any more.

        Raises:
            BadInputError: no control is selected.
            IncompleteError: the folder can't be written.
        """
        files = {entry.record.id: (f"urn:uuid:{entry.record.id}", sha256_hex(entry.envelope)) for entry in entries}
        documents = oscal_documents(report, self._catalogue, files)
        created = unchanged = 0
        for name, value in documents.items():
            path, data = self._folder / name, document_bytes(value)
            if path.is_file() and path.read_bytes() == data:
                unchanged += 1
                continue
            write_atomic(path, data)
            created += 1
        notes = () if POAM in documents else ("nothing is open, waived or undecided: there is no plan of action",)
        if POAM not in documents:
            _remove(self._folder / POAM)
        return PushResult(self.name, str(self._folder), created, unchanged, notes=notes)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise IncompleteError(f"could not be removed: {error.strerror}", where=SourceRef(str(path)), fix="remove it") from error
