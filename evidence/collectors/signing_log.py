"""``signing-log``: provenance logs in files, checked line by line; their heads go into the ledger, which holds them to what they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from averment.core.canonical import JSON
from averment.core.errors import BadInputError, VerificationError
from averment.core.period import iso
from averment.core.source import SourceRef
from averment.detector.credentials.log import FIRST, FileLog, Head
from averment.evidence.collectors.interface import Collector, CollectScope, Gathered
from averment.evidence.collectors.named import asked_for
from averment.evidence.collectors.reports import files_of
from averment.evidence.record import Kind, Population, Record

MAX_EVENTS = 100_000
"""Entries of the period kept in one record; further ones are counted, and the record says that it was cut."""


class SigningLog(Collector):
    """The logs that ``averment media sign --log`` wrote, named by ``parameters: {signing-log: {files: [...], heads: [...]}}``.

    ``heads`` are heads of earlier records (``COUNT:SHA256``): one that a log lacks means that lines were cut off or written anew.

    Payload: ``{"head": {"count", "sha256"}, "signed": [entry of the period], "missing_heads": [...], "broken": null or what and where,
    "breaks": [{"resource", "message"}], "scope", "out_of", "whole", "summary": {"entries", "in_period", "marked", "broken",
    "missing_heads"}}``. Of a broken log the entries before the break count. Whether it is whole is a question to all of its lines, not to those
    of the period: ``out_of`` says how many those are, and ``whole`` that they were all read, however many of them are listed.
    """

    name = "signing-log"
    version = "2"
    kind = Kind.SIGNING_LOG
    regional = False
    from_aws = False
    by_files = True
    looks_back = True
    summary = "Signings on machines of your own, from provenance logs in files."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """A record a file.

        Raises:
            BadInputError: averment.yaml names no files, a head that is none, or heads with several files.
        """
        names = files_of(scope, self.name)
        heads = [Head.parse(str(text)) for text in scope.parameters(self.name).get("heads") or ()]
        if heads and len(names) > 1:
            where = SourceRef(scope.organisation.file)
            raise BadInputError("parameters.signing-log.heads doesn't say which of the files they are of", where=where, fix="name one file")
        for name in names:
            yield self._record(scope, name, heads)

    def _record(self, scope: CollectScope, name: str, heads: list[Head]) -> Record:
        start, end = iso(scope.period.start), iso(scope.period.end)
        kept: list[JSON] = []
        missing = {head for head in heads if head.count}
        counts = {"entries": 0, "in_period": 0, "marked": 0}
        head, broken = Head(0, FIRST), None
        query: dict[str, JSON] = {"file": name, "start": start, "end": end}
        try:
            for entry, head in FileLog(scope.organisation.path(name)).lines():
                missing.discard(head)
                counts["entries"] += 1
                if start <= entry.signed_at < end:
                    counts["in_period"] += 1
                    counts["marked"] += entry.watermark is not None
                    if len(kept) < MAX_EVENTS:
                        kept.append(entry.to_json())
        except BadInputError as error:
            return self.record(scope, Gathered(name, query, None, [f"could not read {name}: {error.message}"]))
        except VerificationError as error:
            line = error.where.line if error.where else None
            broken = f"line {line}: {error.message}"
        gone = [str(item) for item in sorted(missing, key=lambda item: item.count)]
        payload: dict[str, JSON] = {
            **_payload(head, kept, gone, broken, counts),
            "breaks": [] if broken is None else [{"resource": name, "message": broken}],
            "scope": asked_for(scope, f"{self.name}.files", f"{self.name}.heads"),
            "out_of": {"summary.broken": counts["entries"], "summary.missing_heads": len(heads)},
            "whole": [] if broken else ["summary.broken", "summary.missing_heads"],
        }
        cut = len(kept) < counts["in_period"]
        problems = [f"{name} can't be read beyond its break: {broken}"] if broken else []
        return self.record(
            scope,
            Gathered(
                name,
                query,
                payload,
                problems,
                Population("signings", None if broken else counts["in_period"], len(kept), cut or bool(broken)),
            ),
        )


def _payload(head: Head, kept: list[JSON], missing: list[str], broken: str | None, counts: dict[str, int]) -> dict[str, Any]:
    summary = {**counts, "broken": int(broken is not None), "missing_heads": len(missing)}
    found = {"count": head.count, "sha256": head.sha256}
    return {"head": found, "signed": kept, "missing_heads": list(missing), "broken": broken, "summary": summary}
