"""``averment prove --replay``: one record of the ledger, run again and compared."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import click
from rich.markup import escape

from averment.cli.common import stdout
from averment.core.errors import BadInputError

if TYPE_CHECKING:
    from pathlib import Path

    from averment.core.organisation import Organisation
    from averment.detector.claims.interface import ClaimContext
    from averment.evidence.replay import Replay


def replay_record(organisation: Organisation, record_id: str, context: ClaimContext, detector: str | None, output: str) -> int:
    """Replay the record with this id, show what came of it, and give the exit code. Nothing is recorded: it is a check of the record.

    Raises:
        BadInputError: the ledger has no such record, or it is no run of a claim.
        VerificationError: the ledger is not what its checkpoint says.
    """
    from averment.detector.opening import open_detector
    from averment.evidence.ledger.opening import open_ledger
    from averment.evidence.looks import LookBook
    from averment.evidence.record import Kind
    from averment.evidence.replay import replay, replayable

    with open_ledger(organisation) as ledger:
        position = ledger.find(record_id)
        if position is None:
            raise BadInputError(f"the ledger has no record {record_id}", fix="averment prove and packages name records by their ids")
        record = ledger.entry(position).record
        replayable(record)
        earlier = LookBook((entry.record for entry in ledger.records(Kind.CLAIM)), now=record.effective_at).before(record)
    context = replace(context, looks=earlier if "look" in record.payload else None)
    found = replay(record, context, open_detector, detector_name=detector)
    if output == "json":
        click.echo(json.dumps(found.to_json(), indent=2, sort_keys=True))
    else:
        _show(found)
    return int(found.exit_code)


def _show(found: Replay) -> None:
    from averment.evidence.replay import Outcome

    style = {Outcome.REPRODUCED: "green", Outcome.DIFFERS: "red", Outcome.CHANGED: "red", Outcome.COULD_NOT: "yellow"}[found.outcome]
    console = stdout()
    console.print(f"[bold]{escape(found.record)}[/bold]  [{style}]{found.outcome}[/{style}]")
    console.print(f"  claim        {found.statement}", markup=False)
    for word, lines in (("input", found.inputs), ("medium", found.media), ("figure", found.figures), ("environment", found.environment)):
        for line in lines:
            console.print(f"  {word:<12} {line}", markup=False)
    if found.error is not None:
        console.print(f"  not run      {found.error.diagnostics()}", markup=False)
    elif found.outcome is found.outcome.REPRODUCED:
        console.print("  the same inputs gave the same figures", markup=False)


def replay_packaged(path: Path, context: ClaimContext, detector: str | None, output: str) -> int:
    """As ``replay_record``, of a record in a package's folder: no ledger is needed. The earlier looks at the claim aren't at hand there, so
    its bounds are put at the level that the record says they had.

    Raises:
        BadInputError: there is no such record, or it is no run of a claim.
        VerificationError: the file was changed, or is not signed by a key of the package.
    """
    import dataclasses

    from averment.detector.opening import open_detector
    from averment.evidence.package.record import packaged_record
    from averment.evidence.replay import replay, replayable

    record = asked = packaged_record(path)
    level = (record.payload.get("look") or {}).get("confidence")
    if level is not None:
        asked = dataclasses.replace(record, query={**record.query, "claim": {**replayable(record), "confidence": level}})
    found = dataclasses.replace(replay(asked, context, open_detector, detector_name=detector), record=record.id)
    if output == "json":
        click.echo(json.dumps(found.to_json(), indent=2, sort_keys=True))
    else:
        _show(found)
    return int(found.exit_code)
