"""Accepted deviations: from the organisation's file, and from comments next to the resource.

A comment reads ``averment:waive=SM-UPL-03 until=2026-12-31 owner=media-team reason=migration ends in December``; the id is a
control's or a rule's. A value with spaces stands in quotes; a reason without quotes runs to the end of the line, so it comes last.
``checkov:skip=<id>:<reason>`` is honoured for the ids of our own rules, with a reason. A waiver that is incomplete, past its day,
or of a control that doesn't exist is void, and that is said.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import NamedTuple, Protocol

from averment.controls.model import Catalogue
from averment.core.files import relative_posix
from averment.core.organisation import Waiver
from averment.core.source import SourceRef
from averment.policies.interface import Rule, in_its_file

_OWN = re.compile(r"averment:waive=\s*(\S+)\s*(.*)")
_MEANT = re.compile(r"\baverment\s*:\s*(?:waiv|skip|ignor|suppress|disabl)\w*", re.IGNORECASE)
"""What somebody writes who means a waiver and has its form from elsewhere: ``averment:skip=...``, ``averment: waive SM-UPL-03``."""
_CHECKOV = re.compile(r"checkov:skip=\s*([\w-]+)\s*(?::\s*(.*))?")
_FIELD = re.compile(r"\b(until|owner|approver|reason)=")
_VALUE = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|(\S*))""")
_CONTROL = re.compile(r"[A-Z]{2,}-[A-Z]+-\d+")


def checkov_id(rule_id: str) -> str:
    """The id that a rule has inside Checkov: ``s3-put-object-gated`` is ``AVERMENT_S3_PUT_OBJECT_GATED``."""
    return "AVERMENT_" + rule_id.upper().replace("-", "_")


@dataclass(frozen=True)
class CommentWaiver:
    """What one comment accepts: ``id`` is a control, a rule, or a rule's id inside Checkov; ``void`` says why it doesn't count. ``until`` is its
    last day, which Checkov's have not. Without an id it isn't written as a waiver is.
    """

    id: str
    text: str
    owner: str = ""
    void: str | None = None
    until: date | None = None
    approver: str = ""


def comment_waivers(comments: Iterable[str], today: date) -> Iterator[CommentWaiver]:
    """The waivers among a resource's comments. What stands before one in its line is no part of its text."""
    for line in comments:
        if match := _OWN.search(line):
            yield _own(match[1], match[2], line[match.start() :], today)
        elif match := _CHECKOV.search(line):
            reason = (match[2] or "").strip()
            yield CommentWaiver(match[1], line[match.start() :], void=None if reason else "it gives no reason")
        elif match := _MEANT.search(line):
            yield CommentWaiver("", line[match.start() :], void=f"'{match[0]}' is not its form")


def _own(name: str, rest: str, line: str, today: date) -> CommentWaiver:
    words = _fields(rest)
    missing = [word for word in ("until", "owner", "reason") if not words.get(word)]
    if missing:
        return CommentWaiver(name, line, void=f"it has no {' and no '.join(missing)}")
    try:
        until = date.fromisoformat(words["until"])
    except ValueError:
        return CommentWaiver(name, line, words["owner"], f"'{words['until']}' is not a day")
    void = f"it expired on {until}" if today > until else None
    return CommentWaiver(name, line, words["owner"], void, until, words.get("approver", ""))


def _fields(text: str) -> dict[str, str]:
    """The fields of a waiver; where one stands twice, the first counts."""
    found: dict[str, str] = {}
    position = 0
    while (key := _FIELD.search(text, position)) is not None:
        value = _VALUE.match(text, key.end())
        if value is None:
            break
        quoted = value[1] if value[1] is not None else value[2]
        if key[1] == "reason" and quoted is None:
            found.setdefault("reason", text[key.end() :].strip())
            break
        found.setdefault(key[1], (quoted if quoted is not None else value[3]).strip())
        position = value.end()
    return found


class Bearer(Protocol):
    """What a waiver may be given for, or stand next to: a resource."""

    @property
    def address(self) -> str:
        """Its address."""

    @property
    def source(self) -> SourceRef:
        """Its place."""

    @property
    def comments(self) -> tuple[str, ...]:
        """The comments within its block."""


class _Acceptance(NamedTuple):
    """Why something is accepted; of a waiver that doesn't stand beside the resource, also by whom, and where it stands."""

    why: str
    who: str = ""
    where: str = ""


