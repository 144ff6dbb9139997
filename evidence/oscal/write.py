"""The OSCAL documents of a period, in a package or alone."""

from __future__ import annotations

import json
import os
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
from averment.evidence.oscal.parts import CATALOG, COMPONENTS, MADE_WITH, NS, PLAN, POAM, RESULTS, Node, View
from averment.evidence.oscal.plan import assessment_plan
from averment.evidence.oscal.poam import plan_of_action
from averment.evidence.oscal.results import assessment_results
from averment.evidence.reporting.report import PeriodReport
from averment.evidence.sinks.interface import PushResult, Sink

NAMES = (CATALOG, COMPONENTS, PLAN, RESULTS, POAM)
_HEAD = 64 * 1024


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

    def __init__(self, catalogue: Catalogue, folder: Path) -> None:
        self._catalogue, self._folder = catalogue, folder

    def push(self, report: PeriodReport, entries: Iterable[Entry]) -> PushResult:
        """See ``Sink.push``; a plan of action that an earlier run wrote is removed when there is nothing to do any more.

        Raises:
            BadInputError: no control is selected, or somebody else's document stands in the folder under a name of ours.
            IncompleteError: the folder can't be written.
        """
        files = {entry.record.id: (f"urn:uuid:{entry.record.id}", sha256_hex(entry.envelope)) for entry in entries}
        documents = oscal_documents(report, self._catalogue, files)
        for name in NAMES:
            _refuse_others(self._folder / name)
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
        return PushResult(str(self._folder), created, unchanged, notes=notes)


def _refuse_others(path: Path) -> None:
    """Refuse to replace or remove what no run of ours wrote: people keep their own catalogs under these names.

    Raises:
        BadInputError: at ``path`` is something that doesn't say that Averment made it.
    """
    if not os.path.lexists(path):
        return
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)  # what says so is in the metadata, which comes first; the rest may be large
    except OSError:
        head = b""
    ours = f'"name": "{MADE_WITH}"'.encode() in head and f'"ns": "{NS}"'.encode() in head
    if not ours:
        problem = "is not a document that Averment wrote, and nothing was written"
        raise BadInputError(problem, where=SourceRef(str(path)), fix="choose another folder with --output, or move the file away")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise IncompleteError(f"could not be removed: {error.strerror}", where=SourceRef(str(path)), fix="remove it") from error
