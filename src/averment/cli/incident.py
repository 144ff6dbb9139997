"""``averment incident``: from the moment of awareness to the report afterwards. Subcommands are imported when they are called."""

from __future__ import annotations

import click

from averment.cli.lazy import lazy_group

_COMMANDS: dict[str, tuple[str, str, str]] = {
    "open": ("averment.cli.incident_steps", "open_command", "Open an incident: the clocks start."),
    "triage": ("averment.cli.incident_steps", "triage_command", "Answer what is known; severity and clocks follow."),
    "preserve": ("averment.cli.incident_media", "preserve_command", "Copy the media where nobody can change it, with hashes."),
    "contain": ("averment.cli.incident_media", "contain_command", "Stop the harm, by measures that can be taken back."),
    "analyse": ("averment.cli.incident_analyse", "analyse_command", "Second opinions, look-alikes, and who was served it."),
    "notify": ("averment.cli.incident_steps", "notify_command", "Record a decision on a duty to notify, also the no."),
    "recover": ("averment.cli.incident_steps", "recover_command", "Record what was restored, and the actions that follow."),
    "close": ("averment.cli.incident_steps", "close_command", "Close it, once nothing is owed."),
    "list": ("averment.cli.incident_show", "list_command", "List the incidents and what is running."),
    "show": ("averment.cli.incident_show", "show_command", "Show one incident: clocks, custody, decisions."),
    "report": ("averment.cli.incident_report", "report_command", "Write the after-action report from the records."),
    "plan": ("averment.cli.incident_report", "plan_command", "Write the remediation plan of the organisation."),
    "drill": ("averment.cli.drill.command", "drill_command", "Play an incident on the embedded AWS, and file how it went."),
}
# name: (module, attribute, one line of help)


@click.group(cls=lazy_group(_COMMANDS))
def command() -> None:
    """An incident with synthetic media, step by step: each is a record in the ledger, and what is shown is read from these records alone.

    ID is an incident's id, a part of it that no other has, or "latest". People appear as roles and never by name.

    Example: averment incident open "Faked video of the founder on the product page" --by trust-and-safety
    """
