"""What a verification says: numbered steps, what each found, what is wrong, and what none of them shows."""

from __future__ import annotations

from dataclasses import dataclass, field

WITHOUT = "can't be checked without"
"""How the reason begins where another file is missing that it takes, or is wrong itself: nothing is said of this one."""


@dataclass(frozen=True)
class Problem:
    """A file that is not what it should be, and why."""

    file: str
    reason: str


@dataclass
class Step:
    """One step: its title, what it found, and what was wrong."""

    title: str
    finding: str = ""
    problems: list[Problem] = field(default_factory=list)


@dataclass
class Verification:
    """The outcome. ``covered`` and ``uncovered`` say in sentences what was shown and what wasn't."""

    steps: list[Step]
    covered: list[str]
    uncovered: list[str]

    @property
    def problems(self) -> list[Problem]:
        """Everything that is wrong."""
        return [problem for step in self.steps for problem in step.problems]

    @property
    def genuine(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems
