"""``inference-cost``: what inference cost day by day, and which budgets watch it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from decimal import Decimal
from typing import Any

from averment.core.canonical import JSON
from averment.core.fetch import Fetch
from averment.core.period import iso
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.collectors.named import Names, asked_for, entry, listed, names_of, unnamed
from averment.evidence.record import Kind, Population, Record

SERVICES = ("*bedrock*", "*rekognition*", "*sagemaker*")
"""Patterns of the services whose cost counts as inference. Cost Explorer calls them "Amazon SageMaker", and lists models that are bought
through Bedrock under names of their own ("... (Amazon Bedrock Edition)"), so that no list of exact names holds for long."""

INFERENCE, EVERYTHING, OTHERS = "inference", "everything", "other services"

BUDGETS, FURTHER = "inference-cost.budgets", "inference-cost.services"


class InferenceCost(Collector):
    """Daily cost of inference in the period by service, and the account's budgets with the number of notifications of each.

    Amounts are texts, as Cost Explorer gives them. Who is told isn't kept, nor what other services cost. ``parameters: {inference-cost:
    {budgets: [...], services: [...]}}`` in averment.yaml names the budgets that watch inference, and services besides those of ``SERVICES``.

    Payload: ``{"days": [{"day", "service", "amount", "unit", "estimated"}], "budgets": [{"budget", "type", "period", "limit",
    "currency", "about", "ends", "notifications"}], "unheard": [{"resource", "message"}], "notes", "out_of", "summary": {"days", "days_with_cost",
    "estimated_days", "services", "other_services", "budgets", "about_inference", "silent_budgets", "unheard"}}``. A budget is ``about`` "inference"
    where its filter names such services, "other services" where it names others alone, or "everything"; ``silent_budgets`` are those about
    inference without a notification, ``unheard`` the named ones without one, that have ended, or that don't exist, and all of them where all watch other services alone (null where none are named).
    ``notifications`` that could not be listed are null, and count for none.
    """

    name = "inference-cost"
    version = "4"
    kind = Kind.INFERENCE_COST
    permissions = ("budgets:ViewBudget", "ce:GetCostAndUsage")
    regional = False
    summary = "Daily cost of inference and the budgets that watch it, from Cost Explorer and Budgets."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        """One record.

        Raises:
            BadInputError: budgets or services aren't lists of names.
        """
        named, further = names_of(scope.organisation, BUDGETS), names_of(scope.organisation, FURTHER)
        services = Names(FURTHER, (*SERVICES, *(further.given or ())), fold=True)
        costs, watch = scope.fetch("ce"), scope.fetch("budgets")
        every = list(_days(costs, scope))
        days = [row for row in every if services.count(row["service"])]
        budgets, whole = _budgets(watch, str(scope.account), services)
        watching = [row for row in budgets if named.count(row["budget"])]
        now = iso(scope.clock())
        unheard = [
            *(entry(name, "there is no budget by this name") for name in named.missing([(row["budget"],) for row in budgets], whole=whole)),
            *(entry(row["budget"], "the budget tells nobody") for row in watching if row["notifications"] == 0),
            *(
                entry(
                    row["budget"], f"the budget watches other services alone; if they are inference, name them under parameters.{FURTHER}"
                )
                for row in watching
                if all(other["about"] == OTHERS for other in watching)  # of many that a pattern names, some may be about anything
            ),
            *(entry(row["budget"], f"the budget ended on {row['ends'][:10]}") for row in watching if row["ends"] and row["ends"] <= now),
        ]
        about = [row for row in budgets if row["about"] == INFERENCE]
        number = len({row["day"] for row in every})
        payload: dict[str, JSON] = {
            "days": list(days),
            "budgets": list(budgets),
            "unheard": listed(unheard) if named else [],
            "notes": unnamed(named),
            "out_of": {"summary.unheard": len(watching)},
            "summary": {
                "days": number,
                "days_with_cost": len({row["day"] for row in days if Decimal(row["amount"]) > 0}),
                "estimated_days": len({row["day"] for row in days if row["estimated"]}),
                "services": len({row["service"] for row in days}),
                "other_services": len({row["service"] for row in every} - {row["service"] for row in days}),
                "budgets": len(budgets),
                "about_inference": len(about),
                "silent_budgets": sum(1 for row in about if row["notifications"] == 0),
                "unheard": len(unheard) if named else None,
            },
        }
        source = "AWS Cost Explorer and Budgets"
        population = Population("days and budgets", number + len(budgets), number + len(budgets))
        yield self.listing(scope, [costs, watch], payload, population, source=source, asked=asked_for(scope, BUDGETS, FURTHER))


def _days(fetch: Fetch, scope: CollectScope) -> Iterator[dict[str, Any]]:
    end = end_of_history(scope) + timedelta(days=1)  # Cost Explorer leaves out the day that it is given as the end
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": scope.period.start.date().isoformat(), "End": end.date().isoformat()},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
    }
    token: dict[str, Any] = {}
    while (page := fetch.one("GetCostAndUsage", {**asked, **token}, shown=asked)) is not None:
        for day in page.get("ResultsByTime", ()):
            for group in day.get("Groups", ()):
                yield _row(day, group)
        if not page.get("NextPageToken"):
            return
        token = {"NextPageToken": page["NextPageToken"]}


def _row(day: Mapping[str, Any], group: Mapping[str, Any]) -> dict[str, Any]:
    cost = group["Metrics"]["UnblendedCost"]
    return {
        "day": day["TimePeriod"]["Start"],
        "service": ", ".join(group["Keys"]),
        "amount": cost["Amount"],
        "unit": cost["Unit"],
        "estimated": bool(day.get("Estimated", False)),
    }


def _budgets(fetch: Fetch, account: str, services: Names) -> tuple[list[dict[str, Any]], bool]:
    """The account's budgets, and whether all of them could be listed."""
    # Unless asked for it, AWS Budgets leaves out the expression that the newer budgets are narrowed by: they seemed to be about everything.
    more = {"ShowFilterExpression": True} if fetch.takes("DescribeBudgets", "ShowFilterExpression") else {}
    found = [budget for page in fetch.pages("DescribeBudgets", {"AccountId": account, **more}) for budget in page.get("Budgets") or ()]
    whole = not fetch.broken_off
    return [_budget(fetch, account, budget, services) for budget in found], whole


