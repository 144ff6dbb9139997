"""Deploying, comparing and destroying: the steps in their order, and where it stands when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from averment.core.errors import IncompleteError
from averment.core.stopping import standing
from averment.policies.deployment.interface import Change, Step

NOT_OURS = "have whoever made it take it away, by what they made it with"


@dataclass(frozen=True)
class StepDiff:
    """What one step would change."""

    step: str
    changes: tuple[Change, ...]


def diff(steps: Sequence[Step]) -> tuple[StepDiff, ...]:
    """What a deployment would change, step by step; steps that change nothing are in it too.

    Raises:
        IncompleteError: an account can't be looked at, or somebody else has what bears a name of ours.
    """
    _free(steps)
    return tuple(StepDiff(step.name, step.changes()) for step in steps)


def deploy(steps: Sequence[Step], tell: Callable[[str], None]) -> int:
    """Bring every step about, in order; those that are as they should be are left alone. Returns how many were changed.

    Raises:
        IncompleteError: a step failed; says which, what stands, and that running it again goes on from there. Or somebody else has what bears a
            name of ours: then nothing was done.
    """
    _free(steps)
    done: list[str] = []
    changed = 0
    for position, step in enumerate(steps):
        try:
            changes = step.changes()
            if changes:
                tell(f"{step.name}: {_counted(len(changes))} ...")
                with standing(_ended(step, done, steps[position + 1 :])):
                    step.apply()
                changed += 1
            tell(f"{step.name}: {'done' if changes else 'as it should be'}")
        except IncompleteError as error:
            raise _stopped(error, step, done, steps[position + 1 :]) from error
        done.append(step.name)
    return changed


def destroy(steps: Sequence[Step], tell: Callable[[str], None]) -> int:
    """Remove every step, last first. Returns how many there were.

    Raises:
        IncompleteError: a step can't be removed; says which, and what is left.
    """
    done: list[str] = []
    removed = 0
    ordered = list(reversed(steps))
    for position, step in enumerate(ordered):
        try:
            if step.present():
                tell(f"{step.name}: removing ...")
                with standing(_ended(step, done, ordered[position + 1 :])):
                    step.remove()
                removed += 1
        except IncompleteError as error:
            raise _stopped(error, step, done, ordered[position + 1 :]) from error
        tell(f"{step.name}: gone")
        done.append(step.name)
    return removed


def _free(steps: Sequence[Step]) -> None:
    """See that nobody else has what bears a name that the steps give.

    Raises:
        IncompleteError: somebody has; it would be written over.
    """
    for item in (item for step in steps for item in step.in_the_way()):
        raise IncompleteError(f"{item.what} isn't of such a deployment, and would be written over: {item.why}", fix=NOT_OURS)


def _counted(number: int) -> str:
    return f"{number} change{'s' if number > 1 else ''}"


def _ended(step: Step, done: Sequence[str], left: Sequence[Step]) -> str:
    """What to tell whoever ends the program at ``step``, which doesn't end what AWS was asked for."""
    return f"stopped at {step.name}{_stand(done, left)}: AWS goes on with what it was asked for; run this again, it goes on from here"


def _stand(done: Sequence[str], left: Sequence[Step]) -> str:
    stands = f"done: {', '.join(done)}" if done else "nothing was done before"
    open_ = f"; not begun: {', '.join(item.name for item in left)}" if left else ""
    return f" ({stands}{open_})"


def _stopped(error: IncompleteError, step: Step, done: Sequence[str], left: Sequence[Step]) -> IncompleteError:
    fix = f"{error.fix}; then run it again: it goes on from here" if error.fix else "mend it and run it again: it goes on from here"
    return IncompleteError(f"stopped at {step.name}: {error.message}{_stand(done, left)}", fix=fix)
