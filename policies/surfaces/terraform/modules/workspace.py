"""The workspace that a root module is deployed from."""

from __future__ import annotations

from typing import Any

from averment.core.errors import BadInputError
from averment.policies.graph.model import Unknown
from averment.policies.surfaces.terraform.modules.loader import Loader

MAX_NAME = 90


def selected_workspace(loader: Loader) -> Any:
    """The selected workspace: ``TF_WORKSPACE``, or what ``terraform workspace select`` noted; else unknown."""
    name = loader.observer.variable("TF_WORKSPACE")
    note = loader.folder / ".terraform" / "environment"
    if not name and loader.observer.is_file(note) and loader.within(note):
        try:
            name = loader.observer.read(note, limit=MAX_NAME).decode("utf-8", "replace").strip()
        except BadInputError:
            name = ""
    return name or Unknown("no workspace is selected", "${terraform.workspace}")
