"""Where a person hands in what they decide: at the deployment's function, which knows who they are, or with rights of their own.

A deployment says in a parameter of Systems Manager (``/averment/gates/NAME``, JSON) which function decides and which table holds the cases,
so that nobody has to look them up.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from averment.core.aws import aws_errors, client, error_code
from averment.core.canonical import JSON
from averment.core.errors import BadInputError, IncompleteError
from averment.detector.gate.callers import sign
from averment.detector.gate.case import Case
from averment.detector.gate.cases import Cases
from averment.detector.gate.reviews import Reviews

GATES = "/averment/gates/"

FUNCTION_SECONDS = 330
"""How long an answer of the function is waited for: longer than it may run."""


@dataclass(frozen=True)
class Deployment:
    """What a deployed gate says of itself: the function for decisions, by name or ARN, and the table of cases."""

    function: str
    cases: str


def find_deployment(gate: str) -> Deployment | None:
    """The deployment called ``gate`` (its stack's or module's name) in this account and region; None if there is none.

    Raises:
        IncompleteError: Systems Manager is out of reach or refuses, or the parameter holds something else.
    """
    ssm = client("ssm")
    with aws_errors(f"look for the gate {gate}"):
        try:
            text = ssm.get_parameter(Name=f"{GATES}{gate}")["Parameter"]["Value"]
        except ssm.exceptions.ClientError as error:
            if error_code(error) == "ParameterNotFound":
                return None
            raise
    try:
        value = json.loads(text)
        return Deployment(str(value["function"]), str(value["cases"]))
    except (ValueError, KeyError, TypeError) as error:
        raise IncompleteError(f"the parameter {GATES}{gate} says nothing of a gate: {error!r}", fix="deploy the blueprint anew") from error


class Desk(Protocol):
    """Where decisions are handed in. ``who`` decides is known where the desk is opened, or to the desk itself."""

    def decide(self, identifier: str, decision: str, *, reason: str) -> Case:
        """File and apply ``release`` or ``reject``; the errors of ``Reviews.decide``."""
        ...

    def appeal(self, identifier: str, *, reason: str) -> Case:
        """Ask for another decision; the errors of ``Reviews.appeal``."""
        ...


@dataclass(frozen=True)
class OwnRights:
    """With rights of one's own on the table, both buckets and the seal's key; ``by`` is what the person says, and is filed as that."""

    reviews: Reviews
    by: str

    def decide(self, identifier: str, decision: str, *, reason: str) -> Case:
        """``Reviews.decide``, with its errors."""
        return self.reviews.decide(identifier, decision, by=self.by, reason=reason)

    def appeal(self, identifier: str, *, reason: str) -> Case:
        """``Reviews.appeal``, with its errors."""
        return self.reviews.appeal(identifier, by=self.by, reason=reason)


class ThroughFunction:
    """Through the function ``name`` (or ARN), signed with the default session's credentials; ``table`` is read for what the person saw.

    Needs lambda:InvokeFunction on it and dynamodb:GetItem on the table.
    """

    def __init__(self, name: str, table: str) -> None:
        parts = name.split(":")
        self._function = name
        self._name = parts[6] if len(parts) >= 7 else name
        self._lambda = client("lambda", region=parts[3] if len(parts) >= 7 else None, read_timeout=FUNCTION_SECONDS)
        self._cases = Cases(table)

    def decide(self, identifier: str, decision: str, *, reason: str) -> Case:
        """As ``Reviews.decide``, with its errors.

        Raises:
            BadInputError: the function refuses, also who asks.
            IncompleteError: it can't be called, or failed.
        """
        case = self._cases.get(identifier)
        return self._case({"do": "decide", "case": case.id, "revision": case.revision, "decision": decision, "reason": reason})

    def appeal(self, identifier: str, *, reason: str) -> Case:
        """As ``Reviews.appeal``, with its errors.

        Raises:
            BadInputError, IncompleteError: as ``decide``.
        """
        case = self._cases.get(identifier)
        return self._case({"do": "appeal", "case": case.id, "revision": case.revision, "reason": reason})

    def take_down(self, key: str, *, reason: str) -> dict[str, JSON]:
        """Stop ``key`` from being served, and return what was done as ``Takedown.to_json`` has it.

        Raises:
            BadInputError, IncompleteError: as ``decide``.
        """
        return dict(self._ask({"do": "takedown", "key": key, "reason": reason})["takedown"])

    def _case(self, asked: Mapping[str, JSON]) -> Case:
        return Case.from_json(self._ask(asked)["case"])

    def _ask(self, asked: Mapping[str, JSON]) -> dict[str, Any]:
        proof = sign(asked, self._name, self._lambda.meta.region_name)
        with aws_errors(f"ask the function {self._name}"):
            answer = self._lambda.invoke(FunctionName=self._function, Payload=json.dumps({"asked": dict(asked), "proof": proof}).encode())
            payload = json.loads(answer["Payload"].read() or b"null")
        if answer.get("FunctionError") or not isinstance(payload, dict):
            said = payload.get("errorMessage") if isinstance(payload, dict) else payload
            raise IncompleteError(f"the function {self._name} failed: {said}", fix="its own log says more; then ask again")
        if (error := payload.get("error")) is not None:
            kind = IncompleteError if error.get("kind") == "incomplete" else BadInputError
            raise kind(str(error.get("message")), fix=error.get("fix"))
        return payload