def _budget(fetch: Fetch, account: str, budget: Mapping[str, Any], services: Names) -> dict[str, Any]:
    asked = {"AccountId": account, "BudgetName": budget["BudgetName"]}
    shown: dict[str, JSON] = {"AccountId": account, "BudgetName": "each in payload.budgets"}
    broken_off = fetch.broken_off
    told = [item for part in fetch.pages("DescribeNotificationsForBudget", asked, shown=shown) for item in part.get("Notifications", ())]
    limit = budget.get("BudgetLimit", {})
    return {
        "budget": budget["BudgetName"],
        "type": budget.get("BudgetType"),
        "period": budget.get("TimeUnit"),
        "limit": limit.get("Amount"),
        "currency": limit.get("Unit"),
        "about": _about(budget, services),
        "ends": _ends(budget),
        "notifications": len(told) if fetch.broken_off == broken_off else None,
    }


def _ends(budget: Mapping[str, Any]) -> str | None:
    """When a budget ends, which AWS Budgets sets to the year 2087 where nobody says."""
    end = (budget.get("TimePeriod") or {}).get("End")
    return None if end is None else iso(end.astimezone(UTC))


def _about(budget: Mapping[str, Any], services: Names) -> str:
    """What a budget is about, by the services that its filters name."""
    filters = budget.get("CostFilters") or {}
    named = [*filters.get("Service", ()), *_services(budget.get("FilterExpression"))]
    if not named:
        return EVERYTHING
    return INFERENCE if any(services.count(name) for name in named) else OTHERS


def _services(expression: Any) -> Iterator[str]:
    """The services that a filter expression (Cost Explorer's) lets in; one that leaves some out is about all others."""
    if isinstance(expression, Mapping):
        dimensions = expression.get("Dimensions") or {}
        if dimensions.get("Key") == "SERVICE":
            yield from dimensions.get("Values", ())
        for part in ("And", "Or"):
            yield from _services(expression.get(part))
    elif isinstance(expression, list):
        for part in expression:
            yield from _services(part)
