"""The blueprints that ship: what is right, ready to deploy, as CloudFormation and Terraform, each with a page that says what was tried where.

A blueprint is a folder with ``template.yaml``, ``main.tf``, ``blueprint.yaml`` (what no template says: the controls it serves, what it
costs, what could not be run here) and ``README.md``, which ``pages.render`` writes from the other three.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from averment.core.errors import BadInputError
from averment.core.files import read_bounded
from averment.core.located import Located, load_yaml

_FACTS = "blueprint.yaml"
EXCEPTIONS = "exceptions.yaml"
"""Checks of Checkov's own that a blueprint doesn't meet on purpose, each with the reason."""


@dataclass(frozen=True)
class Blueprint:
    """One blueprint. ``not_run`` are the resource types that the embedded AWS can't create, ``remains`` what only a real account
    shows, ``unknown`` the rules of our own that can't tell, because what they ask about is in another stack, each with what is known."""

    name: str
    title: str
    what: str
    controls: tuple[str, ...]
    costs: tuple[str, ...]
    not_run: tuple[str, ...]
    remains: tuple[str, ...]
    unknown: Mapping[str, str]
    folder: Path

    @property
    def template(self) -> Path:
        """The CloudFormation template."""
        return self.folder / "template.yaml"

    @property
    def terraform(self) -> Path:
        """The Terraform module's one file."""
        return self.folder / "main.tf"

    def files(self) -> dict[str, bytes]:
        """What somebody needs who deploys it: the files by their names, without what only the page is made of."""
        return {path.name: read_bounded(path) for path in sorted(self.folder.iterdir()) if path.is_file() and path.name != _FACTS}


@dataclass(frozen=True)
class CheckException:
    """A check of Checkov's that ``blueprint`` (or all, ``*``) doesn't meet for ``resources`` (name patterns), and why that is right.

    ``about`` is the type of resource that the check is for, where the patterns name none."""

    check: str
    blueprint: str
    resources: tuple[str, ...]
    reason: str
    about: str | None = None


def folder() -> Path:
    """Where the blueprints are."""
    return Path(str(resources.files("averment").joinpath("governance", "remediation", "blueprints")))


def all_blueprints() -> dict[str, Blueprint]:
    """Every shipped blueprint by its name, which is what a control's ``remediation.blueprint`` says.

    Raises:
        BadInputError: a ``blueprint.yaml`` isn't one.
    """
    found = [_blueprint(path) for path in sorted(folder().glob(f"*/{_FACTS}"))]
    return {blueprint.name: blueprint for blueprint in found}


def shipped_blueprint(name: str) -> Blueprint:
    """The blueprint called ``name``.

    Raises:
        BadInputError: there is none; the error names those that there are.
    """
    known = all_blueprints()
    if name not in known:
        raise BadInputError(f"there is no blueprint '{name}'", fix=f"take one of {', '.join(known)}")
    return known[name]


def exceptions() -> tuple[CheckException, ...]:
    """What is argued in ``exceptions.yaml``.

    Raises:
        BadInputError: the file isn't a list of exceptions.
    """
    document = load_yaml(folder() / EXCEPTIONS)
    with _malformed(document):
        return tuple(
            CheckException(
                item["check"], item.get("blueprint", "*"), tuple(item.get("resources", ("*",))), item["reason"], item.get("about")
            )
            for item in document.value
        )


def _blueprint(path: Path) -> Blueprint:
    document = load_yaml(path)
    value: dict[str, Any] = document.value
    with _malformed(document):
        return Blueprint(
            name=path.parent.name,
            title=value["title"],
            what=value["what"].strip(),
            controls=tuple(value["controls"]),
            costs=_texts(value["costs"]),
            not_run=_texts(value["not_run"]),
            remains=_texts(value["remains"]),
            unknown=dict(value.get("unknown", {})),
            folder=path.parent,
        )


def _texts(items: list[Any]) -> tuple[str, ...]:
    """``items``, none of which may be a mapping: a sentence with a colon in it is one where it isn't quoted."""
    return tuple(str.strip(item) for item in items)


class _malformed:  # noqa: N801 - read as a statement
    """Turns a missing or misshapen part into an error that names the file."""

    def __init__(self, document: Located) -> None:
        self._document = document

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if isinstance(error, KeyError | TypeError | AttributeError):
            where = self._document.where(())
            raise BadInputError(f"is not as it should be: {error!r}", where=where, fix="see the other blueprints") from error
