"""``averment prove --replay``: how a record that was run again and compared is shown."""

from __future__ import annotations

from rich.markup import escape

from averment.cli.common import stdout
from averment.core.showing import printable
from averment.evidence.replay import Outcome, Replay


def show_replay(found: Replay) -> None:
    """Print what came of a replay: the outcome, and every input, medium and figure that is another one now."""
    style = {Outcome.REPRODUCED: "green", Outcome.DIFFERS: "red", Outcome.CHANGED: "red", Outcome.COULD_NOT: "yellow"}[found.outcome]
    console = stdout()
    console.print(f"[bold]{escape(found.record)}[/bold]  [{style}]{found.outcome}[/{style}]")
    console.print(f"  claim        {printable(found.statement)}", markup=False)
    if found.reworded:
        console.print(f"  was run as   {printable(found.reworded)}", markup=False)
    for word, lines in (("input", found.inputs), ("medium", found.media), ("figure", found.figures), ("environment", found.environment)):
        for line in lines:
            console.print(f"  {word:<12} {printable(line)}", markup=False)
    if found.uncounted:
        console.print(
            "  not counted  the inputs aren't the record's, and later tests won't count this look: averment prove has it counted",
            markup=False,
        )
    if found.error is not None:
        console.print(f"  not run      {found.error.diagnostics()}", markup=False)
    elif found.outcome is found.outcome.REPRODUCED:
        console.print("  the same inputs gave the same figures", markup=False)