class Waivers:
    """Decides whether a failure is accepted; ``notes`` collects the void ones that would have accepted something.

    ``rules`` are the ids of all the rules that there are, also of those that weren't asked for: a waiver of another is mistyped. A function of
    source code may be named by its file as it is seen from ``root`` as well, since its address begins where the check does.
    """

    def __init__(
        self, waivers: Iterable[Waiver], catalogue: Catalogue, today: date, rules: Iterable[str] = (), root: Path | None = None
    ) -> None:
        every = tuple(waivers)
        self._waivers = tuple(waiver for waiver in every if not waiver.only_in)
        self._of_places = tuple(waiver for waiver in every if waiver.only_in)
        self._root = root
        self._catalogue = catalogue
        self._today = today
        self._rules = frozenset(rules)
        self.notes: list[str] = []

    def accepted_by(self, rule: Rule, resource: Bearer) -> str | None:
        """Who accepted that ``resource`` breaks ``rule``, and why; None if nobody did.

        A rule that serves several controls is waived only if each of them is, or the rule itself; a note says where some of them are.
        """
        names = {rule.id: self._one(rule.id, resource), checkov_id(rule.id): self._one(checkov_id(rule.id), resource)}
        direct = next((found for found in names.values() if found), None)
        if direct:
            return _told([direct])
        found = {control.id: self._one(control.id, resource) for control in self._catalogue.for_policy(rule.id)}
        left = [control for control, acceptance in found.items() if acceptance is None]
        if left and len(left) < len(found):
            accepted = ", ".join(control for control in found if control not in left)
            self._note(
                f"{resource.source}: the waiver of {accepted} for {resource.address} doesn't accept what {rule.id} finds, which is asked for "
                f"by {', '.join(left)} as well: waive that too, or {rule.id} itself"
            )
        return _told([acceptance for acceptance in found.values() if acceptance]) if found and not left else None

    def _one(self, name: str, resource: Bearer) -> _Acceptance | None:
        self._tell_of_places(name, resource)
        for waiver in self._waivers:
            if waiver.control != name:
                if self._covered(waiver, resource, waiver.until) and self.is_nobodys(waiver.control):
                    self._note(
                        f"{self.place(waiver)}: the waiver for {resource.address} is void: there is no {kind_of(waiver.control)} {waiver.control}"
                    )
                continue
            if self._covered(waiver, resource, self._today):
                who = f"owner {waiver.owner}, approved by {waiver.approver}, until {waiver.until}"
                return _Acceptance(waiver.reason, who, self.place(waiver))
            if self._covered(waiver, resource, waiver.until):
                self._note(f"{self.place(waiver)}: the waiver of {name} for {resource.address} expired on {waiver.until} and is void")
        for comment in comment_waivers(resource.comments, self._today):
            if comment.id != name:
                if not comment.id:
                    form = "averment:waive=<control or rule> until=<day> owner=<who> reason=<why>"
                    self._note(f"{resource.source}: the waiver next to {resource.address} is void: {comment.void}, which is {form}")
                elif self._unheard_of(comment):
                    self._note(
                        f"{resource.source}: the waiver next to {resource.address} is void: there is no {kind_of(comment.id)} {comment.id}"
                    )
                continue
            if comment.void is None:
                return _Acceptance(comment.text)
            self._note(f"{resource.source}: the waiver of {name} next to {resource.address} is void: {comment.void}")
        return None

    def _tell_of_places(self, name: str, resource: Bearer) -> None:
        """Note the waivers of ``name`` that would accept ``resource``, were it deployed where alone they are for."""
        for waiver in self._of_places:
            if waiver.control == name and self._covered(waiver, resource, self._today):
                self._note(
                    f"{self.place(waiver)}: the waiver of {name} for {resource.address} is for what is deployed in {waiver.only_in}, and "
                    "accepts nothing in code, which is of no account or region"
                )

    def place(self, waiver: Waiver) -> str:
        """Where it is written, from the organisation's folder on: reports and records leave the machine whose other folders these would name."""
        file, line = waiver.where.file, waiver.where.line
        if file is None or self._root is None:
            return str(waiver.where)
        return str(SourceRef(relative_posix(file, self._root), line))

    def _covered(self, waiver: Waiver, resource: Bearer, day: date) -> bool:
        return any(waiver.covers(waiver.control, name, day) for name in self._named(resource))

    def _named(self, resource: Bearer) -> Iterator[str]:
        yield resource.address
        file = resource.source.file
        if file is not None and self._root is not None and (own := in_its_file(resource.address, file)) != resource.address:
            yield f"{relative_posix(file, self._root)}:{own}"

    def _unheard_of(self, comment: CommentWaiver) -> bool:
        """Whether the id of ``comment`` is nobody's. Those of Checkov's own skips are its own."""
        return self.is_nobodys(comment.id) and (_CONTROL.fullmatch(comment.id) or _OWN.search(comment.text)) is not None

    def is_nobodys(self, name: str) -> bool:
        """Whether ``name`` is that of no control and no rule: mistyped, or a pattern, which no waiver takes for these."""
        if self._catalogue.get(name) is not None or name in self._catalogue.left_out:
            return False
        if _CONTROL.fullmatch(name):
            return True
        return bool(self._rules) and not any(name in (rule, checkov_id(rule)) for rule in self._rules)

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)


def _told(acceptances: Iterable[_Acceptance]) -> str:
    """All of them, each reason once, with the places at which it is given."""
    places: dict[tuple[str, str], list[str]] = {}
    for why, who, where in acceptances:
        places.setdefault((why, who), []).append(where)
    return "; ".join(f"{why} ({who}; {', '.join(dict.fromkeys(at))})" if who else why for (why, who), at in places.items())


def kind_of(name: str) -> str:
    """What ``name``, which is nobody's, should have been."""
    return "control" if _CONTROL.fullmatch(name) else "control and, in this run, no rule"
