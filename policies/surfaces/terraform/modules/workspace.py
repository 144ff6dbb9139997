"""The workspace that a root module is deployed from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.observer import Observer
from averment.policies.graph.model import Unknown

MAX_NAME = 90


def selected_workspace(folder: Path, observer: Observer) -> Any:
    """The selected workspace: ``TF_WORKSPACE``, or what ``terraform workspace select`` noted; else unknown."""
    name = observer.variable("TF_WORKSPACE")
    note = folder / ".terraform" / "environment"
    if not name and observer.is_file(note):
        try:
            name = observer.read(note, limit=MAX_NAME).decode("utf-8", "replace").strip()
        except BadInputError:
            name = ""
    return name or Unknown("no workspace is selected", "${terraform.workspace}")
