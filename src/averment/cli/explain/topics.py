"""What an explanation is: a title, sections of text, and where to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from averment.core.canonical import JSON


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it. ``code`` is shown as it is; other lines are wrapped at the terminal's width."""

    heading: str
    lines: tuple[str, ...]
    code: bool = False


@dataclass(frozen=True)
class Topic:
    """One thing explained. ``kind`` says what it is (control, rule, provision, ...), ``see`` are commands that tell more."""

    kind: str
    id: str
    title: str
    sections: tuple[Section, ...] = ()
    see: tuple[str, ...] = ()

    def to_json(self) -> dict[str, JSON]:
        """As JSON data."""
        sections: list[JSON] = [{"heading": item.heading, "lines": list(item.lines)} for item in self.sections]
        return {"kind": self.kind, "id": self.id, "title": self.title, "sections": sections, "see": list(self.see)}


def section(heading: str, lines: Sequence[str] | str | None, *, code: bool = False) -> tuple[Section, ...]:
    """A section as a tuple of one, or of none where there is nothing to say."""
    if not lines:
        return ()
    return (Section(heading, (lines,) if isinstance(lines, str) else tuple(lines), code),)
