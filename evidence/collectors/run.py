"""Running collectors: over regions, one record after the other, so that what was obtained survives what fails later."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from averment.core.aws import aws_errors
from averment.core.errors import AvermentError, BadInputError
from averment.core.period import Period, parse_period
from averment.evidence.collectors.interface import ClientFactory, Collector, CollectScope, Gathered
from averment.evidence.record import Record


def present_quarter(moment: datetime) -> Period:
    """The calendar quarter that ``moment`` (UTC) lies in."""
    return parse_period(f"{moment.year}Q{(moment.month + 2) // 3}")


def whose_credentials(client: ClientFactory, region: str | None) -> str:
    """The account that the present credentials belong to (STS GetCallerIdentity, which needs no permission).

    Raises:
        IncompleteError: no credentials, no region, or STS is out of reach.
    """
    sts = client("sts", region=region)
    with aws_errors("find out whose credentials these are"):
        return str(sts.get_caller_identity()["Account"])


def collect(chosen: Sequence[Collector], scope: CollectScope, regions: Sequence[str | None]) -> Iterator[Record]:
    """The records of each collector in each region (in the first alone where the source isn't regional), as they come.

    A collector that can't work, or crashes, leaves a record that says so, and the others go on.
    """
    for collector in chosen:
        for region in regions if collector.regional and collector.from_aws else regions[:1]:
            yield from _collect_one(collector, replace(scope, region=region))


def _collect_one(collector: Collector, scope: CollectScope) -> Iterator[Record]:
    try:
        yield from collector.collect(scope)
    except BadInputError:
        raise  # a missing extra or a wrong setting is for the user to mend, and no fact about the source
    except AvermentError as error:
        yield _failed(collector, scope, error.message)
    except Exception as error:  # noqa: BLE001 - a defect in one collector is recorded as such; the others' evidence is kept
        yield _failed(collector, scope, f"the collector crashed: {type(error).__name__}: {error}")


def _failed(collector: Collector, scope: CollectScope, reason: str) -> Record:
    return collector.record(scope, Gathered(source=collector.name, query={"collector": collector.name}, payload=None, problems=[reason]))


def policy(chosen: Iterable[Collector]) -> dict[str, Any]:
    """The least-privilege IAM policy under which ``chosen`` work; one statement per collector and kind of resource."""
    statements = []
    for collector in chosen:
        by_resources: dict[tuple[str, ...], list[str]] = {}
        for action in collector.permissions:
            by_resources.setdefault(collector.resources.get(action, ("*",)), []).append(action)
        name = "".join(part.capitalize() for part in collector.name.split("-"))
        for number, (resources, actions) in enumerate(sorted(by_resources.items()), start=1):
            statements.append(
                {
                    "Sid": f"{name}{number}",
                    "Effect": "Allow",
                    "Action": sorted(actions),
                    "Resource": resources[0] if len(resources) == 1 else list(resources),
                }
            )
    return {"Version": "2012-10-17", "Statement": statements}
