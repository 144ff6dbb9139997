"""Public modules whose arguments' meaning is known: a stand-in is read where the module itself isn't there.

A module from a registry is not downloaded, yet what its caller writes decides most of what a rule asks: ``versioning = { enabled =
true }``, ``policy_statements``, ``attach_deny_insecure_transport_policy``. For the few modules that are called most, ``stand_ins/`` holds
a module of our own with the same arguments and outputs and only the resources that rules look at, written from the modules'
documentation. Each says of which version. An older version, whose defaults differ, is not read, as any other module isn't.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).with_name("stand_ins")


@dataclass(frozen=True)
class StandIn:
    """A module that is known: where its stand-in lies, and from which version on its arguments mean what that says."""

    folder: Path
    since: tuple[int, int]


def _known(folder: str, major: int, minor: int) -> StandIn:
    return StandIn(_FOLDER / folder, (major, minor))


_MODULES = {
    ("terraform-aws-modules/s3-bucket", ""): _known("terraform-aws-modules/s3-bucket", 3, 9),
    ("terraform-aws-modules/s3-bucket", "modules/notification"): _known("terraform-aws-modules/s3-bucket-notification", 3, 9),
    ("terraform-aws-modules/lambda", ""): _known("terraform-aws-modules/lambda", 4, 0),
    ("terraform-aws-modules/cloudfront", ""): _known("terraform-aws-modules/cloudfront", 3, 0),
    ("terraform-aws-modules/iam", "modules/iam-policy"): _known("terraform-aws-modules/iam-policy", 5, 0),
    ("cloudposse/s3-bucket", ""): _known("cloudposse/s3-bucket", 1, 0),
}
_SOURCE = re.compile(
    r"""(?:git::)?(?:https://|ssh://|git@|git@github\.com:)?(?:git@)?
        (?:registry\.(?:terraform\.io|opentofu\.org)/|github\.com[/:])?
        (?P<owner>[\w-]+)/(?:terraform-aws-)?(?P<name>[\w-]+?)(?:/aws)?(?:\.git)?
        (?://(?P<inner>[\w/-]+))?/?(?:\?(?:.*&)?ref=(?P<ref>[\w.-]+)|\?.*)?""",
    re.VERBOSE,
)
_NUMBERS = re.compile(r"(?P<operator>[<>=!~]*)\s*v?(?P<major>\d+)(?:\.(?P<minor>\d+))?")
_MAX_VERSION = 200
META = frozenset({"source", "version", "providers", "depends_on", "count", "for_each"})
"""Arguments of every module call."""


def stand_in(source: str, version: str | None) -> Path | None:
    """The folder of the stand-in for the module at ``source``; None if it isn't known, or not in this ``version``.

    ``version`` is the call's constraint (``~> 4.1``); a git reference (``?ref=v4.1.0``) counts as one.
    """
    found = _SOURCE.fullmatch(source.strip())
    known = _MODULES.get((f"{found['owner']}/{found['name']}", found["inner"] or "")) if found is not None else None
    if found is None or known is None:
        return None
    return known.folder if _fits(version or found["ref"], known.since) else None


def _fits(version: str | None, since: tuple[int, int]) -> bool:
    """Whether ``version`` means one from ``since`` on; without one, and with ``>=``, the newest is meant."""
    if len(version or "") > _MAX_VERSION:
        return False
    for bound in _NUMBERS.finditer(version or ""):
        operator, written = bound["operator"], (int(bound["major"]), int(bound["minor"] or 0))
        if operator in (">=", ">", "!="):
            continue
        return written >= since if operator in ("", "=", "~>") else written > since
    return True


def stands_for(folder: Path) -> str:
    """The public module for which what lies in ``folder`` stands (``cloudposse/s3-bucket``); "" where it is anybody's own."""
    return folder.relative_to(_FOLDER).as_posix() if folder.is_relative_to(_FOLDER) else ""
