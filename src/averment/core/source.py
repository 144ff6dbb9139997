"""Where a value comes from: a line of a file, or an AWS resource at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SourceRef:
    """A place that a person can open.

    ``file`` is a path as the user would type it (relative to the working folder where possible) and
    ``line``/``end_line`` count from 1, inclusive. For a deployed resource ``arn`` and ``captured_at``
    (UTC) stand in their place.
    """

    file: str | None = None
    line: int | None = None
    end_line: int | None = None
    arn: str | None = None
    captured_at: datetime | None = None

    def __str__(self) -> str:
        if self.file is not None:
            return f"{self.file}:{self.line}" if self.line is not None else self.file
        if self.arn is not None:
            return f"{self.arn} at {self.captured_at.isoformat()}" if self.captured_at else self.arn
        return "<unknown place>"
