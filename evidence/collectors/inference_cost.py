"""``inference-cost``: what inference cost day by day, and which budgets watch it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from averment.core.canonical import JSON
from averment.evidence.collectors.fetch import Fetch
from averment.evidence.collectors.interface import Collector, CollectScope, end_of_history
from averment.evidence.record import Kind, Population, Record

SERVICES = ("Amazon Bedrock", "Amazon Rekognition", "Amazon SageMaker")
"""The services whose cost is asked for, as Cost Explorer calls them."""


class InferenceCost(Collector):
    """Daily cost of ``SERVICES`` in the period, and the account's budgets with the number of notifications of each.

    Amounts are texts, as Cost Explorer gives them. Who is told isn't kept.

    Payload: ``{"days": [{"day", "service", "amount", "unit", "estimated"}], "budgets": [{"budget", "type", "period", "limit",
    "currency", "notifications"}], "summary": {"days", "days_with_cost", "estimated_days", "budgets", "silent_budgets"}}``; ``silent_budgets``
    are those without a notification.
    """

    name = "inference-cost"
    version = "1"
    kind = Kind.INFERENCE_COST
    permissions = ("budgets:ViewBudget", "ce:GetCostAndUsage")
    regional = False
    summary = "Daily cost of inference and the budgets that watch it, from Cost Explorer and Budgets."

    def collect(self, scope: CollectScope) -> Iterator[Record]:
        costs, budgets = scope.fetch("ce"), scope.fetch("budgets")
        days = list(_days(costs, scope))
        watched = list(_budgets(budgets, str(scope.account)))
        number = len({row["day"] for row in days})
        payload: dict[str, JSON] = {
            "days": list(days),
            "budgets": list(watched),
            "summary": {
                "days": number,
                "days_with_cost": len({row["day"] for row in days if Decimal(row["amount"]) > 0}),
                "estimated_days": len({row["day"] for row in days if row["estimated"]}),
                "budgets": len(watched),
                "silent_budgets": sum(1 for row in watched if row["notifications"] == 0),
            },
        }
        source = "AWS Cost Explorer and Budgets"
        population = Population("days and budgets", number + len(watched), number + len(watched))
        yield self.listing(scope, [costs, budgets], payload, population, source=source)


def _days(fetch: Fetch, scope: CollectScope) -> Iterator[dict[str, Any]]:
    end = end_of_history(scope) + timedelta(days=1)  # Cost Explorer leaves out the day that it is given as the end
    asked: dict[str, Any] = {
        "TimePeriod": {"Start": scope.period.start.date().isoformat(), "End": end.date().isoformat()},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost"],
        "GroupBy": [{"Type": "DIMENSION", "Key": "SERVICE"}],
        "Filter": {"Dimensions": {"Key": "SERVICE", "Values": list(SERVICES)}},
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


def _budgets(fetch: Fetch, account: str) -> Iterator[dict[str, Any]]:
    for page in fetch.pages("DescribeBudgets", {"AccountId": account}):
        for budget in page.get("Budgets") or ():
            asked = {"AccountId": account, "BudgetName": budget["BudgetName"]}
            shown: dict[str, JSON] = {"AccountId": account, "BudgetName": "each in payload.budgets"}
            told = [
                item for part in fetch.pages("DescribeNotificationsForBudget", asked, shown=shown) for item in part.get("Notifications", ())
            ]
            limit = budget.get("BudgetLimit", {})
            yield {
                "budget": budget["BudgetName"],
                "type": budget.get("BudgetType"),
                "period": budget.get("TimeUnit"),
                "limit": limit.get("Amount"),
                "currency": limit.get("Unit"),
                "notifications": len(told),
            }
