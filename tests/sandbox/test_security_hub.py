"""The embedded Security Hub over boto3: whose findings it takes, what an update changes, what filters select, and where moto differs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest

OWN = "arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default"


def finding(number: int = 1, **more: Any) -> dict[str, Any]:
    return {
        "SchemaVersion": "2018-10-08",
        "Id": f"test/{number}",
        "ProductArn": OWN,
        "GeneratorId": "test",
        "AwsAccountId": "123456789012",
        "CreatedAt": "2026-11-20T12:00:00Z",
        "UpdatedAt": "2026-11-20T12:00:00Z",
        "Title": "A title",
        "Description": "A description",
        "FindingProviderFields": {"Severity": {"Label": "HIGH"}, "Types": ["Software and Configuration Checks"]},
        "Resources": [{"Type": "Other", "Id": "x"}],
        **more,
    }


@pytest.fixture
def hub(sandbox: Any) -> Any:
    client = boto3.client("securityhub")
    client.enable_security_hub(EnableDefaultStandards=False)
    return client


def put(hub: Any, *findings: dict[str, Any]) -> Any:
    return hub.batch_import_findings(Findings=list(findings))


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ({"AwsAccountId": "999999999999"}, "isn't of the account"),
        ({"ProductArn": OWN.replace("123456789012", "999999999999")}, "isn't of the account"),
        ({"Resources": []}, "needs a resource"),
        ({"Description": "x" * 250_000}, "larger than 245760 bytes"),
    ],
)
def test_what_the_service_refuses_fails_inside_a_successful_answer(hub: Any, spoil: dict[str, Any], says: str) -> None:
    """The bad finding is named with the reason; the good one beside it is in."""
    answer = put(hub, finding(1, **spoil), finding(2))
    [failed] = answer["FailedFindings"]
    assert (failed["Id"], answer["SuccessCount"]) == ("test/1", 1)
    assert says in failed["ErrorMessage"]


def test_a_hundred_at_a_time(hub: Any) -> None:
    """A larger call is refused as a whole, as the service model says."""
    with pytest.raises(hub.exceptions.InvalidInputException, match="less than or equal to 100"):
        put(hub, *(finding(number) for number in range(101)))


def test_an_update_leaves_what_is_the_customers(hub: Any) -> None:
    """The finding is known by product and id; its workflow and note stay, what the provider says is replaced."""
    put(hub, finding(Note={"Text": "mine", "UpdatedBy": "me", "UpdatedAt": "2026-11-20T12:00:00Z"}))
    put(hub, finding(UpdatedAt="2026-11-20T13:00:00Z", Title="Another", Workflow={"Status": "RESOLVED"}))
    [kept] = hub.get_findings(Filters={})["Findings"]
    assert (kept["Title"], kept["Workflow"]["Status"], kept["Note"]["Text"]) == ("Another", "NEW", "mine")
    assert kept["Severity"]["Label"] == "HIGH"


def test_an_update_that_is_not_newer_changes_nothing(hub: Any) -> None:
    """The same UpdatedAt again is taken, and ignored."""
    put(hub, finding())
    assert put(hub, finding(Title="Another"))["SuccessCount"] == 1
    assert hub.get_findings(Filters={})["Findings"][0]["Title"] == "A title"


@pytest.mark.parametrize(
    ("filters", "selected"),
    [
        ({"Id": [{"Value": "test/2", "Comparison": "EQUALS"}]}, {"test/2"}),
        ({"Id": [{"Value": "test/", "Comparison": "PREFIX"}]}, {"test/1", "test/2"}),
        ({"Id": [{"Value": "test/2", "Comparison": "NOT_EQUALS"}]}, {"test/1"}),
        ({"RecordState": [{"Value": "ARCHIVED", "Comparison": "EQUALS"}]}, {"test/2"}),
        ({"ProductFields": [{"Key": "k", "Value": "v", "Comparison": "EQUALS"}]}, {"test/1"}),
        ({"Id": [{"Value": "test/1", "Comparison": "EQUALS"}, {"Value": "test/2", "Comparison": "EQUALS"}]}, {"test/1", "test/2"}),
    ],
)
def test_filters_select(hub: Any, filters: dict[str, Any], selected: set[str]) -> None:
    """All filters must hold, and of each one of its alternatives."""
    put(hub, finding(1, ProductFields={"k": "v"}), finding(2, RecordState="ARCHIVED"))
    assert {item["Id"] for item in hub.get_findings(Filters=filters)["Findings"]} == selected


def test_a_filter_that_is_not_evaluated_is_no_guess(hub: Any) -> None:
    """501, not an answer that ignores it."""
    put(hub, finding())
    with pytest.raises(hub.exceptions.ClientError, match="the filter Title"):
        hub.get_findings(Filters={"Title": [{"Value": "x", "Comparison": "EQUALS"}]})


def test_pages(hub: Any) -> None:
    """Every finding once, page by page."""
    put(hub, *(finding(number) for number in range(25)))
    pages = hub.get_paginator("get_findings").paginate(PaginationConfig={"PageSize": 10})
    assert [len(page["Findings"]) for page in pages] == [10, 10, 5]


def test_products_are_enabled_once_and_listed(hub: Any) -> None:
    """A subscription is answered with its ARN and listed, page by page; a second one, and what is no product, are refused."""
    arn = "arn:aws:securityhub:eu-west-1:123456789012:product-subscription/"
    for name in ("aws/access-analyzer", "aws/macie", "aws/inspector"):
        answer = hub.enable_import_findings_for_product(ProductArn=f"arn:aws:securityhub:eu-west-1::product/{name}")
        assert answer["ProductSubscriptionArn"] == arn + name
    pages = hub.get_paginator("list_enabled_products_for_import").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["ProductSubscriptions"]) for page in pages] == [2, 1]
    with pytest.raises(hub.exceptions.ResourceConflictException):
        hub.enable_import_findings_for_product(ProductArn="arn:aws:securityhub:eu-west-1::product/aws/macie")
    with pytest.raises(hub.exceptions.InvalidInputException):
        hub.enable_import_findings_for_product(ProductArn="macie")


def test_before_it_is_enabled_it_takes_nothing(sandbox: Any) -> None:
    """InvalidAccessException, as in an account that never subscribed."""
    client = boto3.client("securityhub")
    with pytest.raises(client.exceptions.InvalidAccessException):
        put(client, finding())


def test_moto_alone_takes_anything(moto_alone: Callable[[str], Any]) -> None:
    """When this fails, moto has caught up."""
    client = moto_alone("securityhub")
    assert put(client, finding(AwsAccountId="999999999999"))["FailedCount"] == 0
