"""The workspace that a root module is deployed from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.policies.graph.model import Unknown

MAX_NAME = 90


def selected_workspace(folder: Path) -> Any:
    """The selected workspace: ``TF_WORKSPACE``, or what ``terraform workspace select`` noted; else unknown."""
    name = os.environ.get("TF_WORKSPACE", "")
    note = folder / ".terraform" / "environment"
    if not name and note.is_file():
        try:
            name = read_bounded(note, limit=MAX_NAME).decode("utf-8", "replace").strip()
        except BadInputError:
            name = ""
    return name or Unknown("no workspace is selected", "${terraform.workspace}")
