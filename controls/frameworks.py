"""The laws and standards that controls refer to, read from ``governance/frameworks/*.yaml`` (data, not code)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from averment.controls.documents import documents, yaml_files
from averment.controls.model import Framework, Milestone, Provision, Transition
from averment.core.errors import BadInputError
from averment.core.located import KeyPath, Located
from averment.core.schema import check_schema
from averment.core.user_cache import Store

SCHEMA = "controls/schema/framework.schema.json"


def shipped_frameworks() -> Traversable:
    """The folder of framework files inside the package."""
    return resources.files("averment").joinpath("governance", "frameworks")


def load_frameworks(folder: Traversable | None = None, *, kept: Store | None = None) -> dict[str, Framework]:
    """Every framework of ``folder`` (default: the shipped ones, which ``kept`` may recall) by id, in order of id.

    Raises:
        BadInputError: a file breaks its schema, gives an impossible day, or repeats or misnames an id; names file and line.
    """
    return _frameworks(folder, kept) if folder is not None or kept is not None else dict(_shipped_frameworks())


@cache
def _shipped_frameworks() -> Mapping[str, Framework]:
    """The shipped ones, which don't change while the program runs."""
    return _frameworks(None, None)


def _frameworks(folder: Traversable | None, kept: Store | None) -> dict[str, Framework]:
    found: dict[str, Framework] = {}
    files = yaml_files(folder or shipped_frameworks(), "governance/frameworks" if folder is None else str(folder))
    for document in documents(files, kept if folder is None else None):
        if folder is not None:  # the shipped ones are held to their schema by a test, not on every run
            check_schema(document, SCHEMA)
        framework = _framework(document)
        if document.file.rsplit("/", 1)[-1] != f"{framework.id}.yaml":
            raise BadInputError(
                f"the id '{framework.id}' is not the file's name", where=document.where(("id",)), fix=f"name the file {framework.id}.yaml"
            )
        found[framework.id] = framework
    return found


def _framework(document: Located) -> Framework:
    value: Mapping[str, Any] = document.value
    return Framework(
        id=value["id"],
        title=value["title"],
        version=value["version"],
        kind=value["kind"],
        source=value["source"],
        provisions={ref: _provision(document, ref) for ref in value["provisions"]},
        full_title=value["full_title"],
        as_of=_day(document, ("as_of",)),
        note=value.get("note"),
        amendments=_milestones(document, ("amendments",), value.get("amendments", ())),
    )


def _provision(document: Located, ref: str) -> Provision:
    path: KeyPath = ("provisions", ref)
    value: Mapping[str, Any] = document.value["provisions"][ref]
    return Provision(
        ref=ref,
        label=value["label"],
        title=value["title"],
        draft=value.get("draft"),
        applies_from=_day(document, (*path, "applies_from")) if "applies_from" in value else None,
        binds=value.get("binds"),
        note=value.get("note"),
        confirmed=value.get("confirmed", True),
        dates=_milestones(document, (*path, "dates"), value.get("dates", ())),
        first_binds=_day(document, (*path, "first_binds")) if "first_binds" in value else None,
        transition=_transition(document, (*path, "transition")) if "transition" in value else None,
        gap=value.get("gap"),
    )


def _milestones(document: Located, path: KeyPath, entries: Sequence[Mapping[str, Any]]) -> tuple[Milestone, ...]:
    return tuple(Milestone(_day(document, (*path, index, "day")), " ".join(entry["what"].split())) for index, entry in enumerate(entries))


def _transition(document: Located, path: KeyPath) -> Transition:
    value: Any = document.value
    for step in path:
        value = value[step]
    return Transition(_day(document, (*path, "until")), value["role"], value["fact"])


def _day(document: Located, path: KeyPath) -> date:
    text: Any = document.value
    for step in path:
        text = text[step]
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInputError(f"'{text}' is not a day", where=document.where(path), fix="write a day that exists: 2026-12-02") from error
