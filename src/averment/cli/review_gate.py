"""Which deployment of the media gate a command is about, and where decisions are handed in there."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from averment.core.errors import BadInputError

if TYPE_CHECKING:
    from averment.detector.gate.cases import Cases
    from averment.detector.gate.desks import Deployment, Desk, ThroughFunction
    from averment.detector.gate.reviews import Reviews

_OPTIONS = (
    click.option(
        "--gate", metavar="NAME", help="The stack or module that deployed the gate, whatever the environment says.  [default: media-gate]"
    ),
    click.option(
        "--function", metavar="NAME", help="The gate's function for decisions (AVERMENT_REVIEW_FUNCTION), if --gate isn't to be looked up."
    ),
    click.option(
        "--table", metavar="TABLE", help="The gate's table of cases (AVERMENT_CASES). Without --function: decide with your own rights."
    ),
    click.option("--published", metavar="BUCKET", help="With your own rights: the published bucket (AVERMENT_PUBLISHED_BUCKET)."),
    click.option("--log-group", metavar="NAME", help="With your own rights: the verdicts' log group (AVERMENT_LOG_GROUP)."),
    click.option(
        "--seal-key", metavar="kms:KEY", help="With your own rights: the key that signs verdicts for the edge (AVERMENT_SEAL_KEY)."
    ),
)
BY = click.option(
    "--by", metavar="ROLE/NAME", help='With your own rights: who says so, for instance "trust/Ada Byron". The function knows.'
)
REASON = click.option("--reason", metavar="TEXT", required=True, help="Why. It goes into the verdict log.")


@dataclass(frozen=True)
class GateChoice:
    """What the options say of a deployment of the gate; what they don't, the environment or the deployment itself does."""

    gate: str | None
    function: str | None
    table: str | None
    published: str | None
    log_group: str | None
    seal_key: str | None

    def cases(self) -> Cases:
        """The table of cases, to be looked at.

        Raises:
            BadInputError: no gate is named, and none is deployed under the name that is looked for.
        """
        from averment.detector.gate.cases import Cases

        return Cases(self._given("CASES", self.table) or self._deployment().cases)

    def desk(self, by: str | None) -> Desk:
        """Where decisions are handed in: the function, unless a table is named and no function.

        Raises:
            BadInputError: as ``cases``; or ``by`` is missing where nobody else says who decides, or given where AWS does.
        """
        from averment.detector.gate.desks import OwnRights

        through = self.function_desk(by)
        if through is not None:
            return through
        return OwnRights(self.reviews(), self.stated(by))

    def function_desk(self, by: str | None) -> ThroughFunction | None:
        """The function's desk; None if it is to be done with one's own rights.

        Raises:
            BadInputError: as ``desk``.
        """
        from averment.detector.gate.desks import ThroughFunction

        function, table = self._given("REVIEW_FUNCTION", self.function), self._given("CASES", self.table)
        if function is None and table is not None:
            return None
        if by is not None:
            raise BadInputError("--by says who decides, and the gate's function knows that from AWS", fix="leave --by out")
        if function is None or table is None:
            deployed = self._deployment()
            function, table = function or deployed.function, table or deployed.cases
        return ThroughFunction(function, table)

    def reviews(self) -> Reviews:
        """The queue, worked on with one's own rights.

        Raises:
            BadInputError: no table or no published bucket is named.
        """
        from averment.detector.gate.ingest import Gate, Settings
        from averment.detector.gate.reviews import People, Reviews

        given = {
            "AVERMENT_CASES": self.table,
            "AVERMENT_PUBLISHED_BUCKET": self.published,
            "AVERMENT_LOG_GROUP": self.log_group,
            "AVERMENT_SEAL_KEY": self.seal_key,
        }
        if self.published is None and not os.environ.get("AVERMENT_PUBLISHED_BUCKET", "").strip():
            raise BadInputError(
                "the published bucket isn't named", fix="give --published BUCKET, or leave --table out and let the gate's function do it"
            )
        settings = Settings.from_environment({**os.environ, **{name: value for name, value in given.items() if value}})
        return Reviews(Gate(replace(settings, trust=None, origin_keys=None), People()))

    @staticmethod
    def stated(by: str | None) -> str:
        """``by``, which has to be given where nobody else says who decides.

        Raises:
            BadInputError: it isn't.
        """
        if by is None:
            raise BadInputError("nobody says who decides", fix='give --by ROLE/NAME, for instance --by "trust/Ada Byron"')
        return by

    def _deployment(self) -> Deployment:
        from averment.detector.gate.desks import GATES, find_deployment

        gate = self.gate or "media-gate"
        found = find_deployment(gate)
        if found is None:
            raise BadInputError(
                f"no gate called {gate} is deployed here (there is no parameter {GATES}{gate})",
                fix="name the stack or module with --gate, or the table of cases with --table",
            )
        return found

    def _given(self, name: str, option: str | None) -> str | None:
        """The option, or what the environment says where no gate is named: a variable must not lead to another gate than was asked for."""
        return option or (None if self.gate else os.environ.get(f"AVERMENT_{name}", "").strip() or None)


def gate_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a deployment of the gate, handed to the command as one ``chosen``."""

    @wraps(function)
    def command(**given: Any) -> Any:
        chosen = GateChoice(**{field.name: given.pop(field.name) for field in fields(GateChoice)})
        return function(chosen=chosen, **given)

    for option in reversed(_OPTIONS):
        command = option(command)
    return command
