"""One execution of a document: walks its steps in a thread of its own, and can be waited for, approved and stopped.

Time is the execution's own: what it sleeps is counted, not slept.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from averment.sandbox.automation.actions import ACTIONS, UNRESOLVED, StepFailedError
from averment.sandbox.automation.calls import Access
from averment.sandbox.automation.document import Document, Step
from averment.sandbox.automation.values import MissingError, resolve, text

NOT_THERE = "No output available yet because the step is not successfully executed"
"""What Systems Manager answers in place of an output of the document whose step hasn't succeeded, also once the execution is over."""

RUNNING = frozenset({"Pending", "InProgress", "Waiting"})
_REAL_SLEEP = 0.01


@dataclass
class StepRecord:
    """What came of one step."""

    step: Step
    status: str
    began: float
    identifier: str = field(default_factory=lambda: str(uuid.uuid4()))
    ended: float | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, Any] = field(default_factory=dict)
    failure: str | None = None


class _CancelledError(Exception):
    """Somebody stopped the execution."""


class Execution:
    """``document`` executed with ``parameters`` (all of them, defaults filled in)."""

    def __init__(
        self, name: str, version: str, document: Document, parameters: Mapping[str, Any], access: Access, *, account: str, executed_by: str
    ) -> None:
        self.identifier = str(uuid.uuid4())
        self.name, self.version, self.document, self.parameters, self.access = name, version, document, parameters, access
        self.account, self.executed_by = account, executed_by
        self.status, self.failure = "Pending", ""
        self.began, self.ended, self.slept = time.time(), None, 0.0  # type: float, float | None, float
        self.records: list[StepRecord] = []
        self._values: dict[str, Any] = {}
        self._changed = threading.Condition()
        self._signals: list[tuple[str, bool, str]] = []
        self._approvers: frozenset[str] = frozenset()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"averment-automation-{self.identifier}", daemon=True)

    def start(self) -> None:
        """Go."""
        self.status = "InProgress"
        self._thread.start()

    def join(self, seconds: float | None = None) -> None:
        """Wait until it is over, or for ``seconds``."""
        self._thread.join(seconds)

    def stop(self) -> None:
        """Cancel before the next step, or while it waits for approval."""
        with self._changed:
            self._stopped.set()
            self._changed.notify_all()

    def signal(self, who: str, approved: bool, comment: str) -> bool:
        """An approver's word; False if nobody waits for this one's."""
        with self._changed:
            if who not in self._approvers:
                return False
            self._signals.append((who, approved, comment))
            self._changed.notify_all()
            return True

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` of the execution's time pass."""
        self.slept += seconds
        time.sleep(min(seconds, _REAL_SLEEP))

    def wait_for_approval(self, approvers: set[str], needed: int) -> list[tuple[str, bool, str]] | None:
        """The decisions, once there are enough approvals or a rejection; None if it was stopped meanwhile."""
        with self._changed:
            self._approvers, self.status = frozenset(approvers), "Waiting"
            self.records[-1].status = "Waiting"
            self._changed.notify_all()
            while (
                not self._stopped.is_set()
                and all(good for _, good, _ in self._signals)
                and len({who for who, _, _ in self._signals}) < needed
            ):
                self._changed.wait()
            decisions, self._signals, self._approvers = self._signals, [], frozenset()
            self.status = "InProgress"
            return None if self._stopped.is_set() else decisions

    def wait_until_waiting(self, seconds: float = 60.0) -> None:
        """Return when a step waits for approval or the execution is over.

        Raises:
            TimeoutError: neither came.
        """
        deadline = time.monotonic() + seconds
        with self._changed:
            while self.status in {"Pending", "InProgress"}:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"the execution of {self.name} still runs")
                self._changed.wait(0.2)

    def resolve(self, value: Any) -> Any:
        """``value`` with references replaced by what is known now."""
        return resolve(value, self._look_up)

    def iterate(self, step: Step, steps: Sequence[Step], values: Mapping[str, Any]) -> None:
        """One round of a loop."""
        self._values.update({f"{step.name}.{name}": value for name, value in values.items()})
        if self._walk(steps):
            raise StepFailedError(f"a step of {step.name} failed: {self.failure}")

    @property
    def outputs(self) -> dict[str, list[str]]:
        """The document's outputs; ``NOT_THERE`` is the value of those that there are none of."""
        found = {name: self._values.get(name, NOT_THERE) for name in self.document.outputs}
        return {name: [text(item) for item in value] if isinstance(value, list) else [text(value)] for name, value in found.items()}

    def _run(self) -> None:
        try:
            self.status = "Failed" if self._walk(self.document.steps) else "Success"
        except _CancelledError:
            self.status = "Cancelled"
        except Exception as error:  # noqa: BLE001 - whatever broke, the execution says so and ends
            self.status, self.failure = "Failed", f"{type(error).__name__}: {error}"
        finally:
            self.ended = time.time()
            with self._changed:
                self._changed.notify_all()

    def _walk(self, steps: Sequence[Step]) -> bool:
        """Take the steps from the first on; whether a critical one failed."""
        by_name = {step.name: number for number, step in enumerate(steps)}
        position, failed = 0, False
        while position < len(steps):
            if self._stopped.is_set():
                raise _CancelledError
            step = steps[position]
            record = self._take(step)
            if self._stopped.is_set() and record.status == "Failed":
                raise _CancelledError
            if record.status == "Failed":
                failed = failed or step.critical
                if step.on_failure == "Abort":
                    return True
                if step.on_failure.startswith("step:"):
                    position = by_name[step.on_failure.removeprefix("step:")]
                    continue
            if step.end:
                break
            target = record.outputs.get("NextStep") if step.action == "aws:branch" else step.next_step
            position = by_name[target] if target is not None else position + 1
        return failed

    def _take(self, step: Step) -> StepRecord:
        record = StepRecord(step, "InProgress", time.time())
        self.records.append(record)
        for attempt in range(1, step.attempts + 1):
            try:
                later = UNRESOLVED.get(step.action, frozenset())
                inputs = {name: value if name in later else self.resolve(value) for name, value in step.inputs.items()}
                record.inputs = inputs
                record.outputs = ACTIONS[step.action](self, step, inputs)
                record.status, record.failure = "Success", None
                self._values.update({f"{step.name}.{name}": value for name, value in record.outputs.items()})
                break
            except Exception as error:  # noqa: BLE001 - any failure of a step is the step's
                record.status, record.failure = "Failed", f"{type(error).__name__}: {error}"
                if attempt == step.attempts:
                    self.failure = self.failure or f"Step {step.name} failed: {record.failure}"
        record.ended = time.time()
        return record

    def _look_up(self, name: str) -> Any:
        if name in self.parameters:
            return self.parameters[name]
        if name in self._values:
            return self._values[name]
        known = {
            "global:ACCOUNT_ID": self.account,
            "global:REGION": self.access.region,
            "global:AWS_PARTITION": "aws",
            "global:DATE": time.strftime("%Y-%m-%d", time.gmtime(self.began)),
            "global:DATE_TIME": time.strftime("%Y-%m-%d_%H.%M.%S", time.gmtime(self.began)),
            "automation:EXECUTION_ID": self.identifier,
        }
        if name not in known:
            raise MissingError(f"'{{{{ {name} }}}}' has no value")
        return known[name]
